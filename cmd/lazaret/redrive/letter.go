package redrive

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/upload"
)

// The Error of letters that bring none of their own.
const (
	// NotDispatched: an upload, or a list of them, whose executions dispatch
	// could not start; its log says why, by message id.
	NotDispatched = "NotDispatched"
	// NotUnderstood: nothing that dispatch could ever start. Sent back, it
	// returns at once.
	NotUnderstood = upload.NotUnderstood
)

// Letter is what a dead letter says of itself.
type Letter struct {
	MessageID string
	Error     string       // the state machine's, the status of an execution that died, or one of the above
	Cause     string       // readable; may be empty
	Execution string       // ARN, empty when there was none
	Objects   []job.Object // none when the letter is NotUnderstood
	Attempt   int          // that a redrive starts

	works []string // names of the jobs that a redrive starts, whichever attempt; of what is NotUnderstood the body
}

// Read understands the body of a dead letter, as far as that is possible. What
// dispatch would refuse is NotUnderstood, since package upload decides both.
func Read(body string) Letter {
	m, err := upload.Decode([]byte(body))
	if err != nil {
		return Letter{Error: NotUnderstood, Cause: err.Error(), works: []string{body}}
	}
	l := Letter{Error: NotDispatched}
	for _, j := range m.Jobs {
		l.Objects = append(l.Objects, j.Object)
		l.Attempt = j.Attempt
		j.Attempt = 0
		l.works = append(l.works, j.ExecutionName())
	}
	// The fields by which handed over and died letters say why. Others have none
	// of them; Decode has seen that this is JSON.
	var why struct {
		upload.DeadLetter
		Detail struct {
			Status    string `json:"status"`
			Error     string `json:"error"`
			Cause     string `json:"cause"`
			Execution string `json:"executionArn"`
		} `json:"detail"`
	}
	_ = json.Unmarshal([]byte(body), &why)
	switch {
	case m.Died != "":
		l.Error, l.Cause, l.Execution = cmp.Or(why.Detail.Error, why.Detail.Status, l.Error), why.Detail.Cause, m.Died
	case why.Execution != "" || why.Error != "":
		l.Error, l.Cause, l.Execution = cmp.Or(why.Error, l.Error), why.Cause, why.Execution
	}
	l.Cause = job.Message(l.Cause)
	return l
}

// Matches reports whether text is part of the error, the cause, a key or the
// execution's name, or is the whole ARN of the execution. The rest of the ARN
// does not count: every letter of a stack has that. Letters that are
// NotUnderstood never match, because sending them back helps nobody by itself.
func (l Letter) Matches(text string) bool {
	if l.Error == NotUnderstood {
		return false
	}
	for _, o := range l.Objects {
		if strings.Contains(o.Key, text) {
			return true
		}
	}
	return strings.Contains(l.Error, text) || strings.Contains(l.Cause, text) ||
		strings.Contains(l.Name(), text) || l.Execution == text
}

// Name is the execution's, empty when there was none.
func (l Letter) Name() string {
	return l.Execution[strings.LastIndexByte(l.Execution, ':')+1:]
}
