// Package guard keeps a server on loopback to the user's own clients. A web page
// that is open in a browser of this machine can reach loopback as well: gate.go
// tells its requests apart and refuses them. connections.go bounds what a client
// may hold of the process. The package knows no service; package local wires it.
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

// headers go with every answer, errors too. Content of an uploader's is never a
// page of the endpoint's own origin: in a sandbox its origin is opaque, it runs no
// script, loads nothing and sends no form.
var headers = map[string]string{
	"Content-Security-Policy":      "sandbox; default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Referrer-Policy":              "no-referrer", // presigned URLs are credentials
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
}

// Gate decides which requests reach a handler.
type Gate struct {
	Port  string   // the endpoint's
	Hosts []string // "name", with any port, or "name:port": what a Host header may be beside this machine's own names
	// Shared reports whether the owner of what a request is for lets the origin in
	// from which it comes. It is asked about requests of other origins alone.
	Shared func(*http.Request) bool
	Pause  time.Duration // how long a client may send nothing of a body; 20 s when zero
	// Refuse answers 403 in the protocol of the request.
	Refuse func(w http.ResponseWriter, r *http.Request, why string)
}

// Handler passes on to next what the gate lets in.
func (g Gate) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		limitPauses(w, r, cmp.Or(g.Pause, pause))
		why := ""
		switch {
		case r.URL.Host != "":
			why = "The local stack is no proxy: send the path alone as the request's target."
		case !g.knows(r.Host):
			why = "The local stack is not known as this host. Use 127.0.0.1, [::1], localhost or *.localhost with its port, " +
				"or start it with --allow-host."
		case crossOrigin(r) && !g.Shared(r):
			why = "The request comes from a web page of another origin."
		default:
			next.ServeHTTP(w, r)
			return
		}
		// Its body is not waited for: a client that still sends one has time to read.
		w.Header().Set("Connection", "close")
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Second)) // a fake of a test's has no deadlines
		g.Refuse(w, r, why)
	})
}

// knows is the defence against DNS rebinding: a page's own name may lead to
// 127.0.0.1, but it stays in the Host header.
func (g Gate) knows(host string) bool {
	host = strings.ToLower(host)
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = strings.Trim(host, "[]"), "80"
	}
	if slices.ContainsFunc(g.Hosts, func(h string) bool { h = strings.ToLower(h); return h == host || h == name }) {
		return true
	}
	return port == g.Port && (name == "127.0.0.1" || name == "::1" || name == "localhost" || strings.HasSuffix(name, ".localhost"))
}

// crossOrigin reports whether a header that browsers alone send, and pages cannot
// change, names another origin than the endpoint's. Another port of this machine is
// another origin. Unlike http.CrossOriginProtection it holds for GET as well, which
// lists and reads here and may be presigned, and for clients that send a Referer.
func crossOrigin(r *http.Request) bool {
	other := func(origin string) bool {
		u, err := url.Parse(origin)
		return err != nil || !strings.EqualFold(u.Host, r.Host) // "null" has no host
	}
	return slices.ContainsFunc(r.Header.Values("Origin"), other) || slices.ContainsFunc(r.Header.Values("Referer"), other) ||
		slices.ContainsFunc(r.Header.Values("Sec-Fetch-Site"), func(site string) bool { return site != "same-origin" && site != "none" })
}
