package coverage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/lazaret/lazaret/internal/job"
)

// walk is one Check: what it may still spend and what it has against the file.
type walk struct {
	ctx       context.Context
	scan      Scanner
	limits    Limits
	dir       string
	bytes     int64
	members   int
	noStreams int      // that search took for streams
	memory    int64    // that decoders hold while their members are walked
	disk      int64    // bytes that members may yet take on the disk, once measured
	onDisk    bool     // disk was measured
	fault     error    // the first read that failed
	refused   *refusal // the first
}

// node is a run of bytes that the engine has seen: the file itself, or a member.
type node struct {
	r     io.ReaderAt
	size  int64
	path  string // of members, for people
	depth int
	// hidden: the engine, which was shown what n stands in, did not take n for
	// what it is, and has not opened it.
	hidden bool
	// end is where a form found by search reports how far it goes; nil elsewhere.
	end *int64
}

// ends notes that n goes no further than to an offset in it, and reports whether
// somebody else looks at what follows.
func (n node) ends(at int64) bool {
	if n.end != nil {
		*n.end = at
	}
	return n.end != nil
}

// at is a part of n, cut to what there is of it.
func (n node) at(from, size int64) *io.SectionReader {
	from = min(max(from, 0), n.size)
	return io.NewSectionReader(n.r, from, min(max(size, 0), n.size-from))
}

// read fills b from n at an offset.
func (n node) read(b []byte, at int64) error {
	if at < 0 || at > n.size-int64(len(b)) {
		return damaged("ends before byte %d of %d", at+int64(len(b)), n.size)
	}
	_, err := n.r.ReadAt(b, at)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return err
}

// look walks whatever n turns out to be.
func (w *walk) look(n node) error {
	if err := w.deeper(n); err != nil {
		return err
	}
	n.r = guarded{w, n.r}
	forms, err := recognise(n)
	if err != nil {
		return err
	}
	owned := false
	for i, f := range forms {
		err := w.enter(f, n)
		if r, ok := errors.AsType[*refusal](err); ok && i > 0 && forms[0].name == pgpForm && r.reason == job.Damaged {
			continue // the end of a zip whose parts walkPGP has put together
		}
		owned = owned || f.owns
		if r, ok := errors.AsType[*refusal](err); ok && i > 0 && forms[0].name == oleForm.name && r.reason == job.Damaged {
			continue // the end of a zip in a stream, in sectors of any order; walkOLE has put it together
		}
		if err := w.settle(n, err); err != nil {
			return err
		}
	}
	if owned {
		return nil
	}
	return w.search(n, "embedded", 0, n.size)
}

// deeper refuses a member of too many containers.
func (w *walk) deeper(n node) error {
	if n.depth > w.limits.Depth {
		return exceeded(job.LimitRecursion, "%s: more than %d containers in one another", n.path, w.limits.Depth)
	}
	return nil
}

// settle keeps a refusal and goes on; it returns what ends the walk.
func (w *walk) settle(n node, err error) error {
	// A decoder wraps what its input returned, or replaces it.
	if cause := cmp.Or(context.Cause(w.ctx), w.fault); cause != nil {
		return cause
	}
	r, ok := errors.AsType[*refusal](err)
	if !ok || r.last {
		return err
	}
	if r.path == "" {
		r.path = n.path
	}
	w.keep(r)
	return nil
}

func (w *walk) keep(r *refusal) {
	if w.refused == nil {
		w.refused = r
	}
}

// member counts one more member of n and names it.
func (w *walk) member(n node, name string) (node, error) {
	w.members++
	if w.members > w.limits.Members {
		return node{}, exceeded(job.LimitFiles, "more than %d members", w.limits.Members)
	}
	name = strings.ToValidUTF8(clip(name, 64), "?")
	if n.path != "" {
		name = clip(n.path, 192) + "/" + name
	}
	return node{path: name, depth: n.depth + 1}, nil
}

// stream takes a member that r unpacks. seen says that the engine, which said
// OK, has unpacked it as well. A reader that fails makes the member damaged,
// after what it did give was looked at.
func (w *walk) stream(n node, name string, r io.Reader, seen bool) error {
	m, err := w.member(n, name)
	if err != nil {
		return err
	}
	body, failure := w.spool(r)
	if c, ok := r.(io.Closer); ok { // its memory, before the member's own decoders take theirs
		c.Close()
	}
	defer w.drop(body)
	if failure = w.settle(m, failure); failure != nil {
		return failure
	}
	if !seen {
		if err := w.show(m, body); err != nil {
			return err
		}
	}
	m.r, m.size = body, body.size
	return w.look(m)
}

// hold takes memory for a decoder that stays while its members are walked.
func (w *walk) hold(n int64) error {
	if w.memory += n; w.memory > 4*maxWindow {
		w.memory -= n
		return tooWide("archives in one another whose dictionaries take more than %d bytes", 4*maxWindow)
	}
	return nil
}

func (w *walk) release(n int64) { w.memory -= n }

// region takes a member that stands in n as it is.
func (w *walk) region(n node, name string, from, size int64, seen bool) error {
	if from < 0 || size < 0 || size > n.size-from {
		return damaged("%s ends after the end of the file", clip(name, 64))
	}
	if !seen {
		return w.stream(n, name, n.at(from, size), false)
	}
	m, err := w.member(n, name)
	if err != nil {
		return err
	}
	m.r, m.size = n.at(from, size), size
	return w.look(m)
}

// remainder takes bytes that belong to no member. The engine saw them raw; if
// they are a container to somebody, it gets them as a file of their own.
func (w *walk) remainder(n node, name string, from, size int64) error {
	part := n.at(from, size)
	if part.Size() < 6 { // too few for any magic
		return nil
	}
	forms, err := recognise(node{r: part, size: part.Size()})
	if err != nil {
		return err
	}
	if len(forms) == 0 {
		return w.search(n, name, from, from+part.Size())
	}
	return w.region(n, name, from, part.Size(), false)
}

// show gives a member to the engine.
func (w *walk) show(m node, b *body) error {
	if b.size == 0 {
		return nil
	}
	f, err := b.file()
	if err != nil {
		return err
	}
	defer b.done(f)
	got, err := w.scan(w.ctx, f)
	switch {
	case err != nil:
		if cause := context.Cause(w.ctx); errors.Is(cause, errTime) {
			return cause
		}
		return fmt.Errorf("scan member: %w", err)
	case got.Outcome == Found:
		return &detection{got.Signature}
	case got.Outcome == Refused:
		w.keep(&refusal{reason: got.Reason, path: m.path, detail: got.Detail})
		return nil
	case got.Outcome != Covered:
		return fmt.Errorf("scan member: unknown outcome %q", got.Outcome)
	}
	return nil
}

// guarded ends reads with the context, so that no decoder outlives it, and
// remembers a read that failed: a volume that is not there for a moment must
// not pass for a damaged file.
type guarded struct {
	w *walk
	io.ReaderAt
}

func (g guarded) ReadAt(b []byte, at int64) (int, error) {
	if g.w.ctx.Err() != nil {
		return 0, context.Cause(g.w.ctx)
	}
	if at < 0 { // what a hostile file sent its decoder to
		return 0, io.ErrUnexpectedEOF
	}
	n, err := g.ReaderAt.ReadAt(b, at)
	if err != nil && !errors.Is(err, io.EOF) && g.w.fault == nil {
		g.w.fault = fmt.Errorf("read file: %w", err)
	}
	return n, err
}

func clip(s string, most int) string {
	if len(s) > most {
		return s[:most]
	}
	return s
}
