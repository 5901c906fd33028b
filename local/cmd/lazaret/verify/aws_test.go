package verify

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/xray"

	"github.com/lazaret/lazaret/internal/definitions"
	"github.com/lazaret/lazaret/internal/definitions/freshclam"
	"github.com/lazaret/lazaret/internal/definitions/update"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
)

// answering is a run of which AWS knows what the local stack does not: each answer is
// given to the requests with that text in their path or target. "403!Code" and "400!Code" are errors.
func answering(t *testing.T, parameters map[string]string, answers map[string]string) *run {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for text, answer := range answers {
			if strings.Contains(r.URL.Path+r.Header.Get("X-Amz-Target"), text) {
				for _, code := range []int{http.StatusForbidden, http.StatusBadRequest} {
					if refusal, ok := strings.CutPrefix(answer, fmt.Sprint(code)+"!"); ok {
						w.Header().Set("X-Amzn-Errortype", refusal)
						w.WriteHeader(code)
						answer = `{"__type":"` + refusal + `","message":"no"}`
					}
				}
				fmt.Fprint(w, answer)
				return
			}
		}
		t.Errorf("nothing answers %s %s", r.URL.Path, r.Header.Get("X-Amz-Target"))
		w.WriteHeader(http.StatusNotImplemented)
	}))
	t.Cleanup(server.Close)
	cfg := aws.Config{
		Region: "eu-central-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
	}
	const machine = "arn:aws:states:eu-central-1:123456789012:stateMachine:ward-scan"
	r := &run{
		lambda: lambda.NewFromConfig(cfg), quotas: servicequotas.NewFromConfig(cfg), xray: xray.NewFromConfig(cfg),
		sfn: sfn.NewFromConfig(cfg), logs: cloudwatchlogs.NewFromConfig(cfg), sqs: sqs.NewFromConfig(cfg),
		stack: stackInfo{
			Name:       "ward",
			Account:    "123456789012",
			Parameters: parameters,
			Outputs: map[string]string{
				"StateMachineArn":        machine,
				"ExpressStateMachineArn": machine + "-express",
				"PermitQueueUrl":         server.URL + "/123456789012/ward-permits",
				"RescanQueueUrl":         server.URL + "/123456789012/ward-rescans",
				"DeadLetterQueueUrl":     server.URL + "/123456789012/ward-dead-letters",
			},
		},
	}
	r.histories = history.New(r.sfn, r.logs, r.stack.executions())
	return r
}

func told(t *testing.T, line Line, want Outcome, seen string) {
	t.Helper()
	if line.Outcome != want || !strings.Contains(line.Seen, seen) {
		t.Errorf("got %+v, want %s with %q", line, want, seen)
	}
}

