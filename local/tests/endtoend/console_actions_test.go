package endtoend

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// TestBrowserConsoleLive watches the list of executions while an object is uploaded: its row appears, and gets its
// verdict, without a click.
func TestBrowserConsoleLive(t *testing.T) {
	m := startConsole(t, 0)
	b := openConsole(t, m)
	b.open("/executions")
	b.do(chromedp.Evaluate[chromedp.Void](`window.same = true`))
	m.Put(t, "live/letter.txt", sample.Text("live"))
	b.wait(`document.querySelector("main").innerText.includes("live/letter.txt")`)
	b.wait(`/clean/i.test(document.querySelector("main tbody tr")?.innerText)`)
	if !value[bool](b, `window.same === true`) {
		t.Error("the page was loaded again")
	}
	b.check("live")
}

// TestBrowserConsoleSearch finds executions by a part of a key, by a name and by a verdict, with the keyboard alone.
func TestBrowserConsoleSearch(t *testing.T) {
	m := startConsole(t, 500)
	b := openConsole(t, m)
	b.open("/executions")
	search := func(text string) {
		b.do(chromedp.Evaluate[chromedp.Void](`window.left = false`))
		b.do(chromedp.KeyEvent("/"))
		b.wait(`document.activeElement === document.querySelector("input[type=search]")`)
		// The driver types the key too, which a keyboard does not when its event was handled.
		b.do(chromedp.Evaluate[chromedp.Void](`document.activeElement.value = ""`), chromedp.KeyEvent(text+kb.Enter))
		b.wait(`window.left === undefined && ` + ready)
	}
	search("partners/<acme>/")
	if n := b.rows(); n != 15 {
		t.Errorf("a part of a key: got %d rows, want 15:\n%s", n, b.shown())
	}
	name := value[string](b, `decodeURIComponent(document.querySelector("main tbody th a").pathname).split(":").at(-1)`)
	b.open("/executions")
	search(name)
	if n := b.rows(); n != 1 || !strings.Contains(b.shown(), "partners/<acme>/") {
		t.Errorf("the name %s: got %d rows, want its own:\n%s", name, n, b.shown())
	}
	b.open("/executions?verdict=INFECTED")
	shown := b.shown()
	if n := b.rows(); n != 40 || !strings.Contains(shown, "Win.Test.EICAR_HDB-1") || strings.Contains(shown, "invoices/") {
		t.Errorf("INFECTED: got %d rows, want 40:\n%s", n, shown)
	}
	b.open("/executions?status=TIMED_OUT")
	if n := b.rows(); n != 5 {
		t.Errorf("timed out: got %d rows, want 5", n)
	}
	b.check("search")
}

// TestBrowserConsoleRedrive sends dead letters back, after a page that says what will happen.
func TestBrowserConsoleRedrive(t *testing.T) {
	m := startConsole(t, 0)
	put := m.Put(t, "ten tags", sample.Text("ten"), ownTags(10))
	if end := m.Await(t, put); end.Status != "FAILED" {
		t.Fatalf("the object with ten tags ended as %+v, want a dead letter", end)
	}
	if _, err := m.S3.DeleteObjectTagging(t.Context(), &s3.DeleteObjectTaggingInput{
		Bucket: &put.Bucket, Key: &put.Key, VersionId: &put.VersionID,
	}); err != nil {
		t.Fatal(err)
	}
	b := openConsole(t, m)
	b.open("/dead-letters")
	b.wait(`document.querySelector("main").innerText.includes("TagLimit")`)
	b.follow(`a.button[href*="error=TagLimit"]`)
	if !strings.Contains(b.shown(), "ten tags") {
		t.Errorf("the second step does not name the object:\n%s", b.shown())
	}
	if tags := m.Tags(t, put); len(tags) > 0 {
		t.Errorf("before the second step the object has the tags %v", tags)
	}
	b.follow(`main form[method=post] button`)
	harness.Poll(t, "the verdict of the redriven object", func() bool { return m.Tags(t, put)["scan-status"] == "CLEAN" })
	b.open("/dead-letters")
	b.wait(`!document.querySelector("main").innerText.includes("TagLimit")`)
	b.check("redrive")
}

