package endtoend

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
)

// testDeleted deletes the version permanently before a certain call of a function. An infection that was found before
// is announced.
func (p *proxy) testDeleted(t *testing.T) {
	t.Parallel()
	infected := eicar.Bytes()
	large := sample.Filler(9 << 20) // two parts, and a HeadObject before them
	for _, test := range []struct {
		before  string // the call
		content []byte
		want    end
		told    string // the disposition, empty when nothing is announced
	}{
		{"fetch GetObject", infected, endGone, ""},
		{"fetch HeadObject", large, endGone, ""},
		{"fetch GetObject", large, endGone, ""},
		{"tag GetObjectTagging", infected, endGone, "gone"},
		{"tag PutObjectTagging", infected, endGone, "gone"},
		{"tag PutObjectTagging", sample.Text("c"), endGone, ""},
		{"quarantine HeadObject", infected, endGone, "gone"},
		{"quarantine GetObjectTagging", infected, endGone, "gone"},
		{"quarantine CopyObject", infected, endGone, "gone"},
		{"quarantine PutObject", infected, endQuarantined, "quarantined"},
		{"quarantine DeleteObject", infected, endQuarantined, "quarantined"},
		{"promote HeadObject", sample.Text("c"), endGone, ""},
		{"promote CopyObject", sample.Text("c"), endGone, ""},
		{"promote DeleteObject", sample.Text("c"), endClean, ""},
	} {
		name := fmt.Sprintf("before %s of %d bytes", test.before, len(test.content))
		if test.told == "" {
			name += ", nothing to tell"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			deleted := make(chan job.Object, 1)
			p.addFault(
				test.before,
				name,
				firstCalls(1, func(_ int, _ proxiedCall, w http.ResponseWriter, forward http.Handler, r *http.Request) {
					p.Delete(t, <-deleted)
					forward.ServeHTTP(w, r)
				}),
			)
			o := p.Put(t, name, test.content)
			deleted <- o
			r := p.Await(t, o)
			if r.Status != "SUCCEEDED" {
				t.Errorf("got %s, states %v, %+v, want SUCCEEDED", r.Status, r.States, r.Failure)
			}
			p.checkEnds(t, map[job.Object]end{o: test.want})
			told := p.announcements(t)[o]
			if test.told == "" && len(told) > 0 ||
				test.told != "" && (len(told) != 1 || told[0].Disposition != test.told) {
				t.Errorf("got the announcements %+v, want %q; states %v", told, test.told, r.States)
			}
		})
	}
}
