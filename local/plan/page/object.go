package page

import (
	"fmt"
	"strings"
	"time"

	"github.com/lazaret/lazaret/local/plan"
)

// object returns a table of what happens to an object with EXPRESS, function by function.
func object(end plan.End) (string, error) {
	p, err := planner(plan.Express, usual)
	if err != nil {
		return "", err
	}
	t := newTable("function", "memory", "requests", "ms for 10 KB", "for 1 MB", "log")
	small, large := p.Scan(10_000, end), p.Scan(1_000_000, end)
	for i, c := range small.Calls {
		var requests []string
		for _, r := range c.Requests {
			operation := r.Operation // with the service in front unless it is S3
			if id, other, ok := strings.Cut(operation, " "); ok {
				operation = service(id) + " " + other
			}
			requests = append(requests, fmt.Sprintf("%d %s", r.Number, operation))
		}
		bytes := 0
		for _, n := range c.Lines {
			bytes += n
		}
		t.row(c.Function, fmt.Sprintf("%d MB", c.MemoryMB), strings.Join(requests, ", "), milliseconds(c.Took),
			milliseconds(large.Calls[i].Took), fmt.Sprintf("%s bytes", plan.Count(float64(bytes))))
	}
	t.row("execution", "", strings.Join(small.States, ", "), "", "",
		fmt.Sprintf("%s bytes", plan.Count(small.ExecutionLog)))
	return t.text(), nil
}

func milliseconds(d time.Duration) string { return plan.Count(float64(d.Milliseconds())) }
