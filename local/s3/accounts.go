package s3

import (
	"crypto/hmac"
	"crypto/sha256"
	"strings"

	"github.com/versity/versitygw/auth"

	"github.com/lazaret/lazaret/local/template"
)

// accounts tells the gateway whose key signed a request. Everyone is an
// administrator to the gateway itself, whose policy engine knows neither object
// tags nor roles; what a caller may do is decided in authorize.
type accounts struct {
	auth.IAMService // answers the user management API: not supported
	byKey           map[string]Principal
	others          func(accessKey string) (Principal, bool)
}

func newAccounts(cfg Config, root string) *accounts {
	a := &accounts{
		IAMService: auth.NewIAMServiceSingle(auth.Account{Access: root}),
		byKey:      make(map[string]Principal, len(cfg.Principals)),
		others:     cfg.Others,
	}
	for _, p := range cfg.Principals {
		a.byKey[p.AccessKey] = p
	}
	return a
}

// GetUserAccount returns auth.ErrNoSuchUser for an unknown key.
func (a *accounts) GetUserAccount(access string) (auth.Account, error) {
	p, ok := a.byKey[access]
	if !ok && a.others != nil {
		p, ok = a.others(access)
	}
	if !ok {
		return auth.Account{}, auth.ErrNoSuchUser
	}
	return auth.Account{Access: access, Secret: p.Secret, Role: auth.RoleAdmin, Arn: p.ARN}, nil
}

// DeriveSigningKey makes the gateway verify signatures of keys that come with a
// session token, as they do in a Lambda, where it would refuse any token by
// itself. The token is not looked at. The derivation is SigV4's:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func (a *accounts) DeriveSigningKey(access, _, date, region, service string) ([]byte, auth.Account, error) {
	account, err := a.GetUserAccount(access)
	if err != nil {
		return nil, auth.Account{}, err
	}
	key := []byte("AWS4" + account.Secret)
	for _, part := range []string{date, region, service, "aws4_request"} {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(part))
		key = h.Sum(nil)
	}
	return key, account, nil
}

// BucketOwner makes x-amz-expected-bucket-owner mean the account number, as on
// AWS, and not the access key of whoever created the bucket.
func (a *accounts) BucketOwner() auth.Account { return auth.Account{Access: template.Account} }

// caller is who signed a request; the zero caller is anonymous.
type caller struct {
	arn     string
	account string
}

// callerOf finds the caller that the gateway's signature check left in the
// request's context.
func callerOf(ctx interface{ Value(any) any }) caller {
	account, _ := ctx.Value("account").(auth.Account)
	c := caller{arn: account.Arn}
	if part := strings.Split(account.Arn, ":"); len(part) > 4 {
		c.account = part[4]
	}
	return c
}
