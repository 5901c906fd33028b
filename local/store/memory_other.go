//go:build !linux

package store

import "go.etcd.io/bbolt"

// memory is left to the system.
type memory struct{}

func (*memory) release(*bbolt.DB) {}
