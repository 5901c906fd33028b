package view

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aws/smithy-go"

	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
)

// hostile are texts that would run, or break out of where they are, if they were not escaped.
var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onfocus='alert(1)`, `javascript:alert(1)`,
	"a\u202eb", "</textarea><svg/onload=alert(1)>", "{{.}}", "--><script>", "\x00",
}

var testPage = Parse(fstest.MapFS{"test.html": {Data: []byte(`{{define "main"}}<p title="{{plain .}}">{{template "text" .}}</p>` +
	`<form>{{template "form"}}<input name="key" value="{{.}}"></form>{{template "part" .}}{{end}}` +
	`{{define "part"}}<a href="{{link "/object" "key" .}}">{{template "text" .}}</a>{{end}}`)}}, "test.html")

func TestHostileText(t *testing.T) {
	t.Parallel()
	site := &View{Stack: deployment.Stack{Name: "lazaret"}}
	for _, text := range hostile {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if err := site.Render(w, r, testPage, Page{Title: text, Content: text}); err != nil {
			t.Fatal(err)
		}
		// A field of a form has the text as it is, because it is sent back; others cannot be affected by it.
		body := regexp.MustCompile(`<input [^>]*>`).ReplaceAllString(w.Body.String(), "")
		for _, wrong := range []string{
			"<script>a", "<img", "<svg/", "onfocus='alert", `href="javascript`, "\u202e", "\x00",
		} {
			if strings.Contains(body, wrong) {
				t.Errorf("%q: the page contains %q", text, wrong)
			}
		}
	}
}

// An error of an AWS client is shown without the SDK's words about the request, on a page and in a stream.
func TestClientError(t *testing.T) {
	t.Parallel()
	failure := &smithy.OperationError{ServiceID: "SFN", OperationName: "ListExecutions", Err: fmt.Errorf(
		"https response error StatusCode: 400, RequestID: 7, %w", &smithy.GenericAPIError{
			Code: "AccessDeniedException", Message: "you may not states:ListExecutions",
		})}
	site := &View{StreamEvery: time.Millisecond}
	const want = "SFN answered AccessDeniedException to ListExecutions: you may not states:ListExecutions"
	w := httptest.NewRecorder()
	site.Handler(func(http.ResponseWriter, *http.Request) error { return failure }).
		ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/x", nil))
	if body := w.Body.String(); !strings.Contains(body, want) || strings.Contains(body, "RequestID") {
		t.Errorf("got\n%s\nwant %q and no id of a request", body, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	w = httptest.NewRecorder()
	reads := 0
	err := site.Stream(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/x", nil), testPage, "part", time.Hour,
		func(context.Context) (any, bool, error) {
			if reads++; reads > 1 {
				cancel()
			}
			return nil, false, failure
		})
	if body := w.Body.String(); err != nil || !strings.Contains(body, "event: trouble\ndata: "+want+"\n") {
		t.Errorf("got %q and the error %v, want the event trouble with %q", body, err, want)
	}
}

// A stream ends when the browser takes nothing of it for a while, as one that was stopped does.
func TestStreamNobodyReads(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	site := &View{StreamEvery: time.Millisecond, StreamPatience: 50 * time.Millisecond}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := 0
		ended <- site.Stream(w, r, testPage, "part", time.Hour, func(context.Context) (any, bool, error) {
			n++
			return strings.Repeat(string(rune('a'+n%26)), 1<<20), false, nil
		})
	}))
	t.Cleanup(server.Close)
	client, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	if _, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("after a minute the stream has not ended")
	}
}

// Nothing of a page is inline that the content security policy forbids.
func TestNothingInline(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/x", nil)
	(&View{}).Fail(w, r, Problem{Status: 502, Says: "No.", Err: errors.New("why")})
	body := w.Body.String()
	if w.Code != 502 || !strings.Contains(body, "No.") || !strings.Contains(body, "why") || !strings.Contains(body, `href="/x"`) {
		t.Errorf("got %d\n%s\nwant the error, its cause, and a link to try again", w.Code, body)
	}
	for _, wrong := range []string{"<style", " style=", "<script>", " onclick", " onload"} {
		if strings.Contains(body, wrong) {
			t.Errorf("the layout contains %q", wrong)
		}
	}
}

func TestHandler(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err  error
		want int
	}{
		"not there": {NotFound("no %s", "page"), 404}, "wrong": {Wrong("no"), 400}, "AWS fails": {errors.New("no"), 502},
	} {
		w := httptest.NewRecorder()
		(&View{}).Handler(func(http.ResponseWriter, *http.Request) error { return test.err }).ServeHTTP(
			w, httptest.NewRequest(http.MethodGet, "/", nil))
		if w.Code != test.want {
			t.Errorf("%s: got %d, want %d", name, w.Code, test.want)
		}
	}
}

func TestStream(t *testing.T) {
	t.Parallel()
	values := []string{"one", "one", "", "two\r\nline", "two\r\nline", "end"}
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/live", nil)
	site := &View{StreamEvery: time.Millisecond}
	err := site.Stream(w, r, testPage, "part", time.Hour, func(context.Context) (any, bool, error) {
		value := values[0]
		values = values[1:]
		if value == "" {
			return nil, false, errors.New("not\nnow")
		}
		return value, value == "end", nil
	})
	if err != nil {
		t.Fatal(err)
	}
	body := w.Body.String()
	if got := strings.Count(body, "event: update\n"); got != 3 {
		t.Errorf("got %d updates, want 3:\n%s", got, body)
	}
	if !strings.Contains(body, "event: trouble\ndata: not\ndata: now\n\n") {
		t.Errorf("got no trouble in two lines:\n%s", body)
	}
	if !strings.HasSuffix(body, "event: done\ndata: \n\n") {
		t.Errorf("got no end:\n%s", body)
	}
	if strings.Contains(body, "\r") {
		t.Error("a carriage return ends a line of an event")
	}
}

// A stream ends when the browser goes.
func TestStreamEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	r := httptest.NewRequest(http.MethodGet, "/live", nil).WithContext(ctx)
	err := (&View{}).Stream(httptest.NewRecorder(), r, testPage, "part", time.Hour,
		func(context.Context) (any, bool, error) {
			cancel()
			return "x", false, nil
		})
	if err != nil {
		t.Error(err)
	}
}

func TestAssets(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]int{
		"/assets/console.css": 200, "/assets/console.js": 200, "/assets/icon.svg": 200, "/assets/": 404, "/assets/none": 404,
	} {
		w := httptest.NewRecorder()
		Assets().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != want {
			t.Errorf("%s: got %d, want %d", path, w.Code, want)
		}
	}
}
