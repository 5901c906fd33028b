package s3

import (
	"strings"

	"github.com/valyala/fasthttp"
)

// The IAM action of each request, by method and subresource (the query key that
// selects an operation), as the gateway routes them. A request with several of
// a method's subresources is checked for all of them, since which one the
// gateway picks is its own affair; one with none is checked for the bare method.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
var (
	objectActions = map[string]map[string]string{
		"GET": {
			"": "GetObject", "tagging": "GetObjectTagging", "attributes": "GetObjectAttributes",
			"acl": "GetObjectAcl", "retention": "GetObjectRetention", "legal-hold": "GetObjectLegalHold",
			"uploadId": "ListMultipartUploadParts",
		},
		"HEAD": {"": "GetObject"},
		"PUT": {
			"": "PutObject", "partNumber": "PutObject", "uploadId": "PutObject", "tagging": "PutObjectTagging",
			"acl": "PutObjectAcl", "retention": "PutObjectRetention", "legal-hold": "PutObjectLegalHold",
		},
		"POST": {
			"": "PutObject", "uploads": "PutObject", "uploadId": "PutObject", "restore": "RestoreObject", "select": "GetObject",
		},
		"DELETE": {"": "DeleteObject", "tagging": "DeleteObjectTagging", "uploadId": "AbortMultipartUpload"},
	}
	bucketActions = map[string]map[string]string{
		"GET": {
			"": "ListBucket", "location": "GetBucketLocation", "versions": "ListBucketVersions", "uploads": "ListBucketMultipartUploads",
			"versioning": "GetBucketVersioning", "policy": "GetBucketPolicy", "policyStatus": "GetBucketPolicyStatus",
			"acl": "GetBucketAcl", "cors": "GetBucketCORS", "website": "GetBucketWebsite", "ownershipControls": "GetBucketOwnershipControls",
			"object-lock": "GetBucketObjectLockConfiguration", "encryption": "GetEncryptionConfiguration", "lifecycle": "GetLifecycleConfiguration",
			"notification": "GetBucketNotification", "publicAccessBlock": "GetBucketPublicAccessBlock", "logging": "GetBucketLogging",
		},
		"HEAD": {"": "ListBucket"},
		"PUT": {
			"": "CreateBucket", "versioning": "PutBucketVersioning", "policy": "PutBucketPolicy",
			"acl": "PutBucketAcl", "cors": "PutBucketCORS", "website": "PutBucketWebsite", "ownershipControls": "PutBucketOwnershipControls",
			"object-lock": "PutBucketObjectLockConfiguration", "encryption": "PutEncryptionConfiguration", "lifecycle": "PutLifecycleConfiguration",
			"notification": "PutBucketNotification", "publicAccessBlock": "PutBucketPublicAccessBlock", "logging": "PutBucketLogging",
		},
		"DELETE": {
			"": "DeleteBucket", "policy": "DeleteBucketPolicy", "website": "DeleteBucketWebsite",
			"cors": "PutBucketCORS", "ownershipControls": "PutBucketOwnershipControls", "encryption": "PutEncryptionConfiguration",
			"lifecycle": "PutLifecycleConfiguration", "publicAccessBlock": "PutBucketPublicAccessBlock",
		},
	}
)

// actionsOf names what a request does, without versions and copies.
func actionsOf(table map[string]map[string]string, method string, query *fasthttp.Args) []string {
	var actions []string
	for sub, action := range table[method] {
		if sub != "" && query.Has(sub) {
			actions = append(actions, action)
		}
	}
	if bare := table[method][""]; len(actions) == 0 && bare != "" {
		actions = append(actions, bare)
	}
	return actions
}

// versioned are the actions that go by another name for a given version.
var versioned = map[string]bool{
	"GetObject": true, "GetObjectTagging": true, "GetObjectAttributes": true, "GetObjectAcl": true,
	"PutObjectTagging": true, "PutObjectAcl": true, "DeleteObject": true, "DeleteObjectTagging": true,
}

func withVersion(action, versionID string) string {
	if versionID == "" || !versioned[action] {
		return action
	}
	return strings.Replace(action, "Object", "ObjectVersion", 1)
}
