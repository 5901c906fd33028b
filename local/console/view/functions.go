package view

import (
	"fmt"
	"html/template"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
	"github.com/lazaret/lazaret/local/cmd/lazaret/terminal"
)

// functions are what templates may call. "form" is set for each rendering.
var functions = template.FuncMap{
	"form":     func() formField { return formField{} },
	"segments": Segments,
	"plain":    Plain,
	"middle":   Middle,
	"link":     Link,
	"dict":     dict,
	"ago":      func(t time.Time) string { return Ago(time.Since(t)) },
	"span":     Span,
	"stamp":    func(t time.Time) string { return t.UTC().Format(time.DateTime) },
	"rfc3339":  func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"bytes":    Bytes,
	"number":   Number,
	"plural":   Plural,
	"inc":      func(n int) int { return n + 1 },
	"lower":    func(word any) string { return strings.ToLower(fmt.Sprint(word)) },
	"word":     func(word any) string { return Word(fmt.Sprint(word)) },
	"mood":     func(word any) Mood { return MoodOf(fmt.Sprint(word)) },
	"name":     history.Name,
	"ago2":     func(seconds *int64) string { return Ago(time.Duration(*seconds) * time.Second) },
	"seconds":  func(n int64) time.Duration { return time.Duration(n) * time.Second },
}

// Link returns the URL of a path with parameters: name, value, name, value … Empty values are left out.
func Link(path string, parameters ...any) string {
	q := url.Values{}
	for i := 0; i+1 < len(parameters); i += 2 {
		if value := fmt.Sprint(parameters[i+1]); value != "" {
			q.Add(fmt.Sprint(parameters[i]), value)
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// ObjectLink returns the URL of the page about one version of an object, or about the current one.
func ObjectLink(o job.Object) string {
	return Link("/object", "bucket", o.Bucket, "key", o.Key, "versionId", o.VersionID)
}

// ExecutionLink returns the URL of the page about one execution.
func ExecutionLink(arn string) string { return "/executions/" + url.PathEscape(arn) }

func init() {
	functions["object"] = ObjectLink
	functions["execution"] = ExecutionLink
}

// dict returns a map of names and values, as the dot of a template that needs more than one.
func dict(pairs ...any) (map[string]any, error) {
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok || i+1 == len(pairs) {
			return nil, fmt.Errorf("dict: want names and values, got %v", pairs)
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}

// Ago returns how long ago something was: "40 s", "12 min", "3 h 5 min", "2 days 4 h".
func Ago(d time.Duration) string { return terminal.Ago(d) }

// Span returns a duration with the precision that a reader of a list needs: "85 ms", "1.24 s", "3 min 2 s".
func Span(d time.Duration) string {
	switch {
	case d < 0:
		return "0 ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return Ago(d)
}

// Bytes returns a size in the binary units that S3's console shows.
func Bytes(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, power := float64(n), 0
	for value >= unit && power < 5 {
		value, power = value/unit, power+1
	}
	return fmt.Sprintf("%.1f %ciB", value, " KMGTP"[power])
}

// Number returns a number with a thin space between thousands.
func Number(n any) string {
	var value int64
	switch n := n.(type) {
	case int:
		value = int64(n)
	case int64:
		value = n
	case float64:
		value = int64(math.Round(n))
	default:
		return fmt.Sprint(n)
	}
	digits := strconv.FormatInt(value, 10)
	sign := ""
	if value < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "\u2009" + digits[i:]
	}
	return sign + digits
}

// Plural returns "1 object" or "2 objects".
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Number(n) + " " + many
}

// Word returns a status or a verdict as it is written in a text: "Timed out" for TIMED_OUT.
func Word(name string) string {
	name = strings.ToLower(strings.ReplaceAll(name, "_", " "))
	switch name {
	case "":
		return ""
	case "ok":
		return "OK"
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// Mood is how a state or a verdict is shown: its colour and its icon.
type Mood string

// The moods.
const (
	Good    Mood = "good"
	Bad     Mood = "bad"
	Careful Mood = "careful"
	Busy    Mood = "busy"
	Quiet   Mood = "quiet"
)

// MoodOf returns the mood of a verdict, of the status of an execution, or of the state of a part of the stack.
func MoodOf(word string) Mood {
	switch strings.ToUpper(word) {
	case "CLEAN", "SUCCEEDED", "OK", "PROMOTED", "UPDATED", "CURRENT", "RIGHT", "DONE":
		return Good
	case "INFECTED", "FAILED", "WRONG", "TIMED_OUT", "QUARANTINED", "DEAD LETTER", "NEVER STARTED":
		return Bad
	case "UNSCANNABLE", "ABORTED", "NOT KNOWN", "UNKNOWN", "PARTIAL":
		return Careful
	case "RUNNING", "WAITING":
		return Busy
	}
	return Quiet
}