func TestConcurrency(t *testing.T) {
	t.Parallel()
	const account = `{"AccountLimit":{"ConcurrentExecutions":1000,"UnreservedConcurrentExecutions":959}}`
	for name, test := range map[string]struct {
		wanted, function, account string
		want                      Outcome
		seen                      string
	}{
		"as it must be": {"20", `{"ReservedConcurrentExecutions":20}`, account, Pass, "1000"},
		"less reserved": {"20", `{"ReservedConcurrentExecutions":2}`, account, Fail, "ward-fetch has 2"},
		"none reserved": {"20", `{}`, account, Fail, "ward-fetch has 0"},
		"none wanted": {
			"0", `{}`, `{"AccountLimit":{"ConcurrentExecutions":10,"UnreservedConcurrentExecutions":10}}`,
			Pass, "10",
		},
		"too few where nothing is reserved": {
			"0", `{}`, `{"AccountLimit":{"ConcurrentExecutions":7,"UnreservedConcurrentExecutions":7}}`, Fail, "takes 8",
		},
		"reserved, none wanted": {"0", `{"ReservedConcurrentExecutions":5}`, account, Fail, "MaxConcurrentScans is 0"},
		"too few for the others": {
			"20", `{"ReservedConcurrentExecutions":20}`,
			`{"AccountLimit":{"ConcurrentExecutions":45,"UnreservedConcurrentExecutions":4}}`, Fail, "4 are left",
		},
		"too few for dispatch": {
			"20", `{"ReservedConcurrentExecutions":20}`,
			`{"AccountLimit":{"ConcurrentExecutions":100,"UnreservedConcurrentExecutions":60}}`, Fail, "takes 61",
		},
		"enough for dispatch": {
			"20", `{"ReservedConcurrentExecutions":20}`,
			`{"AccountLimit":{"ConcurrentExecutions":101,"UnreservedConcurrentExecutions":61}}`, Pass, "61 are not reserved",
		},
		"may not ask": {
			"20", "403!AccessDeniedException", account, NotChecked, "lambda:GetFunctionConcurrency",
		},
		"may not ask for all": {
			"20", `{"ReservedConcurrentExecutions":20}`, "403!AccessDeniedException", NotChecked,
			"lambda:GetAccountSettings",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := answering(
				t,
				map[string]string{"MaxConcurrentScans": test.wanted},
				map[string]string{"/concurrency": test.function, "/account-settings": test.account},
			)
			told(t, checkConcurrency.Run(t.Context(), r), test.want, test.seen)
		})
	}
}

func TestTransitions(t *testing.T) {
	t.Parallel()
	quotas := func(value float64) string {
		return fmt.Sprintf(`{"Quotas":[{"QuotaName":"StartExecution throttle token refill rate per second","Value":3},`+
			`{"QuotaName":"StateTransition throttle token bucket size","Value":1},`+
			`{"QuotaName":"StateTransition throttle token refill rate per second","Value":%g}]}`, value)
	}
	for name, test := range map[string]struct {
		wanted, quotas string
		want           Outcome
	}{
		"enough": {
			"20", quotas(1500), Pass,
		}, "exactly": {"20", quotas(140), Pass}, "too few": {
			"20", quotas(139),
			Fail,
		},
		"none asked for": {
			"0", quotas(1), Off,
		}, "EXPRESS": {
			"20 EXPRESS", quotas(1), Off,
		}, "not listed": {"20", `{"Quotas":[]}`, NotChecked}, "may not": {
			"20",
			"403!AccessDeniedException", NotChecked,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wanted, workflow, _ := strings.Cut(test.wanted, " ")
			r := answering(
				t,
				map[string]string{"MaxConcurrentScans": wanted, "Workflow": workflow},
				map[string]string{"ListServiceQuotas": test.quotas},
			)
			told(t, checkTransitions.Run(t.Context(), r), test.want, "")
		})
	}
}

