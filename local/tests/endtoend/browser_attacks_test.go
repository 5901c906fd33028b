package endtoend

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// attackedBucket is a bucket whose uploads are not scanned.
const attackedBucket = "samples"

// TestBrowserAttacks checks that a page cannot change or read anything of the stack, whatever its origin is: another
// site, another port of this computer under each of its names, or a sandbox. A server that accepts everything shows
// that the page sends the requests.
func TestBrowserAttacks(t *testing.T) {
	if !*browse {
		t.Skip("it needs a browser: make browser")
	}
	m := start(t, "--parameter-overrides", "ReadGate=off")
	if _, err := m.S3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(attackedBucket)}); err != nil {
		t.Fatal(err)
	}
	queue, err := m.SQS.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("told")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.SNS.Subscribe(t.Context(), &sns.SubscribeInput{
		TopicArn: aws.String(harness.Verdicts),
		Protocol: aws.String("sqs"),
		Endpoint: aws.String("arn:aws:sqs:us-east-1:000000000000:told"),
	}); err != nil {
		t.Fatal(err)
	}
	target := m.Put(
		t,
		"target",
		sample.Text("secret"),
		func(in *s3.PutObjectInput) { in.Bucket = aws.String(attackedBucket) },
	)
	generation := m.listing(t).Current
	for name, at := range map[string]string{
		"a site": "evil.test/page", "another port": "127.0.0.1/page", "another name": "localhost/page", "a sandbox": "evil.test/sandboxed/page",
	} {
		t.Run(name, func(t *testing.T) {
			pages := startForeignServer(t, nil)
			taker := startForeignServer(t, func(*http.Request) (string, string) { return "text/plain", "" })
			host, path, _ := strings.Cut(at, "/")
			attacks, shown := attacksOn(t, m, m.Endpoint, target, generation), attacksOn(
				t,
				m,
				taker.URL,
				target,
				generation,
			)
			all := append([]attack(nil), attacks...)
			for _, a := range shown {
				a.Name += " of the other"
				all = append(all, a)
			}
			read := attackFrom(t, pages, pages.urlAs(host)+"/"+path, all)
			for _, a := range shown {
				u, err := url.Parse(a.URL)
				if err != nil {
					t.Fatal(err)
				}
				method := map[string]string{"form": "POST", "beacon": "POST"}[a.Way]
				if method == "" {
					method = strings.ToUpper(a.Method)
				}
				if method == "" {
					method = "GET"
				}
				if !taker.has(method, u.RequestURI()) {
					t.Errorf(
						"attack %q: got no request %s %s at the other server, want one",
						a.Name,
						method,
						u.RequestURI(),
					)
				}
			}
			for attack, content := range read {
				if content != "" && !strings.HasSuffix(attack, " of the other") {
					t.Errorf("%s: the page has read %q, want nothing", attack, content)
				}
			}
			m.checkUntouched(t, target, *queue.QueueUrl)
		})
	}
}

