package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// Classes of what can be wrong.
const (
	lost         = "lost"
	falseClean   = "CLEAN, and must not be"
	wrongVerdict = "another verdict than it must have"
	readable     = "could be read"
	tagsChanged  = "tags changed"
	metaChanged  = "metadata changed"
	bytesChanged = "bytes changed"
	notMoved     = "not where its verdict moves it"
	twice        = "there twice"
	returned     = "there after its deletion"
	unknown      = "that nobody uploaded"
	unannounced  = "not announced"
	wrongOrder   = "an older version is the current one"
	leftFile     = "work file left"
	leftProcess  = "process left"
	lostPermit   = "permits"
	lostMessage  = "messages that are no uploads lost"
	notSampled   = "not sampled"
)

// classes returns all classes in the order of the report.
func classes() []string {
	return []string{
		lost, falseClean, wrongVerdict, readable, tagsChanged, metaChanged, bytesChanged, notMoved, twice, returned,
		unknown, unannounced, wrongOrder, leftFile, leftProcess, lostPermit, lostMessage, notSampled,
	}
}

// wrong is one thing that is wrong.
type wrong struct {
	class string
	name  name // the version, if it is about one
	text  string
}

// Where versions end.
const (
	endClean       = "CLEAN"
	endPromoted    = "CLEAN, promoted"
	endSuperseded  = "CLEAN, superseded"
	endQuarantined = "INFECTED, in quarantine"
	endUnscannable = "UNSCANNABLE"
	endDeleted     = "deleted by its uploader"
	endLetter      = "dead letter"
	endLost        = "lost"
	endOther       = "in another state"
)

// ends returns all ends in the order of the report.
func ends() []string {
	return []string{
		endClean, endPromoted, endSuperseded, endQuarantined, endUnscannable, endDeleted, endLetter, endLost, endOther,
	}
}

// line is the account of one version.
type line struct {
	*version
	end   string
	where []string
}

// accounted is the account of a run.
type accounted struct {
	lines  []line
	wrongs []wrong
}

// lost returns the versions that are lost.
func (a *accounted) lost() (all []wrong) {
	for _, w := range a.wrongs {
		if w.class == lost {
			all = append(all, w)
		}
	}
	return all
}

func (a *accounted) add(class string, n name, format string, args ...any) {
	a.wrongs = append(a.wrongs, wrong{class: class, name: n, text: fmt.Sprintf(format, args...)})
}

// account compares what there is with what was uploaded.
func account(l *ledger, now *result) *accounted {
	a := &accounted{}
	found := map[name][]*held{}
	for i := range now.held {
		h := &now.held[i]
		if l.find(h.original) == nil {
			a.add(unknown, h.original, "s3://%s/%s, version %s, made of version %q", h.bucket, h.key, h.id, h.original.id)
			continue
		}
		found[h.original] = append(found[h.original], h)
	}
	for _, v := range l.all() {
		places := found[v.name]
		slices.SortFunc(places, func(x, y *held) int {
			return cmp.Or(cmp.Compare(x.bucket, y.bucket), cmp.Compare(x.id, y.id))
		})
		a.version(v, places, now)
	}
	a.order(l, now)
	a.rest(l, now)
	return a
}

// version accounts for one version.
func (a *accounted) version(v *version, places []*held, now *result) {
	is := line{version: v}
	for _, h := range places {
		is.where = append(is.where, fmt.Sprintf("%s %s", strings.TrimSuffix(strings.TrimPrefix(h.bucket, "lazaret-"),
			"-000000000000-us-east-1"), cmp.Or(h.status, "untagged")))
		a.content(v, h)
	}
	is.end = a.endOf(v, places, now)
	if is.end == endQuarantined && now.announced != nil && !slices.Contains(now.announced[v.name], job.Infected) {
		a.add(unannounced, v.name, "it is in quarantine, and was announced as %v", now.announced[v.name])
	}
	a.lines = append(a.lines, is)
}

// content compares what a version has with what was uploaded.
func (a *accounted) content(v *version, h *held) {
	at := "in " + h.bucket
	if h.sha256 != v.sha256 {
		a.add(bytesChanged, v.name, "%s: SHA-256 %x, want %x", at, h.sha256, v.sha256)
	}
	if !maps.Equal(h.tags, v.tags) {
		a.add(tagsChanged, v.name, "%s: %v, want %v", at, h.tags, v.tags)
	}
	if !maps.Equal(h.metadata, v.upload.metadata) {
		a.add(metaChanged, v.name, "%s: %v, want %v", at, h.metadata, v.upload.metadata)
	}
	want := v.upload.headers
	got := h.headers
	if want.contentType == "" {
		got.contentType = "" // S3's default
	}
	if got != want {
		a.add(metaChanged, v.name, "%s: headers %+v, want %+v", at, got, want)
	}
	if h.status == string(job.Clean) && v.upload.kind.want != job.Clean {
		a.add(falseClean, v.name, "%s: want %s", at, v.upload.kind.want)
	}
}

