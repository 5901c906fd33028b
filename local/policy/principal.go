package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// principals is the Principal element. IAM accepts no wildcard inside an ARN
// here, only the lone "*".
type principals struct {
	everyone bool
	arns     []string // of users, roles and assumed-role sessions
	accounts []string // 12 digits, from "<account>" or "arn:aws:iam::<account>:root"
	services []string
}

var (
	accountID    = regexp.MustCompile(`^\d{12}$`)
	accountRoot  = regexp.MustCompile(`^arn:aws[a-z-]*:iam::(\d{12}):root$`)
	principalARN = regexp.MustCompile(`^arn:aws[a-z-]*:(iam|sts)::\d{12}:(user|role|assumed-role)/[^*?]+$`)
)

func parsePrincipals(raw json.RawMessage) (principals, error) {
	if raw == nil {
		return principals{}, errors.New("no Principal")
	}
	var star string
	if json.Unmarshal(raw, &star) == nil {
		if star != "*" {
			return principals{}, fmt.Errorf(`unknown Principal %q: want "*" or an object`, star)
		}
		return principals{everyone: true}, nil
	}
	var kinds map[string]list
	if err := json.Unmarshal(raw, &kinds); err != nil {
		return principals{}, fmt.Errorf("read Principal: %w", err)
	}
	var p principals
	for kind, names := range kinds {
		switch kind {
		case "AWS":
			for _, name := range names {
				if err := p.addAWS(name); err != nil {
					return principals{}, err
				}
			}
		case "Service":
			p.services = append(p.services, names...)
		default:
			return principals{}, fmt.Errorf("principals of kind %s are not supported", kind)
		}
	}
	return p, nil
}

func (p *principals) addAWS(name string) error {
	switch root := accountRoot.FindStringSubmatch(name); {
	case name == "*":
		p.everyone = true
	case accountID.MatchString(name):
		p.accounts = append(p.accounts, name)
	case root != nil:
		p.accounts = append(p.accounts, root[1])
	case principalARN.MatchString(name):
		p.arns = append(p.arns, name)
	default:
		return fmt.Errorf("unknown principal %q", name)
	}
	return nil
}

// match reports whether the statement speaks of the caller. An anonymous
// caller is reached by "*" alone.
func (p principals) match(r Request) bool {
	return p.everyone ||
		r.Principal != "" && slices.Contains(p.arns, r.Principal) ||
		r.Account != "" && slices.Contains(p.accounts, r.Account) ||
		r.Service != "" && slices.ContainsFunc(p.services, func(s string) bool { return strings.EqualFold(s, r.Service) })
}