// attacksOn returns requests that worked before the local stack checked origins, and similar ones. The page knows the
// secret keys, so the requests are signed.
func attacksOn(t *testing.T, m *machine, endpoint string, target job.Object, generation string) []attack {
	t.Helper()
	config := m.Config.Copy()
	config.BaseEndpoint = &endpoint
	urls := s3.NewPresignClient(s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = true }))
	sign := func(r *v4.PresignedHTTPRequest, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return r.URL
	}
	get := func(how string) string { // what differs is signed too
		return sign(urls.PresignGetObject(t.Context(), &s3.GetObjectInput{
			Bucket:              aws.String(attackedBucket),
			Key:                 aws.String("target"),
			ResponseContentType: aws.String("text/" + how),
		}))
	}
	planted := &s3.PutObjectInput{Bucket: aws.String(attackedBucket), Key: aws.String("planted")}
	form, err := urls.PresignPostObject(t.Context(), planted)
	if err != nil {
		t.Fatal(err)
	}
	form.Values["key"] = "planted"
	form.Values["file"] = "planted"
	judged := job.Job{Version: job.Version, Object: target, Scan: &job.Scan{
		Verdict:     job.Clean,
		Size:        target.Size,
		SHA256:      strings.Repeat("0", 64),
		Time:        time.Now(),
		Engine:      job.Engine{Name: "clamd", Version: "1"},
		Definitions: &job.Definitions{Fingerprint: generation},
	}}
	verdict, err := json.Marshal(judged)
	if err != nil {
		t.Fatal(err)
	}
	invoke := func(function string) string {
		return endpoint + "/2015-03-31/functions/lazaret-" + function + "/invocations"
	}
	scope := "?X-Amz-Credential=test%2F20260101%2Fus-east-1%2Fsns%2Faws4_request"
	publish := map[string]string{
		"Action":   "Publish",
		"Version":  "2010-03-31",
		"TopicArn": harness.Verdicts,
		"Message":  "planted",
	}
	query := url.Values{}
	for name, value := range publish {
		query.Set(name, value)
	}
	body := `{"QueueUrl": "` + m.Endpoint + `/000000000000/told", "MessageBody": "planted"}`
	return []attack{
		{Name: "upload by form", Way: "form", URL: form.URL, Enctype: "multipart/form-data", Fields: form.Values},
		{
			Name:   "upload",
			Way:    "fetch",
			Method: "PUT",
			Mode:   "cors",
			Body:   "planted",
			URL:    sign(urls.PresignPutObject(t.Context(), planted)),
		},
		{Name: "delete", Way: "fetch", Method: "DELETE", Mode: "cors", URL: sign(urls.PresignDeleteObject(t.Context(),
			&s3.DeleteObjectInput{Bucket: aws.String(attackedBucket), Key: aws.String("target")}))},
		{Name: "read", Way: "fetch", Mode: "cors", URL: get("read")},
		{Name: "read in secret", Way: "fetch", Mode: "no-cors", URL: get("secret")},
		{Name: "show as an image", Way: "img", URL: get("img")},
		{Name: "run as a script", Way: "script", URL: get("javascript")},
		{Name: "show in a frame", Way: "iframe", URL: get("html")},
		{Name: "show in a window", Way: "open", URL: get("window")},
		{
			Name:   "forge a verdict",
			Way:    "fetch",
			Method: "POST",
			Mode:   "no-cors",
			URL:    invoke("tag"),
			Body:   string(verdict),
		},
		{Name: "forge a verdict by beacon", Way: "beacon", URL: invoke("tag") + "?beacon", Body: string(verdict)},
		{
			Name: "pin the definitions", Way: "fetch", Method: "POST", Mode: "no-cors", URL: invoke("freshclam"),
			Body: `{"definitions": "pin", "generation": "` + generation + `"}`,
		},
		{
			Name:    "announce by form",
			Way:     "form",
			URL:     endpoint + "/" + scope,
			Enctype: "application/x-www-form-urlencoded",
			Fields:  publish,
		},
		{
			Name:    "announce by form of another kind",
			Way:     "form",
			URL:     endpoint + "/" + scope + "&" + query.Encode(),
			Enctype: "text/plain",
		},
		{Name: "announce by image", Way: "img", URL: endpoint + "/" + scope + "&image&" + query.Encode()},
		{
			Name:    "send to a queue",
			Way:     "fetch",
			Method:  "POST",
			Mode:    "cors",
			URL:     endpoint + "/000000000000/told",
			Body:    body,
			Headers: signedHeaders(t, endpoint+"/000000000000/told", body),
		},
		{Name: "open a socket", Way: "socket", URL: endpoint + "/socket"},
	}
}

