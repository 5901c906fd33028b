package s3

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// wantDenied checks that a named statement refused the call.
func wantDenied(t *testing.T, err error, sid string) {
	t.Helper()
	wantError(t, err, 403, "AccessDenied")
	var ae smithy.APIError
	if errors.As(err, &ae) && !strings.Contains(ae.ErrorMessage(), "statement "+sid) {
		t.Errorf("got %q, want statement %s", ae.ErrorMessage(), sid)
	}
}

// TestReadGate follows an object from upload to verdict and tries every way of
// reading it.
func TestReadGate(t *testing.T) {
	t.Parallel()
	const b = "uploads"
	alice, fetch, tag, k := as("alice"), as("fetch"), as("tag"), keyOfTest(t)
	v1 := putBody(t, alice, b, k, "one")
	reads := map[string]func(version string) error{
		"get": func(v string) error {
			_, err := alice.GetObject(
				t.Context(),
				&s3.GetObjectInput{Bucket: aws.String(b), Key: &k, VersionId: optional(v)},
			)
			return err
		},
		"attributes": func(v string) error {
			_, err := alice.GetObjectAttributes(t.Context(), &s3.GetObjectAttributesInput{
				Bucket: aws.String(
					b,
				),
				Key:              &k,
				VersionId:        optional(v),
				ObjectAttributes: []types.ObjectAttributes{types.ObjectAttributesEtag},
			})
			return err
		},
		"copy": func(v string) error {
			source := b + "/" + k
			if v != "" {
				source += "?versionId=" + v
			}
			_, err := alice.CopyObject(
				t.Context(),
				&s3.CopyObjectInput{Bucket: aws.String("versioned"), Key: aws.String("gate-copy"), CopySource: &source},
			)
			return err
		},
		"part copy": func(v string) error {
			source := b + "/" + k
			if v != "" {
				source += "?versionId=" + v
			}
			up := must2(
				alice.CreateMultipartUpload(
					t.Context(),
					&s3.CreateMultipartUploadInput{Bucket: aws.String("versioned"), Key: &k},
				),
			)(
				t,
			)
			_, err := alice.UploadPartCopy(
				t.Context(),
				&s3.UploadPartCopyInput{
					Bucket:     aws.String("versioned"),
					Key:        &k,
					UploadId:   up.UploadId,
					PartNumber: aws.Int32(1),
					CopySource: &source,
				},
			)
			return err
		},
	}
	tryAll := func(when, version string, open bool) {
		t.Helper()
		for name, read := range reads {
			t.Run(when+"/"+name, func(t *testing.T) {
				if err := read(version); !open {
					wantDenied(t, err, "NoReadUnlessClean")
				} else if err != nil {
					t.Error(err)
				}
			})
		}
	}
	tryAll("unscanned", "", false)
	tryAll("unscanned version", v1, false)
	_, err := alice.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String(b), Key: &k})
	wantError(t, err, 403, "")
	if got := getBody(t, fetch, b, k, v1); got != "one" {
		t.Errorf("fetch reads %q", got)
	}
	if err := setTags(t, tag, b, k, v1, "scan-status", "CLEAN"); err != nil {
		t.Fatal(err)
	}
	tryAll("clean", "", true)
	tryAll("clean version", v1, true)
	v2 := putBody(t, alice, b, k, "two")
	tryAll("overwritten", "", false)
	tryAll("the clean version still", v1, true)
	if err := setTags(t, tag, b, k, v2, "scan-status", "INFECTED"); err != nil {
		t.Fatal(err)
	}
	tryAll("infected", v2, false)

	// Nobody but tag touches a verdict, by whichever door.
	wantDenied(t, setTags(t, alice, b, k, v2, "scan-status", "CLEAN"), "OnlyTagSetsVerdicts")
	wantDenied(t, setTags(t, alice, b, k, "", "Scan-Status", "CLEAN"), "OnlyTagSetsVerdicts")
	wantDenied(t, setTags(t, alice, b, k, v2), "VerdictsStay")
	_, err = alice.DeleteObjectTagging(
		t.Context(),
		&s3.DeleteObjectTaggingInput{Bucket: aws.String(b), Key: &k, VersionId: &v2},
	)
	wantDenied(t, err, "VerdictsStay")
	_, err = alice.DeleteObjectTagging(t.Context(), &s3.DeleteObjectTaggingInput{Bucket: aws.String(b), Key: &k})
	wantDenied(t, err, "VerdictsStay")
	if got := tagsOf(t, alice, b, k, v2)["scan-status"]; got != "INFECTED" {
		t.Errorf("verdict is %q", got)
	}
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// alsoQuery adds to a request's query before it is signed.
func alsoQuery(query string) func(*s3.Options) {
	return s3.WithAPIOptions(func(stack *middleware.Stack) error {
		return stack.Build.Add(middleware.BuildMiddlewareFunc("alsoQuery", func(
			ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler,
		) (middleware.BuildOutput, middleware.Metadata, error) {
			if r, ok := in.Request.(*smithyhttp.Request); ok {
				r.URL.RawQuery += "&" + query
			}
			return next.HandleBuild(ctx, in)
		}), middleware.After)
	})
}

