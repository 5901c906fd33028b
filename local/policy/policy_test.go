package policy

import (
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	account = "000000000000"
	alice   = "arn:aws:iam::000000000000:user/alice"
	fetch   = "arn:aws:iam::000000000000:role/fetch"
	tagger  = "arn:aws:iam::000000000000:role/tag"
	object  = "arn:aws:s3:::uploads/a/b.txt"
)

// TestEvaluateUploads walks through a bucket policy of the kind that the
// template has.
func TestEvaluateUploads(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("testdata/uploads.json")
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse(document)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name      string
		principal string
		action    string
		resource  string
		tags      string // of the object, k=v,k=v
		request   string // tags of the request
		context   map[string][]string
		want      Decision
	}{
		{name: "unscanned is not read", principal: alice, action: "s3:GetObject", want: Decision{Deny, "NoReadUnlessClean"}},
		{
			name:      "infected is not read",
			principal: alice,
			action:    "s3:GetObject",
			tags:      "scan-status=INFECTED",
			want:      Decision{Deny, "NoReadUnlessClean"},
		},
		{name: "clean is read", principal: alice, action: "s3:GetObject", tags: "scan-status=CLEAN"},
		{
			name:      "by version too",
			principal: alice,
			action:    "s3:GetObjectVersion",
			tags:      "x=y",
			want:      Decision{Deny, "NoReadUnlessClean"},
		},
		{
			name:      "tag values keep their case",
			principal: alice,
			action:    "s3:GetObject",
			tags:      "scan-status=clean",
			want:      Decision{Deny, "NoReadUnlessClean"},
		},
		{
			name:      "a second spelling of the key does not help",
			principal: alice,
			action:    "s3:GetObject",
			tags:      "scan-status=INFECTED,Scan-Status=CLEAN",
			want:      Decision{Deny, "NoReadUnlessClean"},
		},
		{name: "fetch reads anything", principal: fetch, action: "s3:GetObjectVersion"},
		{
			name:   "anonymous has no ARN, which ArnNotEquals takes for different",
			action: "s3:GetObject",
			want:   Decision{Deny, "NoReadUnlessClean"},
		},
		{
			name:      "action names ignore case",
			principal: alice,
			action:    "S3:getobject",
			want:      Decision{Deny, "NoReadUnlessClean"},
		},
		{name: "another bucket", principal: alice, action: "s3:GetObject", resource: "arn:aws:s3:::other/a"},
		{
			name:      "no verdict of the uploader's own",
			principal: alice,
			action:    "s3:PutObject",
			request:   "a=b,scan-status=CLEAN",
			want:      Decision{Deny, "OnlyTagSetsVerdicts"},
		},
		{
			name:      "in no spelling",
			principal: alice,
			action:    "s3:PutObjectTagging",
			request:   "Scan-Status=CLEAN",
			want:      Decision{Deny, "OnlyTagSetsVerdicts"},
		},
		{name: "other tags are free", principal: alice, action: "s3:PutObject", request: "a=b"},
		{name: "no tags at all", principal: alice, action: "s3:PutObject"},
		{
			name:      "tag sets verdicts",
			principal: tagger,
			action:    "s3:PutObjectVersionTagging",
			tags:      "scan-status=CLEAN",
			request:   "scan-status=INFECTED",
		},
		{
			name:      "a verdict is not replaced",
			principal: alice,
			action:    "s3:PutObjectVersionTagging",
			tags:      "scan-status=INFECTED",
			request:   "a=b",
			want:      Decision{Deny, "VerdictsStay"},
		},
		{
			name:      "a verdict is not removed",
			principal: alice,
			action:    "s3:DeleteObjectTagging",
			tags:      "scan-status=INFECTED",
			want:      Decision{Deny, "VerdictsStay"},
		},
		{name: "tags without a verdict are removed", principal: alice, action: "s3:DeleteObjectTagging", tags: "a=b"},
		{
			name:      "no copy into",
			principal: alice,
			action:    "s3:PutObject",
			context:   map[string][]string{"s3:x-amz-copy-source": {"b/k"}},
			want:      Decision{Deny, "NoCopyInto"},
		},
		{
			name:      "plain HTTP",
			principal: fetch,
			action:    "s3:ListBucket",
			resource:  "arn:aws:s3:::uploads",
			context:   map[string][]string{"aws:SecureTransport": {"false"}},
			want:      Decision{Deny, "TLSOnly"},
		},
		{
			name:      "partner",
			principal: "arn:aws:iam::111122223333:role/any",
			action:    "s3:GetObject",
			tags:      "scan-status=CLEAN",
			want:      Decision{Allow, "PartnerReads"},
		},
		{
			name:      "deny wins over allow",
			principal: "arn:aws:iam::111122223333:role/any",
			action:    "s3:GetObject",
			want:      Decision{Deny, "NoReadUnlessClean"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := Request{
				Principal: tt.principal,
				Action:    tt.action,
				Resource:  tt.resource,
				Context:   map[string][]string{"aws:SecureTransport": {"true"}},
			}
			if r.Resource == "" {
				r.Resource = object
			}
			if tt.principal != "" {
				r.Account = strings.Split(tt.principal, ":")[4]
				r.Context["aws:PrincipalArn"] = []string{tt.principal}
			}
			for kv := range strings.SplitSeq(tt.tags, ",") {
				if k, v, ok := strings.Cut(kv, "="); ok {
					r.Context["s3:ExistingObjectTag/"+k] = []string{v}
				}
			}
			for kv := range strings.SplitSeq(tt.request, ",") {
				if k, _, ok := strings.Cut(kv, "="); ok {
					r.Context["s3:RequestObjectTagKeys"] = append(r.Context["s3:RequestObjectTagKeys"], k)
				}
			}
			maps.Copy(r.Context, tt.context)
			if diff := cmp.Diff(tt.want, p.Evaluate(r)); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNilPolicyHasNoOpinion(t *testing.T) {
	t.Parallel()
	var p *Policy
	if got := p.Evaluate(Request{Action: "s3:GetObject"}); got != (Decision{}) {
		t.Errorf("got %v, want no opinion", got)
	}
}

func statementWith(parts string) string {
	return `{"Version":"2012-10-17","Statement":{"Sid":"S","Effect":"Deny",` + parts + `}}`
}

// TestPrincipalAndAction covers the elements other than conditions.
func TestPrincipalAndAction(t *testing.T) {
	t.Parallel()
	const rest = `,"Action":"*","Resource":"*"`
	tests := []struct {
		name  string
		parts string
		req   Request
		want  bool
	}{
		{name: "AWS star", parts: `"Principal":{"AWS":"*"}` + rest, want: true},
		{
			name:  "user",
			parts: `"Principal":{"AWS":["` + fetch + `","` + alice + `"]}` + rest,
			req:   Request{Principal: alice},
			want:  true,
		},
		{
			name:  "another user",
			parts: `"Principal":{"AWS":"` + alice + `"}` + rest,
			req:   Request{Principal: fetch, Account: account},
		},
		{
			name:  "account by number",
			parts: `"Principal":{"AWS":"000000000000"}` + rest,
			req:   Request{Principal: alice, Account: account},
			want:  true,
		},
		{
			name:  "account by root",
			parts: `"Principal":{"AWS":"arn:aws:iam::000000000000:root"}` + rest,
			req:   Request{Principal: alice, Account: account},
			want:  true,
		},
		{
			name:  "another account",
			parts: `"Principal":{"AWS":"111122223333"}` + rest,
			req:   Request{Principal: alice, Account: account},
		},
		{name: "anonymous is of no account", parts: `"Principal":{"AWS":"000000000000"}` + rest},
		{
			name:  "service",
			parts: `"Principal":{"Service":"logging.s3.amazonaws.com"}` + rest,
			req:   Request{Service: "logging.s3.amazonaws.com"},
			want:  true,
		},
		{
			name:  "a user is no service",
			parts: `"Principal":{"Service":"logging.s3.amazonaws.com"}` + rest,
			req:   Request{Principal: alice, Account: account},
		},
		{
			name:  "resource star spans slashes",
			parts: `"Principal":"*","Action":"*","Resource":"arn:aws:s3:::b/*.txt"`,
			req:   Request{Resource: "arn:aws:s3:::b/x/y.txt"},
			want:  true,
		},
		{
			name:  "resource case counts",
			parts: `"Principal":"*","Action":"*","Resource":"arn:aws:s3:::b/K"`,
			req:   Request{Resource: "arn:aws:s3:::b/k"},
		},
		{
			name:  "bucket is not its objects",
			parts: `"Principal":"*","Action":"*","Resource":"arn:aws:s3:::b"`,
			req:   Request{Resource: "arn:aws:s3:::b/k"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := Parse([]byte(statementWith(tt.parts)))
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Evaluate(tt.req).Effect == Deny; got != tt.want {
				t.Errorf("statement applies: %v, want %v", got, tt.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const rest = `"Principal":"*","Action":"s3:*","Resource":"*"`
	tests := []struct{ name, document, want string }{
		{"not JSON", `{`, "read policy document"},
		{"trailing text", statementWith(rest) + "{}", "more than one"},
		{"no version", `{"Statement":[]}`, "Version"},
		{"no statement", `{"Version":"2012-10-17","Statement":[]}`, "no Statement"},
		{"unknown element", statementWith(rest + `,"Conditions":{}`), "Conditions"},
		{"NotPrincipal", statementWith(`"NotPrincipal":{"AWS":"*"},"Action":"*","Resource":"*"`), "NotPrincipal"},
		{"effect", `{"Version":"2012-10-17","Statement":{"Effect":"deny",` + rest + `}}`, "Effect"},
		{"no principal", statementWith(`"Action":"*","Resource":"*"`), "no Principal"},
		{
			"wildcard principal",
			statementWith(`"Principal":{"AWS":"arn:aws:iam::000000000000:role/*"},"Action":"*","Resource":"*"`),
			"unknown principal",
		},
		{"federated", statementWith(`"Principal":{"Federated":"x"},"Action":"*","Resource":"*"`), "Federated"},
		{"principal text", statementWith(`"Principal":"alice","Action":"*","Resource":"*"`), "unknown Principal"},
		{"NotAction", statementWith(`"Principal":"*","NotAction":"*","Resource":"*"`), "NotAction"},
		{"no action", statementWith(`"Principal":"*","Resource":"*"`), "no Action"},
		{"question mark", statementWith(`"Principal":"*","Action":"s3:?etObject","Resource":"*"`), "?"},
		{"IfExists", statementWith(rest + `,"Condition":{"StringEqualsIfExists":{"s3:VersionId":"a"}}`), "operator"},
		{"old version", `{"Version":"2008-10-17","Statement":{"Effect":"Deny",` + rest + `}}`, "Version"},
		{
			"wildcard in an ARN",
			statementWith(rest + `,"Condition":{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::*:role/a"}}`),
			"wildcard",
		},
		{
			"ForAnyValue on one value",
			statementWith(rest + `,"Condition":{"ForAnyValue:StringEqualsIgnoreCase":{"s3:VersionId":"a"}}`),
			"ForAnyValue",
		},
		{
			"both kinds of resource",
			statementWith(`"Principal":"*","Action":"*","Resource":"a","NotResource":"b"`), "Resource and NotResource",
		},
		{
			"an Allow of all others",
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","NotResource":"b"}]}`,
			"Allow with NotResource",
		},
		{"no resource", statementWith(`"Principal":"*","Action":"*"`), "no Resource"},
		{
			"variable in resource",
			statementWith(`"Principal":"*","Action":"*","Resource":"arn:aws:s3:::b/${aws:username}"`),
			"variables",
		},
		{"operator", statementWith(rest + `,"Condition":{"StringEqual":{"aws:PrincipalArn":"x"}}`), `"StringEqual"`},
		{"operator case", statementWith(rest + `,"Condition":{"stringEquals":{"aws:PrincipalArn":"x"}}`), "operator"},
		{"key", statementWith(rest + `,"Condition":{"StringEquals":{"aws:PrincipalOrgID":"x"}}`), "aws:PrincipalOrgID"},
		{"value variable", statementWith(rest + `,"Condition":{"StringEquals":{"s3:VersionId":"${a}"}}`), "variables"},
		{"no value", statementWith(rest + `,"Condition":{"StringEquals":{"s3:VersionId":[]}}`), "no value"},
		{"not a boolean", statementWith(rest + `,"Condition":{"Bool":{"aws:SecureTransport":"no"}}`), "true or false"},
		{"not an ARN", statementWith(rest + `,"Condition":{"ArnNotEquals":{"aws:PrincipalArn":"role"}}`), "not an ARN"},
		{
			"set without quantifier",
			statementWith(rest + `,"Condition":{"StringEquals":{"s3:RequestObjectTagKeys":"a"}}`),
			"ForAnyValue",
		},
		{"null if exists", statementWith(rest + `,"Condition":{"NullIfExists":{"s3:VersionId":"true"}}`), "Null"},
		{"object as value", statementWith(rest + `,"Condition":{"StringEquals":{"s3:VersionId":{"a":1}}}`), "list of text"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse([]byte(tt.document))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// TestNotResource: a statement with NotResource is about every resource that none of its patterns matches.
func TestNotResource(t *testing.T) {
	t.Parallel()
	p, err := Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Sid":"Stays","Effect":"Deny","Principal":"*",
		"Action":"s3:DeleteObject","NotResource":["arn:aws:s3:::uploads/own/*","arn:aws:s3:::uploads/mine"],
		"Condition":{"ArnEquals":{"aws:PrincipalArn":"` + tagger + `"}}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]Effect{"own/a": NoOpinion, "mine": NoOpinion, "a": Deny, "mine/a": Deny, "x/own/a": Deny} {
		r := Request{
			Principal: tagger, Account: account, Action: "s3:DeleteObject", Resource: "arn:aws:s3:::uploads/" + key,
			Context: map[string][]string{"aws:PrincipalArn": {tagger}},
		}
		if got := p.Evaluate(r); got.Effect != want {
			t.Errorf("%s: got %v, want %v", key, got.Effect, want)
		}
	}
}
