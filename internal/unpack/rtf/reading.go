package rtf

// reading is one way to read digits. The zero value is the way of most readers.
type reading struct {
	// groups: usual counts the digits of groups that are not optional, second counts
	// those of no group, third those of every group.
	groups choice
	// bin: usual counts the raw bytes behind \bin, second does not.
	bin choice
	// escaped: usual ignores \'hh, second ignores the digit in front of it too, third
	// counts its digits.
	escaped choice
	// argument: usual takes decimal digits right behind the word for its argument,
	// second counts them.
	argument choice
}

// choice is one of the ways to read something.
type choice int

const (
	usual choice = iota
	second
	third
)

// features are what was found that can be read in more than one way.
type features struct {
	groups   bool // groups that are not optional
	optional bool // optional groups
	bin      bool
	escaped  bool
	argument bool
}

// readings returns every way to read what was found, at least one.
func (f features) readings() []reading {
	all := []reading{{}}
	vary := func(found bool, choices []choice, set func(*reading, choice)) {
		if !found {
			return
		}
		var more []reading
		for _, r := range all {
			for _, c := range choices {
				set(&r, c)
				more = append(more, r)
			}
		}
		all = more
	}
	vary(f.groups || f.optional, []choice{usual, second, third}, func(r *reading, c choice) { r.groups = c })
	vary(f.bin, []choice{usual, second}, func(r *reading, c choice) { r.bin = c })
	vary(f.escaped, []choice{usual, second, third}, func(r *reading, c choice) { r.escaped = c })
	vary(f.argument, []choice{usual, second}, func(r *reading, c choice) { r.argument = c })
	return all
}
