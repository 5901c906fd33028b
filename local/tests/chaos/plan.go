package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/lazaret/lazaret/internal/job"
)

// workers is how many uploads are made at once. Each worker has keys of its own, so that the versions of a key have an
// order.
const workers = 8

// upload is an object to upload.
type upload struct {
	id       int // from 1; in its metadata, if it has any
	key      string
	kind     kind
	way      way
	tags     map[string]string
	metadata map[string]string // without any, the key is used once
	headers  headers
	// deletions are what the uploader deletes afterwards.
	deletions []deletion

	seed uint64
}

// headers are the headers of an object that a copy must have too.
type headers struct{ contentType, cacheControl, contentDisposition string }

// deletion deletes all versions of an earlier upload, or hides its key.
type deletion struct {
	upload int
	marker bool
}

// way is a way to upload.
type way string

const (
	withCRC32     way = "CRC32" // as today's SDKs do
	withSHA256    way = "SHA-256"
	withCRC64     way = "CRC-64"
	withMD5       way = "Content-MD5"
	unchecked     way = "no checksum" // as older SDKs do
	presigned     way = "presigned"
	multipart     way = "multipart"
	multipartSums way = "multipart with SHA-256"
	brokenOff     way = "broken off" // the connection is closed in the middle, and the upload repeated
)

// verifiable reports whether S3 has a checksum of the whole content, so that one wrong byte on the way is noticed.
func (w way) verifiable() bool { return w != multipart && w != multipartSums }

// content returns the bytes of the upload, the same ones at each call.
func (u *upload) content() []byte {
	return u.kind.make(rand.New(rand.NewPCG(u.seed, uint64(u.id))), u.id)
}

func (u *upload) worker() int { return u.id % workers }

func (u *upload) String() string { return fmt.Sprintf("upload %d (%s, %s)", u.id, u.kind.name, u.way) }

// planUploads returns the uploads of a run, in their order.
func planUploads(seed uint64, n int) []*upload {
	r := rand.New(rand.NewPCG(seed, 1))
	all := make([]*upload, 0, n)
	for id := 1; id <= n; id++ {
		u := &upload{id: id, seed: seed, kind: kindOf(r), way: wayOf(r)}
		if strings.HasPrefix(u.kind.name, "large") {
			u.way = []way{multipart, multipartSums}[r.IntN(2)]
		}
		u.headers = headersOf(r)
		u.tags = tagsOf(r)
		if r.IntN(8) > 0 {
			u.metadata = metadataOf(r, id, len(u.tags))
		}
		u.key = keyOf(r, u)
		if r.IntN(100) < 8 && id > 4*workers {
			earlier := u.id - workers*(1+r.IntN(3)) // of the same worker
			u.deletions = append(u.deletions, deletion{upload: earlier, marker: r.IntN(4) == 0})
		}
		all = append(all, u)
	}
	return all
}

func wayOf(r *rand.Rand) way {
	ways := []way{
		withCRC32, withCRC32, withCRC32, withCRC32, withSHA256, withCRC64, withMD5, unchecked, unchecked, presigned,
		multipart, multipartSums, brokenOff,
	}
	return ways[r.IntN(len(ways))]
}

func headersOf(r *rand.Rand) (h headers) {
	if r.IntN(2) == 0 {
		h.contentType = pick(r, "text/plain", "application/zip", "image/png", "text/html; charset=utf-8")
	}
	if r.IntN(5) == 0 {
		h.cacheControl = pick(r, "no-store", "max-age=60, private")
	}
	if r.IntN(5) == 0 {
		h.contentDisposition = `attachment; filename="a b.txt"`
	}
	return h
}

// tagsOf returns up to ten tags. Ten leave no room for a verdict.
func tagsOf(r *rand.Rand) map[string]string {
	tags := map[string]string{}
	n := 0
	switch draw := r.IntN(100); {
	case draw < 5:
		n = 10
	case draw < 15:
		n = 9
	case draw < 55:
		n = 1 + r.IntN(8)
	}
	for i := range n {
		tags[fmt.Sprintf("own-%d", i)] = pick(r, "", "x", "año", "a=b:c/d", "2 words") + fmt.Sprint(r.IntN(1000))
	}
	return tags
}

// metadataOf returns metadata with the upload's id. A copy notes its origin in metadata or in a tag: an object with
// much of both has no room for that, and would stay a dead letter.
func metadataOf(r *rand.Rand, id, tags int) map[string]string {
	metadata := map[string]string{idEntry: fmt.Sprint(id)}
	for i := range r.IntN(4) {
		metadata[fmt.Sprintf("own-%d", i)] = pick(r, "x", "two words", "100%", "a,b;c=d")
	}
	if tags < 6 && r.IntN(10) == 0 {
		metadata["long"] = strings.Repeat("m", 1900)
	}
	return metadata
}

// idEntry is the entry of the metadata that names the upload.
const idEntry = "chaos-id"

// keyOf returns a key that other uploads of the same worker have too, or one with odd characters.
func keyOf(r *rand.Rand, u *upload) string {
	if u.metadata != nil && r.IntN(100) < 35 {
		return fmt.Sprintf("often/%d/%d.txt", u.worker(), r.IntN(4))
	}
	long := strings.Repeat("long name ", 20)
	odd := pick(r, "plain", "plain", "plain", "two words", "a+b", "100%", "a%20b%2Fc", "it's", `"quoted"`, "año à la ß",
		"日本語", "🏴", "שלום", "a?b=c&d#e", "!-_.*()$@:;,=", "<a>{b}[c]|^~`", `a\b`, "a\tb", "$(id)", "a..b/...c", "..%2F..",
		"an\u0303o", long+"/"+long+"/"+long)
	return fmt.Sprintf("once/%d/%s", u.id, odd)
}

func pick[T any](r *rand.Rand, all ...T) T { return all[r.IntN(len(all))] }

// count returns how many uploads have a verdict to get.
func count(uploads []*upload, want job.Verdict) (n int) {
	for _, u := range uploads {
		if u.kind.want == want {
			n++
		}
	}
	return n
}

// schedule is a fault with the number of uploads that have begun when it begins.
type scheduled struct {
	at int
	fault
}

// planFaults returns n faults of a run with this many uploads, each kind once before one comes again.
func planFaults(seed uint64, n, uploads int, kinds []func(*rand.Rand) fault) []scheduled {
	r := rand.New(rand.NewPCG(seed, 2))
	var all []scheduled
	for len(all) < n {
		for _, i := range r.Perm(len(kinds)) {
			if len(all) < n {
				all = append(all, scheduled{fault: kinds[i](r)})
			}
		}
	}
	for i := range all {
		// Spread over the uploads, with chance between two.
		all[i].at = 1 + (i*uploads+r.IntN(uploads))/n
	}
	slices.SortStableFunc(all, func(a, b scheduled) int { return a.at - b.at })
	return all
}
