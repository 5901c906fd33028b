package main

import (
	"crypto/sha256"
	"maps"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// ledger knows what was uploaded and deleted. It is written before a request is sent where its answer may be lost.
type ledger struct {
	mu       sync.Mutex
	uploads  map[int]*upload
	byKey    map[string][]*upload
	attempts map[int]int // by upload: requests that may have stored a version
	versions map[name]*version
	order    []*version
	contents map[[sha256.Size]byte]job.Verdict // the verdict that content must get
	met      map[name][]string                 // the faults of calls about a version
}

// name names a version in the uploads bucket.
type name struct{ key, id string }

// version is a version in the uploads bucket.
type version struct {
	name
	upload  *upload
	eTag    string // without quotes
	size    int64
	sha256  [sha256.Size]byte
	stored  time.Time         // not later than this
	known   bool              // S3 has answered the upload
	deleted bool              // S3 has answered its deletion
	maybe   bool              // its deletion was asked for, and there was no answer
	tags    map[string]string // the uploader's own
}

func (v *version) object() job.Object {
	return job.Object{Bucket: harness.Uploads, Key: v.key, VersionID: v.id, ETag: v.eTag, Size: v.size}
}

func newLedger(uploads []*upload) *ledger {
	l := &ledger{
		uploads: map[int]*upload{}, byKey: map[string][]*upload{}, attempts: map[int]int{},
		versions: map[name]*version{}, contents: map[[sha256.Size]byte]job.Verdict{},
		met: map[name][]string{},
	}
	for _, u := range uploads {
		l.uploads[u.id] = u
		l.byKey[u.key] = append(l.byKey[u.key], u)
	}
	return l
}

// begins notes that a request begins that may store a version.
func (l *ledger) begins(u *upload, content []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attempts[u.id]++
	l.contents[sha256.Sum256(content)] = u.kind.want
}

// stored notes a version that S3 has named in its answer, or that was found later.
func (l *ledger) stored(u *upload, id, eTag string, content []byte, known bool) *version {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := &version{
		name: name{u.key, id}, upload: u, eTag: eTag, size: int64(len(content)), sha256: sha256.Sum256(content),
		stored: time.Now(), known: known, tags: maps.Clone(u.tags),
	}
	l.versions[v.name] = v
	l.order = append(l.order, v)
	return v
}

// find returns the version of this name, nil if there is none.
func (l *ledger) find(n name) *version {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.versions[n]
}

// all returns all versions, in the order in which they became known.
func (l *ledger) all() []*version {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*version(nil), l.order...)
}

// of returns the versions of an upload.
func (l *ledger) of(id int) (versions []*version) {
	for _, v := range l.all() {
		if v.upload.id == id {
			versions = append(versions, v)
		}
	}
	return versions
}

// random returns a version that was uploaded, nil if there is none yet.
func (l *ledger) random(r *rand.Rand) *version {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.order) == 0 {
		return nil
	}
	return l.order[r.IntN(len(l.order))]
}

// deletes notes that the deletion of a version begins, or that S3 has answered it.
func (l *ledger) deletes(v *version, answered bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v.maybe, v.deleted = true, v.deleted || answered
}

// verdictOf returns the verdict that content must get, "" if nobody has uploaded it.
func (l *ledger) verdictOf(content []byte) job.Verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.contents[sha256.Sum256(content)]
}

// meets notes a fault of a call that is about a version, which may not be known yet.
func (l *ledger) meets(n name, fault string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.met[n] = append(l.met[n], fault)
}

// faultsOf returns the faults of the calls about a version.
func (l *ledger) faultsOf(n name) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.met[n]
}

// verifiable reports whether one wrong byte of an object with this key is noticed.
func (l *ledger) verifiable(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, u := range l.byKey[key] {
		if !u.way.verifiable() {
			return false
		}
	}
	return len(l.byKey[key]) > 0
}

// recognise finds the originals of what is held, and adds versions whose upload had no answer.
func (l *ledger) recognise(all []held) {
	byHash := map[string]name{}
	for _, v := range l.all() {
		byHash[v.object().QuarantineKey()] = v.name
	}
	for i := range all {
		h := &all[i]
		if h.original.id == "" {
			h.original = byHash[h.hash]
		}
		if l.find(h.original) != nil || h.original.id == "" {
			continue
		}
		if u := l.uploadOf(h); u != nil {
			v := l.stored(u, h.original.id, "", u.content(), false)
			v.stored = h.modified
		}
	}
}

// uploadOf returns the upload of a version that had no answer, nil if it is of none.
func (l *ledger) uploadOf(h *held) *upload {
	l.mu.Lock()
	defer l.mu.Unlock()
	id, err := strconv.Atoi(h.metadata[idEntry])
	if u := l.uploads[id]; err == nil && u != nil && u.key == h.original.key {
		return u
	}
	if same := l.byKey[h.original.key]; len(same) == 1 && same[0].metadata == nil && h.metadata[idEntry] == "" {
		return same[0]
	}
	return nil
}
