package unpack

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"github.com/lazaret/lazaret/internal/job"
)

// Visitor takes the parts of one container from a format. If not said otherwise, its
// methods keep refusals and return only the errors that end the whole Check: a format
// returns such an error as it is.
type Visitor struct {
	walk   *walk
	node   node
	prefix string // of the names of members
	end    int64  // offset at which the container ends; -1 if the format has not said so
	sound  int64  // offset that Sound was called with
	pieces *pieces
}

func (w *walk) visitor(n node) *Visitor { return &Visitor{walk: w, node: n, end: -1} }

// Content is the content of the container.
func (v *Visitor) Content() Content { return v.node.Content }

// Limits are what Check may spend, for formats that must know before they unpack.
func (v *Visitor) Limits() Limits { return v.walk.limits }

// Stream takes a member that r unpacks: its bytes are scanned and looked into. If r
// fails, the member is damaged, or refused if r returns a Refusal; the bytes that came
// before are scanned and looked into all the same. If r is an io.Closer, it is closed
// once it was read.
func (v *Visitor) Stream(name string, r io.Reader) error {
	m, b, err := v.unpack(name, r)
	if b == nil {
		return err
	}
	defer v.walk.drop(b)
	if err != nil {
		return err
	}
	return v.walk.piece(m, b)
}

// Show takes a member that the format itself looks into, where the member stands: it is
// scanned, and not looked into.
func (v *Visitor) Show(name string, r io.Reader) error {
	m, b, err := v.unpack(name, r)
	if b == nil {
		return err
	}
	defer v.walk.drop(b)
	if err != nil || b.size == 0 || v.walk.lookedInto[b.sum()] {
		return err
	}
	_, err = v.walk.scan(piece{path: m.path, size: b.size, sum: b.sum(), body: b})
	return err
}

// unpack reads a member to its end. The body is nil if there may be no more members;
// otherwise the caller drops it.
func (v *Visitor) unpack(name string, r io.Reader) (node, *body, error) {
	m, err := v.walk.member(v.node, v.prefix+name)
	if err != nil {
		return node{}, nil, v.walk.keep(v.node.path, err)
	}
	b, failure := v.walk.spoolAndClose(r)
	return m, b, v.walk.keep(m.path, failure)
}

// Region takes a member that stands in the container as it is.
func (v *Visitor) Region(name string, from, size int64) error {
	if from < 0 || size < 0 || size > v.node.Size()-from {
		return v.Refuse(Damaged("%s ends after the end of the file", Clip(name, 64)))
	}
	return v.Stream(name, v.node.Section(from, size))
}

// Gap takes bytes that belong to no member. If they begin as a container, or if the
// engine was not given the container around them, they are a member; otherwise they are
// only searched, since the engine has scanned them where they stand.
func (v *Visitor) Gap(name string, from, size int64) error {
	part := v.node.Part(from, size)
	if part.Size() < MinContent {
		return nil
	}
	if v.node.notScanned || v.Known(part) {
		return v.Region(name, from, part.Size())
	}
	return v.Search(name, from, from+part.Size())
}

// Known reports whether some format is recognised in c.
func (v *Visitor) Known(c Content) bool { return len(v.walk.formats.recognise(c)) > 0 }

// End says that the container ends at an offset. What follows is looked into after Walk.
func (v *Visitor) End(at int64) { v.end = min(at, v.node.Size()) }

// Sound says that all bytes up to an offset were given to the visitor as they stand, so
// that a search need not look for the same format there, even if the container turns
// out to be damaged.
func (v *Visitor) Sound(at int64) { v.sound = min(at, v.node.Size()) }

// EndPadded says that the container ends at an offset, and that zeros may follow which
// belong to it.
func (v *Visitor) EndPadded(at int64) {
	const block = 512
	for at < v.node.Size() {
		page := v.node.Peek(at, 64<<10)
		if len(page) == 0 {
			break
		}
		zeros := len(page) - len(bytes.TrimLeft(page, "\x00"))
		if zeros == len(page) {
			at += int64(zeros)
			continue
		}
		// Some containers begin with zeros: those that follow begin with a block.
		if whole := at + int64(zeros/block*block); v.Known(v.node.From(whole)) {
			v.End(whole)
			return
		}
		v.End(at + int64(zeros))
		return
	}
	v.End(v.node.Size())
}

