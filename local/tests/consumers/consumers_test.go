// Package consumers holds what others read of this application to docs/schemas: the message of the topic, and both
// events. It also replays the event patterns of public rules for GuardDuty's event; tools/emulator/consumers.py does
// that with another matcher.
package consumers

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/internal/guardduty"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/events"
	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

const root = "../../.."

// schema compiles a schema, whose own form is checked too.
func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	s, err := compiler.Compile(filepath.Join(root, "docs", "schemas", name+".schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// goldens returns the golden files of a package by their names.
func goldens(t *testing.T, folder string) map[string]map[string]any {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, folder, "testdata", "*.golden.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("find the golden files of %s: %d, %v", folder, len(files), err)
	}
	all := map[string]map[string]any{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var v map[string]any
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(f), ".golden.json")] = v
	}
	return all
}

// envelope returns a detail as EventBridge delivers it.
func envelope(detail map[string]any) map[string]any {
	object := detail["s3ObjectDetails"].(map[string]any)
	return map[string]any{
		"version": "0", "id": "1", "detail-type": guardduty.DetailType, "source": guardduty.Source,
		"account": "000000000000", "time": "2026-11-22T09:00:00Z", "region": "us-east-1",
		"resources": []any{"arn:aws:s3:::" + object["bucketName"].(string)}, "detail": detail,
	}
}

// TestSchemas: every announcement and event of the functions' own tests is valid.
func TestSchemas(t *testing.T) {
	t.Parallel()
	verdict, event := schema(t, "verdict"), schema(t, "guardduty-event")
	for name, message := range goldens(t, "functions/notify") {
		if err := verdict.Validate(message); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, detail := range goldens(t, "internal/guardduty") {
		if err := event.Validate(envelope(detail)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSchemasRefuse: what contradicts itself or lacks a field is not valid.
func TestSchemasRefuse(t *testing.T) {
	t.Parallel()
	verdict, event := schema(t, "verdict"), schema(t, "guardduty-event")
	at := func(v map[string]any, path string) (parent map[string]any, last string) {
		parts := strings.Split(path, ".")
		for _, p := range parts[:len(parts)-1] {
			v = v[p].(map[string]any)
		}
		return v, parts[len(parts)-1]
	}
	for _, tt := range []struct {
		schema *jsonschema.Schema
		golden string
		path   string
		value  any // nil removes the field
	}{
		{verdict, "infected-quarantined", "scan.signature", nil},
		{verdict, "infected-quarantined", "scan.reason", "encrypted"},
		{verdict, "infected-quarantined", "copy", nil},
		{verdict, "infected-quarantined", "disposition", "elsewhere"},
		{verdict, "infected-gone", "where", "s3://a/b"},
		{verdict, "unscannable-kept", "scan.reason", "because"},
		{verdict, "clean-kept", "scan.signature", "X"},
		{verdict, "clean-kept", "scan.time", "yesterday"},
		{verdict, "clean-kept", "version", 2.0},
		{event, "clean", "scanResultDetails.scanResultStatus", "CLEAN"},
		{event, "clean", "lazaret.verdict", "INFECTED"},
		{event, "clean", "scanStatus", "SKIPPED"},
		{event, "clean", "scanResultDetails.statusReasons", []any{}},
		{event, "infected", "scanResultDetails.threats", nil},
		{event, "failed", "lazaret.deadLetter", nil},
		{event, "refused", "scanStatus", "COMPLETED"},
		{event, "clean", "s3ObjectDetails.versionId", nil},
	} {
		t.Run(tt.golden+" "+tt.path, func(t *testing.T) {
			t.Parallel()
			folder := "functions/notify"
			if tt.schema == event {
				folder = "internal/guardduty"
			}
			v := goldens(t, folder)[tt.golden]
			parent, last := at(v, tt.path)
			if parent[last] = tt.value; tt.value == nil {
				delete(parent, last)
			}
			whole := v
			if tt.schema == event {
				whole = envelope(v)
			}
			if err := tt.schema.Validate(whole); err == nil {
				t.Errorf("with %s = %v it is valid, want it refused", tt.path, tt.value)
			}
		})
	}
}

// TestReasons: the schema knows all reasons of UNSCANNABLE.
func TestReasons(t *testing.T) {
	t.Parallel()
	verdict := schema(t, "verdict")
	for _, reason := range job.Reasons {
		v := goldens(t, "functions/notify")["unscannable-kept"]
		v["scan"].(map[string]any)["reason"] = string(reason)
		if err := verdict.Validate(v); err != nil {
			t.Errorf("%s: %v", reason, err)
		}
	}
}

// TestPublicPatterns puts each event on the local stack's bus, with the public rules on it.
func TestPublicPatterns(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/patterns.json")
	if err != nil {
		t.Fatal(err)
	}
	var table struct {
		Patterns []struct {
			Name, From string
			Pattern    json.RawMessage
			Matches    []string
		}
	}
	if err := json.Unmarshal(text, &table); err != nil {
		t.Fatal(err)
	}
	repositories := map[string]bool{}
	for _, p := range table.Patterns {
		repository, _, _ := strings.Cut(strings.TrimPrefix(p.From, "https://github.com/"), "/blob/")
		repositories[repository] = true
	}
	if len(repositories) < 10 {
		t.Errorf("got the patterns of %d repositories, want ten at least", len(repositories))
	}
	all := goldens(t, "internal/guardduty")
	for _, p := range table.Patterns {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			if !strings.HasPrefix(p.From, "https://github.com/") {
				t.Errorf("it is from %q, want its address", p.From)
			}
			moved := strings.NewReplacer(
				`"aws.guardduty"`, `"lazaret"`, `"$PLAN"`, `"arn:aws:s3:::lazaret-uploads"`, "$BUCKET", "lazaret-uploads",
			).Replace(string(p.Pattern))
			if strings.Contains(moved, "aws.guardduty") || moved == string(p.Pattern) {
				t.Errorf("the pattern %s has no source to change", p.Pattern)
			}
			if got := matched(t, all, moved); !slices.Equal(got, p.Matches) {
				t.Errorf("it matches %q, want %q", got, p.Matches)
			}
		})
	}
}

// matched returns the names of the events that a rule with this pattern gets.
func matched(t *testing.T, all map[string]map[string]any, pattern string) (names []string) {
	t.Helper()
	kept, err := store.Open(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	var now string
	bus, err := events.New(kept, []template.Rule{{
		Name: "public", Pattern: json.RawMessage(pattern), Targets: []template.Target{{ID: "a", ARN: "b"}},
	}}, func(*bbolt.Tx, string, string) error { names = append(names, now); return nil })
	if err != nil {
		t.Fatal(err)
	}
	for name, detail := range all {
		now = name
		text, err := json.Marshal(detail)
		if err != nil {
			t.Fatal(err)
		}
		bucket := detail["s3ObjectDetails"].(map[string]any)["bucketName"].(string)
		if err := kept.Update(func(tx *bbolt.Tx) error {
			return bus.PutTx(tx, events.Event{
				Source: guardduty.Source, DetailType: guardduty.DetailType, Detail: text,
				Resources: []string{"arn:aws:s3:::" + bucket},
			})
		}); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(names)
	return names
}
