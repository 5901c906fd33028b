package stack

import (
	"fmt"
	"time"

	"github.com/lazaret/lazaret/local/lambda"
	"github.com/lazaret/lazaret/local/provision"
	"github.com/lazaret/lazaret/local/template"
)

// run is a function that is invoked by a schedule.
type run struct {
	function string
	schedule template.Schedule
	every    time.Duration
}

// scheduled returns the schedules that run here: all but those of freshclam, which would ask ClamAV's mirror.
func scheduled(functions []template.Function) (runs []run, err error) {
	for _, f := range functions {
		if f.Short == provision.Freshclam {
			continue
		}
		for _, s := range f.Schedules {
			every, err := lambda.Rate(s)
			if err != nil {
				return nil, fmt.Errorf("schedule function %s: %w", f.Name, err)
			}
			runs = append(runs, run{f.Name, s, every})
		}
	}
	return runs, nil
}
