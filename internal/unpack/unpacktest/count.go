package unpacktest

import (
	"fmt"
	"sync/atomic"
	"testing"
)

// counts are numbers of samples that clamd has scanned, for docs/security.md.
type counts struct{ bad, alone, missed, harmless, refused atomic.Int64 }

// add counts what clamd said about a sample by itself, and what Check said. A sample is
// harmless if both should call it clean.
func (c *counts) add(s Sample, alone, ours string) {
	if s.Want == Clean && alone == "OK" {
		c.harmless.Add(1)
		if ours != Clean {
			c.refused.Add(1)
		}
		return
	}
	c.bad.Add(1)
	if alone == "OK" {
		c.alone.Add(1)
		if ours == Clean {
			c.missed.Add(1)
		}
	}
}

// print prints the counts with -v.
func (c *counts) print() {
	if testing.Verbose() && c.bad.Load()+c.harmless.Load() > 0 {
		fmt.Printf("samples: %d must not be called clean, clamd alone says OK to %d, Lazaret calls clean %d; "+
			"%d harmless, Lazaret refuses %d\n",
			c.bad.Load(), c.alone.Load(), c.missed.Load(), c.harmless.Load(), c.refused.Load())
	}
}
