package machine

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
	"github.com/lazaret/lazaret/local/sample"
)

type action = func(n int, c call, w http.ResponseWriter, forward http.Handler, r *http.Request)

// first does something to the first n calls and lets the others pass.
func first(limit int, act action) action {
	return func(n int, c call, w http.ResponseWriter, forward http.Handler, r *http.Request) {
		if n > limit {
			forward.ServeHTTP(w, r)
			return
		}
		act(n, c, w, forward, r)
	}
}

// slowly passes an answer on in pieces, with a pause before each.
func slowly(_ int, _ call, w http.ResponseWriter, forward http.Handler, r *http.Request) {
	answer := httptest.NewRecorder()
	forward.ServeHTTP(answer, r)
	maps.Copy(w.Header(), answer.Header())
	time.Sleep(300 * time.Millisecond) // this is the fault, nothing waits for it
	w.WriteHeader(answer.Code)
	for body := answer.Body; body.Len() > 0; time.Sleep(100 * time.Millisecond) {
		_, _ = w.Write(body.Next(body.Len()/3 + 1))
		_ = http.NewResponseController(w).Flush()
	}
}

// cut ends the connection in the middle of the body.
func cut(_ int, _ call, w http.ResponseWriter, forward http.Handler, r *http.Request) {
	answer := httptest.NewRecorder()
	forward.ServeHTTP(answer, r)
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Next(answer.Body.Len() / 2))
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// spoil changes one byte of the body and nothing else.
func spoil(_ int, _ call, w http.ResponseWriter, forward http.Handler, r *http.Request) {
	answer := httptest.NewRecorder()
	forward.ServeHTTP(answer, r)
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	body := answer.Body.Bytes()
	body[len(body)/2] ^= 1
	_, _ = w.Write(body)
}

// done lets the service do what it is asked and says that it failed.
func done(n int, c call, w http.ResponseWriter, forward http.Handler, r *http.Request) {
	forward.ServeHTTP(httptest.NewRecorder(), r)
	refuse(http.StatusInternalServerError, "InternalError")(n, c, w, forward, r)
}

// testS3 lets S3 answer as it does on bad days. The SDK asks three times in each
// invocation, the state machine invokes six times.
func (p *proxy) testS3(t *testing.T) {
	t.Parallel()
	slowDown := refuse(http.StatusServiceUnavailable, "SlowDown")
	internal := refuse(http.StatusInternalServerError, "InternalError")
	infected, harmless := eicar.Bytes(), sample.Text("fair wind")
	big := append(sample.Filler(9<<20), infected...) // two parts
	tests := []struct {
		name    string
		which   string
		act     action
		content []byte
		want    end
	}{
		{"HEAD asked to slow down", "fetch HeadObject", first(4, slowDown), infected, endQuarantined},
		{"GET asked to slow down, once", "fetch GetObject", first(1, slowDown), infected, endQuarantined},
		{"GET asked to slow down, for long", "fetch GetObject", first(7, slowDown), infected, endQuarantined},
		{"GET fails", "fetch GetObject", first(4, internal), infected, endQuarantined},
		{"GET is slow", "fetch GetObject", slowly, infected, endQuarantined},
		{"GET is cut once", "fetch GetObject", first(1, cut), infected, endQuarantined},
		{"GET is cut, several times", "fetch GetObject", first(4, cut), infected, endQuarantined},
		{"one part of two is cut", "fetch GetObject", first(1, cut), big, endQuarantined},
		{"GET is cut for ever", "fetch GetObject", cut, infected, endDead},
		{"wrong bytes once, infected", "fetch GetObject", first(1, spoil), infected, endQuarantined},
		{"wrong bytes once, clean", "fetch GetObject", first(1, spoil), harmless, endClean},
		{"wrong bytes in one part", "fetch GetObject", first(1, spoil), big, endQuarantined},
		{"wrong bytes for ever, infected", "fetch GetObject", spoil, infected, endDead},
		{"wrong bytes for ever, clean", "fetch GetObject", spoil, harmless, endDead},
		{"tags cannot be read", "tag GetObjectTagging", first(4, slowDown), infected, endQuarantined},
		{"tags cannot be written", "tag PutObjectTagging", first(4, internal), harmless, endClean},
		{"tags are written and it says no", "tag PutObjectTagging", first(4, done), harmless, endClean},
		{"copy to quarantine slowed down", "quarantine CopyObject", first(4, slowDown), infected, endQuarantined},
		{"copy to quarantine made and it says no", "quarantine CopyObject", first(4, done), infected, endQuarantined},
		{"copy to quarantine is slow", "quarantine", slowly, infected, endQuarantined},
		{"original not deleted", "quarantine DeleteObject", first(4, internal), infected, endQuarantined},
		{"original deleted and it says no", "quarantine DeleteObject", first(4, done), infected, endQuarantined},
		{"promotion slowed down", "promote CopyObject", first(4, slowDown), harmless, endClean},
		{"promotion made and it says no", "promote CopyObject", first(4, done), harmless, endClean},
		{"promoted original deleted and it says no", "promote DeleteObject", first(4, done), harmless, endClean},
		{"topic fails", "notify Publish", first(4, internal), infected, endQuarantined},
		{"bus throttles", "notify PutEvents", first(4, refuse(0, "ThrottlingException")), infected, endQuarantined},
	}
	uploads := map[bool]func(testing.TB, string, []byte) job.Object{
		true: func(t testing.TB, key string, content []byte) job.Object { return p.Put(t, key, content) }, false: p.putPlain,
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
				f := p.on(test.which, key, test.act)
				o := put(t, key, test.content)
				r := p.Await(t, o)
				if len(f.seen()) == 0 {
					t.Error("the fault met no call")
				}
				want := map[job.Object]end{o: test.want}
				p.checkEnds(t, want)
				if test.want != endDead {
					p.checkBytes(t, o, test.want, test.content)
				} else if r.Dead.Error != job.Name(job.ErrTransient) || r.Job.Scan != nil {
					t.Errorf("dead letter after %+v with the scan %+v", r.Dead, r.Job.Scan)
				}
			})
		}
	}
}

// putPlain uploads in one piece without a checksum of the newer kind, as clients
// did for years: all that S3 knows is the MD5 in the ETag.
func (p *proxy) putPlain(t testing.TB, key string, content []byte) job.Object {
	t.Helper()
	client := s3.NewFromConfig(p.Config, func(o *s3.Options) {
		o.UsePathStyle, o.RequestChecksumCalculation = true, aws.RequestChecksumCalculationWhenRequired
	})
	out, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(Uploads), Key: &key, Body: bytes.NewReader(content)})
	if err != nil {
		t.Fatalf("upload %q: %v", key, err)
	}
	return job.Object{
		Bucket: Uploads, Key: key, VersionID: aws.ToString(out.VersionId),
		ETag: strings.Trim(aws.ToString(out.ETag), `"`), Size: int64(len(content)),
	}
}
