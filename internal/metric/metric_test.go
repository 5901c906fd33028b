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
	if err := e.Emit(map[string]string{"Verdict": "CLEAN"}, Value{"Verdicts", Count, 1}, Value{"ScanDuration", Milliseconds, 27}); err != nil {
		t.Fatal(err)
	}
	const want = `{"ScanDuration":27,"Stack":"lazaret","Verdict":"CLEAN","Verdicts":1,"_aws":{"CloudWatchMetrics":[` +
		`{"Dimensions":[["Stack","Verdict"]],"Metrics":[{"Name":"Verdicts","Unit":"Count"},{"Name":"ScanDuration","Unit":"Milliseconds"}],"Namespace":"Lazaret"}],` +
		`"Timestamp":1700000000123}}` + "\n"
	if out.String() != want {
		t.Errorf("Emit() wrote\n%swant\n%s", out.String(), want)
	}
}
