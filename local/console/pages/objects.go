package pages

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/internal/verdicttag"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/explain"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/cmd/lazaret/rescan"
	"github.com/lazaret/lazaret/local/console/task"
	"github.com/lazaret/lazaret/local/console/view"
)

// versions are the operations by which the page lists a bucket.
type versions interface {
	ListObjectVersions(
		context.Context, *s3.ListObjectVersionsInput, ...func(*s3.Options),
	) (*s3.ListObjectVersionsOutput, error)
	GetObjectTagging(context.Context, *s3.GetObjectTaggingInput, ...func(*s3.Options)) (*s3.GetObjectTaggingOutput, error)
}

// Bucket is one that the stack has to do with.
type Bucket struct{ Name, Role string }

// Objects are the pages about buckets and objects.
type Objects struct {
	View *view.View
	S3   versions
	// Buckets returns the buckets to choose from, of which the first is that of uploads. An error says why there may be
	// more.
	Buckets func(context.Context) ([]Bucket, error)
	// Explain says what happened to an object.
	Explain func(context.Context, job.Object) (*explain.Page, error)
	// Find completes an object with what S3 knows about its version.
	Find func(context.Context, job.Object) (job.Object, error)
	// Rescan requests a scan, and Follow waits for its end.
	Rescan func(context.Context, job.Object) (execution string, err error)
	Follow func(ctx context.Context, execution string, since time.Time, report func(rescan.Event)) (rescan.End, error)
	Tasks  *task.Registry
}

var (
	objectsPage = parse("objects.html")
	objectPage  = parse("object.html")
	rescanPage  = parse("rescan.html")
)

const (
	// objectsPageSize is how many versions a page shows: each takes a request for its tags.
	objectsPageSize = 100
	tagsAtOnce      = 16
)

// Routes adds the pages.
func (o Objects) Routes(mux *http.ServeMux) {
	mux.Handle("GET /objects", o.View.Handler(o.list))
	mux.Handle("GET /object", o.View.Handler(o.show))
	mux.Handle("GET /object/live", o.View.Handler(o.live))
	mux.Handle("GET /object/rescan", o.View.Handler(o.askRescan))
	mux.Handle("POST /object/rescan", o.View.Handler(o.rescan))
}

// crumb is a part of the prefix.
type crumb struct{ Name, Path string }

// version is one line of the list: a version of an object, or a delete marker.
type version struct {
	Object   job.Object
	Name     string // the key after the prefix
	Latest   bool
	Marker   bool
	Modified time.Time
	Tags     map[string]string
	Trouble  string // why the tags are not known
}

// Verdict returns the verdict in the tags, or "".
func (v version) Verdict() string { return v.Tags[verdicttag.Status] }

// Detail returns the signature or the reason.
func (v version) Detail() string { return v.Tags[verdicttag.Detail] }

// Scanned returns when the verdict was found, as the tag says.
func (v version) Scanned() string {
	text := v.Tags[verdicttag.Time]
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.UTC().Format(time.DateTime)
	}
	return text
}

// Definitions returns the version of the daily set of the verdict.
func (v version) Definitions() string { return v.Tags[verdicttag.Definitions] }

// folder is a common prefix.
type folder struct{ Name, Path string }

// objects is the content of the list.
type objects struct {
	Buckets      []Bucket
	Bucket, Role string
	Prefix       string
	Crumbs       []crumb
	Folders      []folder
	Versions     []version
	First, Next  string // URLs; First is empty on the first page
	Trouble      string
	NotAll       string // why Buckets may lack some
}

func (o Objects) list(w http.ResponseWriter, r *http.Request) error {
	form := r.URL.Query()
	buckets, unknown := o.Buckets(r.Context())
	c := objects{Buckets: buckets, Bucket: form.Get("bucket"), Prefix: form.Get("prefix")}
	if c.Bucket == "" {
		c.Bucket = c.Buckets[0].Name
	}
	if i := slices.IndexFunc(c.Buckets, func(b Bucket) bool { return b.Name == c.Bucket }); i >= 0 {
		c.Role = c.Buckets[i].Role
	}
	end := 0
	for part := range strings.SplitAfterSeq(c.Prefix, "/") {
		if end += len(part); part != "" {
			path := view.Link("/objects", "bucket", c.Bucket, "prefix", c.Prefix[:end])
			c.Crumbs = append(c.Crumbs, crumb{part, path})
		}
	}
	in := &s3.ListObjectVersionsInput{
		Bucket: &c.Bucket, Prefix: &c.Prefix, Delimiter: aws.String("/"), MaxKeys: aws.Int32(objectsPageSize),
		EncodingType: types.EncodingTypeUrl,
	}
	if marker := form.Get("after"); marker != "" {
		in.KeyMarker = &marker
		c.First = view.Link("/objects", "bucket", c.Bucket, "prefix", c.Prefix)
		if id := form.Get("version"); id != "" {
			in.VersionIdMarker = &id
		}
	}
	if unknown != nil {
		c.NotAll = "Which other buckets the stack watches is not known: " + awsclient.Says(unknown)
	}
	if err := o.read(r.Context(), in, &c); err != nil {
		c.Trouble = awsclient.Says(err)
	}
	return o.View.Render(w, r, objectsPage, view.Page{Title: "Objects", Section: "/objects", Content: c})
}

