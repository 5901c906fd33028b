package machine

import (
	"bytes"
	"fmt"
	"sync"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/sample"
)

// TestKilledMachine kills the whole machine twice with 200 uploads under way and
// starts it again on its data: each of them ends with its verdict.
func TestKilledMachine(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	flags := []string{"--time-scale", "50", "--parameter-overrides", "BucketLayout=three-bucket", "MaxConcurrentScans=2"}
	m, err := Launch(data, flags...)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	want, contents := map[job.Object]end{}, map[job.Object][]byte{}
	var uploads sync.WaitGroup
	for worker := range 10 {
		uploads.Go(func() {
			for i := range 20 {
				content, e := sample.Text(fmt.Sprint(worker, i)), endClean
				if i%4 == 0 {
					content, e = eicar.Bytes(), endQuarantined
				}
				o := m.Put(t, fmt.Sprintf("%d/%d", worker, i), content)
				mu.Lock()
				want[o], contents[o] = e, content
				mu.Unlock()
			}
		})
	}
	uploads.Wait()
	for range 2 {
		before := m.finished(t)
		Poll(t, "more verdicts", func() bool { return m.finished(t) > before+10 })
		t.Logf("killed after %d verdicts of %d", m.finished(t), len(want))
		if err := m.End(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if m, err = Launch(data, flags...); err != nil {
			t.Fatal(err)
		}
	}
	m.Idle(t)
	if names := m.executions(t, ""); len(names) != len(want) {
		t.Errorf("%d executions of %d uploads", len(names), len(want))
	}
	// The local S3 writes a copy first and its tags then; S3 makes both at once.
	// Killed in between it leaves a promoted object, whole, without its tags.
	const untagged end = "clean "
	letters := m.deadUploads(t)
	for o, e := range want {
		if e == endClean && m.endOf(t, o, letters) == untagged {
			t.Logf("%s was promoted without its tags", o)
			if got, err := m.Read(t.Context(), job.Object{Bucket: Clean, Key: o.Key}); err != nil || !bytes.Equal(got, contents[o]) {
				t.Errorf("%s: the clean bucket holds other bytes: %v", o, err)
			}
			delete(want, o)
		}
	}
	m.checkEnds(t, want)
	if err := m.Stop(); err != nil {
		t.Error(err)
	}
}

// finished is how many executions have succeeded.
func (m *Machine) finished(t testing.TB) (n int) {
	t.Helper()
	pages := sfn.NewListExecutionsPaginator(m.SFN, &sfn.ListExecutionsInput{
		StateMachineArn: aws.String(ScanMachine), StatusFilter: types.ExecutionStatusSucceeded, MaxResults: 1000,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatalf("list executions: %v", err)
		}
		n += len(page.Executions)
	}
	return n
}