// TestNoForgedVerdict tries to bring a verdict along with an upload.
func TestNoForgedVerdict(t *testing.T) {
	t.Parallel()
	c, b, k := as("alice"), aws.String("uploads"), aws.String(keyOfTest(t))
	forged := aws.String("a=b&scan-status=CLEAN")
	_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: b, Key: k, Tagging: forged})
	wantDenied(t, err, "OnlyTagSetsVerdicts")
	_, err = c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: b, Key: k, Tagging: forged})
	wantDenied(t, err, "OnlyTagSetsVerdicts")
	// What names two operations is asked about as both: which one the gateway takes is its affair.
	for _, other := range []string{"delete", "select", "restore", "tagging", "select=&select-type=2"} {
		_, err = c.CreateMultipartUpload(
			t.Context(),
			&s3.CreateMultipartUploadInput{Bucket: b, Key: k, Tagging: forged},
			alsoQuery(other),
		)
		if err == nil {
			t.Errorf("multipart upload with a verdict is begun by ?uploads&%s", other)
		}
	}
	putBody(t, c, "versioned", "forged-source.txt", "x", func(in *s3.PutObjectInput) { in.Tagging = forged })
	_, err = c.CopyObject(
		t.Context(),
		&s3.CopyObjectInput{Bucket: b, Key: k, CopySource: aws.String("versioned/forged-source.txt")},
	)
	wantDenied(t, err, "NoCopyInto")
	up := must2(c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: b, Key: k}))(t)
	_, err = c.UploadPartCopy(
		t.Context(),
		&s3.UploadPartCopyInput{
			Bucket:     b,
			Key:        k,
			UploadId:   up.UploadId,
			PartNumber: aws.Int32(1),
			CopySource: aws.String("versioned/forged-source.txt"),
		},
	)
	wantDenied(t, err, "NoCopyInto")
	_, err = as("fetch").HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: b, Key: k})
	wantError(t, err, 404, "")
	wantForm := postForm(
		t,
		"alice",
		"uploads",
		map[string]string{
			"key":     *k,
			"tagging": `<Tagging><TagSet><Tag><Key>scan-status</Key><Value>CLEAN</Value></Tag></TagSet></Tagging>`,
		},
		"x",
	)
	if wantForm.StatusCode != http.StatusForbidden {
		t.Errorf("POST form with a verdict: HTTP %d", wantForm.StatusCode)
	}
	res := postForm(t, "alice", "uploads", map[string]string{"key": *k}, "x")
	if res.StatusCode != http.StatusNoContent {
		t.Errorf("POST form without: HTTP %d", res.StatusCode)
	}
}