// Refuse keeps a refusal, so that the walk goes on. It returns other errors, and nil
// for nil.
func (v *Visitor) Refuse(err error) error { return v.walk.keep(v.node.path, err) }

// Try tries one reading of several. A signature that is found in it counts; its
// refusals are not kept but returned.
func (v *Visitor) Try(reading func() error) ([]*Refusal, error) {
	trial := &refusalList{}
	if err := v.try(trial, reading); err != nil {
		return nil, err
	}
	refused := trial.wait()
	return refused, v.walk.scans.failed() // a scan of the trial may have failed meanwhile
}

// try runs a reading whose refusals go to a list. After a panic, which a caller recovers,
// refusals go to the former list again.
func (v *Visitor) try(trial *refusalList, reading func() error) error {
	w := v.walk
	before := w.refusals
	defer func() {
		w.refusals = before
		w.trials--
	}()
	w.refusals = trial
	w.trials++
	return w.keep(v.node.path, reading())
}

// Guess tries a reading of bytes that may be something else. Damage in it only says
// that they are something else; other refusals are kept.
func (v *Visitor) Guess(reading func() error) error {
	refused, err := v.Try(reading)
	if err != nil {
		return err
	}
	for _, r := range slices.DeleteFunc(refused, (*Refusal).damage) {
		if err := v.Refuse(r); err != nil {
			return err
		}
	}
	return nil
}

// TryStream takes a member that r unpacks, where a mark so short that it often stands
// there by chance is all that says so. Damage is not refused; the bytes that came
// before it are scanned and looked into. It reports whether r came to its end, or
// failed only because of what follows that (Refusal.Follows). r is nil if the decoder
// could not even begin. A file with too many streams that fail is refused.
func (v *Visitor) TryStream(name string, r io.Reader) (whole bool, err error) {
	b, failure := &body{}, Damaged("the stream does not begin")
	if r != nil {
		b, failure = v.walk.spoolAndClose(r)
		defer v.walk.drop(b)
	}
	if failure != nil && !IsRefusal(failure) {
		return false, v.walk.keep(v.node.path, failure)
	}
	if failure != nil || b.size == 0 {
		if v.walk.falseStarts++; v.walk.falseStarts > maxFalseStarts {
			return false, exhausted(job.LimitFiles, "more than %d streams begin that cannot be read", maxFalseStarts)
		}
	}
	if b.size == 0 {
		return failure == nil, nil
	}
	m, err := v.walk.member(v.node, v.prefix+name)
	if err != nil {
		return false, v.walk.keep(v.node.path, err)
	}
	reading := func() error { return v.walk.piece(m, b) }
	refusal, _ := errors.AsType[*Refusal](failure)
	if failure == nil || refusal.Follows {
		return failure == nil, reading()
	}
	_, err = v.Try(reading) // what is refused in a part of a stream says nothing
	return false, err
}

// maxFalseStarts is far more than chance makes: of random bytes, one in 16 million
// begins like a gzip stream. A file that only has magics would take minutes a megabyte.
const maxFalseStarts = 1000

// Hold takes n bytes of memory for a decoder that stays while its members are walked;
// release gives them back. The error is a Refusal.
func (v *Visitor) Hold(n int64) (release func(), err error) {
	w := v.walk
	if w.spent.Held+n > maxHeld {
		return func() {}, TooLarge("containers in one another whose dictionaries take more than %d bytes", maxHeld)
	}
	w.spent.Held += n
	return func() { w.spent.Held -= n }, nil
}

// MaxWindow is the most memory, in bytes, that one decoder may take for the bytes that
// it refers back to: the window of zstd -19 --long=27, and twice the dictionary of
// xz -9.
const MaxWindow = 128 << 20

const maxHeld = 4 * MaxWindow

// Spend counts n bytes that a decoder has produced and that are not scanned, such as
// those between two filters. The error is a Refusal that ends the Check.
func (v *Visitor) Spend(n int64) error {
	w := v.walk
	if w.spent.Unpacked += n; w.spent.Unpacked > w.limits.Unpacked {
		return exhausted(job.LimitSize, "more than %d bytes unpacked", w.limits.Unpacked)
	}
	return w.ctx.Err()
}
