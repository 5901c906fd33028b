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
	if err := e.Emit(
		nil, Value{Name: ScanDuration, Unit: Milliseconds, Value: 27}, Value{Name: BytesScanned, Unit: Bytes, Value: 68},
	); err != nil {
		t.Fatal(err)
	}
	if err := e.Emit(map[string]string{"Verdict": "CLEAN"}, Value{Name: Verdicts, Unit: Count, Value: 1}); err != nil {
		t.Fatal(err)
	}
	const want = `{"BytesScanned":68,"ScanDuration":27,"Stack":"lazaret","_aws":{"CloudWatchMetrics":[` +
		`{"Dimensions":[["Stack"]],"Metrics":[{"Name":"ScanDuration","Unit":"Milliseconds"},` +
		`{"Name":"BytesScanned","Unit":"Bytes"}],"Namespace":"Lazaret"}],` +
		`"Timestamp":1700000000123}}` + "\n" +
		`{"Stack":"lazaret","Verdict":"CLEAN","Verdicts":1,"_aws":{"CloudWatchMetrics":[` +
		`{"Dimensions":[["Stack","Verdict"]],"Metrics":[{"Name":"Verdicts","Unit":"Count"}],"Namespace":"Lazaret"}],` +
		`"Timestamp":1700000000123}}` + "\n"
	if out.String() != want {
		t.Errorf("Emit() wrote\n%swant\n%s", out.String(), want)
	}
}

func TestEmitRefuses(t *testing.T) {
	t.Parallel()
	clean := map[string]string{"Verdict": "CLEAN"}
	tests := []struct {
		name       string
		dimensions map[string]string
		value      Value
		want       string
	}{
		{
			name:  "a name that All does not have",
			value: Value{Name: "Scans", Unit: Count, Value: 1},
			want:  "emit Scans: no such metric",
		},
		{
			name:  "another unit",
			value: Value{Name: ScanDuration, Unit: Seconds, Value: 1},
			want:  "emit ScanDuration: its unit is Milliseconds, not Seconds",
		},
		{
			name:       "a dimension too many",
			dimensions: clean,
			value:      Value{Name: ScanDuration, Unit: Milliseconds, Value: 1},
			want:       `emit ScanDuration: its dimensions beside Stack are [], not ["Verdict"]`,
		},
		{
			name:  "no dimension",
			value: Value{Name: Verdicts, Unit: Count, Value: 1},
			want:  `emit Verdicts: its dimensions beside Stack are ["Verdict"], not []`,
		},
		{
			name:       "another dimension",
			dimensions: map[string]string{"Outcome": "x"},
			value:      Value{Name: Verdicts, Unit: Count, Value: 1},
			want:       `emit Verdicts: its dimensions beside Stack are ["Verdict"], not ["Outcome"]`,
		},
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

func TestAll(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, m := range All {
		if seen[m.Name] || m.Name == "" || m.Unit == "" || m.Meaning == "" {
			t.Errorf("listed twice or in part: %+v", m)
		}
		seen[m.Name] = true
	}
}
