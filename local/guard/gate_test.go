package guard

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const port = "4566"

// served reports whether the gate lets a request in, and checks that whatever is
// answered cannot become a page of the endpoint.
func served(t *testing.T, g Gate, r *http.Request) bool {
	t.Helper()
	g.Port = port
	if g.Shared == nil {
		g.Shared = func(*http.Request) bool { return false }
	}
	refused, reached := false, false
	g.Refuse = func(w http.ResponseWriter, _ *http.Request, why string) {
		refused = true
		http.Error(w, why, http.StatusForbidden)
	}
	w := httptest.NewRecorder()
	g.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true })).ServeHTTP(w, r)
	if refused == reached {
		t.Errorf("%s %s: refused %t, reached %t", r.Method, r.Host, refused, reached)
	}
	if refused && w.Header().Get("Connection") != "close" {
		t.Errorf("the connection of a refused request stays open")
	}
	for header, want := range map[string]string{
		"Content-Security-Policy": "sandbox;", "X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin",
	} {
		if got := w.Header().Get(header); !strings.HasPrefix(got, want) {
			t.Errorf("%s is %q, want %q", header, got, want)
		}
	}
	return reached
}

func TestHosts(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"127.0.0.1:4566": true, "[::1]:4566": true, "localhost:4566": true, "LocalHost:4566": true, "s3.localhost:4566": true,
		"sync-lazaret.localhost:4566": true, "stage.test": true, "stage.test:80": true, "Stage.Test:9": true, "proxy.test:8080": true,

		"": false, "127.0.0.1": false, "127.0.0.1:80": false, "127.0.0.1:4567": false, "localhost": false, "0.0.0.0:4566": false,
		"127.0.0.2:4566": false, "127.1:4566": false, "2130706433:4566": false, "[::ffff:127.0.0.1]:4566": false, "[::]:4566": false,
		"evil.test:4566": false, "localhost.evil.test:4566": false, "evillocalhost:4566": false, "localhost.:4566": false,
		"127.0.0.1.evil.test:4566": false, "127.0.0.1:4566:4566": false, "127.0.0.1:4566@evil.test": false,
		"evil.test#127.0.0.1:4566": false, "127.0.0.1:04566": false, "proxy.test": false, "proxy.test:4566": false,
		"sub.stage.test": false, "sync-127.0.0.1:4566": false,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = host
		r.Header.Set("X-Forwarded-Host", "127.0.0.1:4566")
		r.Header.Set("Forwarded", "host=127.0.0.1:4566")
		if got := served(t, Gate{Hosts: []string{"stage.test", "proxy.test:8080"}}, r); got != want {
			t.Errorf("Host %q: served %t, want %t", host, got, want)
		}
	}
}

// A port that is left out is HTTP's own.
func TestHostAtPort80(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"localhost": true, "[::1]": true, "127.0.0.1:80": true, "localhost:4566": false,
	} {
		if got := (Gate{Port: "80"}).knows(host); got != want {
			t.Errorf("Host %q at port 80: %t, want %t", host, got, want)
		}
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	type header map[string][]string
	for name, test := range map[string]struct {
		header header
		want   bool
	}{
		"a client that is no browser":        {nil, true},
		"typed into the address bar":         {header{"Sec-Fetch-Site": {"none"}, "Sec-Fetch-Mode": {"navigate"}}, true},
		"the same origin":                    {header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {"http://127.0.0.1:4566"}}, true},
		"the same origin, by Referer":        {header{"Referer": {"http://127.0.0.1:4566/b/k?x=1"}}, true},
		"behind a proxy that ends TLS":       {header{"Origin": {"https://127.0.0.1:4566"}}, true},
		"a page":                             {header{"Origin": {"https://evil.test"}}, false},
		"a page's image":                     {header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"no-cors"}}, false},
		"a link that was followed":           {header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}}, false},
		"another port of this machine":       {header{"Sec-Fetch-Site": {"same-site"}}, false},
		"another port, by Origin":            {header{"Origin": {"http://127.0.0.1:3000"}}, false},
		"another name of this machine":       {header{"Origin": {"http://localhost:4566"}}, false},
		"an opaque origin":                   {header{"Origin": {"null"}}, false},
		"a sandboxed page of the endpoint":   {header{"Origin": {"null"}, "Sec-Fetch-Site": {"cross-site"}}, false},
		"an old browser's link":              {header{"Referer": {"https://evil.test/127.0.0.1:4566"}}, false},
		"a Referer with a name in front":     {header{"Referer": {"http://127.0.0.1:4566@evil.test/"}}, false},
		"a Referer without a host":           {header{"Referer": {"about:blank"}}, false},
		"a Referer that cannot be read":      {header{"Referer": {"http://[127.0.0.1:4566/"}}, false},
		"an extension":                       {header{"Origin": {"chrome-extension://abc"}, "Sec-Fetch-Site": {"none"}}, false},
		"a file":                             {header{"Origin": {"file://"}}, false},
		"an empty Origin":                    {header{"Origin": {""}}, false},
		"two Origins":                        {header{"Origin": {"http://127.0.0.1:4566", "https://evil.test"}}, false},
		"two Origins in one":                 {header{"Origin": {"http://127.0.0.1:4566, https://evil.test"}}, false},
		"a site that is not known":           {header{"Sec-Fetch-Site": {"unheard-of"}}, false},
		"a good Origin and a bad site":       {header{"Origin": {"http://127.0.0.1:4566"}, "Sec-Fetch-Site": {"cross-site"}}, false},
		"a good site and a bad Origin":       {header{"Origin": {"https://evil.test"}, "Sec-Fetch-Site": {"same-origin"}}, false},
		"a WebSocket":                        {header{"Origin": {"https://evil.test"}, "Upgrade": {"websocket"}, "Connection": {"Upgrade"}}, false},
		"a question about CORS":              {header{"Origin": {"https://evil.test"}, "Access-Control-Request-Method": {"PUT"}}, false},
		"a form with the method in a header": {header{"Origin": {"https://evil.test"}, "X-HTTP-Method-Override": {"GET"}}, false},
	} {
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "QUERY"} {
			r := httptest.NewRequest(method, "/", nil)
			r.Host = "127.0.0.1:" + port
			for key, values := range test.header {
				r.Header[http.CanonicalHeaderKey(key)] = values
			}
			if got := served(t, Gate{}, r); got != test.want {
				t.Errorf("%s, %s: served %t, want %t", name, method, got, test.want)
			}
			// The owner may share with other origins, but never under another host.
			shared := Gate{Shared: func(*http.Request) bool { return true }}
			if !served(t, shared, r) {
				t.Errorf("%s, %s: not served, though it is shared", name, method)
			}
			r.Host = "evil.test:" + port
			if served(t, shared, r) {
				t.Errorf("%s, %s: served to another host", name, method)
			}
		}
	}
}

func TestNoProxy(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"http://127.0.0.1:4566/", "http://evil.test/"} {
		r := httptest.NewRequest(http.MethodGet, target, nil)
		r.Host = "127.0.0.1:" + port
		if served(t, Gate{}, r) {
			t.Errorf("GET %s: served", target)
		}
	}
}
