// Package workload holds what is to be scanned: how many objects of which sizes, how many a day, and how many at once.
// It reads that from listings of S3, whose keys and sizes come from uploaders: a reader keeps a fixed amount of memory
// whatever it reads.
package workload

import (
	"cmp"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"time"
)

// MaxSize is the largest object of S3, in bytes: 50 TB.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
const MaxSize = 50_000_000_000_000

// Class is a number of objects of about the same size.
type Class struct {
	Objects  float64
	Bytes    float64 // of all of them
	Archived bool    // must be restored before it can be read
}

// Size returns the mean size of the class's objects in bytes.
func (c Class) Size() float64 { return c.Bytes / c.Objects }

// Objects is a set of objects, counted by size. The zero value is empty.
type Objects struct {
	classes map[key]*Class
	days    map[int64]int64 // objects by the day on which they were last modified, since 1970
	newest  int64
}

// key is a range of sizes: an eighth of a power of two, so that the mean of a class is at most 6 % from its objects.
type key struct {
	exponent, eighth int
	archived         bool
}

// errSize is a size that no object has.
var errSize = errors.New("want a size from 0 to 50 TB")

// Add counts one object. The time is zero if it is not known.
func (o *Objects) Add(size int64, modified time.Time, archived bool) error {
	if size < 0 || size > MaxSize {
		return fmt.Errorf("size %d: %w", size, errSize)
	}
	if o.classes == nil {
		o.classes, o.days = map[key]*Class{}, map[int64]int64{}
	}
	k := key{exponent: bits.Len64(uint64(size)), archived: archived}
	if k.exponent > 3 {
		k.eighth = int(size>>(k.exponent-4)) & 7
	}
	c := o.classes[k]
	if c == nil {
		c = &Class{Archived: archived}
		o.classes[k] = c
	}
	c.Objects++
	c.Bytes += float64(size)
	o.addDay(modified)
	return nil
}

// maxDays bounds the memory for days, which a listing may make up.
const maxDays = 100_000

func (o *Objects) addDay(modified time.Time) {
	if modified.IsZero() || modified.Year() < 2006 || modified.Year() > 2200 { // S3 began in 2006
		return
	}
	day := modified.Unix() / int64(24*time.Hour/time.Second)
	if _, known := o.days[day]; !known && len(o.days) >= maxDays {
		return
	}
	o.days[day]++
	o.newest = max(o.newest, day)
}

// Uniform returns a number of objects of one size.
func Uniform(objects float64, size int64) (*Objects, error) {
	if !(objects >= 0) || size < 0 || size > MaxSize {
		return nil, fmt.Errorf("%g objects of size %d: %w", objects, size, errSize)
	}
	o := &Objects{}
	if objects > 0 {
		c := &Class{Objects: objects, Bytes: objects * float64(size)}
		o.classes = map[key]*Class{{exponent: bits.Len64(uint64(size))}: c}
	}
	return o, nil
}

// Scaled returns another number of objects with the same shares of sizes.
func (o *Objects) Scaled(objects float64) *Objects {
	total, _ := o.Total()
	scaled := &Objects{classes: map[key]*Class{}}
	for k, c := range o.classes {
		factor := objects / total
		scaled.classes[k] = &Class{Objects: c.Objects * factor, Bytes: c.Bytes * factor, Archived: c.Archived}
	}
	return scaled
}

// Classes returns the classes, the smallest objects first.
func (o *Objects) Classes() []Class {
	var all []Class
	for _, c := range o.classes {
		all = append(all, *c)
	}
	slices.SortFunc(all, func(a, b Class) int {
		return cmp.Or(cmp.Compare(a.Size(), b.Size()), cmp.Compare(a.Objects, b.Objects))
	})
	return all
}

// Total returns the number of objects and their bytes.
func (o *Objects) Total() (objects, bytes float64) {
	for _, c := range o.classes {
		objects += c.Objects
		bytes += c.Bytes
	}
	return objects, bytes
}

// recent is the number of days from which PerDay takes the rate.
const recent = 30

// PerDay returns how many objects a day were last modified in the 30 days before the newest object, and whether the
// listing says so: objects that were overwritten or deleted since are missing.
func (o *Objects) PerDay() (rate float64, known bool) {
	if len(o.days) == 0 {
		return 0, false
	}
	var sum int64
	for day, n := range o.days {
		if day > o.newest-recent {
			sum += n
		}
	}
	return float64(sum) / recent, true
}
