package graph

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/console/view"
)

var update = flag.Bool("update", false, "write the drawings in testdata")

// nested has all types of states, within each other, too.
const nested = `{
  "StartAt": "First",
  "States": {
    "First": {"Type": "Pass", "Next": "Each"},
    "Each": {
      "Type": "Map", "Next": "Both",
      "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Lost"}],
      "Iterator": {"StartAt": "Look", "States": {
        "Look": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": "Again"},
        "Again": {"Type": "Choice", "Choices": [{"Variable": "$.again", "BooleanEquals": true, "Next": "Look"}],
          "Default": "Pause"},
        "Pause": {"Type": "Wait", "Seconds": 1, "End": true}}}
    },
    "Both": {
      "Type": "Parallel", "End": true,
      "Branches": [
        {"StartAt": "Left", "States": {"Left": {
          "Type": "Map", "End": true, "ItemProcessor": {
            "ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Innermost",
            "States": {"Innermost": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "End": true}}}}}},
        {"StartAt": "Right", "States": {
          "Right": {"Type": "Pass", "Next": "Right end"},
          "Right end": {"Type": "Succeed"}}}
      ]
    },
    "Lost": {"Type": "Fail"}
  }
}`

// big returns a machine with this many states, each of which leads to the next, and some elsewhere, too.
func big(states int) string {
	all := map[string]any{}
	for i := range states {
		s := map[string]any{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": fmt.Sprint("S", i+1)}
		s["Catch"] = []any{map[string]any{"ErrorEquals": []string{"States.ALL"}, "Next": "Lost"}}
		switch {
		case i%5 == 4:
			delete(s, "Catch")
			s["Type"], s["Default"] = "Choice", s["Next"]
			delete(s, "Next")
			s["Choices"] = []any{
				map[string]any{"Variable": "$.n", "NumericLessThan": i, "Next": fmt.Sprint("S", i/2)},
				map[string]any{"Variable": "$.n", "NumericGreaterThan": i, "Next": fmt.Sprint("S", min(states-1, i+7))},
			}
		}
		all[fmt.Sprint("S", i)] = s
	}
	all[fmt.Sprint("S", states)] = map[string]any{"Type": "Succeed"}
	all["Lost"] = map[string]any{"Type": "Fail"}
	text, err := json.Marshal(map[string]any{"StartAt": "S0", "States": all})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// hostile are names that must stay text.
var hostile = []string{
	`<script>alert(1)</script>`, `</title></svg><img src=x onerror=alert(1)>`, `" onload="alert(1)`, `' x='`,
	`javascript:alert(1)`, `{{.}}`, `&lt;b&gt;`, "\u202egnp.exe", "line\nbreak\ttab", "\x00\x1b[31m", `]]>`, `-->`,
	strings.Repeat("W", 80), strings.Repeat("漢字", 40), "👩‍👩‍👧 family", " ",
}

func hostileMachine() string {
	all := map[string]any{}
	for i, name := range hostile {
		all[name] = map[string]any{
			"Type": "Task", "Resource": "arn:aws:states:::" + name + ":" + name, "Comment": name,
			"Next":  hostile[(i+1)%len(hostile)],
			"Catch": []any{map[string]any{"ErrorEquals": []string{name}, "Next": hostile[0]}},
		}
	}
	text, err := json.Marshal(map[string]any{"StartAt": hostile[0], "States": all})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func parsed(t *testing.T, definition string) Machine {
	t.Helper()
	m, err := Parse([]byte(definition))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// definitions are the machines that all drawings are tested with.
func definitions(t *testing.T) map[string]string {
	return map[string]string{
		"scan":    readFile(t, "../../../statemachine/scan.asl.json"),
		"sweep":   readFile(t, "../../../statemachine/sweep.asl.json"),
		"nested":  nested,
		"big":     big(200),
		"hostile": hostileMachine(),
	}
}

// element is an element of a drawing, as a parser of XML reads it.
type element struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Children []element  `xml:",any"`
	Text     string     `xml:",chardata"`
}

func (e element) attr(name string) string {
	for _, a := range e.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// all returns the elements within this one, and itself.
func (e element) all() []element {
	out := []element{e}
	for _, c := range e.Children {
		out = append(out, c.all()...)
	}
	return out
}

func parseSVG(t *testing.T, text string) element {
	t.Helper()
	var e element
	d := xml.NewDecoder(strings.NewReader(strings.TrimSpace(text)))
	if err := d.Decode(&e); err != nil {
		t.Fatalf("the drawing is no XML: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		t.Fatalf("after the drawing: got the error %v, want the end", err)
	}
	return e
}

// rawMachine reads a definition in another way than Parse does: names of states, and pairs of names that are joined.
func rawMachine(t *testing.T, definition any, states map[string]int, ways map[Way]int) {
	t.Helper()
	d, _ := definition.(map[string]any)
	all, _ := d["States"].(map[string]any)
	ways[Way{To: view.Plain(fmt.Sprint(d["StartAt"]))}] = 1
	for name, raw := range all {
		s, _ := raw.(map[string]any)
		from := view.Plain(name)
		states[from]++
		next := func(to any, caught bool) {
			if to != nil {
				ways[Way{from, view.Plain(fmt.Sprint(to)), caught}] = 1
			}
		}
		next(s["Next"], false)
		next(s["Default"], false)
		for _, list := range []string{"Choices", "Catch"} {
			entries, _ := s[list].([]any)
			for _, e := range entries {
				next(e.(map[string]any)["Next"], list == "Catch")
			}
		}
		for _, inner := range []string{"Iterator", "ItemProcessor"} {
			if s[inner] != nil {
				rawMachine(t, s[inner], states, ways)
			}
		}
		branches, _ := s["Branches"].([]any)
		for _, b := range branches {
			rawMachine(t, b, states, ways)
		}
	}
}

// TestAllIsDrawnOnce holds that each state of a definition and each way between two is in the drawing once, and nothing
// else is.
func TestAllIsDrawnOnce(t *testing.T) {
	t.Parallel()
	for name, definition := range definitions(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var raw any
			if err := json.Unmarshal([]byte(definition), &raw); err != nil {
				t.Fatal(err)
			}
			states, ways := map[string]int{}, map[Way]int{}
			rawMachine(t, raw, states, ways)
			svg, err := New(parsed(t, definition)).Inline(Look{Title: name})
			if err != nil {
				t.Fatal(err)
			}
			gotStates, gotWays := map[string]int{}, map[Way]int{}
			for _, e := range parseSVG(t, string(svg)).all() {
				classes := strings.Fields(e.attr("class"))
				if slices.Contains(classes, "graph-state") {
					gotStates[e.attr("data-state")]++
				}
				if slices.Contains(classes, "graph-way") {
					gotWays[Way{e.attr("data-from"), e.attr("data-to"), slices.Contains(classes, "is-catch")}]++
				}
			}
			if diff := cmp.Diff(states, gotStates); diff != "" {
				t.Errorf("states (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(ways, gotWays); diff != "" {
				t.Errorf("ways (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNothingOverlaps holds that no box is on another, no label on a box or on another label, and that states within a
// state are within its box and below its name.
func TestNothingOverlaps(t *testing.T) {
	t.Parallel()
	for name, definition := range definitions(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkPlaces(t, measure(parsed(t, definition)))
		})
	}
}

func checkPlaces(t *testing.T, m placed) {
	t.Helper()
	things := slices.Clone(m.Nodes)
	for _, r := range m.Routes {
		if r.Label.Width > 0 {
			things = append(things, r.Label)
		}
	}
	for i, a := range things {
		for _, b := range things[:i] {
			if a.X < b.X+b.Width && b.X < a.X+a.Width && a.Y < b.Y+b.Height && b.Y < a.Y+a.Height {
				t.Errorf("%v overlaps %v", a, b)
			}
		}
	}
	for i, s := range m.machine.States {
		outer := m.Nodes[i+1]
		for _, r := range innerPlaces(outer, m.inner[i]) {
			if r.X < outer.X || r.Y < outer.Y+boxHeight-6 || r.X+r.Width > outer.X+outer.Width ||
				r.Y+r.Height > outer.Y+outer.Height {
				t.Errorf("state %q at %v: got a part at %v, want it within", s.Name, outer, r)
			}
		}
		for _, inner := range m.inner[i] {
			checkPlaces(t, inner)
		}
	}
}

// TestTextFits holds that each text of a box ends before the box does.
func TestTextFits(t *testing.T) {
	t.Parallel()
	for name, definition := range definitions(t) {
		m := parsed(t, definition)
		p := page{Look: Look{States: map[string]Mark{}}}
		for _, s := range m.States {
			p.States[s.Name] = Mark{Status: Retrying, Note: "attempt 12 since 45 min 12 s"}
		}
		p.draw(measure(m), 0, 0)
		for _, b := range slices.Concat(p.Boxes, p.Groups) {
			for _, l := range b.Lines {
				if end := l.X + textWidth(l.Text, nameSize); end > b.X+b.Width {
					t.Errorf("%s: state %q: got the name %q until %g, want it to end before %g", name, b.Name, l.Text, end, b.X+b.Width)
				}
			}
			if end := b.Kind.X + textWidth(b.Kind.Text, smallSize); end > b.X+b.Width {
				t.Errorf("%s: state %q: got %q until %g, want it to end before %g", name, b.Name, b.Kind.Text, end, b.X+b.Width)
			}
		}
	}
}

// TestHostileNames holds that a name is nothing but text, wherever it is shown, and that a drawing has neither script
// nor style of its own.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	m := parsed(t, hostileMachine())
	look := Look{
		ID: "x", Title: hostile[0], Description: hostile[1], Executed: true, Chosen: hostile[0],
		States: map[string]Mark{hostile[0]: {Failed, hostile[2]}},
		Link:   func(state string) string { return state },
	}
	svg, err := New(m).Inline(look)
	if err != nil {
		t.Fatal(err)
	}
	allowed := strings.Fields("svg title desc g a path circle text")
	for _, e := range parseSVG(t, string(svg)).all() {
		if !slices.Contains(allowed, e.XMLName.Local) {
			t.Errorf("got the element %s, want only %s", e.XMLName.Local, allowed)
		}
		for _, a := range e.Attrs {
			if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "style" {
				t.Errorf("%s: got the attribute %s=%q, want none such", e.XMLName.Local, a.Name.Local, a.Value)
			}
			if a.Name.Local == "href" && strings.HasPrefix(a.Value, "javascript:") {
				t.Errorf("got the link %q, want no script", a.Value)
			}
		}
	}
	for _, r := range string(svg) {
		if r == '\u202e' || r < ' ' && r != '\n' {
			t.Errorf("got the character %U, want an escape in its place", r)
		}
	}
	if !strings.Contains(string(svg), `\u202egnp.exe`) {
		t.Error(`got no name \u202egnp.exe, want its direction mark as an escape`)
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	m := parsed(t, `{"StartAt": "A", "States": {
		"A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": "B",
			"Catch": [{"ErrorEquals": ["X"], "Next": "B"}]},
		"B": {"Type": "Pass", "End": true}, "C": {"Type": "Succeed"}}}`)
	look := Look{
		Executed: true, States: map[string]Mark{"A": {Caught, "2 s"}, "B": {Running, ""}},
		Taken: map[Way]bool{{"A", "B", true}: true}, Chosen: "B",
	}
	svg, err := New(m).Inline(look)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range parseSVG(t, string(svg)).all() {
		if name := e.attr("data-state") + e.attr("data-from") + e.attr("data-to"); name != "" {
			key := name + " " + strings.Fields(e.attr("class"))[1]
			got[key] = e.attr("class") + ": " + strings.TrimSpace(e.Children[0].Text)
		}
	}
	want := map[string]string{
		"A graph-task":    "graph-state graph-task is-caught: A: Lambda: Invoke\nCaught, 2 s",
		"B graph-pass":    "graph-state graph-pass is-running is-chosen: B: Pass\nRunning",
		"C graph-succeed": "graph-state graph-succeed is-idle: C: Succeed\nNot entered",
		"A is-taken":      "graph-way is-taken: Start with A",
		"AB is-idle":      "graph-way is-idle: A to B",
		"AB is-catch":     "graph-way is-catch is-taken: A to B after X",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("classes and titles (-want +got):\n%s", diff)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	deep := `{"Type": "Succeed"}`
	for range mostDepth {
		deep = `{"Type": "Map", "End": true, "Iterator": {"StartAt": "A", "States": {"A": ` + deep + `}}}`
	}
	for name, c := range map[string]struct{ definition, want string }{
		"no JSON":           {`x`, "invalid character"},
		"States is a list":  {`{"StartAt": "A", "States": []}`, "States is no object"},
		"no states":         {`{"StartAt": "A"}`, `StartAt names state "A", which does not exist`},
		"an unknown Next":   {`{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}`, `leads to state "B", which does not exist`},
		"a name twice":      {`{"StartAt": "A", "States": {"A": {"End": true}, "A": {"End": true}}}`, `state "A" is written twice`},
		"too many states":   {big(mostStates), "more than 2000 states"},
		"states too deep":   {`{"StartAt": "A", "States": {"A": ` + deep + `}}`, "more than 20 states are within each other"},
		"an inner mistake":  {`{"StartAt": "A", "States": {"A": {"Type": "Map", "Iterator": {"StartAt": "B"}}}}`, `state "A": StartAt names state "B"`},
		"a state is a text": {`{"StartAt": "A", "States": {"A": "B"}}`, `state "A": `},
	} {
		_, err := Parse([]byte(c.definition))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got the error %v, want one with %q", name, err, c.want)
		}
	}
}

func TestConditions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ rule, short, full string }{
		{`{"Variable": "$.a.b", "StringEquals": "X"}`, "b = X", "$.a.b = X"},
		{`{"Variable": "$.a.b", "BooleanEquals": true}`, "b", "$.a.b"},
		{`{"Variable": "$.a.b", "BooleanEquals": false}`, "not b", "not $.a.b"},
		{`{"Variable": "$.n", "NumericLessThan": 3}`, "n < 3", "$.n < 3"},
		{`{"Variable": "$.n", "NumericGreaterThanEqualsPath": "$.m"}`, "n ≥ $.m", "$.n ≥ $.m"},
		{`{"Variable": "$.n", "IsPresent": true}`, "n is present", "$.n is present"},
		{`{"Not": {"Variable": "$.n", "IsPresent": true}}`, "no n", "no $.n"},
		{`{"Not": {"Variable": "$.n", "StringMatches": "a*"}}`, "not (n matches a*)", "not ($.n matches a*)"},
		{`{"And": [{"Variable": "$.n", "IsPresent": true}, {"Variable": "$.n", "StringEquals": "x"}]}`, "n = x", "$.n is present and $.n = x"},
		{
			`{"And": [{"Variable": "$.n", "IsNull": false}, {"Or": [{"Variable": "$.a", "BooleanEquals": true}, {"Variable": "$.b", "BooleanEquals": true}]}]}`,
			"n IsNull: false and (a or b)", "$.n IsNull: false and ($.a or $.b)",
		},
		{`{"Condition": "{% $x = 1 %}"}`, "$x = 1", "$x = 1"},
		{`{"Variable": "$.n", "Unheard": {"a": 1}}`, `n Unheard {"a":1}`, `$.n Unheard {"a":1}`},
		{`{}`, "…", "…"},
		{`"text"`, "…", "…"},
	} {
		if got := conditionText(json.RawMessage(c.rule), true); got != c.short {
			t.Errorf("%s: got %q, want %q", c.rule, got, c.short)
		}
		if got := conditionText(json.RawMessage(c.rule), false); got != c.full {
			t.Errorf("%s in full: got %q, want %q", c.rule, got, c.full)
		}
	}
}

// TestDrawingsAreAlike holds that a Drawing may be shown again and again, and by several at the same time.
func TestDrawingsAreAlike(t *testing.T) {
	t.Parallel()
	d := New(parsed(t, nested))
	first, err := d.Inline(Look{})
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if again, err := d.Inline(Look{}); err != nil || again != first {
				t.Errorf("got another drawing (%v), want the same", err)
			}
		})
	}
	group.Wait()
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	const want = "The machine starts with First. First leads to Each. Each leads to Both. After an error Each leads to " +
		"Lost. Each has states within it. A part starts with Look. Look leads to Again. Again leads to Look or Pause. " +
		"Pause ends it. Both ends it. Both has states within it. A part starts with Left. Left ends it. Left has states " +
		"within it. A part starts with Innermost. Innermost ends it. Both has states within it. A part starts with " +
		"Right. Right leads to Right end. Right end ends it. Lost ends it."
	if got := Describe(parsed(t, nested)); got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// TestGoldens compares drawings with files, so that a change of how they look is seen in a review.
func TestGoldens(t *testing.T) {
	t.Parallel()
	run := Look{
		Title: "One execution", Description: "A scan", Executed: true, Chosen: "Quarantine",
		States: map[string]Mark{
			"Fetch": {Retried, "1.24 s, 3 attempts"}, "Scan": {Succeeded, "12.3 s"}, "Tag": {Caught, "120 ms"},
			"Untagged": {Succeeded, "1 ms"}, "Quarantine": {Retrying, "attempt 2"},
		},
		Taken: map[Way]bool{
			{"Fetch", "Scan", false}: true, {"Scan", "Tag", false}: true, {"Tag", "Untagged", true}: true,
			{"Untagged", "Quarantine", false}: true,
		},
		Link: func(state string) string { return "?state=" + state },
	}
	for name, c := range map[string]struct {
		definition string
		look       Look
	}{
		"nested.svg": {nested, Look{Title: "Nested", Description: Describe(parsed(t, nested))}},
		"run.svg":    {definitions(t)["scan"], run},
	} {
		got, err := New(parsed(t, c.definition)).File(c.look)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(readFile(t, file), string(got)); diff != "" {
			t.Errorf("%s (-want +got; go -C local test ./console/graph -update writes it):\n%s", file, diff)
		}
	}
}

// TestClassesHaveStyle holds that the style sheet knows each class that a drawing has.
func TestClassesHaveStyle(t *testing.T) {
	t.Parallel()
	plainClasses := strings.Fields("graph-state graph-way graph-badge is-executed graph-choice graph-task graph-pass " +
		"graph-succeed graph-fail graph-wait is-catch is-taken is-idle is-chosen")
	classes := map[string]bool{}
	for _, name := range []string{"nested.svg", "run.svg"} {
		for _, e := range parseSVG(t, readFile(t, filepath.Join("testdata", name))).all() {
			for class := range strings.FieldsSeq(e.attr("class")) {
				classes[class] = true
			}
		}
	}
	for status := range statusWords {
		classes["is-"+string(status)] = true
	}
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		if !strings.Contains(Style, "."+class) && !slices.Contains(plainClasses, class) {
			t.Errorf("the style sheet does not have the class %s", class)
		}
	}
}

func BenchmarkDraw200(b *testing.B) {
	m, err := Parse([]byte(big(200)))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := New(m).Inline(Look{}); err != nil {
			b.Fatal(err)
		}
	}
}
