package metrics

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// verdictLine is what function scan writes about a verdict (package metric of the deployed functions).
func verdictLine(at time.Time, verdict string) string {
	return fmt.Sprintf(`{"Stack":"lazaret","Verdict":%q,"Verdicts":1,"_aws":{"CloudWatchMetrics":[{"Dimensions":`+
		`[["Stack","Verdict"]],"Metrics":[{"Name":"Verdicts","Unit":"Count"}],"Namespace":"Lazaret"}],"Timestamp":%d}}`+"\n",
		verdict, at.UnixMilli())
}

func verdicts(verdict string) Series {
	return Series{"Lazaret", "Verdicts", map[string]string{"Stack": "lazaret", "Verdict": verdict}}
}

// TestLog reads logs that grow and are replaced, and counts each line once.
func TestLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "scan.log")
	at := time.Unix(1_800_000_000, 0)
	add := func(text string) {
		t.Helper()
		file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = file.WriteString(text)
		}
		if err != nil || file.Close() != nil {
			t.Fatal(err)
		}
	}
	log := NewLog(filepath.Join(dir, "*.log"), Embedded)
	check := func(want float64) {
		t.Helper()
		minutes, err := log.Values(verdicts("CLEAN"), at.Add(-time.Hour), at.Add(time.Hour))
		var sum Values
		for _, v := range minutes {
			sum = sum.Add(v)
		}
		if err != nil || sum.Sum != want {
			t.Errorf("got %v clean verdicts, %v, want %v", sum.Sum, err, want)
		}
	}
	check(0)
	add(verdictLine(at, "CLEAN") + `{"msg":"scan"}` + "\n" + verdictLine(at, "INFECTED") + verdictLine(at, "CLEAN"))
	check(2)
	check(2)
	half := verdictLine(at, "CLEAN")
	add(half[:20])
	check(2)
	add(half[20:] + strings.Repeat("x", 3<<20) + "\n" + verdictLine(at.Add(2*time.Hour), "CLEAN"))
	check(3)
	add(verdictLine(at, "CLEAN"))
	if err := os.Rename(path, path+former); err != nil { // the file was full after this line
		t.Fatal(err)
	}
	add(verdictLine(at, "CLEAN"))
	check(5)
	again := NewLog(filepath.Join(dir, "*.log"), Embedded)
	log = again // another run of the stack finds the same
	check(5)
}

func TestEmbedded(t *testing.T) {
	t.Parallel()
	const directive = `"_aws":{"Timestamp":1800000000500,"CloudWatchMetrics":[{"Namespace":"N","Dimensions":`
	for name, tt := range map[string]struct {
		line string
		want []string
	}{
		"a line of a log":  {`{"msg":"scan","ms":3}`, nil},
		"not JSON":         {`"CloudWatchMetrics"`, nil},
		"two metrics":      {`{"S":"x","A":1.5,"B":2,` + directive + `[["S"]],"Metrics":[{"Name":"A"},{"Name":"B"}]}]}}`, []string{"A[S:x] 1.5", "B[S:x] 2"}},
		"two sets":         {`{"S":"x","V":"y","A":1,` + directive + `[["S"],["S","V"]],"Metrics":[{"Name":"A"}]}]}}`, []string{"A[S:x] 1", "A[S:x V:y] 1"}},
		"a list":           {`{"A":[1,2],` + directive + `[[]],"Metrics":[{"Name":"A"}]}]}}`, []string{"A[] 1", "A[] 2"}},
		"no value":         {`{"S":"x",` + directive + `[["S"]],"Metrics":[{"Name":"A"}]}]}}`, nil},
		"no dimension":     {`{"A":1,` + directive + `[["S"]],"Metrics":[{"Name":"A"}]}]}}`, nil},
		"a text as number": {`{"S":"x","A":"1",` + directive + `[["S"]],"Metrics":[{"Name":"A"}]}]}}`, nil},
	} {
		var got []string
		for _, p := range Embedded([]byte(tt.line)) {
			got = append(got, fmt.Sprint(p.Name, strings.TrimPrefix(fmt.Sprint(p.Dimensions), "map"), " ", p.Value))
			if p.Namespace != "N" || p.At.UnixMilli() != 1800000000500 {
				t.Errorf("%s: got %+v, want the namespace N and its time", name, p)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestExpressEvents(t *testing.T) {
	t.Parallel()
	points := ExpressEvents("arn")
	for line, want := range map[string]string{
		`{"id":"1","type":"ExecutionStarted","details":{},"event_timestamp":"1800000000500"}`:       "ExecutionsStarted",
		`{"id":"9","type":"ExecutionFailed","details":{},"event_timestamp":"1800000000500"}`:        "ExecutionsFailed",
		`{"id":"9","type":"TaskStateEntered","details":{"input":"{\"type\":\"ExecutionFailed\"}"}}`: "",
		`{"id":"9","type":"ExecutionFailed"`:                                                        "",
	} {
		got := points([]byte(line))
		if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || got[0].Name != want || got[0].Value != 1 ||
			got[0].Dimensions["StateMachineArn"] != "arn" || got[0].At.UnixMilli() != 1800000000500) {
			t.Errorf("%s: got %+v, want %q", line, got, want)
		}
	}
}

func TestStatistic(t *testing.T) {
	t.Parallel()
	v := Values{}.Add(One(2)).Add(One(4)).Add(Values{}).Add(One(-3))
	for name, want := range map[string]float64{"Sum": 3, "SampleCount": 3, "Average": 1, "Minimum": -3, "Maximum": 4} {
		if got, ok := v.Statistic(name); got != want || !ok {
			t.Errorf("%s: got %v, %t, want %v", name, got, ok, want)
		}
	}
	if _, ok := v.Statistic("p99"); ok {
		t.Error("p99 is known")
	}
}