// signedHeaders returns the headers of a signed request to SQS.
func signedHeaders(t *testing.T, at, body string) map[string]string {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, at, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = 0 // pages cannot tell it
	r.Header.Set("X-Amz-Target", "AmazonSQS.SendMessage")
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	sum := sha256.Sum256([]byte(body))
	err = v4.NewSigner().SignHTTP(
		context.Background(),
		aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"},
		r,
		hex.EncodeToString(sum[:]),
		"sqs",
		"us-east-1",
		time.Now(),
	)
	if err != nil {
		t.Fatal(err)
	}
	headers := map[string]string{}
	for name := range r.Header {
		headers[name] = r.Header.Get(name)
	}
	return headers
}

// checkUntouched checks that no attack has changed anything.
func (m *machine) checkUntouched(t *testing.T, target job.Object, queue string) {
	t.Helper()
	objects, err := m.S3.ListObjectVersions(
		t.Context(),
		&s3.ListObjectVersionsInput{Bucket: aws.String(attackedBucket)},
	)
	if err != nil {
		t.Fatal(err)
	}
	if len(objects.Versions) != 1 || aws.ToString(objects.Versions[0].Key) != "target" ||
		len(objects.DeleteMarkers) > 0 {
		t.Errorf("got the objects %+v, want target only", objects)
	}
	if tags := m.Tags(t, target); len(tags) > 0 {
		t.Errorf("tags of the object: got %v, want none", tags)
	}
	if pinned := m.listing(t).Pinned; pinned != "" {
		t.Errorf("got the pinned generation %s, want none", pinned)
	}
	got, err := m.SQS.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &queue, MaxNumberOfMessages: 10})
	if err != nil || len(got.Messages) > 0 {
		t.Errorf("got %d messages, %v, want none", len(got.Messages), err)
	}
}

type listing struct{ Current, Pinned string }

// listing returns the answer of the freshclam function about the definitions.
func (m *machine) listing(t *testing.T) (l listing) {
	t.Helper()
	out, err := m.Lambda.Invoke(
		t.Context(),
		&lambda.InvokeInput{FunctionName: aws.String("lazaret-freshclam"), Payload: []byte(`{"definitions": "list"}`)},
	)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out.Payload, &l); err != nil || l.Current == "" {
		t.Fatalf("list definitions: %s, %v", out.Payload, err)
	}
	return l
}

// TestBrowserObjects checks that an object that a person opens is shown and runs nothing, whatever it contains and
// under whatever type it is requested. The same content from another server runs.
func TestBrowserObjects(t *testing.T) {
	if !*browse {
		t.Skip("it needs a browser: make browser")
	}
	m := start(t, "--parameter-overrides", "ReadGate=off")
	other := startForeignServer(t, nil)
	urls := s3.NewPresignClient(m.S3)
	var elsewhere []attack
	type answer struct{ contentType, content string }
	pages := map[string]answer{} // by path
	other.page = func(r *http.Request) (string, string) { p := pages[r.URL.Path]; return p.contentType, p.content }
	const script = `document.documentElement.dataset.did = "run"; new Image().src = "SINK"; fetch("SINK", {mode: "no-cors"})`
	for name, object := range map[string]struct{ stored, asked, content string }{
		"page":                 {"text/html", "", `<p>shown</p><script>` + script + `</script>`},
		"page of another type": {"text/plain", "text/html", `<p>shown</p><script>` + script + `</script>`},
		"image": {
			"image/svg+xml", "",
			`<svg xmlns="http://www.w3.org/2000/svg"><text>shown</text><script>` + script + `</script></svg>`,
		},
		"XHTML": {
			"application/xhtml+xml", "",
			`<html xmlns="http://www.w3.org/1999/xhtml"><p>shown</p><script>` + script + `</script></html>`,
		},
		"page that loads": {
			"text/html", "",
			`<p>shown</p><img src="SINK"><link rel="stylesheet" href="SINK"><iframe src="SINK"></iframe>`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			key, sink := "opened "+name, "/did/"+strings.ReplaceAll(name, " ", "-")+"/"
			content := strings.ReplaceAll(object.content, "SINK", other.URL+sink)
			m.Await(t, m.Put(t, key, []byte(content), func(in *s3.PutObjectInput) { in.ContentType = &object.stored }))
			in := &s3.GetObjectInput{Bucket: aws.String(harness.Uploads), Key: &key}
			if object.asked != "" {
				in.ResponseContentType = &object.asked
			}
			at, err := urls.PresignGetObject(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			document := documentOf(t, at.URL)
			if !strings.Contains(document, "shown") || strings.Contains(document, `data-did`) ||
				other.has("GET", sink) {
				t.Errorf("from the stack: got %s, want the text without effects", document)
			}
			pages["/shown"+sink] = answer{cmp.Or(object.asked, object.stored), content}
			elsewhere = append(elsewhere, attack{Name: sink, Way: "iframe", URL: other.URL + "/shown" + sink})
		})
	}
	visitor := startForeignServer(t, nil)
	attackFrom(t, visitor, visitor.URL+"/page", elsewhere)
	for _, a := range elsewhere {
		if !other.has("GET", " "+a.Name) {
			t.Errorf("%s: from another server: got no request, want one", a.Name)
		}
	}
}

