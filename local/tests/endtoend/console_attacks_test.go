package endtoend

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
)

// TestBrowserConsoleAttacks opens pages of other sites and ports in a browser in which the console is open. They can
// neither press redrive, nor read or frame a page, nor reach the console under another name.
func TestBrowserConsoleAttacks(t *testing.T) {
	m := startConsole(t, 0)
	put := m.Put(t, "ten tags", sample.Text("ten"), ownTags(10))
	m.Await(t, put)
	b := openConsole(t, m)
	b.open("/dead-letters")
	b.wait(`document.querySelector("main").innerText.includes("TagLimit")`)
	b.check("the console itself")
	pages := startForeignServer(t, nil)
	form := map[string]string{"all": "yes", "form-token": "guessed"}
	body := url.Values{"all": {"yes"}, "form-token": {"guessed"}}.Encode()
	kind := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	at := b.console + "/dead-letters/redrive"
	attacks := []attack{
		{Name: "form", Way: "form", URL: at, Enctype: "application/x-www-form-urlencoded", Fields: form},
		{Name: "form of another kind", Way: "form", URL: at, Enctype: "text/plain", Fields: form},
		{Name: "post", Way: "fetch", Method: "POST", Mode: "no-cors", URL: at, Body: body},
		{Name: "post in the open", Way: "fetch", Method: "POST", Mode: "cors", URL: at, Body: body, Headers: kind},
		{Name: "beacon", Way: "beacon", URL: at, Body: body},
		{Name: "read", Way: "fetch", Mode: "cors", URL: b.console + "/dead-letters"},
		{Name: "read the stream", Way: "fetch", Mode: "cors", URL: b.console + "/dead-letters/live"},
		{Name: "frame", Way: "iframe", URL: b.console + "/dead-letters"},
		{Name: "image", Way: "img", URL: b.console + "/dead-letters"},
		{Name: "script", Way: "script", URL: b.console + "/dead-letters/live"},
		{Name: "socket", Way: "socket", URL: b.console + "/"},
	}
	for name, host := range map[string]string{
		"a site": "evil.test", "another port": "127.0.0.1", "another name": "localhost", "a sandbox": "evil.test/sandboxed",
	} {
		t.Run(name, func(t *testing.T) {
			host, path, _ := strings.Cut(host, "/")
			if path != "" {
				path = "/" + path
			}
			read := attackFrom(t, pages, pages.urlAs(host)+path+"/page", attacks, func(url string) {
				b.of(t).do(chromedp.Navigate(url))
			})
			for _, attack := range []string{"read", "read the stream", "post in the open"} {
				if read[attack] != "" {
					t.Errorf("%s: the page has read %q", attack, read[attack])
				}
			}
			if name == "a site" && len(read) == 0 {
				t.Error("the page reports nothing: its attacks did not run")
			}
		})
	}
	time.Sleep(2 * time.Second) // for what an attack would have started
	if tags := m.Tags(t, put); tags["scan-status"] != "" {
		t.Errorf("the dead letter was sent back: the object has the tags %v", tags)
	}
	b.texts = nil // the attacks make requests to other servers
	b.open("/dead-letters")
	b.wait(`document.querySelector("main").innerText.includes("TagLimit")`)
	b.check("the console afterwards")
}

// TestBrowserConsoleRebinding checks that the console answers under no other name that leads to this machine, with the
// token or without.
func TestBrowserConsoleRebinding(t *testing.T) {
	m := startConsole(t, 0)
	for _, name := range []string{"rebound.test", "127.0.0.1.rebound.test"} {
		document := documentOf(t, strings.Replace(m.Console, "127.0.0.1", name, 1))
		if strings.Contains(document, "<nav") || strings.Contains(document, "Dead letters") {
			t.Errorf("as %s: got a page of the console:\n%.500s", name, document)
		}
	}
	document := documentOf(t, m.Console)
	if !strings.Contains(document, "<nav") {
		t.Errorf("as itself: got no page of the console:\n%.500s", document)
	}
	// Without the cookie and the token there is nothing, under its own name neither.
	address, _, _ := strings.Cut(m.Console, "/?")
	for _, path := range []string{"/", "/executions", "/dead-letters/live"} {
		response, err := http.Get(address + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s without a cookie: got %s, want 401", path, response.Status)
		}
	}
}
