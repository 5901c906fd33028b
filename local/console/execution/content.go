package execution

import (
	"context"
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/awsclient"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/console/graph"
	"github.com/lazaret/lazaret/local/console/trace"
	"github.com/lazaret/lazaret/local/console/view"
)

// machine is the state machine of an execution, or why it cannot be drawn.
type machine struct {
	drawing graph.Drawing
	states  map[string]graph.State
	text    string // what the drawing shows, in sentences
	err     error
}

func (p Page) machine(ctx context.Context, arn string) machine {
	definition, err := p.Definition(ctx, arn)
	if err != nil {
		return machine{err: fmt.Errorf("read the definition of the state machine: %w", err)}
	}
	parsed, err := graph.Parse(definition)
	if err != nil {
		return machine{err: err}
	}
	m := machine{drawing: graph.New(parsed), states: map[string]graph.State{}, text: graph.Describe(parsed)}
	m.add(parsed)
	return m
}

// add adds the states of a machine, and those within them.
func (m *machine) add(parsed graph.Machine) {
	for _, s := range parsed.States {
		m.states[s.Name] = s
		for _, inner := range s.Inner {
			m.add(inner)
		}
	}
}

// content is what the page shows.
type content struct {
	history.Row
	Graph        template.HTML
	Wide         bool   // the graph is too wide for most screens
	ScrollTo     string // selector of what is to be seen of the graph at first
	GraphProblem string // why there is no graph
	Chosen       *chosen
	Bars         []bar
	Span         time.Duration // that the bars show
	Live         string        // URL of the updates; empty after the end
	Summary      string        // what is happening, in a sentence
}

// Title is the title of the page.
func (c content) Title() string { return view.Middle(c.Label(), 60) }

// Label is the key of the object, or the name of the execution.
func (c content) Label() string {
	if c.Object.Key != "" {
		return c.Object.Key
	}
	return c.Name
}

// read reads the execution and its events.
func (p Page) read(ctx context.Context, q question, m machine) (content, error) {
	x, events, err := p.Read(ctx, q.arn, q.window())
	if err != nil {
		return content{}, err
	}
	return contentOf(q, m, x, events, time.Now())
}

func contentOf(q question, m machine, x history.Execution, events []history.Event, now time.Time) (content, error) {
	c := content{Row: x.Row()}
	t := trace.Read(events, statusOf(x, events))
	if len(events) > 0 && c.Started.IsZero() {
		c.Started = events[0].Time
	}
	until := now
	if c.Status != history.Running {
		until = c.Stopped
	} else {
		c.Live = view.Link(view.ExecutionLink(q.arn)+"/live", "since", q.since, "state", q.state, "visit", q.visit)
	}
	state := q.state
	if state == "" {
		state = t.Notable()
	}
	c.ScrollTo = ".is-chosen"
	if q.state == "" && c.Status == history.Succeeded {
		c.ScrollTo = ".graph-start" // nothing in it needs to be looked at
	}
	c.Span = max(0, until.Sub(c.Started))
	c.Bars = bars(q, t, state, c.Started, until)
	c.Summary = summary(c.Row, t, until)
	if state != "" {
		chosen, err := choose(q, m, t, state, until)
		if err != nil {
			return c, err
		}
		c.Chosen = chosen
	}
	if m.err != nil {
		c.GraphProblem = awsclient.Says(m.err)
		return c, nil
	}
	var err error
	c.Wide = m.drawing.Width() > wide
	c.Graph, err = m.drawing.Inline(graph.Look{
		ID: "graph", Title: "State machine of this execution", Description: c.Summary + " " + m.text,
		States: t.Marks(until), Taken: t.Ways(), Executed: true, Chosen: state,
		Link: func(state string) string { return q.link("state", state) + "#run" },
	})
	return c, err
}

// wide is the width from which on a graph is drawn smaller where there is no room.
const wide = 1080

