// Package policy evaluates S3 bucket policies for the local stack, so that the read gate of the template holds on one
// machine as on AWS. It knows the elements, operators and condition keys that the template's policies have. Parse
// refuses all others: a statement that was skipped would leave a gate open. Identity policies are not evaluated.
package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Policy is a parsed bucket policy. It does not change, and is safe for concurrent use.
type Policy struct {
	statements []statement
}

// statement is one entry of Statement.
type statement struct {
	sid        string
	deny       bool
	principals principals
	actions    []string // lower case
	resources  []string
	others     bool // the statement is about all resources but these (NotResource)
	conditions []condition
}

// principals is the Principal element.
type principals struct {
	everyone bool
	arns     []string // of users, roles and assumed-role sessions
	accounts []string // 12 digits, from "<account>" or "arn:aws:iam::<account>:root"
	services []string
}

// Parse reads a policy document. The error names the statement and the part of it that is not supported.
func Parse(document []byte) (*Policy, error) {
	var doc struct {
		Version   string
		ID        string          `json:"Id"`
		Statement json.RawMessage // a list, or a single statement
	}
	if err := strict(document, &doc); err != nil {
		return nil, fmt.Errorf("read policy document: %w", err)
	}
	if doc.Version != "2012-10-17" {
		return nil, fmt.Errorf("read policy document: unknown Version %q", doc.Version)
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(doc.Statement, &raw); err != nil {
		raw = []json.RawMessage{doc.Statement}
	}
	if len(raw) == 0 {
		return nil, errors.New("read policy document: no Statement")
	}
	p := &Policy{}
	for i, r := range raw {
		s, err := parseStatement(r)
		if err != nil {
			return nil, fmt.Errorf("read statement %d %s: %w", i+1, s.sid, err)
		}
		p.statements = append(p.statements, s)
	}
	return p, nil
}

// parseStatement returns the Sid even when it fails, for the caller's message.
func parseStatement(raw json.RawMessage) (statement, error) {
	var in struct {
		Sid         string
		Effect      string
		Principal   json.RawMessage
		Action      list
		Resource    list
		NotResource list
		Condition   map[string]map[string]list
	}
	if err := strict(raw, &in); err != nil {
		return statement{}, err
	}
	s := statement{sid: in.Sid, deny: in.Effect == "Deny", resources: in.Resource}
	if len(in.NotResource) > 0 {
		s.resources, s.others = in.NotResource, true
	}
	unsupported := func(s string) bool { return strings.ContainsRune(s, '?') || hasVariable(s) }
	switch {
	case in.Effect != "Allow" && in.Effect != "Deny":
		return s, fmt.Errorf("unknown Effect %q", in.Effect)
	case len(in.Action) == 0:
		return s, errors.New("no Action")
	case len(s.resources) == 0:
		return s, errors.New("no Resource")
	case len(in.Resource) > 0 && s.others:
		return s, errors.New("Resource and NotResource")
	case s.others && !s.deny:
		return s, errors.New("an Allow with NotResource is not supported")
	case slices.ContainsFunc(in.Action, unsupported) || slices.ContainsFunc(s.resources, unsupported):
		return s, errors.New("policy variables and ? are not supported in Action and Resource")
	}
	for _, action := range in.Action { // IAM ignores their case, and not that of resources
		s.actions = append(s.actions, strings.ToLower(action))
	}
	var err error
	if s.principals, err = parsePrincipals(in.Principal); err != nil {
		return s, err
	}
	for operator, tests := range in.Condition {
		for key, values := range tests {
			c, err := parseCondition(operator, key, values)
			if err != nil {
				return s, err
			}
			s.conditions = append(s.conditions, c)
		}
	}
	return s, nil
}

var (
	accountID    = regexp.MustCompile(`^(?:arn:aws[a-z-]*:iam::)?(\d{12})(?::root)?$`)
	principalARN = regexp.MustCompile(`^arn:aws[a-z-]*:(iam|sts)::\d{12}:(user|role|assumed-role)/[^*?]+$`)
)

func parsePrincipals(raw json.RawMessage) (p principals, err error) {
	if raw == nil {
		return p, errors.New("no Principal")
	}
	if string(raw) == `"*"` {
		return principals{everyone: true}, nil
	}
	var kinds map[string]list
	if err := json.Unmarshal(raw, &kinds); err != nil {
		return p, fmt.Errorf(`unknown Principal %s: want "*" or an object`, raw)
	}
	for kind, names := range kinds {
		switch kind {
		case "AWS":
			for _, name := range names {
				if err := p.addAWS(name); err != nil {
					return p, err
				}
			}
		case "Service":
			p.services = append(p.services, names...)
		default:
			return p, fmt.Errorf("principals of kind %s are not supported", kind)
		}
	}
	return p, nil
}

// addAWS adds "*", an account, or a user, role or session. IAM has no wildcards inside an ARN here.
func (p *principals) addAWS(name string) error {
	switch account := accountID.FindStringSubmatch(name); {
	case name == "*":
		p.everyone = true
	case account != nil:
		p.accounts = append(p.accounts, account[1])
	case principalARN.MatchString(name):
		p.arns = append(p.arns, name)
	default:
		return fmt.Errorf("unknown principal %q", name)
	}
	return nil
}

// list is a JSON value that policies write alone or in a list. YAML templates make a JSON boolean of "false", so that
// scalars become text.
type list []string

func (l *list) UnmarshalJSON(b []byte) error {
	var many []any
	if b = bytes.TrimSpace(b); len(b) > 0 && b[0] != '[' {
		b = slices.Concat([]byte("["), b, []byte("]"))
	}
	if err := json.Unmarshal(b, &many); err != nil {
		return err
	}
	for _, v := range many {
		switch v.(type) {
		case string, bool:
			*l = append(*l, fmt.Sprint(v))
		default:
			return fmt.Errorf("want text or a list of text, not %T", v)
		}
	}
	return nil
}

// strict decodes one JSON value and refuses members that v does not have.
func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if d.More() {
		return errors.New("more than one JSON value")
	}
	return nil
}

// hasVariable reports a policy variable such as ${aws:PrincipalArn}.
func hasVariable(s string) bool { return strings.Contains(s, "${") }