// TestBrowserRebinding checks that the stack does not answer to other host names that resolve to this computer.
func TestBrowserRebinding(t *testing.T) {
	if !*browse {
		t.Skip("it needs a browser: make browser")
	}
	m := start(t)
	document := documentOf(t, strings.Replace(m.Endpoint, "127.0.0.1", "rebound.test", 1)+"/")
	if !strings.Contains(document, "--allow-host") {
		t.Errorf("as rebound.test: got %s, want a refusal that names --allow-host", document)
	}
	document = documentOf(t, strings.Replace(m.Endpoint, "127.0.0.1", "localhost", 1)+"/")
	if strings.Contains(document, "--allow-host") {
		t.Errorf("as localhost: got %s, want an answer", document)
	}
}

// TestBrowserCORS checks that the CORS configuration of a bucket works for its origin and for that bucket only.
func TestBrowserCORS(t *testing.T) {
	if !*browse {
		t.Skip("it needs a browser: make browser")
	}
	m := start(t)
	for _, bucket := range []string{"shared", "private"} {
		if _, err := m.S3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
			t.Fatal(err)
		}
		m.Put(t, "letter", []byte("a letter"), func(in *s3.PutObjectInput) { in.Bucket = &bucket })
	}
	pages := startForeignServer(t, nil)
	_, err := m.S3.PutBucketCors(
		t.Context(),
		&s3.PutBucketCorsInput{Bucket: aws.String("shared"), CORSConfiguration: &types.CORSConfiguration{
			CORSRules: []types.CORSRule{
				{
					AllowedOrigins: []string{pages.urlAs("app.test")},
					AllowedMethods: []string{"GET", "PUT"},
					AllowedHeaders: []string{"*"},
				},
			},
		}},
	)
	if err != nil {
		t.Fatal(err)
	}
	urls := s3.NewPresignClient(m.S3)
	attacks := []attack{}
	for _, bucket := range []string{"shared", "private"} {
		get, err := urls.PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("letter")})
		if err != nil {
			t.Fatal(err)
		}
		put, err := urls.PresignPutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("put")})
		if err != nil {
			t.Fatal(err)
		}
		attacks = append(attacks, attack{Name: bucket, Way: "fetch", Mode: "cors", URL: get.URL},
			attack{Name: bucket + " put", Way: "fetch", Mode: "cors", Method: "PUT", Body: "by a page", URL: put.URL})
	}
	for host, want := range map[string]bool{"evil.test": false, "app.test": true} {
		read := attackFrom(t, pages, pages.urlAs(host)+"/page", attacks)
		if got := read["shared"] == "a letter"; got != want || read["private"] != "" {
			t.Errorf("%s could read %v, want the shared bucket's: %t", host, read, want)
		}
	}
	for bucket, want := range map[string]int{"shared": 2, "private": 1} {
		objects, err := m.S3.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
		if err != nil || len(objects.Contents) != want {
			t.Errorf("bucket %s has %d objects, %v, want %d", bucket, len(objects.Contents), err, want)
		}
	}
}
