package events

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/template"
)

func TestBody(t *testing.T) {
	t.Parallel()
	const text = `{"version":"0","id":"7","source":"aws.states","time":"2026-01-02T03:04:05Z","detail":{"name":"a \"b\" <c>","size":300,"input":{"k":[1]},"list":["x","y"]}}`
	var event map[string]any
	if err := json.Unmarshal([]byte(text), &event); err != nil {
		t.Fatal(err)
	}
	transformed := func(paths map[string]string, text string) template.Target {
		return template.Target{Template: &template.InputTemplate{Paths: paths, Template: text}}
	}
	tests := []struct {
		name   string
		target template.Target
		want   string
	}{
		{"whole event", template.Target{}, text},
		{"input", template.Target{Input: `{"a":1}`}, `{"a":1}`},
		{"path", template.Target{InputPath: "$.detail.input"}, `{"k":[1]}`},
		{"path to a string", template.Target{InputPath: "$.source"}, `"aws.states"`},
		{"path to nothing", template.Target{InputPath: "$.nothing"}, `null`},
		{"JSON template", transformed(map[string]string{"n": "$.detail.name", "s": "$.detail.size", "i": "$.detail.input"}, `{"name":<n>,"size":<s>,"input":<i>,"text":"<n> has <s>"}`),
			`{"name":"a \"b\" <c>","size":300,"input":{"k":[1]},"text":"a \"b\" <c> has 300"}`},
		{"string template", transformed(map[string]string{"id": "$.id", "source": "$.source"}, `"<id> came from \"<source>\""`), `"7 came from \"aws.states\""`},
		{"object in a string", transformed(map[string]string{"i": "$.detail.input"}, `{"text":"<i>"}`), `{"text":"{\"k\":[1]}"}`},
		{"element, all elements", transformed(map[string]string{"one": "$.detail.list[1]", "all": "$.detail.list[*]"}, `{"one":<one>,"all":<all>}`), `{"one":"y","all":["x","y"]}`},
		{"nothing there", transformed(map[string]string{"x": "$.detail.x"}, `{"bare":<x>,"text":"[<x>]"}`), `{"bare":"","text":"[]"}`},
		{"no variable", transformed(nil, `"a <b> c"`), `"a <b> c"`},
		{"predefined", transformed(nil, `{"rule":<aws.events.rule-name>,"arn":"<aws.events.rule-arn>","at":<aws.events.event.ingestion-time>}`),
			`{"rule":"r","arn":"arn:aws:events:us-east-1:000000000000:rule/r","at":"2026-01-02T03:04:05Z"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := body(tt.target, template.Rule{Name: "r", Bus: defaultBus}, []byte(text), event)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
			if !json.Valid([]byte(got)) {
				t.Errorf("no JSON: %s", got)
			}
		})
	}
}

func TestBodyOfAnEventThroughPredefinedVariables(t *testing.T) {
	t.Parallel()
	event := map[string]any{"id": "7", "detail": map[string]any{"a": 1.0}}
	target := template.Target{Template: &template.InputTemplate{Template: `{"all":<aws.events.event.json>,"frame":<aws.events.event>}`}}
	got, err := body(target, template.Rule{}, nil, event)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"all":{"detail":{"a":1},"id":"7"},"frame":{"id":"7"}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
