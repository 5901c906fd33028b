package s3

import (
	"os"
	"path/filepath"
	"sync"
	"weak"

	"github.com/versity/versitygw/backend/meta"
)

// sidecar keeps tags and metadata in files of their own, for disks without
// extended attributes. The gateway's sidecar files belong to a path, not to an
// object: an object written over another keeps what the new one does not set,
// its tags among them, and so an unscanned object would pass for CLEAN. This
// type empties a path when another object takes it.
type sidecar struct {
	meta.SideCar

	mu     sync.Mutex
	staged map[string]weak.Pointer[os.File] // the file last staged for a path
}

func newSidecar(dir string) (*sidecar, error) {
	s, err := meta.NewSideCar(dir)
	return &sidecar{SideCar: s, staged: map[string]weak.Pointer[os.File]{}}, err
}

// StoreAttribute is first called with the handle of a staged file when that
// file is about to take the path and the object before it is already saved as
// a version. A handle opened by the object's own path is not a staged file.
func (s *sidecar) StoreAttribute(f *os.File, bucket, object, attribute string, value []byte) error {
	path := filepath.Join(bucket, object)
	if f != nil && f.Name() != path && s.isNew(path, f) {
		if err := s.DeleteAttributes(bucket, object); err != nil {
			return err
		}
	}
	return s.SideCar.StoreAttribute(f, bucket, object, attribute, value)
}

// DeleteAttribute of the delete marker comes only from the gateway putting an
// earlier version back in place of a deleted one, before it copies that
// version's attributes.
func (s *sidecar) DeleteAttribute(bucket, object, attribute string) error {
	if attribute == "delete-marker" {
		return s.DeleteAttributes(bucket, object)
	}
	return s.SideCar.DeleteAttribute(bucket, object, attribute)
}

// isNew remembers f as the file staged for path. The weak pointer tells it from
// a later file at the same address without keeping it alive.
func (s *sidecar) isNew(path string, f *os.File) bool {
	p := weak.Make(f)
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.staged[path] == p
	s.staged[path] = p
	return !known
}