// endOf returns where a version has ended, and adds what is wrong with that.
func (a *accounted) endOf(v *version, places []*held, now *result) string {
	var original *held
	var copies []*held
	for _, h := range places {
		if h.bucket == harness.Uploads {
			original = h
		} else {
			copies = append(copies, h)
		}
	}
	why, letter := now.letters[v.name]
	switch {
	case letter:
		return endLetter // whatever was done before is done again; at the end none may be left
	case len(copies) > 1:
		a.add(twice, v.name, "%d copies of it", len(copies))
		return endOther
	case original != nil && v.deleted:
		a.add(returned, v.name, "with the tag %q", original.status)
		return endOther
	case original != nil && len(copies) == 1:
		a.add(notMoved, v.name, "it is in uploads and in %s, and no dead letter is about it %s", copies[0].bucket, why)
		return endOther
	case original != nil:
		return a.endInUploads(v, original, now)
	case len(copies) == 1:
		return a.endOfCopy(v, copies[0], now)
	case v.maybe:
		return endDeleted
	}
	a.add(lost, v.name, "it is in no bucket and no dead letter")
	return endLost
}

// endInUploads is endOf a version that is where it was uploaded.
func (a *accounted) endInUploads(v *version, h *held, now *result) string {
	want := v.upload.kind.want
	switch job.Verdict(h.status) {
	case "":
		a.add(lost, v.name, "it has no verdict, and no dead letter is about it")
		return endLost
	case job.Infected:
		a.add(notMoved, v.name, "it is tagged INFECTED in uploads, and no dead letter is about it")
		return endOther
	case job.Unscannable:
		if want != job.Unscannable && h.detail != string(job.EngineCrash) || want != job.Unscannable && now.announced != nil {
			a.add(wrongVerdict, v.name, "UNSCANNABLE (%s), want %s", h.detail, want)
		}
		return endUnscannable
	case job.Clean:
		if want != job.Clean {
			return endOther // content says so
		}
		if now.layout == "three-bucket" {
			if !superseded(v, now) {
				a.add(notMoved, v.name, "it is CLEAN in uploads, and no newer version is in the clean bucket")
				return endOther
			}
			return endSuperseded
		}
		return endClean
	}
	a.add(wrongVerdict, v.name, "%q, want %s", h.status, want)
	return endOther
}

// superseded reports whether the clean bucket has a version of the key that is not older.
func superseded(v *version, now *result) bool {
	return slices.ContainsFunc(now.held, func(h held) bool {
		return h.bucket == harness.Clean && h.original.key == v.key && h.original != v.name &&
			!h.originalStored.Before(v.stored.Add(-slack))
	})
}

// endOfCopy is endOf a version that was moved.
func (a *accounted) endOfCopy(v *version, h *held, now *result) string {
	want := v.upload.kind.want
	if h.bucket == harness.Clean {
		if h.status != string(job.Clean) {
			a.add(wrongVerdict, v.name, "%q in the clean bucket, want CLEAN", h.status)
		} else if want != job.Clean {
			return endOther // content says so
		}
		return endPromoted
	}
	if want != job.Infected {
		a.add(wrongVerdict, v.name, "it is in quarantine with the tag %q, want %s", h.status, want)
	}
	if !h.recorded {
		a.add(metaChanged, v.name, "its copy in quarantine has no record")
	}
	return endQuarantined
}

// slack is how much the times of two versions must differ so that their order is certain: S3 tells whole seconds.
const slack = 2 * time.Second

// order checks that the current version of each key in the clean bucket is the newest of those that were promoted.
func (a *accounted) order(l *ledger, now *result) {
	newest := map[string]*held{}
	for i := range now.held {
		h := &now.held[i]
		if v := l.find(h.original); h.bucket == harness.Clean && v != nil {
			if n := newest[h.key]; n == nil || h.originalStored.After(n.originalStored) {
				newest[h.key] = h
			}
		}
	}
	for _, h := range now.held {
		n := newest[h.key]
		if h.bucket == harness.Clean && h.latest && n != nil && n.originalStored.After(h.originalStored.Add(slack)) {
			a.add(wrongOrder, h.original, "stored at %s; version %s, stored at %s, is not current",
				h.originalStored.Format(time.TimeOnly), n.original.id, n.originalStored.Format(time.TimeOnly))
		}
	}
}

// rest accounts for what is about no single version.
func (a *accounted) rest(l *ledger, now *result) {
	if now.announced == nil {
		return // the account is not the last one
	}
	for n, why := range now.letters {
		a.add(lost, n, "it is a dead letter after all replays: %s", why)
	}
	for _, w := range now.lostBefore {
		a.add(w.class, w.name, "before the dead letters were redriven: %s", w.text)
	}
	for _, b := range now.breaches {
		a.add(readable, name{}, "%s", b)
	}
	for _, f := range now.workFiles {
		a.add(leftFile, name{}, "%s", f)
	}
	for _, p := range now.processes {
		a.add(leftProcess, name{}, "%s", p)
	}
	if now.permits != "" {
		a.add(lostPermit, name{}, "%s", now.permits)
	}
	for _, body := range now.sent {
		if !slices.Contains(now.nonsense, body) {
			a.add(lostMessage, name{}, "%s", body)
		}
	}
	for _, body := range now.nonsense {
		if !slices.Contains(now.sent, body) {
			a.add(lostMessage, name{}, "a dead letter that nobody sent: %s", body)
		}
	}
	a.made(l, now)
}

// made checks that all uploads were made, and that somebody tried to read what must not be read.
func (a *accounted) made(l *ledger, now *result) {
	stored, unclean := map[int]int{}, 0
	for _, v := range l.all() {
		stored[v.upload.id]++
		if v.upload.kind.want != job.Clean {
			unclean++
		}
	}
	if unclean > 0 && now.guarded == 0 {
		a.add(notSampled, name{}, "no read of a version that is not clean was refused")
	}
	for id, u := range l.uploads {
		if stored[id] == 0 {
			a.add(notSampled, name{key: u.key}, "upload %d was not made", id)
		}
	}
}
