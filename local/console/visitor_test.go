package console

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// visitor opens pages of a console, with the cookie that the printed URL gives.
type visitor struct {
	t       *testing.T
	root    string // URL of the console, without a slash at its end
	cookies []*http.Cookie
}

// visit starts a console, which ends with the test, and enters it.
func visit(t *testing.T, c Config) *visitor {
	t.Helper()
	running, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Close(); err != nil {
			t.Error(err)
		}
	})
	root, token, _ := strings.Cut(running.URL, "/?")
	v := &visitor{t: t, root: root}
	entered, _ := v.get("/?" + token)
	v.cookies = entered.Cookies()
	return v
}

// get returns the answer to a GET, and its body. It follows no redirection.
func (v *visitor) get(path string) (*http.Response, string) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, v.root+path, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, c := range v.cookies {
		r.AddCookie(c)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return response, string(body)
}
