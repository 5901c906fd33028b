// Package s3fake is an S3 in memory for tests: versions, tags, metadata, conditions, checksums and
// Object Lock, as far as tag, quarantine and promote use them, with the method signatures of the SDK.
// It can crash before or after any call, so that a test can end these functions at each point.
package s3fake

import (
	"crypto/md5" //nolint:gosec // S3's ETag
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Object is one version of an object, or a delete marker.
type Object struct {
	Body               string
	Metadata           map[string]string
	Tags               map[string]string
	ContentType        string
	ContentEncoding    string
	ContentDisposition string
	ContentLanguage    string
	CacheControl       string
	Expires            string
	Redirect           string
	StorageClass       string // as ListObjectVersions tells it
	SHA256             bool   // whether S3 has a SHA-256 of it
	MissingMeta        int32  // entries of metadata that HTTP cannot carry
	Marker             bool   // a delete marker
	Locked             bool   // Object Lock refuses to delete it
	HideLock           bool   // HeadObject does not show the lock
	ID                 string
	Modified           time.Time
}

// S3 is a set of buckets. Set its exported fields before it is used.
type S3 struct {
	// Page is how many versions one page of a listing has; 0 is all of them.
	Page int
	// Policies are the policies of buckets, by the buckets' names. Nothing evaluates them.
	Policies map[string]string
	// Before is called before call number n, from 1; the call fails with its error.
	Before func(op string, n int) error
	// ChangeCopy changes what CopyObject stores.
	ChangeCopy func(o *Object)
	// After is called after call number n was carried out.
	After func(op string, n int)

	mu        sync.Mutex
	buckets   map[string]*bucket
	versions  int // made so far
	calls     int // since CrashAt or Restart
	crashAt   int // number of the call; 0 is never
	crashWhen Moment
	crashed   bool
}

// Moment is when CrashAt ends the caller.
type Moment string

// The moments: before S3 carries out the call, or after it did.
const (
	BeforeCall Moment = "before it"
	AfterCall  Moment = "after it"
)

// Moments lists both.
var Moments = []Moment{BeforeCall, AfterCall}

// bucket holds the versions of its keys.
type bucket struct {
	versioned bool                 // versioning is on; it is off or suspended otherwise
	had       bool                 // versioning has been on: answers have version ids
	keys      map[string][]*Object // oldest first
}

// null is the version id of what is written while versioning is off or suspended.
const null = "null"

// Epoch is the time of the first version; each later version is one minute newer.
var Epoch = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// errCrashed is the error of each call after a crash.
var errCrashed = errors.New("the process has crashed")

// New returns an S3 without buckets.
func New() *S3 { return &S3{buckets: map[string]*bucket{}} }

// Make creates a bucket.
func (f *S3) Make(name string, versioned bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.buckets[name] = &bucket{versioned: versioned, had: versioned, keys: map[string][]*Object{}}
}

// Versioning turns the versioning of a bucket on or suspends it.
func (f *S3) Versioning(name string, on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.buckets[name].versioned, f.buckets[name].had = on, true
}

// Add stores o as the current version and returns it with its time and with the ID that S3 would
// answer, "" for none.
func (f *S3) Add(name, key string, o Object) Object {
	f.mu.Lock()
	defer f.mu.Unlock()
	added := *f.add(name, key, o)
	added.ID = aws.ToString(f.buckets[name].id(&added))
	return added
}

// Remove deletes a version permanently.
func (f *S3) Remove(name, key, id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	keys := f.buckets[name].keys
	keys[key] = slices.DeleteFunc(keys[key], func(o *Object) bool { return o.ID == id })
}

// Age sets when a version was written.
func (f *S3) Age(name, key, id string, written time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, o := range f.buckets[name].keys[key] {
		if o.ID == id {
			o.Modified = written
		}
	}
}

// Retag replaces the tags of a version.
func (f *S3) Retag(name, key, id string, tags map[string]string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, o := range f.buckets[name].keys[key] {
		if o.ID == id {
			o.Tags = tags
		}
	}
}

// id returns the version id in answers, nil if the bucket never had versions.
func (b *bucket) id(o *Object) *string {
	if !b.had {
		return nil
	}
	return &o.ID
}

// add stores o as the current version. The caller holds the lock.
func (f *S3) add(name, key string, o Object) *Object {
	b := f.buckets[name]
	o.Modified = Epoch.Add(time.Duration(f.versions) * time.Minute)
	f.versions++
	if b.versioned {
		o.ID = fmt.Sprintf("v%d", f.versions)
	} else {
		o.ID = null
		b.keys[key] = slices.DeleteFunc(b.keys[key], func(o *Object) bool { return o.ID == null })
	}
	b.keys[key] = append(b.keys[key], &o)
	return &o
}

// All returns every version of a key, oldest first.
func (f *S3) All(name, key string) []Object {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []Object
	for _, o := range f.buckets[name].keys[key] {
		all = append(all, *o)
	}
	return all
}

// Current returns the current object of each key of a bucket.
func (f *S3) Current(name string) map[string]Object {
	f.mu.Lock()
	defer f.mu.Unlock()
	current := map[string]Object{}
	for key, versions := range f.buckets[name].keys {
		if n := len(versions); n > 0 && !versions[n-1].Marker {
			current[key] = *versions[n-1]
		}
	}
	return current
}

// CrashAt makes call number n, counted from now and from 1, and all later ones fail
// as if the caller had been killed at that moment, until Restart.
func (f *S3) CrashAt(n int, when Moment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls, f.crashAt, f.crashWhen, f.crashed = 0, n, when, false
}

// Restart ends a crash, and reports whether there was one.
func (f *S3) Restart() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	crashed := f.crashed
	f.calls, f.crashAt, f.crashed = 0, 0, false
	return crashed
}

// call carries out one operation under the lock, unless the caller has crashed or Before refuses it.
func (f *S3) call(op string, do func() error) error {
	f.mu.Lock()
	f.calls++
	n, fatal := f.calls, f.calls == f.crashAt
	if f.crashed || fatal && f.crashWhen == BeforeCall {
		f.crashed = true
		f.mu.Unlock()
		return errCrashed
	}
	f.mu.Unlock()
	if f.Before != nil {
		if err := f.Before(op, n); err != nil {
			return err
		}
	}
	f.mu.Lock()
	err := do()
	if fatal {
		f.crashed, err = true, errCrashed
	}
	f.mu.Unlock()
	if f.After != nil {
		f.After(op, n)
	}
	return err
}

// ETag returns the object's ETag with quotes.
func (o Object) ETag() string {
	sum := md5.Sum([]byte(o.Body)) //nolint:gosec // S3's ETag
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

// Err returns an error answer of S3 in the error types that the SDK uses.
func Err(op string, status int, code, message string) error {
	return &smithy.OperationError{ServiceID: "S3", OperationName: op, Err: &awshttp.ResponseError{
		ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
			Err:      &smithy.GenericAPIError{Code: code, Message: message},
		},
	}}
}
