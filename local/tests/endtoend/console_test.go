package endtoend

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// consoleClient is a browser without scripts, as far as a test of the console needs one.
type consoleClient struct {
	t      *testing.T
	origin string // such as http://127.0.0.1:4567
	http   *http.Client
}

// visitConsole opens the URL that lazaret local has printed.
func visitConsole(t *testing.T, m *harness.Machine) consoleClient {
	t.Helper()
	u, err := url.Parse(m.Console)
	if err != nil || m.Console == "" {
		t.Fatalf("lazaret local has printed the console's URL %q: %v", m.Console, err)
	}
	jar, _ := cookiejar.New(nil) // never fails
	c := consoleClient{t, "http://" + u.Host, &http.Client{Jar: jar, Timeout: harness.WaitLimit}}
	if _, body := c.get("/?" + u.RawQuery); !strings.Contains(body, "<h1") {
		t.Fatalf("the console's first page:\n%s", body)
	}
	return c
}

// get returns a page.
func (c consoleClient) get(path string) (int, string) {
	c.t.Helper()
	return c.do(http.MethodGet, path, nil, nil)
}

func (c consoleClient) do(method, path string, form url.Values, header http.Header) (int, string) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.origin+path, strings.NewReader(form.Encode()))
	if err != nil {
		c.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", c.origin)
	}
	for name, values := range header {
		r.Header[name] = values
		if name == "Host" {
			r.Host = values[0]
		}
	}
	answer, err := c.http.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer.StatusCode, html.UnescapeString(string(body))
}

// await loads a page until it contains a text.
func (c consoleClient) await(path, text string) string {
	c.t.Helper()
	for end := time.Now().Add(harness.WaitLimit); ; time.Sleep(200 * time.Millisecond) {
		_, body := c.get(path)
		if strings.Contains(body, text) {
			return body
		}
		if time.Now().After(end) {
			c.t.Fatalf("%s does not say %q:\n%s", path, text, body)
		}
	}
}

var (
	formToken = regexp.MustCompile(`name="form-token" value="([^"]+)"`)
	taskPath  = regexp.MustCompile(`data-live="(/tasks/[^/"]+)/live"`)
)

// press sends the form of a second step, and returns the path of its task, or "" if that has ended already.
func (c consoleClient) press(path string, form url.Values) string {
	c.t.Helper()
	_, asked := c.get(path)
	token := formToken.FindStringSubmatch(asked)
	if token == nil {
		c.t.Fatalf("%s has no form:\n%s", path, asked)
	}
	form.Set("form-token", token[1])
	action, _, _ := strings.Cut(path, "?")
	code, body := c.do(http.MethodPost, action, form, nil)
	if code != http.StatusOK || !strings.Contains(body, `id="task"`) {
		c.t.Fatalf("the form of %s: got %d\n%s", path, code, body)
	}
	if found := taskPath.FindStringSubmatch(body); found != nil {
		return found[1]
	}
	return ""
}

// TestConsole walks through the pages of the console beside a local stack with objects of all outcomes, and sends
// dead letters back.
func TestConsole(t *testing.T) {
	eachLane(t, testConsole)
}