// statusOf returns the status that the events show: they may be older or newer than what Get answered.
func statusOf(x history.Execution, events []history.Event) history.Status {
	if n := len(events); n > 0 && events[n-1].Kind == history.Ended {
		return events[n-1].Status
	}
	return x.Status
}

// summary says in a sentence what is happening, or how the execution ended.
func summary(r history.Row, t trace.Trace, now time.Time) string {
	if r.Status == history.Running {
		for _, v := range slices.Backward(t.Visits) {
			if v.Left.IsZero() {
				text := "The execution is in the state " + v.State
				if n := v.Failures(); n > 0 {
					text += fmt.Sprintf(", where %s failed", view.Plural(n, "attempt has", "attempts have"))
				}
				return text + "."
			}
		}
		return "The execution runs."
	}
	text := fmt.Sprintf("The execution has the status %s", view.Word(string(r.Status)))
	if !r.Started.IsZero() && !now.IsZero() {
		text += ", after " + view.Span(now.Sub(r.Started))
	}
	return text + "."
}

// chosen is the state whose details are shown.
type chosen struct {
	Name, Comment, Kind string
	Entered             bool
	Visit               trace.Visit
	Mood                view.Mood
	Word                string // its status
	Lasted              string
	Cause               string // of the error, as text
	Visits              []visitLink
	Attempts            []attempt
	Input, Output       []string // lines
}

type visitLink struct {
	Number  int
	Current bool
	URL     string
}

// attempt is a row of the table of attempts.
type attempt struct {
	trace.Attempt
	Lasted, Waits string
	Why           string // the cause of a failure, unless the page says it already
	Running       bool
}

func choose(q question, m machine, t trace.Trace, name string, now time.Time) (*chosen, error) {
	s, known := m.states[name]
	visits := t.Of(name)
	if !known && m.err == nil || !known && len(visits) == 0 {
		return nil, view.NotFound("The state machine has no state %s.", view.Plain(view.Middle(name, 100)))
	}
	c := &chosen{Name: name, Comment: s.Comment, Kind: s.Kind(), Word: graph.Idle.Word(), Mood: view.Quiet}
	if len(visits) == 0 {
		return c, nil
	}
	number := len(visits)
	if q.visit != "" {
		n, err := strconv.Atoi(q.visit)
		if err != nil || n < 1 || n > len(visits) {
			return nil, view.NotFound("The execution was in the state %s %s.",
				view.Plain(view.Middle(name, 100)), view.Plural(len(visits), "time", "times"))
		}
		number = n
	}
	v := visits[number-1]
	c.Visit, c.Entered = v, true
	c.Word, c.Mood = v.Status.Word(), moods[v.Status]
	if !v.Entered.IsZero() {
		c.Lasted = view.Span(v.Lasted(now))
	}
	for i := range visits {
		c.Visits = append(c.Visits, visitLink{i + 1, i+1 == number, q.link("state", name, "visit", i+1) + "#run"})
	}
	for i, a := range v.Attempts {
		row := attempt{Attempt: a, Running: a.Ended.IsZero()}
		if a.Cause != v.Cause {
			row.Why = job.Message(a.Cause)
		}
		if !a.Begun.IsZero() {
			row.Lasted = view.Span(a.Lasted(now))
		}
		if waits := v.Waits(i, now); waits > 0 {
			row.Waits = view.Span(waits)
		}
		c.Attempts = append(c.Attempts, row)
	}
	c.Cause = job.Message(v.Cause)
	c.Input, c.Output = pretty(v.Input), pretty(v.Output)
	return c, nil
}

// moods are the colours of the words for a state's status.
var moods = map[graph.Status]view.Mood{
	graph.Running: view.Busy, graph.Retrying: view.Busy, graph.Succeeded: view.Good, graph.Retried: view.Good,
	graph.Caught: view.Careful, graph.Failed: view.Bad, graph.Stopped: view.Careful,
}
