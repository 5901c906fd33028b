package clamav

import (
	"crypto/sha256"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Sum is the SHA-256 of a file's content.
type Sum [sha256.Size]byte

const (
	// maxProved is how many contents are kept that the engine found clean; they take about 10 MB.
	maxProved = 1 << 16
	// maxUnproved is how many more may wait for the next proof.
	maxUnproved = 1 << 14
)

// cleanCache holds the SHA-256 of contents that one engine found clean. clamd has such a cache too.
// That of 1.4 uses MD5, so that a harmless file could stand for another one that was made to have its
// MD5; see confTemplate. This cache ends with the engine. It returns no answer that the engine gave
// after its last proof.
type cleanCache struct {
	mu       sync.Mutex
	proved   *simplelru.LRU[Sum, struct{}]
	unproved map[Sum]struct{} // since the last proof began
	invalid  bool             // the engine gave a wrong answer about a canary
}

func newCleanCache() *cleanCache {
	proved, err := simplelru.NewLRU[Sum, struct{}](maxProved, nil)
	if err != nil {
		panic(err) // only a size below 1 is refused
	}
	return &cleanCache{proved: proved, unproved: map[Sum]struct{}{}}
}

// contains reports whether the content was found clean before the last proof began.
func (c *cleanCache) contains(s Sum) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.proved.Get(s)
	return ok && !c.invalid
}

// add adds content that was found clean. If maxUnproved contents wait already, it is dropped.
func (c *cleanCache) add(s Sum) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.unproved) < maxUnproved {
		c.unproved[s] = struct{}{}
	}
}

// takeUnproved returns the contents that were added since its last call. A proof that begins calls it,
// because it proves nothing about what is found clean while it runs.
func (c *cleanCache) takeUnproved() map[Sum]struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.unproved
	c.unproved = map[Sum]struct{}{}
	return taken
}

// addProved adds contents that takeUnproved returned, after a proof.
func (c *cleanCache) addProved(taken map[Sum]struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for s := range taken {
		c.proved.Add(s, struct{}{})
	}
}

// invalidate makes contains return false from now on.
func (c *cleanCache) invalidate() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.invalid = true
}
