package redrive

import "fmt"

// Number returns "1 dead letter" or "2 dead letters".
func Number(n int) string {
	if n == 1 {
		return "1 dead letter"
	}
	return fmt.Sprintf("%d dead letters", n)
}

// Remarks says why the numbers of a run may differ from what the operator expects, one sentence each.
func (r Result) Remarks() (all []string) {
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if r.HiddenByOthers > 0 {
		add("about %s hidden at the beginning: another listing or redrive has received them, "+
			"or one was killed less than five minutes ago", Number(r.HiddenByOthers))
	}
	if r.FailedAgain > 0 {
		add("%s left, because this run has redriven the same object: it failed again, or had two letters",
			Number(r.FailedAgain))
	}
	if r.Newer > 0 {
		add("%s arrived after the beginning, and left", Number(r.Newer))
	}
	if r.More {
		add("there are more than SQS hands out at once: run the command again for the rest")
	}
	if r.LostAnswers > 0 {
		add("up to %s hidden for five minutes, because an answer of SQS was lost", Number(10*r.LostAnswers))
	}
	if r.StillHidden > 0 {
		add("%s could not be made visible again, and will be within five minutes", Number(r.StillHidden))
	}
	return all
}