func testConsole(t *testing.T, workflow string) {
	m := harness.Start(t, "--console-port", "0", "--time-scale", "100", "--parameter-overrides", workflow)
	t.Cleanup(func() { m.RemoveWorkFiles(t) })
	const hostile = "in/<script>alert(1)</script>\u202egpj.exe"
	clean := m.Put(t, "in/clean.txt", sample.Text("console"))
	infected := m.Put(t, hostile, eicar.Bytes())
	full := m.Put(t, "in/ten tags", sample.Text("ten tags"), func(in *s3.PutObjectInput) {
		in.Tagging = aws.String("a=1&b=2&c=3&d=4&e=5&f=6&g=7&h=8&i=9&j=10")
	})
	c := visitConsole(t, m)

	c.await("/executions", "in/clean.txt")
	body := c.await("/executions?verdict=INFECTED", `\u202e`)
	if strings.Contains(body, "\u202e") || strings.Contains(body, "in/clean.txt") {
		t.Errorf("the infected executions:\n%s", body)
	}
	c.await("/executions?q=ten", "dead letter")
	object := func(key string) string {
		return "/object?wait=yes&" + url.Values{"bucket": {clean.Bucket}, "key": {key}}.Encode()
	}
	c.await(object(clean.Key), "Lazaret does not refuse to serve it")
	c.await(object(infected.Key), "It was moved to quarantine")
	c.await(object(full.Key), "among the dead letters")
	c.await("/objects?prefix=in%2F", "clean.txt")
	c.await("/quarantine", "Eicar")
	c.await("/definitions", "current")
	c.await("/", "lazaret dead-letters list")
	c.await("/dead-letters", "TagLimit")

	// The cause goes, and the letter goes back.
	if _, err := m.S3.DeleteObjectTagging(t.Context(), &s3.DeleteObjectTaggingInput{
		Bucket: &full.Bucket, Key: &full.Key, VersionId: &full.VersionID,
	}); err != nil {
		t.Fatal(err)
	}
	if task := c.press("/dead-letters/redrive?error=TagLimit", url.Values{"error": {"TagLimit"}}); task != "" {
		c.await(task, "1 dead letter sent back")
	}
	c.await("/dead-letters", "There are no dead letters")
	c.await(object(full.Key), "Lazaret does not refuse to serve it")

	// A scan that an operator asks for.
	of := url.Values{"bucket": {clean.Bucket}, "key": {clean.Key}, "versionId": {clean.VersionID}}
	if task := c.press("/object/rescan?"+of.Encode(), of); task != "" {
		c.await(task, "the verdict of this scan")
	}
}

// TestConsoleStrangers checks that nobody gets in without the token, and that no page of another origin presses
// anything.
func TestConsoleStrangers(t *testing.T) {
	t.Parallel()
	m := harness.Start(t, "--console-port", "0")
	c := visitConsole(t, m)
	_, page := c.get("/definitions/change?do=unpin")
	token := formToken.FindStringSubmatch(page)
	if token == nil {
		t.Fatalf("the second step has no form:\n%s", page)
	}
	form := url.Values{"form-token": {token[1]}, "do": {"unpin"}}
	stranger := consoleClient{t, c.origin, &http.Client{Timeout: harness.WaitLimit}}
	for name, test := range map[string]struct {
		client       consoleClient
		method, path string
		form         url.Values
		header       http.Header
		want         int
	}{
		"without a cookie":    {stranger, "GET", "/executions", nil, nil, 401},
		"wrong token":         {stranger, "GET", "/?token=AAAA", nil, nil, 401},
		"another name":        {c, "GET", "/", nil, http.Header{"Host": {"evil.test:80"}}, 403},
		"a name of the port":  {c, "GET", "/", nil, http.Header{"Host": {"evil.test:" + c.origin[strings.LastIndexByte(c.origin, ':')+1:]}}, 403},
		"read by a page":      {c, "GET", "/executions", nil, http.Header{"Origin": {"http://127.0.0.1:1"}}, 403},
		"read by fetch":       {c, "GET", "/executions", nil, http.Header{"Sec-Fetch-Site": {"same-site"}}, 403},
		"pressed by a page":   {c, "POST", "/definitions/change", form, http.Header{"Origin": {"http://127.0.0.1:1"}}, 403},
		"pressed without one": {c, "POST", "/definitions/change", url.Values{"do": {"unpin"}}, nil, 403},
		"pressed":             {c, "POST", "/definitions/change", form, nil, 200},
	} {
		if code, body := test.client.do(test.method, test.path, test.form, test.header); code != test.want {
			t.Errorf("%s: got %d, want %d\n%s", name, code, test.want, body)
		}
	}
	// The endpoint of the stack is another origin, and has no pages of the console.
	answer, err := http.Get(m.Endpoint + "/executions")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode < 400 {
		t.Errorf("the stack's endpoint answers %d to the console's path", answer.StatusCode)
	}
}