func TestDeletionsOneByOne(t *testing.T) {
	t.Parallel()
	c, b := as("alice"), aws.String("uploads")
	for _, k := range []string{"keep-1", "drop-1"} {
		putBody(t, c, *b, k, "x")
	}
	out := must2(
		c.DeleteObjects(
			t.Context(),
			&s3.DeleteObjectsInput{Bucket: b, Delete: &types.Delete{Objects: []types.ObjectIdentifier{
				{Key: aws.String("keep-1")}, {Key: aws.String("drop-1")},
			}}},
		),
	)(
		t,
	)
	if len(out.Errors) != 1 || *out.Errors[0].Key != "keep-1" || *out.Errors[0].Code != "AccessDenied" {
		t.Errorf("errors: %v", out.Errors)
	}
	if len(out.Deleted) != 1 || *out.Deleted[0].Key != "drop-1" ||
		aws.ToString(out.Deleted[0].DeleteMarkerVersionId) == "" {
		t.Errorf("deleted: %v", out.Deleted)
	}
	_, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: b, Key: aws.String("keep-1")})
	wantDenied(t, err, "KeepSome")
}

func TestBucketOperations(t *testing.T) {
	t.Parallel()
	c, b := as("alice"), aws.String("uploads")
	_, err := c.PutBucketVersioning(
		t.Context(),
		&s3.PutBucketVersioningInput{
			Bucket:                  b,
			VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusSuspended},
		},
	)
	wantDenied(t, err, "NobodyConfigures")
	_, err = c.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: b})
	wantDenied(t, err, "NobodyConfigures")
	_, err = c.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: b})
	wantDenied(t, err, "NobodyConfigures")
	_, err = c.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: b, Policy: aws.String(`{}`)})
	wantDenied(t, err, "NobodyConfigures")
	must2(
		c.ListObjectsV2(
			t.Context(),
			&s3.ListObjectsV2Input{Bucket: b, ExpectedBucketOwner: aws.String("000000000000")},
		),
	)(
		t,
	)
	got := must2(c.GetBucketVersioning(t.Context(), &s3.GetBucketVersioningInput{Bucket: b}))(t)
	if got.Status != types.BucketVersioningStatusEnabled {
		t.Errorf("versioning is %q", got.Status)
	}
}

// TestPolicyAPI puts, reads and removes a policy on a bucket of the user's own.
func TestPolicyAPI(t *testing.T) {
	t.Parallel()
	c, b := as("alice"), aws.String("mine-"+keyOfTest(t))
	must2(c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: b}))(t)
	putBody(t, c, *b, "k", "x")
	_, err := c.GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: b})
	wantError(t, err, 404, "NoSuchBucketPolicy")
	_, err = c.PutBucketPolicy(
		t.Context(),
		&s3.PutBucketPolicyInput{
			Bucket: b,
			Policy: aws.String(
				`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*",
					"Condition":{"StringEquals":{"s3:new-key":"x"}}}}`,
			),
		},
	)
	wantError(t, err, 400, "MalformedPolicy")
	document := `{"Version":"2012-10-17","Statement":{"Sid":"Gate","Effect":"Deny","Principal":"*","Action":"s3:GetObject",` +
		`"Resource":"arn:aws:s3:::` + *b + `/*","Condition":{"StringNotEquals":{"s3:ExistingObjectTag/ok":"yes"}}}}`
	must2(c.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: b, Policy: &document}))(t)
	if got := must2(c.GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: b}))(t); *got.Policy != document {
		t.Errorf("policy reads %s", *got.Policy)
	}
	_, err = c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: b, Key: aws.String("k")})
	wantDenied(t, err, "Gate")
	_, err = as("partner").PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: b, Policy: &document})
	wantError(t, err, 403, "AccessDenied")
	forger := as("alice")
	_, err = s3.New(forger.Options(), func(o *s3.Options) { o.Credentials = staticCredentials("alice", "wrong") }).
		PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: b, Policy: &document})
	wantError(t, err, 403, "SignatureDoesNotMatch")
	must2(c.DeleteBucketPolicy(t.Context(), &s3.DeleteBucketPolicyInput{Bucket: b}))(t)
	if got := getBody(t, c, *b, "k", ""); got != "x" {
		t.Errorf("reads %q", got)
	}
}

