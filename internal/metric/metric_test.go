package metric

import (
	"bytes"
	"testing"
	"time"
)

func TestEmit(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	e := New(&out, "lazaret")
	e.now = func() time.Time { return time.UnixMilli(1700000000123) }
	if err := e.Emit(nil, Value{ScanDuration, Milliseconds, 27}, Value{BytesScanned, Bytes, 68}); err != nil {
		t.Fatal(err)
	}
	if err := e.Emit(map[string]string{"Verdict": "CLEAN"}, Value{Verdicts, Count, 1}); err != nil {
		t.Fatal(err)
	}
	const want = `{"BytesScanned":68,"ScanDuration":27,"Stack":"lazaret","_aws":{"CloudWatchMetrics":[` +
		`{"Dimensions":[["Stack"]],"Metrics":[{"Name":"ScanDuration","Unit":"Milliseconds"},{"Name":"BytesScanned","Unit":"Bytes"}],"Namespace":"Lazaret"}],` +
		`"Timestamp":1700000000123}}` + "\n" +
		`{"Stack":"lazaret","Verdict":"CLEAN","Verdicts":1,"_aws":{"CloudWatchMetrics":[` +
		`{"Dimensions":[["Stack","Verdict"]],"Metrics":[{"Name":"Verdicts","Unit":"Count"}],"Namespace":"Lazaret"}],` +
		`"Timestamp":1700000000123}}` + "\n"
	if out.String() != want {
		t.Errorf("Emit() wrote\n%swant\n%s", out.String(), want)
	}
}

func TestEmitRefusesWhatNoAlarmCouldFind(t *testing.T) {
	t.Parallel()
	clean := map[string]string{"Verdict": "CLEAN"}
	tests := []struct {
		name       string
		dimensions map[string]string
		value      Value
		want       string
	}{
		{"a name that All does not have", nil, Value{"Scans", Count, 1}, "emit Scans: no such metric"},
		{"another unit", nil, Value{ScanDuration, Seconds, 1}, "emit ScanDuration: its unit is Milliseconds, not Seconds"},
		{"a dimension too many", clean, Value{ScanDuration, Milliseconds, 1}, `emit ScanDuration: its dimensions beside Stack are [], not ["Verdict"]`},
		{"no dimension", nil, Value{Verdicts, Count, 1}, `emit Verdicts: its dimensions beside Stack are ["Verdict"], not []`},
		{"another dimension", map[string]string{"Outcome": "x"}, Value{Verdicts, Count, 1}, `emit Verdicts: its dimensions beside Stack are ["Verdict"], not ["Outcome"]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			err := New(&out, "lazaret").Emit(tt.dimensions, tt.value)
			if err == nil || err.Error() != tt.want {
				t.Errorf("Emit() = %v, want %s", err, tt.want)
			}
			if out.Len() > 0 {
				t.Errorf("Emit() wrote %s", out.String())
			}
		})
	}
}

func TestEachMetricIsThereOnce(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, m := range All {
		if seen[m.Name] || m.Name == "" || m.Unit == "" || m.Meaning == "" {
			t.Errorf("listed twice or in part: %+v", m)
		}
		seen[m.Name] = true
	}
}
