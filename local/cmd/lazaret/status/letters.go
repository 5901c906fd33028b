package status

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lazaret/lazaret/internal/permit"
	"github.com/lazaret/lazaret/local/cmd/lazaret/redrive"
	"github.com/lazaret/lazaret/local/cmd/lazaret/terminal"
)

const (
	// mostLetters is how many dead letters are read. Reading hides them from other readers for as long as it takes,
	// some five seconds for a thousand.
	mostLetters = 1000
	// lettersStay is how long the letters that were read count, while their number does not change.
	lettersStay = time.Minute
)

// DeadLetters are the uploads without a verdict that wait to be sent back.
type DeadLetters struct {
	Answer
	Count   int           `json:"count"`             // about
	Errors  []LetterError `json:"errors"`            // the most frequent first
	Partial bool          `json:"partial,omitempty"` // Errors counts the first thousand letters
	Expires *time.Time    `json:"expires,omitempty"` // when SQS deletes the first of them
}

// LetterError counts the dead letters of one error.
type LetterError struct {
	Error string `json:"error"`
	Count int    `json:"count"`
}

// lettersRead is the last reading, which --watch does not repeat for nothing.
type lettersRead struct {
	at     time.Time
	number int
	said   DeadLetters
}

// deadLetters reads the queue of dead letters.
func (r *Reader) deadLetters(ctx context.Context) (d DeadLetters) {
	d.Errors = []LetterError{}
	waiting, received, err := permit.Depth(ctx, r.clients.Queues, r.stack.DeadLetters)
	if err != nil {
		d.Answer = notKnown(err, "read the queue "+r.stack.Queue("dead-letters"), "sqs:GetQueueAttributes")
		return d
	}
	number := waiting + received
	if number == 0 {
		d.Answer = Answer{State: OK, Says: "none"}
		return d
	}
	if r.last.number == number && time.Since(r.last.at) < lettersStay {
		return r.last.said
	}
	d.Count = number
	d.read(ctx, r)
	r.last = lettersRead{at: time.Now(), number: number, said: d}
	return d
}

// read reads the letters themselves.
func (d *DeadLetters) read(ctx context.Context, r *Reader) {
	counts := map[string]int{}
	var expires time.Time
	result, err := r.letters.List(ctx, mostLetters, func(l redrive.Letter) bool {
		counts[l.Error]++
		if at := l.Expires(); !at.IsZero() && (expires.IsZero() || at.Before(expires)) {
			expires = at
		}
		return true
	})
	if err != nil {
		d.Answer = Answer{State: Wrong, Says: fmt.Sprintf("%d; ", d.Count) +
			notKnown(err, "read them", "sqs:ReceiveMessage and sqs:ChangeMessageVisibility").Says}
		d.Do = r.command("lazaret dead-letters list")
		return
	}
	d.Count, d.Partial = max(d.Count, result.Seen), result.Chosen == mostLetters
	if !expires.IsZero() {
		d.Expires = &expires
	}
	for name, n := range counts {
		d.Errors = append(d.Errors, LetterError{Error: name, Count: n})
	}
	slices.SortFunc(d.Errors, func(a, b LetterError) int {
		return cmp.Or(b.Count-a.Count, cmp.Compare(a.Error, b.Error))
	})
	d.Answer = Answer{State: Wrong, Do: r.command("lazaret dead-letters list"), Says: d.words()}
}

func (d *DeadLetters) words() string {
	var errors []string
	for _, e := range d.Errors {
		errors = append(errors, fmt.Sprintf("%s %d", terminal.Quote(e.Error), e.Count))
	}
	text := fmt.Sprintf("%d: %s", d.Count, strings.Join(errors, ", "))
	if len(errors) == 0 {
		text = fmt.Sprintf("%d, which another reader has now", d.Count)
	}
	if d.Partial {
		text += fmt.Sprintf(" (of the first %d)", mostLetters)
	}
	if d.Expires != nil {
		text += fmt.Sprintf("; the first expires in %s (%s)", terminal.Ago(time.Until(*d.Expires)),
			d.Expires.Format(time.DateTime))
	}
	return text
}
