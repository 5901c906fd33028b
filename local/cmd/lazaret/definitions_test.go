package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/testing/mirror"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// mirrored is a whole machine whose freshclam function has run against a
// loopback mirror. Its functions find the library that trusts the mirror's keys on
// their volume.
func mirrored(t *testing.T, flags ...string) (*harness.Machine, *mirror.Mirror) {
	t.Helper()
	data := t.TempDir()
	server, altered := mirrorFor(t, data)
	offer(server, 1, "firstword")
	return harness.Start(t, append(flags, "--template", altered(), "--data", data, "--mirror", server.URL)...), server
}

// mirrorFor returns a loopback mirror without databases, and what makes the template of a machine that trusts it and
// keeps its data there. The template may have further changes.
func mirrorFor(t *testing.T, data string) (server *mirror.Mirror, altered func(oldNew ...string) string) {
	t.Helper()
	libraries := filepath.Join(data, "volume", "lazaret", "libraries")
	if err := os.MkdirAll(libraries, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := mirror.Library(libraries); err != nil {
		t.Fatal(err)
	}
	const directory = "          DEFINITIONS_DIR: /mnt/lazaret/definitions\n"
	const trust = "          LD_LIBRARY_PATH: /mnt/lazaret/libraries\n"
	const scan, freshclam = directory + "          MAX_DEFINITIONS_AGE:", directory + "          DATABASE_MIRROR:"
	server = mirror.New()
	t.Cleanup(server.Close)
	return server, func(oldNew ...string) string {
		return harness.AlteredTemplate(t, append(oldNew, scan, trust+scan, freshclam, trust+freshclam)...)
	}
}

func offer(m *mirror.Mirror, version int, word string) {
	m.Offer(mirror.Set(version, time.Now().Add(-time.Hour).Add(time.Duration(version)*time.Minute), word)...)
}

// verdict uploads a text and returns its outcome and the generation that made it.
func verdict(t *testing.T, m *harness.Machine, key, text string) (outcome, generation string) {
	t.Helper()
	r := m.Await(t, m.Put(t, key, []byte(text)))
	if r.Job.Scan == nil || r.Job.Scan.Definitions == nil {
		t.Fatalf("%s ended with %+v", key, r.Failure)
	}
	return r.Job.Scan.Outcome(), r.Job.Scan.Definitions.Fingerprint
}

// TestDefinitions goes through a life of definitions on a whole machine: from a
// mirror to verdicts, an update, and a rollback that scan follows at once.
func TestDefinitions(t *testing.T) {
	m, server := mirrored(t)
	first, one := verdict(t, m, "first.txt", "some firstword here")
	if !strings.HasPrefix(first, "INFECTED") {
		t.Errorf("the first set's word is %s", first)
	}
	expect(t, m, 0, []string{one, "daily 1 of", "current", ": updated"}, "definitions")

	offer(server, 2, "secondword")
	expect(t, m, 0, []string{": updated"}, "definitions", "update")
	expect(t, m, 0, []string{"daily 2 of", "previous"}, "definitions", "list")
	expect(t, m, 0, []string{"current, pinned"}, "definitions", "rollback")
	outcome, generation := verdict(t, m, "back.txt", "some firstword again")
	if !strings.HasPrefix(outcome, "INFECTED") || generation != one {
		t.Errorf("after the rollback the first word is %s by %s", outcome, generation)
	}
	expect(t, m, 0, []string{": pinned"}, "definitions", "update")
	expect(t, m, 0, nil, "definitions", "unpin")
	expect(t, m, 0, []string{": updated"}, "definitions", "update")
	expect(t, m, 1, []string{"no such generation is kept"}, "definitions", "pin", "0000")
	expect(t, m, exitCannotStart, []string{`there is no command "delete"`}, "definitions", "delete")
}

// TestHeldBackDefinitions offers a set that finds a word of the function's own
// documents: scans do not get it, until an operator publishes it all the same or
// ignores the signature.
func TestHeldBackDefinitions(t *testing.T) {
	m, server := mirrored(t)
	const text = "the harbour at night"
	outcome, one := verdict(t, m, "before.txt", text)
	if outcome != "CLEAN" {
		t.Fatalf("by the first set it is %s", outcome)
	}
	offer(server, 2, "harbour")
	expect(t, m, 1, []string{
		"held-back", "Word-harbour  documents/", "definitions publish ", "definitions ignore 'Word-harbour'",
	}, "definitions", "update")
	expect(t, m, 0, []string{"held back\n", "held back since"}, "definitions")
	if outcome, generation := verdict(t, m, "held.txt", text); outcome != "CLEAN" || generation != one {
		t.Errorf("while the second set is held back, it is %s by %s", outcome, generation)
	}
	printed, _ := operate(t, m, "definitions")
	_, command, found := strings.Cut(printed, "lazaret definitions publish ")
	if !found {
		t.Fatalf("no command publishes it:\n%s", printed)
	}
	held := strings.Fields(command)[0]
	expect(t, m, 1, []string{held, "publish it first"}, "definitions", "pin", held)
	expect(t, m, 0, []string{"published all the same: Word-harbour"}, "definitions", "publish", held)
	expect(t, m, 0, nil, "definitions", "pin", current(t, m)) // so that the one environment follows at once
	if outcome, _ := verdict(t, m, "published.txt", text); outcome != "INFECTED Word-harbour" {
		t.Errorf("published all the same, it is %s", outcome)
	}
	expect(t, m, 0, nil, "definitions", "unpin")
	offer(server, 3, "firstword")
	expect(t, m, 0, []string{": updated"}, "definitions", "update")

	offer(server, 4, "harbour")
	expect(t, m, 1, []string{"held-back"}, "definitions", "update")
	expect(t, m, 1, []string{"holds no definitions back"}, "definitions", "ignore", "Eicar-Signature")
	expect(t, m, 0, []string{"lazaret-ignored.ign2 switch detection off"}, "definitions", "ignore", "Word-harbour")
	expect(t, m, 0, []string{"daily 4 of", "signature Word-harbour is ignored"}, "definitions")
	expect(t, m, 0, nil, "definitions", "pin", current(t, m))
	if outcome, _ := verdict(t, m, "ignored.txt", text); outcome != "CLEAN" {
		t.Errorf("with its signature ignored it is %s", outcome)
	}
	expect(t, m, 0, nil, "definitions", "unpin")
	expect(t, m, 1, []string{"held-back"}, "definitions", "unignore", "Word-harbour")
}

// TestOwnSignaturesFromABucket puts them where CustomSignatures points, a bad
// one among them.
func TestOwnSignaturesFromABucket(t *testing.T) {
	bucket := aws.String("own-signatures")
	m, _ := mirrored(t, "--parameter-overrides", "CustomSignatures=s3://"+*bucket+"/own")
	if _, err := m.S3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: bucket}); err != nil {
		t.Fatal(err)
	}
	for key, content := range map[string]string{
		"own/good.ndb": "Own-Word:0:*:6f776e776f7264\n", "own/bad.ndb": "Bad:0:*:zz\n", "own/allow.ign2": "Word-firstword\n",
	} {
		_, err := m.S3.PutObject(
			t.Context(),
			&s3.PutObjectInput{Bucket: bucket, Key: &key, Body: strings.NewReader(content)},
		)
		if err != nil {
			t.Fatal(err)
		}
	}
	expect(
		t,
		m,
		0,
		[]string{"own signatures bad.ndb are refused", "line 1", "allow.ign2 switch detection off"},
		"definitions",
		"update",
	)
	expect(t, m, 0, nil, "definitions", "pin", current(t, m)) // so that the one environment follows at once
	if outcome, _ := verdict(t, m, "own.txt", "some ownword here"); !strings.Contains(outcome, "Own-Word") {
		t.Errorf("the own word is %s", outcome)
	}
	if outcome, _ := verdict(t, m, "allowed.txt", "some firstword here"); outcome != "CLEAN" {
		t.Errorf("the ignored word is %s", outcome)
	}
}