// read lists one page of a bucket, with the verdicts in the tags.
func (o Objects) read(ctx context.Context, in *s3.ListObjectVersionsInput, c *objects) error {
	out, err := o.S3.ListObjectVersions(ctx, in)
	if err != nil {
		return fmt.Errorf("list the versions of s3://%s/%s (s3:ListBucketVersions): %w", c.Bucket, view.Plain(c.Prefix), err)
	}
	decode := func(s *string) string { // what S3 has encoded because XML cannot hold every key
		if text, err := url.QueryUnescape(aws.ToString(s)); err == nil && out.EncodingType == types.EncodingTypeUrl {
			return text
		}
		return aws.ToString(s)
	}
	for _, p := range out.CommonPrefixes {
		prefix := decode(p.Prefix)
		c.Folders = append(c.Folders, folder{
			strings.TrimPrefix(prefix, c.Prefix), view.Link("/objects", "bucket", c.Bucket, "prefix", prefix),
		})
	}
	for _, v := range out.Versions {
		key := decode(v.Key)
		c.Versions = append(c.Versions, version{
			Object: job.Object{
				Bucket: c.Bucket, Key: key, VersionID: aws.ToString(v.VersionId), Size: aws.ToInt64(v.Size),
			},
			Name: strings.TrimPrefix(key, c.Prefix), Latest: aws.ToBool(v.IsLatest), Modified: aws.ToTime(v.LastModified),
		})
	}
	for _, m := range out.DeleteMarkers {
		key := decode(m.Key)
		c.Versions = append(c.Versions, version{
			Object: job.Object{Bucket: c.Bucket, Key: key, VersionID: aws.ToString(m.VersionId)}, Marker: true,
			Name: strings.TrimPrefix(key, c.Prefix), Latest: aws.ToBool(m.IsLatest), Modified: aws.ToTime(m.LastModified),
		})
	}
	slices.SortStableFunc(c.Versions, func(a, b version) int {
		if n := strings.Compare(a.Object.Key, b.Object.Key); n != 0 {
			return n
		}
		return b.Modified.Compare(a.Modified)
	})
	if aws.ToBool(out.IsTruncated) {
		c.Next = view.Link("/objects", "bucket", c.Bucket, "prefix", c.Prefix,
			"after", decode(out.NextKeyMarker), "version", aws.ToString(out.NextVersionIdMarker))
	}
	o.readTags(ctx, c.Versions)
	return nil
}

// readTags reads the tags of versions, some at a time.
func (o Objects) readTags(ctx context.Context, all []version) {
	var group errgroup.Group
	group.SetLimit(tagsAtOnce)
	for i := range all {
		v := &all[i]
		if v.Marker {
			continue
		}
		group.Go(func() error {
			in := &s3.GetObjectTaggingInput{Bucket: &v.Object.Bucket, Key: &v.Object.Key}
			if id := v.Object.VersionID; id != "" && id != "null" {
				in.VersionId = &id
			}
			out, err := o.S3.GetObjectTagging(ctx, in)
			if err != nil {
				v.Trouble = "s3:GetObjectTagging: " + awsclient.Says(err)
				return nil
			}
			v.Tags = verdicttag.Verdict(out.TagSet)
			return nil
		})
	}
	_ = group.Wait() // each error is with its version
}

// explained is the content of the page about one object.
type explained struct {
	Object job.Object
	Ready  bool
	Page   *explain.Page
	Error  string
	Mood   view.Mood
	Copied job.Object // where it is now; empty if it was not moved
	Folder string     // URL of the list that it is in
	Live   string
}

// wanted returns the object that a request is about.
func wanted(r *http.Request) (job.Object, error) {
	o := job.Object{
		Bucket: r.FormValue("bucket"), Key: r.FormValue("key"), VersionID: r.FormValue("versionId"),
	}
	if o.Bucket == "" || o.Key == "" {
		return o, view.Wrong("The address names no object: it needs a bucket and a key.")
	}
	return o, nil
}

// newExplained returns the content without the explanation.
func newExplained(object job.Object) explained {
	return explained{
		Object: object,
		Folder: view.Link("/objects", "bucket", object.Bucket, "prefix",
			object.Key[:strings.LastIndexByte(object.Key, '/')+1]),
		Live: view.Link("/object/live", "bucket", object.Bucket, "key", object.Key, "versionId", object.VersionID),
	}
}