func TestTrace(t *testing.T) {
	t.Parallel()
	document := func(names ...string) string {
		var segments []map[string]string
		for _, name := range names {
			name, origin, _ := strings.Cut(name, " ")
			text, _ := json.Marshal(map[string]any{"name": name, "origin": origin, "subsegments": []any{}}) // of maps
			segments = append(segments, map[string]string{"Id": name, "Document": string(text)})
		}
		text, _ := json.Marshal(map[string]any{"Traces": []any{map[string]any{"Id": "1-2-3", "Segments": segments}}})
		return string(text)
	}
	const dispatch, machine = "ward-dispatch AWS::Lambda::Function", "ward-scan AWS::StepFunctions::StateMachine"
	functions := []string{"ward-fetch AWS::Lambda", "ward-scan AWS::Lambda", "ward-tag AWS::Lambda::Function"}
	whole := document(append(functions, dispatch, machine)...)
	for name, test := range map[string]struct {
		header, trace string
		want          Outcome
		seen          string
	}{
		"whole":                   {"Root=1-2-3;Parent=4;Sampled=1", whole, Pass, "1-2-3 has ward-dispatch"},
		"not sampled":             {"Root=1-2-3;Sampled=0", whole, NotChecked, "not sampled"},
		"without one":             {"", whole, NotChecked, "not sampled"},
		"of an express execution": {"EXPRESS", whole, NotChecked, "does not name their traces"},
		"may not": {
			"Root=1-2-3;Sampled=1", "403!AccessDeniedException", NotChecked, "xray:BatchGetTraces",
		},
		"dispatch is missing": {
			"Root=1-2-3;Sampled=1", document(append(functions, machine)...), Fail,
			"lacks ward-dispatch after",
		},
		"the machine is missing": {
			"Root=1-2-3;Sampled=1", document(append(functions, dispatch)...), Fail, "lacks ward-scan after",
		},
		"the function of the same name is missing": {
			"Root=1-2-3;Sampled=1", document(dispatch, machine, functions[0], functions[2]), Fail,
			"lacks ward-scan after",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header, _ := json.Marshal(map[string]string{"traceHeader": test.header}) // of texts
			r := answering(t, nil, map[string]string{"Traces": test.trace, "DescribeExecution": string(header)})
			if r.traceWithin = time.Minute; test.want == Fail {
				r.traceWithin = time.Second
			}
			r.probes = map[string]*probe{}
			for _, name := range []string{infected, encrypted, clean} {
				p := &probe{ended: make(chan struct{})}
				p.begin.Do(func() {})
				close(p.ended)
				r.probes[name] = p
			}
			r.probes[encrypted].execution = execution{
				lane: history.Standard,
				job:  job.Job{Scan: &job.Scan{}},
				visits: []visit{
					{state: "Fetch", done: true},
					{state: "Scan", done: true},
					{state: "Tag", done: true},
					{state: "Route"},
				},
			}
			if test.header == "EXPRESS" {
				r.probes[encrypted].execution.lane = history.Express
			}
			told(t, checkWholeTrace.Run(t.Context(), r), test.want, test.seen)
		})
	}
}

// called is what a signature says of a known-clean document.
func called(signature string) update.Summary {
	d := definitions.Detection{Signature: signature, File: "documents/report.pdf"}
	return update.Summary{Detections: []definitions.Detection{d}, Files: 1}
}

func TestFreshclam(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status update.Status
		want   Outcome
		seen   string
	}{
		"good":  {update.Status{Outcome: freshclam.Current, Time: time.Now()}, Pass, "current"},
		"never": {update.Status{}, Fail, "never run"},
		"refused": {
			update.Status{Outcome: freshclam.Refused, Time: time.Now(), Detail: "403"}, Fail, "refused, 403",
		},
		"unloadable": {update.Status{Outcome: update.Unloadable, Time: time.Now()}, Fail, "unloadable"},
		"held back": {
			update.Status{
				Outcome: update.HeldBack, Time: time.Now(), Detail: called("Win.X-1").String(),
				Held: &update.Hold{Since: time.Now(), Summary: called("Win.X-1")},
			},
			Fail, "Win.X-1 calls the known-clean file documents/report.pdf infected",
		},
		"held back, and the mirror silent": {
			update.Status{
				Outcome: freshclam.CoolingDown, Time: time.Now(),
				Held: &update.Hold{Since: time.Now(), Summary: called("Win.X-1")},
			},
			Fail, "Win.X-1",
		},
		"held back, and another one pinned": {
			update.Status{
				Outcome: update.Pinned, Time: time.Now(),
				Held: &update.Hold{Since: time.Now(), Summary: called("Win.X-1")},
			},
			Pass, "pinned",
		},
		"unproved": {update.Status{Outcome: update.Unproved, Time: time.Now()}, Fail, "unproved"},
		"own detections": {
			update.Status{Outcome: freshclam.Current, Time: time.Now(), OwnDetections: called("Mine.UNOFFICIAL")},
			Pass, "Mine.UNOFFICIAL",
		},
		"unknown to us": {update.Status{Outcome: "new", Time: time.Now()}, Fail, "new"},
		"pinned":        {update.Status{Outcome: update.Pinned, Time: time.Now()}, Pass, "pinned"},
		"long ago": {
			update.Status{Outcome: freshclam.Current, Time: time.Now().Add(-8 * time.Hour)}, Fail, "overdue",
		},
		"own ones refused": {
			update.Status{
				Outcome: freshclam.Current, Time: time.Now(), Own: []update.OwnFile{{Name: "a.ndb", Refused: "line 1"}},
			}, Fail, "a.ndb are refused",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer, err := json.Marshal(update.Listing{Status: test.status})
			if err != nil {
				t.Fatal(err)
			}
			r := answering(
				t,
				map[string]string{"FreshclamSchedule": "rate(3 hours)"},
				map[string]string{"ward-freshclam/invocations": string(answer)},
			)
			r.listing = func() (update.Listing, error) { return r.listDefinitions(t.Context()) }
			told(t, checkFreshclam.Run(t.Context(), r), test.want, test.seen)
		})
	}
}

