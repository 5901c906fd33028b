package main

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

func TestScan(t *testing.T) {
	t.Parallel()
	for _, workflow := range []string{"STANDARD", "EXPRESS"} {
		t.Run(workflow, func(t *testing.T) {
			t.Parallel()
			testScan(t, workflow)
		})
	}
}

func testScan(t *testing.T, workflow string) {
	t.Helper()
	m := harness.Start(t, "--time-scale", "10", "--parameter-overrides", "Workflow="+workflow)
	machine := map[string]string{
		"STANDARD": ":execution:lazaret-scan:", "EXPRESS": ":express:lazaret-scan-express:",
	}[workflow]
	held := m.SilentBucket(t, "held") // announces nothing: what is in it has not been scanned
	first := m.Put(t, "over and over.txt", sample.Text("first"))
	second := m.Put(t, "over and over.txt", eicar.Bytes(), held)
	m.Put(t, "infected.com", eicar.Bytes(), held)
	m.Put(t, "infected.com", sample.Text("newer, and clean"), held)
	m.Put(t, "odd/a b+c%20ñ.txt", sample.Text("odd"), held)
	m.Put(t, "ten tags", sample.Text("ten"), held, harness.WithTags("a=&b=&c=&d=&e=&f=&g=&h=&i=&j="))
	m.Put(t, "folder/", nil, held)
	for _, s := range sample.All() {
		if s.Want.Reason == job.Encrypted {
			m.Put(t, "encrypted.zip", s.Content, held)
		}
	}
	uploads := "s3://" + harness.Uploads + "/"
	if r := m.Await(t, first); r.Job.Scan.Outcome() != "CLEAN" {
		t.Fatalf("%+v", r)
	}
	tests := []struct {
		name string
		args []string
		code int
		says []string
	}{
		{
			"clean, once more",
			[]string{uploads + first.Key},
			0,
			[]string{
				machine + "over_and_over_txt-",
				"Fetch",
				"Scan",
				"Tag",
				"Done",
				"CLEAN",
				"still 's3://" + harness.Uploads + "/over and over.txt?versionId=" + first.VersionID,
			},
		},
		{"a key as it stands", []string{"s3://held/odd/a b+c%20ñ.txt"}, 0, []string{"CLEAN"}},
		{
			"infected, by its version",
			[]string{"s3://held/" + second.Key + "?versionId=" + second.VersionID},
			1,
			[]string{
				"INFECTED Eicar",
				"Quarantine",
				"Notify",
				"moved to 's3://" + harness.Quarantine + "/" + second.QuarantineKey(),
			},
		},
		{
			"in quarantine",
			[]string{"s3://" + harness.Quarantine + "/" + second.QuarantineKey()},
			exitNoVerdict,
			[]string{"is in quarantine", ".json beside it"},
		},
		{
			"infected, and moved by now",
			[]string{"s3://held/" + second.Key},
			exitNoVerdict,
			[]string{"never uploaded, was deleted, or has been moved"},
		},
		{"the newest is clean", []string{"s3://held/infected.com"}, 0, []string{"CLEAN"}},
		{
			"unscannable",
			[]string{"s3://held/encrypted.zip"},
			2,
			[]string{"UNSCANNABLE encrypted", "still 's3://held/encrypted.zip?versionId="},
		},
		{
			"a dead letter",
			[]string{"s3://held/ten tags"},
			exitNoVerdict,
			[]string{"found: CLEAN", "no verdict: TagLimit", "lazaret redrive"},
		},
		{
			"as JSON",
			[]string{"--output", "json", "s3://held/encrypted.zip"},
			2,
			[]string{
				`"object": "s3://held/encrypted.zip?versionId=`,
				`"verdict": "UNSCANNABLE"`,
				`"reason": "encrypted"`,
				`"state": "Done"`,
				machine + "encrypted_zip-",
			},
		},
		{
			"a dead letter as JSON",
			[]string{"-o", "json", "s3://held/ten tags"},
			exitNoVerdict,
			[]string{`"verdict": ""`, `"reason": "no verdict: TagLimit`},
		},
		{"a folder", []string{"s3://held/folder/"}, 0, []string{"CLEAN"}},
		{"no such key", []string{uploads + "none"}, exitNoVerdict, []string{"never uploaded"}},
		{
			"no such version",
			[]string{uploads + first.Key + "?versionId=none"},
			exitNoVerdict,
			[]string{"1 other version"},
		},
		{"no such bucket", []string{"s3://none/key"}, exitNoVerdict, []string{"bucket none"}},
		{
			"no such stack",
			[]string{"--stack-name", "none", uploads + first.Key},
			exitNoVerdict,
			[]string{"no such stack"},
		},
		{"no URI", nil, exitNoVerdict, []string{"want one s3://bucket/key"}},
		{"two URIs", []string{"s3://a/b", "s3://a/c"}, exitNoVerdict, []string{"want one s3://bucket/key"}},
		{"no S3 URI", []string{"over and over.txt"}, exitNoVerdict, []string{"want s3://"}},
		{
			"flags after it",
			[]string{uploads + first.Key, "--timeout", "0s"},
			exitNoVerdict,
			[]string{"--timeout 0s: want more than 0"},
		},
		{"no such flag", []string{"--nope"}, exitNoVerdict, []string{"unknown flag: --nope"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			expect(t, m, tt.code, tt.says, append([]string{"scan"}, tt.args...)...)
		})
	}
}

// A scan waits until no upload does, and says so.
func TestScanBehindUploads(t *testing.T) {
	t.Parallel()
	m := harness.Start(t, "--parameter-overrides", "MaxConcurrentScans=2")
	m.AwaitIdle(t)
	permits := &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(m.QueueURL("lazaret-permits")), VisibilityTimeout: 60, MaxNumberOfMessages: 10,
	}
	var taken []types.Message
	harness.Poll(t, "both permits", func() bool {
		out, err := m.SQS.ReceiveMessage(t.Context(), permits)
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, out.Messages...)
		return len(taken) == 2
	})
	for _, key := range []string{"a", "b", "c"} {
		m.Put(t, key, sample.Text(key))
	}
	uri := "s3://" + harness.Uploads + "/a"
	expect(t, m, exitNoVerdict, []string{
		"nothing has started the execution for ",
		"lazaret-uploads: 3 uploads are ahead of this request, because rescans wait until no upload waits: " +
			"1 in the queue, 2 with dispatch",
		"the request is in lazaret-rescans",
	}, "scan", "--timeout", "8s", uri)
	for _, message := range taken {
		if _, err := m.SQS.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{
			QueueUrl: permits.QueueUrl, ReceiptHandle: message.ReceiptHandle, VisibilityTimeout: 0,
		}); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, m, 0, []string{"CLEAN"}, "scan", uri)
	m.AwaitIdle(t)
}

// What was promoted is not where it was uploaded any more, and scan says so.
func TestScanInThreeBuckets(t *testing.T) {
	t.Parallel()
	m := harness.Start(t, "--parameter-overrides", "BucketLayout=three-bucket")
	m.StopEvents(t) // so that the command's execution is the only one
	o := m.Put(t, "letter.txt", sample.Text("clean"))
	uri := "s3://" + harness.Uploads + "/" + o.Key
	expect(t, m, 0, []string{"Promote", "CLEAN", "moved to 's3://" + harness.Clean + "/letter.txt"}, "scan", uri)
	expect(t, m, exitNoVerdict, []string{"to the clean bucket"}, "scan", uri)
	expect(t, m, exitNoVerdict, []string{"found CLEAN and promoted"}, "scan", "s3://"+harness.Clean+"/letter.txt")
}
