package unpack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"github.com/lazaret/lazaret/internal/job"
)

// walk is one Check: what it has spent, and what it has refused.
type walk struct {
	ctx     context.Context
	formats Formats
	scans   *scans
	limits  Limits
	dir     string

	spent       Spent
	falseStarts int          // streams that TryStream could not read
	disk        int64        // bytes of disk that members may take, once measured
	taken       atomic.Int64 // bytes of disk that members take
	measured    bool

	readError error        // the first read of the file or of a member that failed
	refusals  *refusalList // of the file, or of the innermost trial
	order     int          // of the last refusal or scan
	trials    int          // calls of Visitor.Try that are in one another now
	parents   []*scan      // of the containers that the walk is in now, outermost first

	lookedInto map[Sum]bool     // pieces that need no second look
	costly     map[Sum]*Refusal // pieces that the engine must not be given, or not within others
}

func newWalk(ctx context.Context, c Checker, engine Engine) *walk {
	return &walk{
		ctx: ctx, formats: c.Formats, scans: newScans(engine, c.Parallel), limits: c.Limits, dir: c.Dir,
		refusals: &refusalList{}, lookedInto: map[Sum]bool{}, costly: map[Sum]*Refusal{},
	}
}

// node is content that the walk looks into: the file itself, or a member.
type node struct {
	Content
	path  string // of a member, for people
	depth int    // containers around it
	// notScanned says that the engine was not given it as a whole.
	notScanned bool
}

// file looks into the file itself.
func (w *walk) file(f *os.File, size int64, sum Sum) error {
	w.lookedInto[sum] = true // a member that is the file once more holds nothing new
	return w.look(node{Content: NewContent(guarded{w, f}, size)}, piece{size: size, sum: sum, file: f})
}

// look has the engine scan n, which is the content of p, and then walks it as every
// format that it may be.
func (w *walk) look(n node, p piece) error {
	forms := w.formats.recognise(n.Content)
	for _, f := range forms {
		if err := f.costly(n.Content); err != nil {
			n.notScanned = true
			if err := w.refuseScan(n.path, p.sum, err); err != nil {
				return err
			}
		}
	}
	if !n.notScanned && n.Size() > 0 {
		c, err := w.scan(p)
		if err != nil {
			return err
		}
		w.parents = append(w.parents, c)
		defer func() { w.parents = w.parents[:len(w.parents)-1] }()
	}
	accounted := false // for every byte
	for i, f := range forms {
		// Where every byte is accounted for, or may be a part of something else, another
		// format is only one more reading.
		guess := accounted || i > 0 && forms[0].Scattered
		whole, err := w.open(f, n, guess)
		if err != nil {
			return err
		}
		accounted = accounted || whole
	}
	if accounted {
		return nil
	}
	return w.visitor(n).Search("embedded", 0, n.Size())
}

// refuseScan keeps the refusal of a piece that the engine must not be given, and stops
// the scans of the containers that hold it: the engine unpacks it there as well.
func (w *walk) refuseScan(path string, sum Sum, err error) error {
	if err := w.keep(path, err); err != nil {
		return err
	}
	if r, ok := errors.AsType[*Refusal](err); ok {
		w.costly[sum] = r
		w.stopParents(r)
	}
	return nil
}

// stopParents stops the scans of the containers that the walk is in. Each is refused
// with r, since it was not scanned to its end: in a trial, the refusal of the member
// itself may be dropped.
func (w *walk) stopParents(r *Refusal) {
	for _, c := range w.scans.stop(w.parents) {
		c.refusals.add(w.next(), r)
	}
}

// open walks n as one format. It reports whether every byte of n is accounted for.
func (w *walk) open(f Format, n node, guess bool) (whole bool, err error) {
	v := w.visitor(n)
	walked := true
	enter := func() error {
		err := w.enter(f, v)
		walked = err == nil
		return w.keep(n.path, err)
	}
	if guess {
		err = v.Guess(enter)
	} else {
		err = enter()
	}
	if err != nil || !f.Whole || !walked {
		return false, err
	}
	if v.end >= 0 && v.end < n.Size() {
		err = v.Gap("appended", v.end, n.Size()-v.end)
	}
	return true, err
}

// enter walks one container. A panic, which hostile bytes may cause in a decoder, is
// damage.
func (w *walk) enter(f Format, v *Visitor) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = panicked(f, cause)
		}
	}()
	return f.Walk(v, v.node.Content)
}

// keep takes the error that a format or a decoder returned. It keeps a refusal and
// returns nil; what it returns ends the Check.
func (w *walk) keep(path string, err error) error {
	// These come first: a decoder wraps the error of its input, or replaces it.
	if cause := cmp.Or(w.scans.failed(), context.Cause(w.ctx), w.readError); cause != nil {
		return cause
	}
	r, ok := errors.AsType[*Refusal](err)
	if !ok || r.last {
		return err
	}
	if r.Path == "" {
		r.Path = path
	}
	w.refuse(r)
	return nil
}

func (w *walk) refuse(r *Refusal) { w.refusals.add(w.next(), r) }

// next numbers refusals and scans in the order of the walk.
func (w *walk) next() int {
	w.order++
	return w.order
}

// member counts and names one more member of n. The error is a refusal.
func (w *walk) member(n node, name string) (node, error) {
	w.spent.Members++
	if w.spent.Members > w.limits.Members {
		return node{}, exhausted(job.LimitFiles, "more than %d members", w.limits.Members)
	}
	path := Clip(name, 64)
	if n.path != "" {
		path = Clip(n.path, 192) + "/" + path
	}
	path = strings.ToValidUTF8(path, "?")
	if n.depth >= w.limits.Depth {
		return node{}, &Refusal{
			Reason: job.LimitRecursion, Path: path,
			Detail: fmt.Sprintf("more than %d containers in one another", w.limits.Depth),
		}
	}
	return node{path: path, depth: n.depth + 1}, nil
}

// piece has the engine scan a member and looks into it. The same bytes are scanned
// once, wherever they stand.
func (w *walk) piece(m node, b *body) error {
	if b.size == 0 {
		return nil
	}
	sum := b.sum()
	if w.lookedInto[sum] {
		if r, ok := w.costly[sum]; ok { // in this container, too
			w.stopParents(r)
		}
		return nil
	}
	if w.trials == 0 { // what is refused within a trial may be dropped
		w.lookedInto[sum] = true
	}
	m.Content = NewContent(guarded{w, b}, b.size)
	return w.look(m, piece{path: m.path, size: b.size, sum: sum, body: b})
}

// guarded ends reads with the context, so that no decoder goes on after it, and keeps
// the first read that failed: a file on a volume that is away for a moment must not be
// taken for a damaged one.
type guarded struct {
	w *walk
	io.ReaderAt
}

func (g guarded) ReadAt(b []byte, at int64) (int, error) {
	if err := cmp.Or(g.w.scans.failed(), context.Cause(g.w.ctx)); err != nil {
		return 0, err
	}
	if at < 0 { // an offset that a decoder has computed from hostile bytes
		return 0, io.ErrUnexpectedEOF
	}
	n, err := g.ReaderAt.ReadAt(b, at)
	g.w.spent.Read += int64(n)
	if err != nil && !errors.Is(err, io.EOF) && g.w.readError == nil {
		g.w.readError = fmt.Errorf("read file: %w", err)
	}
	return n, err
}

// Clip cuts a text, such as a member's name, to at most so many bytes.
func Clip(s string, most int) string {
	if len(s) > most {
		return s[:most]
	}
	return s
}
