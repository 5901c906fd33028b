package freshclam

import (
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/lazaret/lazaret/internal/definitions"
)

// FuzzJudge checks that an outcome is an update only if the headers show one, and never if they show
// something older, whatever freshclam prints; and that the detail is short.
func FuzzJudge(f *testing.F) {
	f.Add("daily.cvd database is up-to-date (version: 3)\n", 0, 3, 3, int64(0))
	f.Add("daily database available for update (local version: 3, remote version: 5)\n", 0, 3, 4, int64(0))
	f.Add("ERROR: Can't download daily.cvd\x1b[2J from https://x\n", 17, 3, 3, int64(1<<40))
	f.Add("WARNING: "+strings.Repeat("é", 400)+"\nno space left", 1, 0, -1, int64(-1))
	f.Add("x database available for download (remote version: 99999999999999999999)", 0, 1, 2, int64(5))
	f.Fuzz(func(t *testing.T, output string, code, before, after int, retry int64) {
		now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
		headers := func(version int) Headers {
			if version < 0 {
				return Headers{}
			}
			return Headers{"daily": definitions.Header{Version: version}}
		}
		r := Report{Before: headers(before), After: headers(after)}
		r.decideOutcome(freshclamOutput{code: code, text: output}, time.Unix(retry%(1<<36), 0), now)
		newer, older := after >= 0 && after > max(before, -1), before >= 0 && after < before
		switch {
		case !slices.Contains(Outcomes, r.Outcome):
			t.Errorf("outcome %q, want one of Outcomes", r.Outcome)
		case (r.Outcome == Updated || r.Outcome == Partial) != newer:
			t.Errorf("version %d after %d is %s, want updated or partial only for a newer version", after, before, r.Outcome)
		case (r.Outcome == Older) != older:
			t.Errorf("version %d after %d is %s, want older only for an older version", after, before, r.Outcome)
		case (r.Outcome == Updated || r.Outcome == Current) && (code != 0 || r.Retry.After(now) || after < 0):
			t.Errorf("a success with exit code %d, version %d and a cool-down until %s, want a failure", code, after, r.Retry)
		case (r.Detail == "") != (r.Outcome == Updated || r.Outcome == Current):
			t.Errorf("%s because of %q, want a detail unless the outcome is updated or current", r.Outcome, r.Detail)
		case len(r.Detail) > 300 || !utf8.ValidString(r.Detail) || strings.ContainsFunc(r.Detail, isControl):
			t.Errorf("detail %q of %d bytes, want at most 300 without control characters", r.Detail, len(r.Detail))
		}
	})
}

// FuzzState checks that the cool-down in freshclam's state file is zero or a time that can be encoded
// as JSON.
func FuzzState(f *testing.F) {
	state := append([]byte(stateMagic), make([]byte, stateSize-len(stateMagic))...)
	for _, seconds := range []int64{0, 1794821067, -1, 1<<63 - 1, 253402300800} {
		binary.LittleEndian.PutUint32(state[versionAt:], stateVersion)
		binary.LittleEndian.PutUint64(state[retryAt:], uint64(seconds))
		f.Add(slices.Clone(state))
	}
	f.Add(state[:40])
	f.Fuzz(func(t *testing.T, data []byte) {
		retry, err := parseState(data)
		if err != nil && !retry.IsZero() {
			t.Fatalf("%s beside %v, want no time with an error", retry, err)
		}
		if text, wrong := json.Marshal(retry); wrong != nil {
			t.Errorf("json.Marshal of the time: %v: %s, want no error", wrong, text)
		}
		if !retry.IsZero() && retry.Unix() <= 0 {
			t.Errorf("a cool-down until %s, want a time after 1970", retry)
		}
	})
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