func TestDefinitions(t *testing.T) {
	t.Parallel()
	built := time.Now().Add(-30*time.Hour - time.Minute) // it may be told an hour later on a busy machine
	used := &job.Scan{
		Verdict:     job.Clean,
		Engine:      job.Engine{Name: "clamd", Version: "1.4.6"},
		Definitions: &job.Definitions{Version: 2, Fingerprint: "b"},
	}
	for name, test := range map[string]struct {
		most    string
		current string
		built   time.Time
		scan    *job.Scan
		want    Outcome
		seen    string // a pattern
	}{
		"young enough": {
			"168", "b", built, used, Pass, `daily 2, 30\.\d hours old, 7 signatures; engine clamd 1\.4\.6`,
		},
		"any age":      {"0", "b", built.Add(-10000 * time.Hour), used, Pass, `10030\.\d hours`},
		"too old":      {"24", "b", built, used, Fail, `older than MaxDefinitionsAge \(24 hours\)`},
		"none":         {"168", "", built, used, Fail, "none are published"},
		"gone":         {"168", "c", built, used, Fail, "none are published"},
		"no daily set": {"168", "b", time.Time{}, used, Fail, "next to nothing is detected"},
		"no engine": {
			"168", "b", built, &job.Scan{Verdict: job.Clean, Engine: job.Engine{Name: "none"}}, Fail,
			"no engine looked",
		},
		"an older set used": {"168", "b", built, &job.Scan{
			Verdict: job.Clean, Engine: used.Engine,
			Definitions: &job.Definitions{Version: 1, Fingerprint: "a"},
		}, Pass, `still uses daily 1 \(a\)`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer, err := json.Marshal(
				update.Listing{
					Current: test.current,
					Generations: []definitions.Generation{
						{Fingerprint: "b", Version: 2, Built: test.built, Signatures: 7},
					},
				},
			)
			if err != nil {
				t.Fatal(err)
			}
			r := answering(
				t,
				map[string]string{"MaxDefinitionsAge": test.most},
				map[string]string{"ward-freshclam/invocations": string(answer)},
			)
			r.listing = func() (update.Listing, error) { return r.listDefinitions(t.Context()) }
			r.probes = map[string]*probe{clean: scanned(test.scan)}
			line := checkDefinitions.Run(t.Context(), r)
			if line.Outcome != test.want || !regexp.MustCompile(test.seen).MatchString(line.Seen) {
				t.Errorf("got %+v, want %s like %q", line, test.want, test.seen)
			}
		})
	}
}

// scanned is a sample whose execution ended with this verdict.
func scanned(s *job.Scan) *probe {
	p := &probe{ended: make(chan struct{}), sample: sample{name: clean, content: []byte("x"), want: job.Clean}}
	p.begin.Do(func() {})
	close(p.ended)
	verdict := *s
	verdict.SHA256, verdict.Size = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881", 1
	p.object.Size = 1
	p.execution = execution{status: "SUCCEEDED", job: job.Job{Scan: &verdict}}
	return p
}
