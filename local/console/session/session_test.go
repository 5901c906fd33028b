package session

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

const host = "127.0.0.1:4567"

// newKeeper returns a Keeper and a handler behind it that answers with the request's form token.
func newKeeper() (*Keeper, http.Handler) {
	k := New("4567")
	k.Refuse = func(w http.ResponseWriter, _ *http.Request, status int, why string) { http.Error(w, why, status) }
	return k, k.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "form="+Form(r.Context()))
	}))
}

// begin exchanges the token for a cookie, and returns the cookie and the form token of the session.
func begin(t *testing.T, k *Keeper, h http.Handler) (cookie *http.Cookie, form string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, k.URL("http://"+host), nil))
	cookies := w.Result().Cookies()
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/" || len(cookies) != 1 {
		t.Fatalf("GET with the token: got %d to %q with %d cookies, want 303 to / with one",
			w.Code, w.Header().Get("Location"), len(cookies))
	}
	r := httptest.NewRequest(http.MethodGet, "http://"+host+"/", nil)
	r.AddCookie(cookies[0])
	w = httptest.NewRecorder()
	h.ServeHTTP(w, r)
	form, found := strings.CutPrefix(w.Body.String(), "form=")
	if !found || form == "" {
		t.Fatalf("GET with the cookie: got %d %q, want a form token", w.Code, w.Body)
	}
	return cookies[0], form
}

func TestCookie(t *testing.T) {
	t.Parallel()
	k, h := newKeeper()
	cookie, _ := begin(t, k, h)
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" || cookie.Domain != "" {
		t.Errorf("got the cookie %s, want HttpOnly, SameSite=Strict, for this host alone", cookie)
	}
	if strings.Contains(cookie.Value, k.token) {
		t.Error("the cookie contains the token, which opens new sessions")
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	k, h := newKeeper()
	cookie, form := begin(t, k, h)
	_, otherForm := begin(t, k, h)
	stranger, strangers := newKeeper()
	strangeCookie, strangeForm := begin(t, stranger, strangers)
	forged := *cookie
	forged.Value = "A" + forged.Value

	same := http.Header{"Origin": {"http://" + host}}
	for name, test := range map[string]struct {
		method, path string
		cookie       *http.Cookie
		header       http.Header
		form         string
		want         int
	}{
		"page":                      {"GET", "/executions", cookie, nil, "", 200},
		"page without a cookie":     {"GET", "/", nil, nil, "", 401},
		"cookie of another console": {"GET", "/", strangeCookie, nil, "", 401},
		"forged cookie":             {"GET", "/", &forged, nil, "", 401},
		"wrong token":               {"GET", "/?token=no", nil, nil, "", 401},
		"wrong token with a cookie": {"GET", "/?token=no", cookie, nil, "", 401},
		"token elsewhere":           {"GET", "/executions?token=" + k.token, nil, nil, "", 401},
		"token in a form":           {"POST", "/?token=" + k.token, nil, same, form, 401},
		"assets without a cookie":   {"GET", "/assets/console.css", nil, nil, "", 200},
		"press":                     {"POST", "/dead-letters/redrive", cookie, same, form, 200},
		"press without a cookie":    {"POST", "/dead-letters/redrive", nil, same, form, 401},
		"press from elsewhere": {
			"POST", "/dead-letters/redrive", cookie, http.Header{"Origin": {"http://127.0.0.1:8000"}}, form, 403,
		},
		"press from a sandbox":      {"POST", "/dead-letters/redrive", cookie, http.Header{"Origin": {"null"}}, form, 403},
		"press without an origin":   {"POST", "/dead-letters/redrive", cookie, nil, form, 403},
		"press with two origins":    {"POST", "/x", cookie, http.Header{"Origin": {"http://" + host, "http://" + host}}, form, 403},
		"press without a form":      {"POST", "/dead-letters/redrive", cookie, same, "", 403},
		"form of another session":   {"POST", "/dead-letters/redrive", cookie, same, otherForm, 403},
		"form of another console":   {"POST", "/dead-letters/redrive", cookie, same, strangeForm, 403},
		"form token in the address": {"POST", "/x?" + FormField + "=" + form, cookie, same, "", 403},
		"press below assets":        {"POST", "/assets/x", nil, same, form, 401},
		"another method":            {"DELETE", "/dead-letters", cookie, same, form, 405},
	} {
		body := url.Values{FormField: {test.form}}.Encode()
		r := httptest.NewRequest(test.method, "http://"+host+test.path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		maps.Copy(r.Header, test.header)
		if test.cookie != nil {
			r.AddCookie(test.cookie)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != test.want {
			t.Errorf("%s: got %d %q, want %d", name, w.Code, w.Body, test.want)
		}
		for header, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
			"X-Frame-Options": "DENY",
		} {
			if got := w.Header().Get(header); got != want {
				t.Errorf("%s: got the header %s: %q, want %q", name, header, got, want)
			}
		}
		policy := w.Header().Get("Content-Security-Policy")
		if strings.Contains(policy, "unsafe") || !strings.Contains(policy, "default-src 'none'") ||
			!strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: got the content security policy %q", name, policy)
		}
	}
}

// The answer to a form may be a page with the form again, which must be sent with the token of the session.
func TestFormAfterForm(t *testing.T) {
	t.Parallel()
	k, h := newKeeper()
	cookie, form := begin(t, k, h)
	r := httptest.NewRequest(http.MethodPost, "http://"+host+"/x",
		strings.NewReader(url.Values{FormField: {form}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "http://"+host)
	r.AddCookie(cookie)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK || w.Body.String() != "form="+form {
		t.Errorf("the answer to a form: got %d %q, want 200 with the form token %q", w.Code, w.Body, form)
	}
}

// A form that is too large is not read.
func TestLargeForm(t *testing.T) {
	t.Parallel()
	k, h := newKeeper()
	cookie, form := begin(t, k, h)
	body := "id=" + strings.Repeat("x", maxForm) + "&" + url.Values{FormField: {form}}.Encode()
	r := httptest.NewRequest(http.MethodPost, "http://"+host+"/x", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "http://"+host)
	r.AddCookie(cookie)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("got %d, want 403", w.Code)
	}
}
