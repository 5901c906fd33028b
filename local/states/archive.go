package states

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/api"
	"github.com/lazaret/lazaret/local/store"
)

// allExecutions has a bucket for each machine, under its ARN, with these in it:
//
//	names       name → number: it stays taken
//	executions  number, in order of starting → record
//	histories   number, id of the first event in the value → events
//	RUNNING …   number → nothing, for each status
//
// A value of histories is a compressed JSON array of events. An execution's input is in its first event, its output in
// the last.
var (
	allExecutions = []byte("states/executions")
	namesKey      = []byte("names")
	executionsKey = []byte("executions")
	historiesKey  = []byte("histories")
)

// record is what lists show of an execution.
type record struct {
	Name, Status string
	Started      time.Time
	Stopped      time.Time `json:",omitzero"`
}

// archive holds a machine's executions, as one transaction sees it.
type archive struct {
	machine *machine
	*bbolt.Bucket
	names, executions, histories *bbolt.Bucket
}

func (m *machine) archive(tx *bbolt.Tx) archive {
	b := tx.Bucket(allExecutions).Bucket([]byte(m.ARN))
	return archive{m, b, b.Bucket(namesKey), b.Bucket(executionsKey), b.Bucket(historiesKey)}
}

func (m *machine) createArchive(tx *bbolt.Tx) error {
	all, err := tx.CreateBucketIfNotExists(allExecutions)
	if err != nil {
		return err
	}
	b, err := all.CreateBucketIfNotExists([]byte(m.ARN))
	for _, name := range append([]string{string(namesKey), string(executionsKey), string(historiesKey)}, statuses...) {
		if err == nil {
			_, err = b.CreateBucketIfNotExists([]byte(name))
		}
	}
	return err
}

// found is an execution in an archive.
type found struct {
	archive
	number uint64
	record
}

// set writes an execution's record, and puts the execution under its status alone.
func (a archive) set(n uint64, r record) error {
	return errors.Join(
		a.Bucket.Bucket([]byte(running)).Delete(key(n)),
		a.Bucket.Bucket([]byte(r.Status)).Put(key(n), nil),
		store.PutJSON(a.executions, key(n), r),
	)
}

func (a archive) get(n uint64) (found, error) {
	f := found{archive: a, number: n}
	_, err := store.GetJSON(a.executions, key(n), &f.record)
	return f, err
}

// find returns the execution of an ARN.
func (s *Service) find(tx *bbolt.Tx, arn string) (found, error) {
	parts := strings.Split(arn, ":")
	if strings.HasPrefix(arn, "arn:aws:states:") && len(parts) > 5 && parts[5] == "express" {
		return found{}, api.Refuse("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'")
	}
	if !strings.HasPrefix(arn, "arn:aws:states:") || len(parts) != 8 {
		return found{}, api.Refuse("InvalidArn", "Invalid Arn: '%s'", arn)
	}
	for _, m := range s.machines {
		if executionARN(m.ARN, parts[7]) != arn {
			continue
		}
		a := m.archive(tx)
		if n := a.names.Get([]byte(parts[7])); n != nil {
			return a.get(binary.BigEndian.Uint64(n))
		}
	}
	return found{}, api.Refuse("ExecutionDoesNotExist", "Execution Does Not Exist: '%s'", arn)
}

// look finds an execution in a transaction of its own.
func (s *Service) look(arn string, at func(found) error) error {
	return s.config.Store.View(func(tx *bbolt.Tx) error {
		f, err := s.find(tx, arn)
		if err != nil {
			return err
		}
		return at(f)
	})
}

// compressor and decompressor may be used concurrently. They make histories ten times smaller.
var (
	compressor, _ = zstd.NewWriter(nil, // these options never fail
		zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithLowerEncoderMem(true))
	decompressor, _ = zstd.NewReader(nil, zstd.WithDecoderLowmem(true))
)

// addEvents writes events that follow each other.
func (a archive) addEvents(n uint64, events []event) error {
	array := appendEvents(make([]byte, 0, 8<<10), events)
	return a.histories.Put(key(n, uint64(events[0].ID)), compressor.EncodeAll(array, nil))
}

// events iterates over an execution's events, from an id on or backwards from it.
func (f found) events(from int64, backwards bool) iter.Seq2[event, error] {
	return func(yield func(event, error) bool) {
		c := f.histories.Cursor()
		k, value := before(c, key(f.number, uint64(from)))
		for k != nil && binary.BigEndian.Uint64(k) == f.number {
			var chunk []event
			array, err := decompressor.DecodeAll(value, nil)
			if err == nil {
				err = json.Unmarshal(array, &chunk)
			}
			if err != nil {
				yield(event{}, fmt.Errorf("read events of execution %s: %w", f.Name, err))
				return
			}
			step := c.Next
			if backwards {
				slices.Reverse(chunk)
				step = c.Prev
			}
			for _, e := range chunk {
				if e.ID != from && backwards == (e.ID > from) {
					continue // the first value has earlier events too
				}
				if !yield(e, nil) {
					return
				}
			}
			k, value = step()
		}
	}
}

// first is the event that has the execution's input.
func (f found) first() (event, error) { return f.next(1, false) }

// last is the event that has the execution's output, when the execution has ended.
func (f found) last() (event, error) { return f.next(math.MaxInt64, true) }

func (f found) next(from int64, backwards bool) (event, error) {
	for e, err := range f.events(from, backwards) {
		return e, err
	}
	return event{}, fmt.Errorf("execution %s has no history", f.Name)
}

// before moves a cursor to the last key that is not greater than wanted.
func before(c *bbolt.Cursor, wanted []byte) (k, value []byte) {
	if k, value = c.Seek(wanted); k == nil {
		return c.Last()
	}
	if !slices.Equal(k, wanted) {
		return c.Prev()
	}
	return k, value
}

func key(numbers ...uint64) (k []byte) {
	for _, n := range numbers {
		k = binary.BigEndian.AppendUint64(k, n)
	}
	return k
}