// TestBrowserConsoleRelease puts a false positive back, with a reason.
func TestBrowserConsoleRelease(t *testing.T) {
	m := startConsole(t, 0)
	put := m.Put(t, "inbox/false alarm.zip", sample.Zip(map[string][]byte{"test.txt": eicar.Bytes()}))
	m.Await(t, put)
	b := openConsole(t, m)
	b.open("/quarantine")
	b.follow(`main tbody a`)
	if !strings.Contains(b.shown(), "false alarm.zip") {
		t.Fatalf("the copies of the signature do not show the object:\n%s", b.shown())
	}
	b.follow(`main a[href*="/quarantine/release"]`)
	b.do(chromedp.SendKeys(`main form[method=post] [name=reason]`, "a test file of ours"))
	b.follow(`main form[method=post] button`)
	harness.Poll(t, "the released object", func() bool {
		_, err := m.S3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &put.Bucket, Key: &put.Key})
		return err == nil
	})
	b.check("release")
}

// TestBrowserConsoleKeyboard walks through a page with the Tab key: first the link to the content, then the sections,
// and every place shows where it is.
func TestBrowserConsoleKeyboard(t *testing.T) {
	m := startConsole(t, 60)
	b := openConsole(t, m)
	b.open("/executions")
	b.do(chromedp.KeyEvent(kb.Tab))
	if first := value[string](b, `document.activeElement.className`); first != "skip" {
		t.Errorf("the first place is %q, want the link to the content", first)
	}
	b.do(chromedp.KeyEvent(kb.Enter))
	b.wait(`document.activeElement.id === "main"`)
	b.open("/executions")
	var places []string
	for range 120 {
		b.do(chromedp.KeyEvent(kb.Tab))
		place := value[string](b, `(() => {
			const e = document.activeElement, s = getComputedStyle(e);
			if (e === document.body) return "";
			const seen = s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0 || s.boxShadow !== "none";
			return (seen ? "" : "unseen ") + e.tagName + " " + (e.getAttribute("href") ?? e.getAttribute("name") ?? e.className);
		})()`)
		if place == "" {
			break
		}
		if strings.HasPrefix(place, "unseen ") {
			t.Errorf("place %d of the keyboard does not show that it has the focus: %s", len(places)+1, place)
		}
		places = append(places, place)
	}
	all := strings.Join(places, "\n")
	for _, want := range []string{"A /dead-letters", "A /definitions", "INPUT q", "SELECT status", "A /executions/arn"} {
		if !strings.Contains(strings.ReplaceAll(all, "%3A", ":"), want) {
			t.Errorf("the keyboard does not reach %s, but:\n%s", want, all)
		}
	}
	b.do(chromedp.Evaluate[chromedp.Void](`window.left = false; document.querySelector("main tbody a").focus()`),
		chromedp.KeyEvent(kb.Enter))
	b.wait(`window.left === undefined && ` + ready)
	if at := b.at(); !strings.Contains(at, "/executions/arn") {
		t.Errorf("Enter on an execution leads to %s", at)
	}
	b.check("keyboard")
}

// TestBrowserConsoleTenThousand pages through 10,000 executions. A page has fifty rows, and says how
// long it takes, which no test judges.
func TestBrowserConsoleTenThousand(t *testing.T) {
	m := startConsole(t, 10_000)
	b := openConsole(t, m)
	for _, path := range []string{
		"/executions", "/executions?status=FAILED", "/executions?verdict=INFECTED", "/executions?q=partners",
	} {
		began := time.Now()
		b.open(path)
		seen := map[string]bool{}
		for page := range 5 {
			first := value[string](b, `document.querySelector("main tbody th a").href`)
			if n := b.rows(); n != 50 || seen[first] {
				t.Errorf("%s, page %d: got %d rows from %s, want 50 new ones", path, page+1, n, first)
			}
			seen[first] = true
			b.follow(`a[rel=next]`)
		}
		t.Logf("%s: a page takes %s", path, time.Since(began)/6)
	}
	if n := value[int](b, `document.querySelectorAll("*").length`); n > 3000 {
		t.Errorf("a page has %d elements, want those of 50 rows", n)
	}
	b.check("10,000 executions")
}

