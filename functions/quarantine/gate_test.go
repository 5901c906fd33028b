package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// gate is the read gate as the template writes it.
const gate = `{"Sid":"NoReadUnlessClean","Effect":"Deny","Principal":"*",
	"Action":["s3:GetObject","s3:GetObjectVersion","s3:GetObjectTorrent"],"Resource":"arn:aws:s3:::uploads/in/*",
	"Condition":{"StringNotEquals":{"s3:ExistingObjectTag/scan-status":"CLEAN"}` + exempt + `}}`

// exempt is the part of it that names who may read all the same.
const exempt = `,"ArnNotEquals":{"aws:PrincipalArn":["arn:aws:iam::000000000000:role/fetch",` +
	`"arn:aws:iam::000000000000:role/tag"]}`

// TestRefusesInfected checks which policies prove that nobody reads an infected object.
func TestRefusesInfected(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, old, new string // what is exchanged in the gate
		want           bool
	}{
		{name: "the template's", want: true},
		{
			name: "not-infected", old: `"StringNotEquals":{"s3:ExistingObjectTag/scan-status":"CLEAN"}`,
			new: `"StringEquals":{"s3:ExistingObjectTag/scan-status":["INFECTED"]}`, want: true,
		},
		{name: "a principal as S3 returns it", old: `"Principal":"*"`, new: `"Principal":{"AWS":"*"}`, want: true},
		{name: "all actions", old: `["s3:GetObject","s3:GetObjectVersion","s3:GetObjectTorrent"]`, new: `"s3:*"`, want: true},
		{name: "all keys", old: "uploads/in/*", new: "uploads/*", want: true},
		{
			name: "one of several resources", old: `"arn:aws:s3:::uploads/in/*"`,
			new: `["arn:aws:s3:::uploads","arn:aws:s3:::uploads/i*"]`, want: true,
		},
		{name: "nobody is exempt", old: exempt, want: true},

		{name: "allows", old: "Deny", new: "Allow"},
		{name: "one principal", old: `"Principal":"*"`, new: `"Principal":{"AWS":"arn:aws:iam::1:root"}`},
		{name: "all but one", old: `"Principal":"*"`, new: `"Principal":"*","NotPrincipal":{"AWS":"x"}`},
		{name: "versions can be read", old: `"s3:GetObjectVersion",`},
		{name: "all actions but some", old: `"Action"`, new: `"NotAction"`},
		{name: "another bucket", old: ":::uploads/", new: ":::others/"},
		{name: "other keys", old: "uploads/in/*", new: "uploads/out/*"},
		{name: "one key", old: "uploads/in/*", new: "uploads/in/a"},
		{name: "keys of a pattern", old: "uploads/in/*", new: "uploads/*/*"},
		{name: "another verdict", old: `"CLEAN"`, new: `"INFECTED"`},
		{name: "several verdicts", old: `"CLEAN"`, new: `["CLEAN","INFECTED"]`},
		{name: "another tag", old: "scan-status", new: "status"},
		{name: "a further condition", old: `"ArnNotEquals"`, new: `"IpAddress":{"aws:SourceIp":"10.0.0.0/8"},"ArnNotEquals"`},
		{name: "all roles are exempt", old: "role/tag", new: "role/*"},
		{name: "no condition", old: `"StringNotEquals":{"s3:ExistingObjectTag/scan-status":"CLEAN"},`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			changed := gate
			if tt.old != "" {
				changed = strings.ReplaceAll(gate, tt.old, tt.new)
				if changed == gate {
					t.Fatalf("the gate does not have %q", tt.old)
				}
			}
			policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*",
				"Resource":"arn:aws:s3:::uploads/*","Condition":{"Bool":{"aws:SecureTransport":"false"}}},` + changed + `]}`
			if got, err := refusesInfected(policy, "uploads", "in/a"); err != nil || got != tt.want {
				t.Errorf("got %t, %v, want %t", got, err, tt.want)
			}
		})
	}
	if _, err := refusesInfected(`{"Statement":`, "uploads", "in/a"); err == nil {
		t.Error("a damaged policy: got no error, want one")
	}
}

// TestTemplateGate checks the policies that the template makes, which another test renders.
func TestTemplateGate(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../local/tests/infra/testdata/policies/defaults.json")
	if err != nil {
		t.Fatal(err)
	}
	var policies map[string]json.RawMessage
	if err := json.Unmarshal(data, &policies); err != nil {
		t.Fatal(err)
	}
	bucket := "lazaret-uploads-000000000000-us-east-1"
	if got, err := refusesInfected(string(policies["uploads"]), bucket, "any/key"); err != nil || !got {
		t.Errorf("the policy of the uploads bucket: %t, %v, want the gate", got, err)
	}
	if got, err := refusesInfected(string(policies["quarantine"]), bucket, "any/key"); err != nil || got {
		t.Errorf("the policy of the quarantine bucket: %t, %v, want no gate", got, err)
	}
}
