package verify

import (
	"context"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lazaret/lazaret/local/template"
)

func TestChecks(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, c := range Checks() {
		if c.Name == "" || c.Claim == "" || c.Run == nil || names[c.Name] {
			t.Errorf("check %q with the claim %q is not whole, or there twice", c.Name, c.Claim)
		}
		names[c.Name] = true
		if len(c.Needs) == 0 {
			t.Errorf("check %s names no permission that it needs", c.Name)
		}
	}
}

// A check that breaks has failed; it is never forgotten, and never a pass.
func TestCarryOut(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		run  func(context.Context, *run) Line
		want Outcome
		seen string
	}{
		"panics":       {func(context.Context, *run) Line { panic("out of order") }, Fail, "out of order"},
		"says nothing": {func(context.Context, *run) Line { return Line{} }, Fail, "said nothing"},
		"saw nothing":  {func(context.Context, *run) Line { return pass("") }, Fail, "said nothing"},
		"passes":       {func(context.Context, *run) Line { return pass("%s", "it works") }, Pass, "it works"},
	} {
		line := Check{Name: "n", Claim: "c", Run: test.run}.execute(t.Context(), nil)
		if line.Outcome != test.want || !strings.Contains(line.Seen, test.seen) || line.Check != "n" ||
			line.Claim != "c" {
			t.Errorf("%s: %+v, want %s with %q", name, line, test.want, test.seen)
		}
	}
}

func TestErr(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		report Report
		want   string
	}{
		"all passed": {Report{Lines: []Line{{Check: "a", Outcome: Pass}}}, ""},
		"one failed": {
			Report{Stack: "ward", Wrong: true, Lines: []Line{{Check: "a", Outcome: Pass}, {Check: "b", Outcome: Fail}}},
			"something is wrong with the stack ward: b",
		},
		"none checked": {
			Report{Stack: "ward", Wrong: true, Lines: []Line{{Check: "a", Outcome: NotChecked}}},
			"nothing of the stack ward could be checked",
		},
	} {
		got := ""
		if err := test.report.Err(); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestExempt(t *testing.T) {
	t.Parallel()
	const role = "arn:aws:iam::123456789012:role/"
	for _, test := range []struct {
		caller, named string
		want          bool
	}{
		{"arn:aws:sts::123456789012:assumed-role/reader/me", role + "reader", true},
		{"arn:aws:sts::123456789012:assumed-role/reader/me", role + "with/a/path/reader", true},
		{"arn:aws:sts::123456789012:assumed-role/reader/me", role + "other," + role + "reader", true},
		{"arn:aws:sts::123456789012:assumed-role/reader/me", "arn:aws:iam::210987654321:role/reader", false},
		{"arn:aws:sts::123456789012:assumed-role/reader2/reader", role + "reader", false},
		{"arn:aws:iam::123456789012:user/reader", role + "reader", false},
		{"arn:aws:iam::123456789012:user/reader", "arn:aws:iam::123456789012:user/reader", true},
		{"arn:aws:iam::123456789012:user/reader", "", false},
	} {
		d := stackInfo{Caller: test.caller, Parameters: map[string]string{"TrustedReaderArns": test.named}}
		if got := d.exemptedBy("TrustedReaderArns") != ""; got != test.want {
			t.Errorf("%s among %q: %v, want %v", test.caller, test.named, got, test.want)
		}
	}
}

func TestOverdue(t *testing.T) {
	t.Parallel()
	for schedule, want := range map[string]time.Duration{
		"rate(1 hour)": 3 * time.Hour, "rate(3 hours)": 7 * time.Hour, "rate(1 day)": 49 * time.Hour, "cron(0 4 * * ? *)": 30 * time.Hour,
	} {
		if got := overdue(schedule); got != want {
			t.Errorf("%s: %s, want %s", schedule, got, want)
		}
	}
}

// The alarms that are looked for are those that the template makes.
func TestAlarmNames(t *testing.T) {
	t.Parallel()
	for _, parameters := range []map[string]string{
		{},
		{"AlarmsAndDashboard": "false"},
		{"ExistingBuckets": "held"},
		{"DatadogApiKeySecretArn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:datadog-AbCdEf"},
	} {
		app, err := template.Load(
			"../../../../template.yaml",
			template.Options{StackName: "ward", Parameters: parameters},
		)
		if err != nil {
			t.Fatal(err)
		}
		var has []string
		for _, a := range app.Alarms {
			name, _ := a["AlarmName"].(string)
			has = append(has, strings.TrimPrefix(name, "ward-"))
		}
		want := alarmNames(app.Parameters)
		slices.Sort(has)
		slices.Sort(want)
		if diff := cmp.Diff(has, want); diff != "" {
			t.Errorf("with %v (-in the template +looked for):\n%s", parameters, diff)
		}
	}
}

// The policy in docs/deploy.md is what the checks need, and nothing else.
func TestPolicyInDocuments(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../../docs/deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, found := strings.Cut(string(text), "## What `lazaret verify` needs")
	_, part, opened := strings.Cut(part, "```json")
	part, _, closed := strings.Cut(part, "```")
	if !found || !opened || !closed {
		t.Fatal("docs/deploy.md has no policy under \"What `lazaret verify` needs\"")
	}
	documented := regexp.MustCompile(`[a-z0-9]+:[A-Z][A-Za-z]+`).FindAllString(part, -1)
	needed := []string{ // by every run: to begin, and to clean up
		"cloudformation:DescribeStacks",
		"s3:ListBucketVersions",
		"s3:ListBucketMultipartUploads",
		"s3:AbortMultipartUpload",
		"s3:PutObject",
		"s3:DeleteObjectVersion",
		"s3:DeleteObject",
	}
	for _, c := range Checks() {
		needed = append(needed, c.Needs...)
	}
	slices.Sort(documented)
	slices.Sort(needed)
	if diff := cmp.Diff(slices.Compact(needed), slices.Compact(documented)); diff != "" {
		t.Errorf("actions (-needed +documented):\n%s", diff)
	}
}

// An error is a pass of nothing.
func TestUnknown(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	for name, test := range map[string]struct {
		ctx  context.Context
		err  error
		want Outcome
	}{
		"refused":     {t.Context(), &formError{code: 403, text: "AccessDenied"}, NotChecked},
		"broken":      {t.Context(), &formError{code: 500, text: "InternalError"}, Fail},
		"no answer":   {t.Context(), errors.New("connection refused"), Fail},
		"stopped":     {ended, ended.Err(), NotChecked},
		"out of time": {late, late.Err(), Fail},
	} {
		if line := errorLine(test.ctx, test.err, "look", "s3:GetObject"); line.Outcome != test.want {
			t.Errorf("%s: %+v, want %s", name, line, test.want)
		}
	}
}
