// Package guard protects a server on loopback from other clients than the user's own. Web pages in a browser of this
// machine and other users of it can reach loopback too: gate.go refuses requests of web pages, peer.go connections of
// other users. connections.go limits how many resources clients can use. The package knows no service.
package guard

import (
	"cmp"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// headers are added to every answer, errors included. They show an uploaded object in a sandbox: it has an opaque
// origin, runs no script, loads nothing and sends no form.
var headers = map[string]string{
	"Content-Security-Policy": "sandbox; default-src 'none'; base-uri 'none'; form-action 'none'; " +
		"frame-ancestors 'none'",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Referrer-Policy":              "no-referrer", // a presigned URL has credentials
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
}

// Gate decides which requests reach a handler.
type Gate struct {
	Port  string   // the endpoint's
	Name  string   // of the server, at the beginning of a sentence; "The local stack" when empty
	Hosts []string // "name", with any port, or "name:port": allowed values of Host, besides this machine's names
	// Shared reports whether a request from another origin is allowed, by the bucket that it is for.
	Shared func(*http.Request) bool
	Pause  time.Duration // how long a client may send nothing of a body; 20 s when zero
	// Refuse answers 403 in the protocol of the request.
	Refuse func(w http.ResponseWriter, r *http.Request, why string)
}

// Handler passes the allowed requests on to next.
func (g Gate) Handler(next http.Handler) http.Handler {
	name := cmp.Or(g.Name, "The local stack")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		limitPauses(w, r, cmp.Or(g.Pause, pause))
		why := ""
		switch {
		case r.URL.Host != "":
			why = name + " is not a proxy: the request's target must be a path."
		case !g.knows(r.Host):
			why = name + " does not have this host name. Use 127.0.0.1, [::1], localhost or *.localhost with its port"
			if g.Name == "" {
				why += ", or start it with --allow-host"
			}
			why += "."
		case crossOrigin(r) && !g.Shared(r):
			why = "The request comes from a web page of another origin."
		default:
			next.ServeHTTP(w, r)
			return
		}
		// A client that is still sending its body has a second for it, so that it can read the answer.
		w.Header().Set("Connection", "close")
		control := http.NewResponseController(w)
		_ = control.SetReadDeadline(time.Now().Add(time.Second)) // fails with the writer of a test
		g.Refuse(w, r, why)
	})
}

// knows reports whether a host is allowed. It prevents DNS rebinding: a page can make its own name lead to 127.0.0.1,
// but the name stays in the header Host.
func (g Gate) knows(host string) bool {
	host = strings.ToLower(host)
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = strings.Trim(host, "[]"), "80"
	}
	for _, allowed := range g.Hosts {
		if strings.EqualFold(allowed, host) || strings.EqualFold(allowed, name) {
			return true
		}
	}
	return port == g.Port &&
		(name == "127.0.0.1" || name == "::1" || name == "localhost" || strings.HasSuffix(name, ".localhost"))
}

// crossOrigin reports whether a request comes from a web page of another origin, by the headers that only browsers send
// and pages cannot change. Another port of this machine is another origin. Unlike http.CrossOriginProtection it also
// checks GET, which lists and reads here and may be presigned, and Referer.
func crossOrigin(r *http.Request) bool {
	other := func(origin string) bool {
		u, err := url.Parse(origin)
		return err != nil || !strings.EqualFold(u.Host, r.Host) // "null" has no host
	}
	otherSite := func(site string) bool { return site != "same-origin" && site != "none" }
	return slices.ContainsFunc(r.Header.Values("Origin"), other) ||
		slices.ContainsFunc(r.Header.Values("Referer"), other) ||
		slices.ContainsFunc(r.Header.Values("Sec-Fetch-Site"), otherSite)
}