// hostileNames are texts that do something, if a page takes them for a part of itself.
var hostileNames = []string{
	`<script>hit()</script>`, `"><img src=x onerror=hit()>`, `'><svg onload=hit()>`, `javascript:hit()`,
	`</title><script>hit()</script>`, `</textarea><script>hit()</script>`, `</style><script>hit()</script>`,
	`" autofocus onfocus="hit()`, `' onmouseover='hit()`, `{{hit}}${hit()}`, `<!--<script>hit()//-->`,
	`<iframe srcdoc="<script>parent.hit()</script>">`, `<a href="javascript:hit()">x</a>`, `&lt;script&gt;hit()&lt;/script&gt;`,
	"\u202Etxt.exe", "line\nbreak\r\nSet-Cookie: a=b", "tab\tand \x07 bell", `../../..//etc/passwd`, `?q=<b>&cursor=x#<i>`,
	`%3Cscript%3Ehit()%3C/script%3E`, `<base href="https://evil.test/">`, `<meta http-equiv=refresh content="0;url=//evil.test">`,
}

// TestBrowserConsoleHostileNames uploads objects whose keys, tags, metadata and causes are such texts, and opens every
// page that shows them: none runs, and all are shown as they are.
func TestBrowserConsoleHostileNames(t *testing.T) {
	m := startConsole(t, 0)
	b := openConsole(t, m)
	var puts []job.Object
	for i, name := range hostileNames {
		content, tag := sample.Text(name), ownTags(0)
		if i%3 == 1 {
			content = eicar.Bytes()
		}
		if i%3 == 2 {
			tag = ownTags(10) // a dead letter
		}
		puts = append(puts, m.Put(t, "x/"+name, content, tag, func(in *s3.PutObjectInput) {
			in.Metadata = map[string]string{"note": url.QueryEscape(name)}
			in.ContentType = aws.String("text/html")
		}))
	}
	paths := []string{
		"/", "/executions", "/objects?" + url.Values{"bucket": {harness.Uploads}, "prefix": {"x/"}}.Encode(), "/dead-letters",
		"/quarantine", "/dead-letters/redrive?all=yes",
	}
	for i, put := range puts {
		end := m.Await(t, put)
		if i < 12 { // each kind of outcome four times
			paths = append(paths, "/executions/"+url.PathEscape(end.ARN),
				"/object?"+url.Values{"bucket": {put.Bucket}, "key": {put.Key}, "versionId": {put.VersionID}}.Encode())
		}
		paths = append(paths, "/executions?"+url.Values{"q": {hostileNames[i]}}.Encode())
	}
	for _, path := range paths {
		b.do(chromedp.Navigate(b.console + path))
		b.wait(ready)
		if value[bool](b, `typeof hit !== "undefined" || document.querySelector("main script, main iframe, main base, `+
			`main meta, main [onerror], main [onload], main [onfocus], main [onmouseover], main a[href^=javascript]") !== null`) {
			t.Errorf("%s: a name became a part of the page", path)
		}
	}
	b.open("/executions")
	if shown := b.shown(); !strings.Contains(shown, `<script>hit()</script>`) && !strings.Contains(shown, "onerror=hit()") {
		t.Errorf("the names are not shown as they are:\n%s", shown)
	}
	b.check("hostile names")
	// The same text in a page that takes it for a part of itself shows that the test would notice.
	b.do(chromedp.Navigate("data:text/html," + url.PathEscape(hostileNames[0])))
	harness.Poll(t, "the failure of a script that runs", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return slices.ContainsFunc(b.texts, func(text string) bool { return strings.Contains(text, "a script failed") })
	})
}
