// Package s3fake is an S3 in memory for tests: versions, tags, metadata,
// conditions, checksums and Object Lock, as far as tag, quarantine and promote
// use them, with the SDK's own signatures. It can die before or after any call,
// which is how those functions are run with a crash at every point. What S3
// really answers is proved elsewhere, against the local stack.
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
	SHA256             bool // S3 keeps a SHA-256 of it
	MissingMeta        int32
	Marker             bool
	Locked             bool // Object Lock refuses to delete it
	HideLock           bool // and the caller may not see that
	ID                 string
	Modified           time.Time
}

// S3 is a set of buckets. Its fields may be set before it is used.
type S3 struct {
	Page    int                          // how many versions a page lists, 1,000 if 0
	Before  func(op string, n int) error // refuses call n (from 1) of an operation
	Spoil   func(o *Object)              // changes what CopyObject stores
	After   func(op string, n int)       // sees each call that was carried out
	mu      sync.Mutex
	buckets map[string]*bucket
	serial  int
	calls   int
	dieAt   int
	done    bool // whether the fatal call is carried out
	dead    bool
}

type bucket struct {
	versioned bool                 // versioning is on; it is off or suspended otherwise
	had       bool                 // versioning has been on: S3 says version ids
	keys      map[string][]*Object // oldest first
}

// null is the version id of what is stored while versioning is off or suspended.
const null = "null"

// Epoch is when the first version was made; each later one is a minute younger.
var Epoch = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// errDead is what a process that was killed sees of S3: nothing.
var errDead = errors.New("the process is dead")

// New returns an S3 without buckets.
func New() *S3 { return &S3{buckets: map[string]*bucket{}} }

// Make makes a bucket.
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

// Add stores o as the current version and returns it with its ID, empty where S3
// says none, and its time.
func (f *S3) Add(name, key string, o Object) Object {
	f.mu.Lock()
	defer f.mu.Unlock()
	added := *f.add(name, key, o)
	added.ID = aws.ToString(f.buckets[name].id(&added))
	return added
}

// Remove deletes a version for good.
func (f *S3) Remove(name, key, id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	keys := f.buckets[name].keys
	keys[key] = slices.DeleteFunc(keys[key], func(o *Object) bool { return o.ID == id })
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

// id is the version id that S3 says, nil where the bucket never had versions.
func (b *bucket) id(o *Object) *string {
	if !b.had {
		return nil
	}
	return &o.ID
}

func (f *S3) add(name, key string, o Object) *Object {
	b := f.buckets[name]
	o.Modified = Epoch.Add(time.Duration(f.serial) * time.Minute)
	f.serial++
	if b.versioned {
		o.ID = fmt.Sprintf("v%d", f.serial)
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

// Die kills the caller at its call number n, counted from now and from 1,
// before it reaches S3 or, with done, after S3 carried it out. Every call from
// then on fails, until Live.
func (f *S3) Die(n int, done bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls, f.dieAt, f.done, f.dead = 0, n, done, false
}

// Live ends a death, and reports whether there was one.
func (f *S3) Live() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	died := f.dead
	f.calls, f.dieAt, f.dead = 0, 0, false
	return died
}

// call runs one operation under the lock, with death and refusals around it.
func (f *S3) call(op string, do func() error) error {
	f.mu.Lock()
	f.calls++
	n, fatal := f.calls, f.calls == f.dieAt
	if f.dead || fatal && !f.done {
		f.dead = true
		f.mu.Unlock()
		return errDead
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
		f.dead, err = true, errDead
	}
	f.mu.Unlock()
	if f.After != nil {
		f.After(op, n)
	}
	return err
}

// ETag is the object's ETag as S3 writes it, with quotes.
func (o Object) ETag() string {
	sum := md5.Sum([]byte(o.Body)) //nolint:gosec // S3's ETag
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

// Err is an answer of S3 in the chain of errors in which the SDK hands it over.
func Err(op string, status int, code, message string) error {
	return &smithy.OperationError{ServiceID: "S3", OperationName: op, Err: &awshttp.ResponseError{
		ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
			Err:      &smithy.GenericAPIError{Code: code, Message: message},
		},
	}}
}
