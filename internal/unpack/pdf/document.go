package pdf

import "github.com/lazaret/lazaret/internal/unpack"

// document is a PDF that is walked.
type document struct {
	visitor   *unpack.Visitor
	content   unpack.Content
	certainty certainty
	// How many bytes this pass has read as values, and as data or in search of its end.
	parsedBytes, dataBytes int64
	// ended is an error that ended the whole check within a chain of filters.
	ended error

	// The index.
	values     map[reference][]any // names, arrays and dictionaries to which streams may refer
	valueBytes int                 // from which they were read
	numbers    map[reference]int64 // objects that are a number, such as a length
	// files are streams that a reader saves as a file or runs as a script.
	files     map[reference]bool
	filesFull bool // there are more of them than are kept
	// leadsTo has the references in objects through which a reader finds files.
	leadsTo          map[reference][]reference
	hasObjectStreams bool

	// Encryption.
	encrypted    bool
	encryptions  []any                    // encryption dictionaries, or references to them
	encryptionOf map[reference]dictionary // encryption dictionaries that are objects
	ids          [][]byte                 // of the file
	keys         []key

	// What is shown.
	shownAlone int    // streams that were shown by themselves
	joined     []byte // small streams that wait to be shown together
	scripts    []byte // scripts in strings that wait to be shown together
	buffer     []byte // for a stream that may be small
}

// certainty says how sure it is that content is a PDF.
type certainty int

const (
	possible certainty = iota // it contains a header
	likely                    // it has a header near its beginning, or the end of a PDF
	certain                   // it begins with a header
)

func newDocument(v *unpack.Visitor, c unpack.Content, sure certainty) *document {
	return &document{
		visitor: v, content: c, certainty: sure,
		values:       map[reference][]any{},
		numbers:      map[reference]int64{},
		files:        map[reference]bool{},
		leadsTo:      map[reference][]reference{},
		encryptionOf: map[reference]dictionary{},
	}
}

// walk shows the streams and scripts, in up to three passes. A limit that one pass
// reaches does not end the next.
func (d *document) walk() error {
	if err := d.pass(d.index); err != nil {
		return err
	}
	if err := d.visitor.Refuse(d.findKeys()); err != nil {
		return err
	}
	if d.hasObjectStreams {
		if err := d.pass(d.objects); err != nil {
			return err
		}
	}
	d.follow()
	err := d.pass(func(o object) error {
		if err := d.script(o); err != nil {
			return err
		}
		return d.stream(o)
	})
	if err != nil {
		return err
	}
	if err := d.together("scripts", &d.scripts); err != nil {
		return err
	}
	return d.together("streams", &d.joined)
}

// pass visits every object once.
func (d *document) pass(visit func(object) error) error {
	d.parsedBytes, d.dataBytes = 0, 0
	return d.visitor.Refuse(d.scan(visit))
}

// overBudget reports whether this pass has read the file more often than any PDF needs:
// objects within one another would cost the square of their number. Data is read once
// for each key and each chain of filters.
func (d *document) overBudget() bool {
	size := d.content.Size()
	return d.parsedBytes > 6*size+1<<20 || d.dataBytes > 24*size+1<<20
}

func errOverBudget() error { return unpack.TooLarge("PDF with overlapping objects") }
