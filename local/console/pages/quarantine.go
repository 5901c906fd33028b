package pages

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"github.com/lazaret/lazaret/internal/decision"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/verdicttag"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/decide"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/console/latest"
	"github.com/lazaret/lazaret/local/console/task"
	"github.com/lazaret/lazaret/local/console/view"
)

// copies are the operations by which the quarantine bucket is listed. Its policy refuses to read objects, and not their
// tags.
type copies interface {
	ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
	GetObjectTagging(context.Context, *s3.GetObjectTaggingInput, ...func(*s3.Options)) (*s3.GetObjectTaggingOutput, error)
}

const (
	// mostCopies is how many copies are counted. Each takes a request for its tags.
	mostCopies = 500
	recordEnd  = ".json"   // of the key of a record, which is beside its copy
	samples    = "canary/" // where copies of the canary's samples are
	noTags     = "not known"
)

// Quarantined are the copies in quarantine by what put them there.
type Quarantined struct {
	Groups  []*QuarantinedGroup
	Count   int
	Partial bool   // there are more
	NoTags  string // why the tags of some are not known; empty if all are
}

// QuarantinedGroup is the copies that one signature or reason put into quarantine.
type QuarantinedGroup struct {
	Verdict, Detail string
	Count           int
	Newest          time.Time
	Keys            []string // of some originals, the newest first, as far as the log of executions has them
}

// mostKeys is how many originals of a group are named.
const mostKeys = 2

// Name adds the keys of originals, which the copies do not have, from executions, the newest first.
func (q *Quarantined) Name(rows []history.Row) {
	for _, g := range q.Groups {
		for _, r := range rows {
			if len(g.Keys) < mostKeys && r.Object.Key != "" && string(r.Verdict) == g.Verdict && r.Detail == g.Detail &&
				!slices.Contains(g.Keys, r.Object.Key) {
				g.Keys = append(g.Keys, r.Object.Key)
			}
		}
	}
}

// ReadQuarantine counts the copies in a bucket by their tags.
func ReadQuarantine(ctx context.Context, client copies, bucket string) (Quarantined, error) {
	var keys []string
	stored := map[string]time.Time{}
	q := Quarantined{}
	in := &s3.ListObjectsV2Input{Bucket: &bucket}
	for len(keys) < mostCopies {
		out, err := client.ListObjectsV2(ctx, in)
		if err != nil {
			return q, fmt.Errorf("list s3://%s (s3:ListBucket): %w", bucket, err)
		}
		for _, o := range out.Contents {
			key := aws.ToString(o.Key)
			if !strings.HasSuffix(key, recordEnd) && !strings.HasPrefix(key, samples) {
				keys, stored[key] = append(keys, key), aws.ToTime(o.LastModified)
			}
		}
		if in.ContinuationToken = out.NextContinuationToken; in.ContinuationToken == nil {
			break
		}
	}
	q.Partial = len(keys) > mostCopies || in.ContinuationToken != nil
	keys = keys[:min(len(keys), mostCopies)]
	tags := make([]map[string]string, len(keys))
	var group errgroup.Group
	group.SetLimit(tagsAtOnce)
	for i, key := range keys {
		group.Go(func() error {
			out, err := client.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: &bucket, Key: &key})
			if err != nil {
				return err
			}
			tags[i] = verdicttag.Verdict(out.TagSet)
			return nil
		})
	}
	if err := group.Wait(); err != nil { // what has no tags is counted apart
		q.NoTags = "The tags of some copies are not known (s3:GetObjectTagging): " + awsclient.Says(err)
	}
	for i, key := range keys {
		q.add(tags[i][verdicttag.Status], tags[i][verdicttag.Detail], stored[key])
	}
	slices.SortFunc(q.Groups, func(a, b *QuarantinedGroup) int {
		return cmp.Or(b.Count-a.Count, cmp.Compare(a.Detail, b.Detail))
	})
	return q, nil
}

func (q *Quarantined) add(verdict, detail string, at time.Time) {
	q.Count++
	verdict = cmp.Or(verdict, noTags)
	i := slices.IndexFunc(q.Groups, func(g *QuarantinedGroup) bool { return g.Verdict == verdict && g.Detail == detail })
	if i < 0 {
		i, q.Groups = len(q.Groups), append(q.Groups, &QuarantinedGroup{Verdict: verdict, Detail: detail})
	}
	g := q.Groups[i]
	g.Count++
	if at.After(g.Newest) {
		g.Newest = at
	}
}

