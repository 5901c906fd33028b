package sqs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/local/template"
)

func TestJournalIsRewrittenWhenItHasGrown(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "queues.jsonl")
	queues := []template.Queue{{Name: "q", ARN: "arn:aws:sqs:us-east-1:000000000000:q", VisibilityTimeout: time.Minute, Retention: time.Hour}}
	s, err := Open(path, queues)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	s.journal.limit = 4096
	for range 100 {
		if _, err := s.Send(t.Context(), "q", "gone"); err != nil {
			t.Fatal(err)
		}
		got, err := s.Receive(t.Context(), "q", 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Delete(t.Context(), "q", got[0].Receipt); err != nil {
			t.Fatal(err)
		}
		if s.journal.limit == journalLimit {
			break // rewritten
		}
	}
	if _, err := s.Send(t.Context(), "q", "kept"); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(content) > 4096 || strings.Contains(string(content), "gone") || !strings.Contains(string(content), "kept") {
		t.Errorf("journal of %d bytes: %s", len(content), content)
	}
}
