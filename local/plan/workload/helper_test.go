package workload

import (
	"io"
	"strings"
	"testing/iotest"
	"time"
)

// modified is a time at which objects of the tests were modified.
var modified = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// thenFails reads a text and then fails.
func thenFails(text string, err error) io.Reader {
	return io.MultiReader(strings.NewReader(text), iotest.ErrReader(err))
}