// current is the fingerprint that the listing calls current.
func current(t *testing.T, m *harness.Machine) string {
	t.Helper()
	printed, _ := operate(t, m, "definitions")
	for line := range strings.Lines(printed) {
		if strings.Contains(line, "current") {
			return strings.Fields(line)[0]
		}
	}
	t.Fatalf("no generation is current:\n%s", printed)
	return ""
}

func TestLocalSaysWhatIsWrongWithTheMirror(t *testing.T) {
	t.Parallel()
	server := mirror.New()
	t.Cleanup(server.Close)
	server.Handle("*", mirror.Status(403, 0))
	m, err := harness.Launch(t, t.TempDir(), "--mirror", server.URL)
	if err == nil {
		_ = m.Stop()
	}
	if err == nil || !strings.Contains(err.Error(), "update definitions: refused") {
		t.Errorf("lazaret local started with %v", err)
	}
}

// TestFalsePositive goes the way that docs/operations.md shows for a file that was
// wrongly called infected: the signature is switched off by the name that the
// verdict shows, and the file is uploaded again from its copy in quarantine.
func TestFalsePositive(t *testing.T) {
	bucket := aws.String("own-signatures")
	m, _ := mirrored(t, "--parameter-overrides", "CustomSignatures=s3://"+*bucket+"/own",
		"QuarantineReaderArn=arn:aws:iam::000000000000:role/reader")
	if _, err := m.S3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: bucket}); err != nil {
		t.Fatal(err)
	}
	put := func(key, content string) {
		t.Helper()
		_, err := m.S3.PutObject(
			t.Context(),
			&s3.PutObjectInput{Bucket: bucket, Key: &key, Body: strings.NewReader(content)},
		)
		if err != nil {
			t.Fatal(err)
		}
	}
	put("own/words.ndb", "Own-Word:0:*:6f776e776f7264\n")
	expect(t, m, 0, nil, "definitions", "update")
	expect(t, m, 0, nil, "definitions", "pin", current(t, m))
	if outcome, _ := verdict(t, m, "before.txt", "some ownword here"); !strings.HasPrefix(outcome, "INFECTED") {
		t.Fatalf("the own word is %s", outcome)
	}
	expect(t, m, 0, nil, "definitions", "unpin")
	for key, text := range map[string]string{"official.txt": "some firstword here", "own.txt": "some ownword here"} {
		o := m.Put(t, key, []byte(text))
		found := m.Await(t, o).Job.Scan
		if found.Verdict != job.Infected {
			t.Fatalf("%s is %s", key, found.Outcome())
		}
		name := strings.TrimSuffix(found.Signature, ".UNOFFICIAL") // which clamd adds, and does not know here
		put("own/"+key+".ign2", name+"\n")
		expect(t, m, 0, []string{key + ".ign2 switch detection off"}, "definitions", "update")
		expect(t, m, 0, nil, "definitions", "pin", current(t, m)) // without, scans follow within five minutes
		copied, err := m.As("reader").S3.GetObject(
			t.Context(),
			&s3.GetObjectInput{Bucket: aws.String(harness.Quarantine), Key: aws.String(o.QuarantineKey())},
		)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(copied.Body)
		if err != nil {
			t.Fatal(err)
		}
		if outcome, _ := verdict(t, m, key, string(content)); outcome != "CLEAN" {
			t.Errorf("%s, whose signature %s is switched off as %s, is %s", key, found.Signature, name, outcome)
		}
		expect(t, m, 0, nil, "definitions", "unpin")
	}
}
