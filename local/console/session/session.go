// Package session lets the person in who has started the console, and nobody else: the URL that the console prints has
// a random token, for which the browser gets a cookie. It refuses requests that a page of another origin can make, and
// sets the headers that keep pages of the console from running or loading anything else. Whose connections are accepted
// at all, and for which names of this machine, is decided by package guard.
package session

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
)

// Keeper knows the token of one run of the console, and the cookies that it has given away.
type Keeper struct {
	token  string
	key    []byte // signs cookies and form tokens
	cookie string // name
	// Refuse answers a request that gets nothing, with a status of 4xx.
	Refuse func(w http.ResponseWriter, r *http.Request, status int, why string)
}

const (
	tokenField = "token" // of the URL that is printed
	// FormField is the name of the field that every form has, with Form's value.
	FormField = "form-token"
	// maxForm is the largest form in bytes. The addresses of 20,000 copies in quarantine are some 4 MB.
	maxForm = 8 << 20
)

// New returns a Keeper with a random token. Cookies are not kept apart by port, so that the port is in the name.
func New(port string) *Keeper {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails: it ends the program instead
	return &Keeper{token: rand.Text(), key: key, cookie: "lazaret-console-" + port}
}

// URL returns the URL that lets a browser in, below an address such as http://127.0.0.1:4567.
func (k *Keeper) URL(address string) string {
	return address + "/?" + url.Values{tokenField: {k.token}}.Encode()
}

// headers are added to every answer. A form that is sent with the policy no-referrer has the Origin "null", which could
// not be told from that of a foreign page, so that the policy is same-origin: no other origin is told a URL either way.
var headers = map[string]string{
	"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	"Cache-Control":              "no-store",
	"Cross-Origin-Opener-Policy": "same-origin",
	"Referrer-Policy":            "same-origin",
	"X-Content-Type-Options":     "nosniff",
	"X-Frame-Options":            "DENY",
}

type formKey struct{}

// Form returns the value of FormField for the session of a request.
func Form(ctx context.Context) string {
	value, _ := ctx.Value(formKey{}).(string)
	return value
}

// Handler passes the requests of a session on to next, and everybody's requests below /assets/.
func (k *Keeper) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		reads := r.Method == http.MethodGet || r.Method == http.MethodHead
		switch {
		case reads && strings.HasPrefix(r.URL.Path, "/assets/"):
			next.ServeHTTP(w, r)
			return
		case reads && r.URL.Path == "/" && r.URL.Query().Has(tokenField):
			k.begin(w, r)
			return
		}
		session, known := k.session(r)
		form := k.sign("form", session)
		// The answer to a form may have the form again.
		inSession := r.WithContext(context.WithValue(r.Context(), formKey{}, form))
		switch {
		case !known:
			k.Refuse(w, r, http.StatusUnauthorized, "Open the URL that the command has printed: it has a token, "+
				"which is new with every start.")
		case reads:
			next.ServeHTTP(w, inSession)
		case r.Method != http.MethodPost:
			w.Header().Set("Allow", "GET, HEAD, POST")
			k.Refuse(w, r, http.StatusMethodNotAllowed, "The console has no method "+r.Method+".")
		case !sameOrigin(r):
			k.Refuse(w, r, http.StatusForbidden, "The request does not come from a page of the console.")
		default:
			inSession.Body = http.MaxBytesReader(w, r.Body, maxForm)
			if !equal(inSession.PostFormValue(FormField), form) {
				k.Refuse(w, r, http.StatusForbidden, "The form is of another session: go back, load the page again, and "+
					"send it again.")
				return
			}
			next.ServeHTTP(w, inSession)
		}
	})
}

// begin exchanges the token for a cookie. The answer's URL has no token.
func (k *Keeper) begin(w http.ResponseWriter, r *http.Request) {
	if !equal(r.URL.Query().Get(tokenField), k.token) {
		k.Refuse(w, r, http.StatusUnauthorized, "The token in the URL is not the one that the command has printed: it is "+
			"new with every start.")
		return
	}
	session := rand.Text()
	http.SetCookie(w, &http.Cookie{
		Name: k.cookie, Value: session + "." + k.sign("cookie", session), Path: "/",
		HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// session returns the session of a request's cookie. A browser may send more than one cookie of the name.
func (k *Keeper) session(r *http.Request) (id string, known bool) {
	for _, c := range r.CookiesNamed(k.cookie) {
		id, signature, _ := strings.Cut(c.Value, ".")
		if equal(signature, k.sign("cookie", id)) {
			return id, true
		}
	}
	return "", false
}

// sign returns a text that only this run of the console can make.
func (k *Keeper) sign(what, session string) string {
	mac := hmac.New(sha256.New, k.key)
	mac.Write([]byte(what + "\x00" + session))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// sameOrigin reports whether a request that changes something names the console's own origin. Every browser sends
// Origin with POST.
func sameOrigin(r *http.Request) bool {
	origins := r.Header.Values("Origin")
	return len(origins) == 1 && strings.EqualFold(origins[0], "http://"+r.Host)
}
