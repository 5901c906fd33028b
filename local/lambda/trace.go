package lambda

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// sampler decides which invocations of a function X-Ray records: as on AWS, the first one in each second and 5 percent
// of the others (https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html). A function makes segments for these
// alone.
type sampler struct {
	second atomic.Int64 // of the last invocation, in Unix time
}

func (s *sampler) sample(now time.Time) bool {
	second := now.Unix()
	return s.second.Swap(second) != second || rand.IntN(20) == 0
}

// traceHeader returns the header by which Lambda tells a function its trace:
// https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
func traceHeader(id uuid.UUID, now time.Time, sampled bool) string {
	decision := 0
	if sampled {
		decision = 1
	}
	return fmt.Sprintf("Root=1-%08x-%x;Parent=%x;Sampled=%d", now.Unix(), id[:12], id[:8], decision)
}
