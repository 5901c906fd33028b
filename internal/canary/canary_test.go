package canary

import (
	"testing"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
)

func TestIsSample(t *testing.T) {
	t.Parallel()
	place := Place{Bucket: "uploads", Prefix: "in/.lazaret/canary/"}
	ours := job.Object{Bucket: "uploads", Key: "in/.lazaret/canary/1/eicar.com"}
	infected := &job.Scan{Verdict: job.Infected, SHA256: sum(eicar.Bytes())}
	tests := []struct {
		name  string
		place Place
		job   job.Job
		want  bool
	}{
		{"EICAR", place, job.Job{Object: ours, Scan: infected}, true},
		{"the clean sample", place, job.Job{Object: ours, Scan: &job.Scan{SHA256: sum(Clean())}}, true},
		{"fetched, and not scanned yet", place, job.Job{Object: ours, Work: &job.Work{SHA256: sum(Clean())}}, true},
		{"other bytes", place, job.Job{Object: ours, Scan: &job.Scan{SHA256: sum([]byte("x"))}}, false},
		{"unknown bytes", place, job.Job{Object: ours, Scan: &job.Scan{}}, false},
		{"not fetched", place, job.Job{Object: ours}, false},
		{
			"a person's EICAR", place,
			job.Job{Object: job.Object{Bucket: "uploads", Key: "in/eicar.com"}, Scan: infected},
			false,
		},
		{
			"another bucket", place,
			job.Job{Object: job.Object{Bucket: "mine", Key: ours.Key}, Scan: infected},
			false,
		},
		{"no canary", Place{}, job.Job{Object: ours, Scan: infected}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.place.IsSample(tt.job); got != tt.want {
				t.Errorf("IsSample = %t, want %t", got, tt.want)
			}
		})
	}
}

// TestIsSampleSHA256 knows the samples, and the hash of EICAR as it is published.
func TestIsSampleSHA256(t *testing.T) {
	t.Parallel()
	const published = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"
	for hash, want := range map[string]bool{
		published: true, sum(Clean()): true, sum([]byte("x")): false, "": false,
	} {
		if got := IsSampleSHA256(hash); got != want {
			t.Errorf("IsSampleSHA256(%q) = %t, want %t", hash, got, want)
		}
	}
}

// TestCleanNeverChanges: a stack that is updated still has objects of the earlier canary.
func TestCleanNeverChanges(t *testing.T) {
	t.Parallel()
	if got, want := sum(Clean()), "51a7a9324766ec1f18430bdcab8e4d15fdd733998014a85333585aeabd951d26"; got != want {
		t.Errorf("SHA-256 of the clean sample is %s, want %s", got, want)
	}
}

// TestFromEnvironment changes the environment, so that it does not run in parallel.
func TestFromEnvironment(t *testing.T) {
	tests := []struct {
		name, bucket, prefix string
		want                 Place
		fails                bool
	}{
		{name: "no canary", bucket: "uploads"},
		{name: "a canary", bucket: "u", prefix: ".lazaret/canary/", want: Place{"u", ".lazaret/canary/"}},
		{name: "no bucket", prefix: ".lazaret/canary/", fails: true},
		{name: "no slash", bucket: "u", prefix: ".lazaret/canary", fails: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("UPLOADS_BUCKET", tt.bucket)
			t.Setenv("CANARY_PREFIX", tt.prefix)
			got, err := FromEnvironment()
			if got != tt.want || (err != nil) != tt.fails {
				t.Errorf("FromEnvironment() = %+v, %v, want %+v, fails %t", got, err, tt.want, tt.fails)
			}
		})
	}
}
