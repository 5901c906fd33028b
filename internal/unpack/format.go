package unpack

import "fmt"

// Format is one kind of container. It has no state: the state of a walk is in the
// Visitor and in variables of Walk.
type Format struct {
	// Name is what people call it.
	Name string
	// Opens lists for docs/coverage.md which parts are opened and which are refused.
	Opens string
	// Magics are texts of which a file of this format begins with one.
	Magics []Magic
	// Match confirms a magic; nil confirms every magic. In a format without magics it
	// recognises a file alone. head are the first HeadSize bytes of c, or all. A panic
	// counts as true.
	Match func(c Content, head []byte) bool
	// Guess says that Match is often wrong. The format is left out where one without
	// Guess is recognised.
	Guess bool
	// Beside says that the same bytes may be a file of another format at the same time:
	// formats with Guess are not left out for this one.
	Beside bool
	// Whole says that Walk accounts for every byte up to the end that it gives to
	// Visitor.End. In files of other formats, containers are searched for.
	Whole bool
	// Scattered says that the parts of a member may stand anywhere in the file and in
	// any order. Formats after it in the list that are recognised too may be wrong, and
	// damage in them is not refused.
	Scattered bool
	// Costly returns a refusal if the engine must not be given c as a whole, because its
	// time would grow with the square of c's size. Its members are scanned all the same.
	// Nil stands for a function that returns nil. A panic is damage.
	Costly func(c Content) error
	// Walk gives every member to the visitor. A Refusal that it returns is kept, and a
	// panic is damage.
	Walk func(v *Visitor, c Content) error
	// Marks are texts by which the format is found in the middle of other content.
	Marks []Mark
}

// Magic is a text at an offset from the beginning of a file.
type Magic struct {
	At   int
	Text string
}

// Mark is a text by which a container is found anywhere in a file. Many programs find
// it there.
type Mark struct {
	// Text has 2 to 64 bytes.
	Text string
	// Fold says that the ASCII letters of Text may be in either case.
	Fold bool
	// Before is the number of bytes of the container before Text.
	Before int64
	// Start says that a container is also looked for at the first byte of a file. Most
	// formats are recognised there by their magics.
	Start bool
	// Once says that Open looks at all of the content, so that the first place where
	// Text stands is enough.
	Once bool
	// Open looks whether a container begins at an offset of the visitor's content, and
	// gives its members to the visitor. It returns the offset at which the container
	// ends, or 0 if none begins there. Most texts stand there by chance.
	Open func(v *Visitor, at int64) (end int64, err error)
}

// HeadSize is the number of bytes of a file that Match is given.
const HeadSize = 2048

// Formats are the formats that a Checker knows, made once by NewFormats.
type Formats struct {
	all   []Format
	marks *marks
}

// NewFormats makes a list of formats ready for use. It panics on a format that
// breaks the rules of Format: the list is a constant of the program.
func NewFormats(all ...Format) Formats {
	for _, f := range all {
		if f.Walk == nil && len(f.Marks) == 0 {
			panic(fmt.Sprintf("format %s has neither Walk nor marks", f.Name))
		}
		for _, m := range f.Magics {
			if m.At+len(m.Text) > HeadSize {
				panic(fmt.Sprintf("format %s: magic at %d is beyond the first %d bytes", f.Name, m.At, HeadSize))
			}
		}
		for _, m := range f.Marks {
			if len(m.Text) < 2 || len(m.Text) > longestMark {
				panic(fmt.Sprintf("format %s: mark %q is not of 2 to %d bytes", f.Name, m.Text, longestMark))
			}
		}
	}
	return Formats{all: all, marks: indexMarks(all)}
}

// List returns the formats, for documentation and tests.
func (fs Formats) List() []Format { return fs.all }

// recognise returns the formats that a program may take c for, in the order of the
// list: those with Beside last.
func (fs Formats) recognise(c Content) []Format {
	head := c.Peek(0, HeadSize)
	var certain, guesses, beside []Format
	for _, f := range fs.all {
		switch {
		case f.Walk == nil || !f.matches(c, head):
		case f.Beside:
			beside = append(beside, f)
		case f.Guess:
			guesses = append(guesses, f)
		default:
			certain = append(certain, f)
		}
	}
	if len(certain) > 0 {
		return append(certain, beside...)
	}
	return append(guesses, beside...)
}

func (f Format) matches(c Content, head []byte) (matched bool) {
	if len(f.Magics) > 0 && !f.begins(head) {
		return false
	}
	defer func() {
		if recover() != nil { // Walk will say what is wrong with these bytes
			matched = true
		}
	}()
	return f.Match == nil && len(f.Magics) > 0 || f.Match != nil && f.Match(c, head)
}

func (f Format) begins(head []byte) bool {
	for _, m := range f.Magics {
		if len(head) >= m.At+len(m.Text) && string(head[m.At:m.At+len(m.Text)]) == m.Text {
			return true
		}
	}
	return false
}

// costly returns a refusal if the engine must not be given c as a whole.
func (f Format) costly(c Content) (err error) {
	if f.Costly == nil {
		return nil
	}
	defer func() {
		if cause := recover(); cause != nil {
			err = panicked(f, cause)
		}
	}()
	return f.Costly(c)
}

// panicked refuses content on which the code of a format has panicked.
func panicked(f Format, cause any) error { return Damaged("%s: decoder failed: %v", f.Name, cause) }
