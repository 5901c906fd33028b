package endtoend

import (
	"bytes"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

type action = func(n int, c proxiedCall, w http.ResponseWriter, forward http.Handler, r *http.Request)

// firstCalls returns an action for the first calls; it forwards the others.
func firstCalls(limit int, act action) action {
	return func(n int, c proxiedCall, w http.ResponseWriter, forward http.Handler, r *http.Request) {
		if n > limit {
			forward.ServeHTTP(w, r)
			return
		}
		act(n, c, w, forward, r)
	}
}

// answerSlowly forwards the call and sends the answer in pieces, with a pause before each.
func answerSlowly(_ int, _ proxiedCall, w http.ResponseWriter, forward http.Handler, r *http.Request) {
	answer := httptest.NewRecorder()
	forward.ServeHTTP(answer, r)
	maps.Copy(w.Header(), answer.Header())
	time.Sleep(300 * time.Millisecond) // the slowness is the fault
	w.WriteHeader(answer.Code)
	for body := answer.Body; body.Len() > 0; time.Sleep(100 * time.Millisecond) {
		_, _ = w.Write(body.Next(body.Len()/3 + 1))
		_ = http.NewResponseController(w).Flush()
	}
}

// cutAnswer forwards the call and closes the connection in the middle of the answer's body.
func cutAnswer(_ int, _ proxiedCall, w http.ResponseWriter, forward http.Handler, r *http.Request) {
	answer := httptest.NewRecorder()
	forward.ServeHTTP(answer, r)
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Next(answer.Body.Len() / 2))
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// changeOneByte forwards the call and changes one byte of the answer's body.
func changeOneByte(_ int, _ proxiedCall, w http.ResponseWriter, forward http.Handler, r *http.Request) {
	answer := httptest.NewRecorder()
	forward.ServeHTTP(answer, r)
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	body := answer.Body.Bytes()
	body[len(body)/2] ^= 1
	_, _ = w.Write(body)
}

// failAfterwards forwards the call and answers that it failed.
func failAfterwards(n int, c proxiedCall, w http.ResponseWriter, forward http.Handler, r *http.Request) {
	forward.ServeHTTP(httptest.NewRecorder(), r)
	answerError(http.StatusInternalServerError, "InternalError")(n, c, w, forward, r)
}

// testS3 has S3 fail in many ways. The SDK sends a request three times in each invocation, and the state machine
// invokes the function six times.
func (p *proxy) testS3(t *testing.T) {
	t.Parallel()
	slowDown := answerError(http.StatusServiceUnavailable, "SlowDown")
	internal := answerError(http.StatusInternalServerError, "InternalError")
	infected, harmless := eicar.Bytes(), sample.Text("fair wind")
	big := append(sample.Filler(9<<20), infected...) // two parts
	tests := []struct {
		name    string
		which   string
		act     action
		content []byte
		want    end
	}{
		{"HEAD asked to slow down", "fetch HeadObject", firstCalls(4, slowDown), big, endQuarantined},
		{"GET asked to slow down, once", "fetch GetObject", firstCalls(1, slowDown), infected, endQuarantined},
		{"GET asked to slow down, for long", "fetch GetObject", firstCalls(7, slowDown), infected, endQuarantined},
		{"GET fails", "fetch GetObject", firstCalls(4, internal), infected, endQuarantined},
		{"GET is slow", "fetch GetObject", answerSlowly, infected, endQuarantined},
		{"GET is cut once", "fetch GetObject", firstCalls(1, cutAnswer), infected, endQuarantined},
		{"GET is cut, several times", "fetch GetObject", firstCalls(4, cutAnswer), infected, endQuarantined},
		{"one part of two is cut", "fetch GetObject", firstCalls(1, cutAnswer), big, endQuarantined},
		{"GET is cut for ever", "fetch GetObject", cutAnswer, infected, endDeadLetter},
		{"wrong bytes once, infected", "fetch GetObject", firstCalls(1, changeOneByte), infected, endQuarantined},
		{"wrong bytes once, clean", "fetch GetObject", firstCalls(1, changeOneByte), harmless, endClean},
		{"wrong bytes in one part", "fetch GetObject", firstCalls(1, changeOneByte), big, endQuarantined},
		{"wrong bytes for ever, infected", "fetch GetObject", changeOneByte, infected, endDeadLetter},
		{"wrong bytes for ever, clean", "fetch GetObject", changeOneByte, harmless, endDeadLetter},
		{"tags cannot be read", "tag GetObjectTagging", firstCalls(4, slowDown), infected, endQuarantined},
		{"tags cannot be written", "tag PutObjectTagging", firstCalls(4, internal), harmless, endClean},
		{"tags are written and it says no", "tag PutObjectTagging", firstCalls(4, failAfterwards), harmless, endClean},
		{"copy to quarantine slowed down", "quarantine CopyObject", firstCalls(4, slowDown), infected, endQuarantined},
		{
			"copy to quarantine made and it says no",
			"quarantine CopyObject",
			firstCalls(4, failAfterwards),
			infected,
			endQuarantined,
		},
		{"copy to quarantine is slow", "quarantine", answerSlowly, infected, endQuarantined},
		{"original not deleted", "quarantine DeleteObject", firstCalls(4, internal), infected, endQuarantined},
		{
			"original deleted and it says no",
			"quarantine DeleteObject",
			firstCalls(4, failAfterwards),
			infected,
			endQuarantined,
		},
		{"promotion slowed down", "promote CopyObject", firstCalls(4, slowDown), harmless, endClean},
		{"promotion made and it says no", "promote CopyObject", firstCalls(4, failAfterwards), harmless, endClean},
		{
			"promoted original deleted and it says no",
			"promote DeleteObject",
			firstCalls(4, failAfterwards),
			harmless,
			endClean,
		},
		{"topic fails", "notify Publish", firstCalls(4, internal), infected, endQuarantined},
		{
			"bus throttles",
			"notify PutEvents",
			firstCalls(4, answerError(0, "ThrottlingException")),
			infected,
			endQuarantined,
		},
	}
	uploads := map[bool]func(testing.TB, string, []byte) job.Object{
		true:  func(t testing.TB, key string, content []byte) job.Object { return p.Put(t, key, content) },
		false: p.putPlain,
	}
	for _, test := range tests {
		for checksummed, put := range uploads {
			if !checksummed && !strings.Contains(test.name, "wrong bytes") {
				continue
			}
			name := test.name
			if !checksummed {
				name = "without a checksum, " + name // no key is a part of another, or its fault would meet both
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				key := "s3/" + name
				f := p.addFault(test.which, key, test.act)
				o := put(t, key, test.content)
				r := p.Await(t, o)
				if len(f.seen()) == 0 {
					t.Error("got no call with the fault, want one")
				}
				want := map[job.Object]end{o: test.want}
				p.checkEnds(t, want)
				if test.want != endDeadLetter {
					p.checkBytes(t, o, test.want, test.content)
				} else if r.Failure.Error != job.Name(job.ErrTransient) || r.Job.Scan != nil {
					t.Errorf(
						"got a dead letter with %+v and the scan %+v, want Transient and no scan",
						r.Failure,
						r.Job.Scan,
					)
				}
			})
		}
	}
}

// putPlain uploads in one request without a checksum, as older clients do. The ETag is the MD5 then.
func (p *proxy) putPlain(t testing.TB, key string, content []byte) job.Object {
	t.Helper()
	client := s3.NewFromConfig(p.Config, func(o *s3.Options) {
		o.UsePathStyle, o.RequestChecksumCalculation = true, aws.RequestChecksumCalculationWhenRequired
	})
	out, err := client.PutObject(
		t.Context(),
		&s3.PutObjectInput{Bucket: aws.String(harness.Uploads), Key: &key, Body: bytes.NewReader(content)},
	)
	if err != nil {
		t.Fatalf("upload %q: %v", key, err)
	}
	return job.Object{
		Bucket: harness.Uploads, Key: key, VersionID: aws.ToString(out.VersionId),
		ETag: strings.Trim(aws.ToString(out.ETag), `"`), Size: int64(len(content)),
	}
}
