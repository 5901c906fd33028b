package s3

import (
	"strings"

	"github.com/valyala/fasthttp"
)

// The IAM actions of requests by method and subresource, which is the key of the query that selects an operation, as in
// the gateway. A request with several subresources needs all of their actions, because it is the gateway's decision
// which of them it serves. A request without one needs the action of "".
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
var (
	objectActions = map[string]map[string]string{
		"GET": {
			"":           "GetObject",
			"acl":        "GetObjectAcl",
			"attributes": "GetObjectAttributes",
			"legal-hold": "GetObjectLegalHold",
			"retention":  "GetObjectRetention",
			"tagging":    "GetObjectTagging",
			"uploadId":   "ListMultipartUploadParts",
		},
		"HEAD": {"": "GetObject"},
		"PUT": {
			"":           "PutObject",
			"acl":        "PutObjectAcl",
			"legal-hold": "PutObjectLegalHold",
			"partNumber": "PutObject",
			"retention":  "PutObjectRetention",
			"tagging":    "PutObjectTagging",
			"uploadId":   "PutObject",
		},
		"POST": {
			"":         "PutObject",
			"restore":  "RestoreObject",
			"select":   "GetObject",
			"uploadId": "PutObject",
			"uploads":  "PutObject",
		},
		"DELETE": {"": "DeleteObject", "tagging": "DeleteObjectTagging", "uploadId": "AbortMultipartUpload"},
	}
	bucketActions = map[string]map[string]string{
		"GET": {
			"": "ListBucket", "location": "GetBucketLocation", "versions": "ListBucketVersions",
			"uploads": "ListBucketMultipartUploads", "policyStatus": "GetBucketPolicyStatus",
		},
		"HEAD": {"": "ListBucket"},
		"PUT":  {"": "CreateBucket"},
		"DELETE": {
			"":                  "DeleteBucket",
			"cors":              "PutBucketCORS",
			"encryption":        "PutEncryptionConfiguration",
			"lifecycle":         "PutLifecycleConfiguration",
			"ownershipControls": "PutBucketOwnershipControls",
			"policy":            "DeleteBucketPolicy",
			"publicAccessBlock": "PutBucketPublicAccessBlock",
			"website":           "DeleteBucketWebsite",
		},
	}
	// settingActions has the actions of a bucket's settings, without "Get" or "Put".
	settingActions = map[string]string{
		"acl":               "BucketAcl",
		"cors":              "BucketCORS",
		"encryption":        "EncryptionConfiguration",
		"lifecycle":         "LifecycleConfiguration",
		"logging":           "BucketLogging",
		"notification":      "BucketNotification",
		"object-lock":       "BucketObjectLockConfiguration",
		"ownershipControls": "BucketOwnershipControls",
		"policy":            "BucketPolicy",
		"publicAccessBlock": "BucketPublicAccessBlock",
		"versioning":        "BucketVersioning",
		"website":           "BucketWebsite",
	}
)

func objectActionsOf(method string, query *fasthttp.Args) []string {
	return orBare(objectActions[method], selected(objectActions[method], "", query))
}

func bucketActionsOf(method string, query *fasthttp.Args) []string {
	actions := selected(bucketActions[method], "", query)
	switch method {
	case "GET":
		actions = append(actions, selected(settingActions, "Get", query)...)
	case "PUT":
		actions = append(actions, selected(settingActions, "Put", query)...)
	}
	return orBare(bucketActions[method], actions)
}

// selected returns the actions of the subresources in a query.
func selected(table map[string]string, verb string, query *fasthttp.Args) (actions []string) {
	for subresource, action := range table {
		if subresource != "" && query.Has(subresource) {
			actions = append(actions, verb+action)
		}
	}
	return actions
}

// orBare returns the action of a request without a subresource when no other was selected.
func orBare(table map[string]string, actions []string) []string {
	if bare := table[""]; len(actions) == 0 && bare != "" {
		return []string{bare}
	}
	return actions
}

// withVersion returns the action on a given version, which has another name for some actions.
func withVersion(action, versionID string) string {
	switch action {
	case "GetObject", "GetObjectTagging", "GetObjectAttributes", "GetObjectAcl",
		"PutObjectTagging", "PutObjectAcl", "DeleteObject", "DeleteObjectTagging":
		if versionID != "" {
			return strings.Replace(action, "Object", "ObjectVersion", 1)
		}
	}
	return action
}