// Quarantine are the pages about quarantine. They release false positives.
type Quarantine struct {
	View   *view.View
	Read   *latest.Value[Quarantined]
	Decide func(context.Context) (*decide.Client, error)
	Tasks  *task.Registry
}

var (
	quarantinePage = parse("quarantine.html")
	signaturePage  = parse("signature.html")
	releasePage    = parse("release.html")
)

// Routes adds the pages.
func (q Quarantine) Routes(mux *http.ServeMux) {
	mux.Handle("GET /quarantine", q.View.Handler(q.show))
	mux.Handle("GET /quarantine/live", q.View.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return q.View.Stream(w, r, quarantinePage, "quarantine", lettersEvery, func(ctx context.Context) (any, bool, error) {
			return newQuarantine(q.Read.Get(ctx, time.Minute)), false, nil
		})
	}))
	mux.Handle("GET /quarantine/signature", q.View.Handler(q.signature))
	mux.Handle("GET /quarantine/release", q.View.Handler(q.ask))
	mux.Handle("POST /quarantine/release", q.View.Handler(q.release))
}

// quarantine is the content of the first page.
type quarantine struct {
	Ready   bool
	Trouble string
	Quarantined
}

func newQuarantine(read latest.Reading[Quarantined]) quarantine {
	c := quarantine{Ready: !read.At.IsZero(), Quarantined: read.Value}
	if read.Err != nil {
		c.Trouble = awsclient.Says(read.Err)
	}
	return c
}

func (q Quarantine) show(w http.ResponseWriter, r *http.Request) error {
	c := newQuarantine(q.Read.Get(r.Context(), patience))
	return q.View.Render(w, r, quarantinePage, view.Page{Title: "Quarantine", Section: "/quarantine", Content: c})
}

// shownCopy is a copy with the objects that its addresses name.
type shownCopy struct {
	decision.Copy
	Original, Stored job.Object
}

// find returns the copies of a signature, the newest first.
func (q Quarantine) find(ctx context.Context, signature string) (all []shownCopy, client *decide.Client, err error) {
	if signature == "" {
		return nil, nil, view.Wrong("The address names no signature.")
	}
	if client, err = q.Decide(ctx); err != nil {
		return nil, nil, err
	}
	request := decision.Request{Action: decision.ActionFind, Signature: signature}
	err = client.Pages(ctx, request, func(page decision.Answer) {
		for _, c := range page.Copies {
			shown := shownCopy{Copy: c}
			shown.Original, _ = job.ParseAddress(c.Original) // without a link then
			shown.Stored, _ = job.ParseAddress(c.Copy)
			all = append(all, shown)
		}
	})
	if err != nil {
		return nil, nil, view.Problem{
			Status: http.StatusBadGateway, Says: "The function release could not be asked for the copies.", Err: err,
		}
	}
	slices.SortStableFunc(all, func(a, b shownCopy) int { return b.Time.Compare(a.Time) })
	return all, client, nil
}

// mostShown is how many copies of one signature a page names.
const mostShown = 500

// signature shows the copies of one signature.
func (q Quarantine) signature(w http.ResponseWriter, r *http.Request) error {
	name := r.FormValue("name")
	all, _, err := q.find(r.Context(), name)
	if err != nil {
		return err
	}
	left := 0
	for _, c := range all {
		if !c.Released {
			left++
		}
	}
	return q.View.Render(w, r, signaturePage, view.Page{
		Title: view.Plain(view.Middle(name, 80)), Section: "/quarantine", Content: struct {
			Signature   string
			Copies      []shownCopy
			Count, Left int
		}{name, all[:min(len(all), mostShown)], len(all), left},
	})
}

// lifetimes are for how many days a signature may be allowed in the bytes that are released.
var lifetimes = []int{1, 7, 30, 90, 366}

const defaultLifetime = 30 // days, as of the command

// release is what the form of the second step says.
type release struct {
	Signature, Reason string
	Addresses         []string // of the copies that were chosen; all of the signature if there are none
	Days              int
	Overwrite         bool
}

