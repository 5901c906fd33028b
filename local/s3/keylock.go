package s3

import (
	"context"
	"hash/maphash"
	"io"
	"sync"
)

// keyLocks keep apart what changes one key. The gateway moves a version between
// its places when another one comes or goes, and tags that are written
// meanwhile would stay behind. Keys may share a lock.
type keyLocks struct {
	seed  maphash.Seed
	locks [256]sync.Mutex
}

func (l *keyLocks) of(bucket, key string) *sync.Mutex {
	return &l.locks[maphash.String(l.seed, bucket+"/"+key)%uint64(len(l.locks))]
}

// hold locks a key until the function that it returns is called.
func (l *keyLocks) hold(bucket, key string) (release func()) {
	mu := l.of(bucket, key)
	mu.Lock()
	return mu.Unlock
}

// lockAtEnd locks when the content has been read to its end: a slow upload
// holds nobody up, and the gateway moves nothing before.
type lockAtEnd struct {
	io.Reader
	mu     *sync.Mutex
	locked bool
}

func (r *lockAtEnd) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err == io.EOF && !r.locked {
		r.mu.Lock()
		r.locked = true
	}
	return n, err
}

func (r *lockAtEnd) release() {
	if r.locked {
		r.mu.Unlock()
	}
}

// PutObjectTagging replaces a version's tags.
func (s *store) PutObjectTagging(ctx context.Context, bucket, key, versionID string, tags map[string]string) error {
	defer s.keys.hold(bucket, key)()
	return s.Backend.PutObjectTagging(ctx, bucket, key, versionID, tags)
}

// DeleteObjectTagging removes a version's tags.
func (s *store) DeleteObjectTagging(ctx context.Context, bucket, key, versionID string) error {
	defer s.keys.hold(bucket, key)()
	return s.Backend.DeleteObjectTagging(ctx, bucket, key, versionID)
}