func (o Objects) show(w http.ResponseWriter, r *http.Request) error {
	object, err := wanted(r)
	if err != nil {
		return err
	}
	c := newExplained(object)
	if r.FormValue("wait") != "" { // asked for by a browser without scripts
		o.explain(r.Context(), &c)
	}
	return o.View.Render(w, r, objectPage, view.Page{
		Title: view.Plain(view.Middle(object.Key, 80)), Section: "/objects", Content: c,
	})
}

func (o Objects) live(w http.ResponseWriter, r *http.Request) error {
	object, err := wanted(r)
	if err != nil {
		return err
	}
	return o.View.Stream(w, r, objectPage, "explained", time.Second, func(ctx context.Context) (any, bool, error) {
		c := newExplained(object)
		o.explain(ctx, &c)
		// Soon there will be more to say about an object that is under way.
		under := c.Page != nil && (c.Page.Case == explain.Running || c.Page.Case == explain.Waiting)
		return c, !under, nil
	})
}

func (o Objects) explain(ctx context.Context, c *explained) {
	c.Ready = true
	page, err := o.Explain(ctx, c.Object)
	if err != nil {
		c.Error = awsclient.Says(err)
		return
	}
	c.Page, c.Mood = page, moods[page.Case]
	if copied, err := job.ParseAddress(page.Copy); err == nil && page.Copy != "" {
		c.Copied = copied
	}
	if c.Object.VersionID == "" && page.Version != nil {
		c.Object.VersionID = page.Version.ID
	}
}

// moods are how the cases of explain are shown.
var moods = map[explain.Case]view.Mood{
	explain.Clean: view.Good, explain.Promoted: view.Good, explain.Superseded: view.Good,
	explain.Infected: view.Bad, explain.Quarantined: view.Bad, explain.DeadLetter: view.Bad, explain.Failed: view.Bad,
	explain.NeverStarted: view.Bad, explain.Unscannable: view.Careful, explain.NotWatched: view.Careful,
	explain.OutsidePrefix: view.Careful, explain.Waiting: view.Busy, explain.Running: view.Busy,
	explain.NotThere: view.Quiet, explain.Deleted: view.Quiet, explain.DeleteMarker: view.Quiet,
}

// askRescan is the second step before a scan.
func (o Objects) askRescan(w http.ResponseWriter, r *http.Request) error {
	object, err := wanted(r)
	if err != nil {
		return err
	}
	if object, err = o.Find(r.Context(), object); err != nil {
		return view.Problem{Status: http.StatusNotFound, Says: "The object cannot be scanned again.", Err: err}
	}
	return o.View.Render(w, r, rescanPage, view.Page{Title: "Scan again", Section: "/objects", Content: struct {
		Object job.Object
		Queue  string
	}{object, o.View.Stack.Queue("rescans")}})
}

// rescan requests a scan, and follows it.
func (o Objects) rescan(w http.ResponseWriter, r *http.Request) error {
	object, err := wanted(r)
	if err != nil {
		return err
	}
	back := view.ObjectLink(object)
	id := o.Tasks.Start("Scan again: "+view.Plain(view.Middle(object.Key, 120)), back,
		func(ctx context.Context, t *task.Task) error {
			object, err := o.Find(ctx, object)
			if err != nil {
				return err
			}
			began := time.Now()
			name, err := o.Rescan(ctx, object)
			if err != nil {
				return err
			}
			t.Say("The request waits in %s.", o.View.Stack.Queue("rescans"))
			end, err := o.Follow(ctx, name, began, func(e rescan.Event) { t.Say("%s", followed(e)) })
			if err != nil {
				return err
			}
			t.Add(task.Line{
				Mood: string(end.Status), Text: "execution " + history.Name(end.Execution), Link: view.ExecutionLink(end.Execution),
			})
			if verdict := end.Verdict(); verdict != "" {
				t.Say("%s", end.Job.Scan.Outcome())
				t.Add(task.Line{Mood: string(verdict), Text: "the verdict of this scan", Link: back})
				return nil
			}
			return fmt.Errorf("no verdict: the execution ended in the state %s with the status %s %s %s",
				end.State, end.Status, end.Error, view.Middle(end.Cause, 300))
		})
	return seeOther(w, r, "/tasks/"+id)
}

// followed says what happened to a scan.
func followed(e rescan.Event) string {
	switch {
	case e.Late > 0:
		return fmt.Sprintf("Nothing has started the execution for %.0f s; the request stays in the queue.", e.Late.Seconds())
	case e.State != "":
		return "In the state " + e.State + "."
	case e.Error != "":
		return e.Error + ": " + view.Middle(e.Cause, 200)
	}
	return "It runs."
}