func newRelease(r *http.Request) (f release, err error) {
	if err := r.ParseForm(); err != nil {
		return f, view.Wrong("The form cannot be read.")
	}
	f = release{
		Signature: r.Form.Get("signature"), Reason: strings.TrimSpace(r.Form.Get("reason")), Addresses: r.Form["copy"],
		Overwrite: r.Form.Get("overwrite") != "", Days: defaultLifetime,
	}
	if days := r.Form.Get("days"); days != "" {
		if f.Days, err = strconv.Atoi(days); err != nil || !slices.Contains(lifetimes, f.Days) {
			return f, view.Wrong("The form asks for %s days, which it does not offer.", days)
		}
	}
	return f, nil
}

// choose returns the copies that the form names and that were not released.
func (f release) choose(all []shownCopy) (chosen []shownCopy) {
	for _, c := range all {
		if !c.Released && (len(f.Addresses) == 0 || slices.Contains(f.Addresses, c.Copy.Copy)) {
			chosen = append(chosen, c)
		}
	}
	return chosen
}

// mostTried is how many copies the second step asks the function about.
const mostTried = 20

// asked is the content of the second step.
type asked struct {
	release
	Chosen    []shownCopy
	Tried     []decide.Result
	Problems  []string // why copies would not be released
	Lifetimes []int
	By        string
	Trouble   string // what is wrong with the form
}

// ask is the second step: it names what will be released, and asks for the reason.
func (q Quarantine) ask(w http.ResponseWriter, r *http.Request) error {
	f, err := newRelease(r)
	if err != nil {
		return err
	}
	return q.askAbout(w, r, f, "")
}

func (q Quarantine) askAbout(w http.ResponseWriter, r *http.Request, f release, trouble string) error {
	all, client, err := q.find(r.Context(), f.Signature)
	if err != nil {
		return err
	}
	c := asked{release: f, Chosen: f.choose(all), Lifetimes: lifetimes, By: client.By, Trouble: trouble}
	trial := decision.Request{Reason: "the console asks what would be released", DryRun: true}
	for _, chosen := range c.Chosen[:min(len(c.Chosen), mostTried)] {
		if _, err := client.Release(r.Context(), trial, chosen.Copy.Copy, false); err != nil {
			c.Problems = append(c.Problems, chosen.Copy.Original+": "+awsclient.Says(err))
		}
	}
	return q.View.Render(w, r, releasePage, view.Page{
		Title: "Release from quarantine", Section: "/quarantine", Content: c,
	})
}

// release puts copies back.
func (q Quarantine) release(w http.ResponseWriter, r *http.Request) error {
	f, err := newRelease(r)
	if err != nil {
		return err
	}
	if f.Reason == "" {
		return q.askAbout(w, r, f, "The reason is missing: it is recorded, with who decided.")
	}
	title := "Release what " + view.Plain(view.Middle(f.Signature, 80)) + " put into quarantine"
	back := view.Link("/quarantine/signature", "name", f.Signature)
	id := q.Tasks.Start(title, back, func(ctx context.Context, t *task.Task) error {
		t.Say("Looking for the copies …")
		all, client, err := q.find(ctx, f.Signature)
		if err != nil {
			return err
		}
		defer q.Read.Expire()
		var chosen []decision.Copy
		for _, c := range f.choose(all) {
			chosen = append(chosen, c.Copy)
		}
		request := decision.Request{
			Reason: f.Reason, Seconds: int64(f.Days) * 24 * 60 * 60, Overwrite: f.Overwrite,
		}
		t.Say("0 of %s released", view.Plural(len(chosen), "copy", "copies"))
		results := client.ReleaseAll(ctx, request, chosen, true, func(done int) {
			t.Say("%d of %s done", done, view.Plural(len(chosen), "copy", "copies"))
		})
		failed := 0
		for _, result := range results {
			line := task.Line{Mood: "done", Text: result.Copy}
			if result.Verdict != nil {
				line.Mood = result.Verdict.Verdict
			}
			if record := result.Record; record != nil {
				line.Text = record.Object
				if o, err := job.ParseAddress(record.Object); err == nil {
					line.Link = view.ObjectLink(o)
				}
			}
			if result.Error != "" {
				failed++
				line.Mood, line.Text = "failed", line.Text+": "+result.Error
			}
			t.Add(line)
		}
		t.Say("%s released", view.Plural(len(results)-failed, "copy", "copies"))
		if failed > 0 {
			return errors.New(view.Plural(failed, "copy", "copies") + " did not come back CLEAN; releasing again finishes " +
				"what is left")
		}
		return nil
	})
	return seeOther(w, r, "/tasks/"+id)
}
