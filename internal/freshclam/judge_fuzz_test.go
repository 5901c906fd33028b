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

// FuzzJudge: whatever freshclam and a mirror say, it is an update only if the
// headers show one, and never one if they show something older. What is said of
// it fits a status.
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
		r.judge(speech{code: code, output: output}, time.Unix(retry%(1<<36), 0), now)
		newer, older := after >= 0 && after > max(before, -1), before >= 0 && after < before
		switch {
		case !slices.Contains(Outcomes, r.Outcome):
			t.Errorf("outcome %q", r.Outcome)
		case (r.Outcome == Updated || r.Outcome == Partial) != newer:
			t.Errorf("version %d after %d is %s", after, before, r.Outcome)
		case (r.Outcome == Older) != older:
			t.Errorf("version %d after %d is %s", after, before, r.Outcome)
		case (r.Outcome == Updated || r.Outcome == Current) && (code != 0 || r.Retry.After(now) || after < 0):
			t.Errorf("all is well with exit code %d, version %d and a cool-down until %s", code, after, r.Retry)
		case (r.Detail == "") != (r.Outcome == Updated || r.Outcome == Current):
			t.Errorf("%s because of %q", r.Outcome, r.Detail)
		case len(r.Detail) > 300 || !utf8.ValidString(r.Detail) || strings.ContainsFunc(r.Detail, func(c rune) bool { return c < ' ' || c == 0x7f }):
			t.Errorf("detail %q of %d bytes", r.Detail, len(r.Detail))
		}
	})
}

// FuzzState: freshclam's note of its cool-down is a time that can be written
// down, or none.
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
			t.Fatalf("%s beside %v", retry, err)
		}
		if text, wrong := json.Marshal(retry); wrong != nil {
			t.Errorf("a time that cannot be written: %v: %s", wrong, text)
		}
		if !retry.IsZero() && retry.Unix() <= 0 {
			t.Errorf("a cool-down until %s", retry)
		}
	})
}
