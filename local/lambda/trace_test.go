package lambda

import (
	"testing"
	"time"
)

func TestSampler(t *testing.T) {
	t.Parallel()
	var s sampler
	start := time.Unix(1_700_000_000, 0)
	const seconds, each = 20, 500
	sampled := 0
	for second := range seconds {
		for n := range each {
			taken := s.sample(start.Add(time.Duration(second)*time.Second + time.Duration(n)*time.Millisecond))
			if n == 0 && !taken {
				t.Errorf("the first invocation of second %d is not sampled, want it sampled", second)
			}
			if n > 0 && taken {
				sampled++
			}
		}
	}
	// Five percent are 499. It is below 350 or above 650 less than once in a billion runs.
	if sampled < 350 || sampled > 650 {
		t.Errorf("%d of %d later invocations are sampled, want 5 percent", sampled, seconds*(each-1))
	}
}
