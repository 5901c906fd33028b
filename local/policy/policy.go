// Package policy evaluates S3 bucket policies, the resource-based half of IAM,
// for the local stack, so that the read gate of a template is as real on one
// machine as on AWS. It knows nothing of identity policies and makes no
// request; local/s3 calls it for every operation. Whatever it would have to
// guess at (an operator, a condition key, a policy variable) is refused by
// Parse: a statement that is silently skipped is a gate left open.
package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Policy is a parsed bucket policy. It is immutable and safe for concurrent use.
type Policy struct {
	statements []statement
}

// statement is one entry of Statement, checked and ready to match.
type statement struct {
	sid        string
	deny       bool
	principals principals
	actions    []string
	notActions bool // actions came from NotAction
	resources  []string
	conditions []condition
}

// Parse reads a policy document. The error names the statement and what in it
// is not understood; see the package comment for why nothing is skipped.
func Parse(document []byte) (*Policy, error) {
	var doc struct {
		Version   string
		ID        string          `json:"Id"`
		Statement json.RawMessage // a list, or a single statement
	}
	if err := strict(document, &doc); err != nil {
		return nil, fmt.Errorf("read policy document: %w", err)
	}
	if doc.Version != "2012-10-17" && doc.Version != "2008-10-17" {
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

// parseStatement returns a statement with its Sid even when it fails, for the
// message of the caller.
func parseStatement(raw json.RawMessage) (statement, error) {
	var in struct {
		Sid          string
		Effect       string
		Principal    json.RawMessage
		NotPrincipal json.RawMessage
		Action       list
		NotAction    list
		Resource     list
		Condition    map[string]map[string]list
	}
	if err := strict(raw, &in); err != nil {
		return statement{}, err
	}
	s := statement{sid: in.Sid, deny: in.Effect == "Deny", actions: in.Action, resources: in.Resource}
	if in.Effect != "Allow" && in.Effect != "Deny" {
		return s, fmt.Errorf("unknown Effect %q", in.Effect)
	}
	if in.NotPrincipal != nil {
		return s, errors.New("NotPrincipal is not supported: use Principal and a condition on aws:PrincipalArn")
	}
	if (len(in.Action) == 0) == (len(in.NotAction) == 0) {
		return s, errors.New("want either Action or NotAction")
	}
	if len(in.NotAction) > 0 {
		s.actions, s.notActions = in.NotAction, true
	}
	if len(s.resources) == 0 {
		return s, errors.New("no Resource")
	}
	if slices.ContainsFunc(s.resources, hasVariable) {
		return s, errors.New("policy variables in Resource are not supported")
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

// list is a JSON value that policies write either alone or in a list. YAML
// templates turn "false" into a JSON boolean, so scalars become text.
type list []string

func (l *list) UnmarshalJSON(b []byte) error {
	var many []any
	if b = bytes.TrimSpace(b); len(b) > 0 && b[0] != '[' {
		b = slices.Concat([]byte("["), b, []byte("]"))
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&many); err != nil {
		return err
	}
	for _, v := range many {
		switch v.(type) {
		case string, bool, json.Number:
			*l = append(*l, fmt.Sprint(v))
		default:
			return fmt.Errorf("want text or a list of text, not %T", v)
		}
	}
	return nil
}

// strict decodes one JSON value and refuses elements that v does not have.
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