func TestPrincipals(t *testing.T) {
	t.Parallel()
	b := aws.String("uploads")
	partner := as("partner")
	putBody(t, partner, "uploads", "partner/a", "x")
	_, err := partner.PutObject(t.Context(), &s3.PutObjectInput{Bucket: b, Key: aws.String("other/a")})
	wantError(t, err, 403, "AccessDenied")
	_, err = partner.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: b})
	wantError(t, err, 403, "AccessDenied")
	_, err = partner.ListBuckets(t.Context(), &s3.ListBucketsInput{})
	wantError(t, err, 403, "AccessDenied")
	_, err = partner.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("partners-own")})
	wantError(t, err, 403, "AccessDenied")
	_, err = as("nobody").ListBuckets(t.Context(), &s3.ListBucketsInput{})
	wantError(t, err, 403, "InvalidAccessKeyId")
	session := s3.New(as("alice").Options(), func(o *s3.Options) {
		o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "alice", SecretAccessKey: "alice-secret", SessionToken: "token"}, nil
		})
	})
	must2(session.ListBuckets(t.Context(), &s3.ListBucketsInput{}))(t)

	// Nothing at all is served without a signature.
	for _, path := range []string{
		"/", "/uploads", "/uploads/gate.txt", "/versioned/x", "/versioned?policy", "/versioned?acl", "/versioned?versions",
	} {
		res := must2(http.Get(endpoint + path))(t)
		res.Body.Close()
		if res.StatusCode != http.StatusForbidden {
			t.Errorf("anonymous GET %s: HTTP %d", path, res.StatusCode)
		}
	}
	for _, r := range []struct{ method, path string }{
		{http.MethodPut, "/versioned?policy"},
		{http.MethodPut, "/versioned/x"},
		{http.MethodPut, "/anonymous"},
		{http.MethodDelete, "/versioned/x"},
		{http.MethodPost, "/versioned?delete"},
		{http.MethodPatch, "/list-buckets"},
	} {
		req := must2(http.NewRequest(r.method, endpoint+r.path, strings.NewReader("{}")))(t)
		res := must2(http.DefaultClient.Do(req))(t)
		res.Body.Close()
		if res.StatusCode/100 != 4 {
			t.Errorf("anonymous %s %s: HTTP %d", r.method, r.path, res.StatusCode)
		}
	}
}

// TestPolicyLeavesWithItsBucket: a new bucket of the old name is another one.
func TestPolicyLeavesWithItsBucket(t *testing.T) {
	t.Parallel()
	c, b := as("alice"), aws.String(keyOfTest(t))
	must2(c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: b}))(t)
	document := `{"Version":"2012-10-17","Statement":{"Sid":"Gate","Effect":"Deny","Principal":"*",` +
		`"Action":"s3:GetObject","Resource":"arn:aws:s3:::` + *b + `/*"}}`
	must2(c.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: b, Policy: &document}))(t)
	putBody(t, c, *b, "k", "x")
	_, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: b, Key: aws.String("k")})
	wantDenied(t, err, "Gate")
	list := must2(c.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: b}))(t)
	for _, v := range list.Versions {
		must2(c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: b, Key: v.Key, VersionId: v.VersionId}))(t)
	}
	must2(c.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: b}))(t)
	must2(c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: b}))(t)
	putBody(t, c, *b, "k", "x")
	if got := getBody(t, c, *b, "k", ""); got != "x" {
		t.Errorf("reads %q", got)
	}
}
