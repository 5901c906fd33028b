package s3

import (
	"crypto/hmac"
	"crypto/sha256"
	"strings"
	"sync"

	"github.com/versity/versitygw/auth"

	"github.com/lazaret/lazaret/local/template"
)

// accounts tells the gateway the secret key and the ARN of an access key. To the gateway everyone is an administrator,
// because its policy engine knows neither object tags nor roles: authorize decides what a caller may do.
type accounts struct {
	auth.IAMService // answers that managing users is not supported
	caller          func(accessKey string) (secret, arn string, ok bool)

	mu   sync.Mutex
	keys map[keyScope][]byte // derived ones
}

// keyScope is what a signing key is derived for.
type keyScope struct{ secret, date, region, service string }

func newAccounts(caller func(accessKey string) (secret, arn string, ok bool), root string) *accounts {
	return &accounts{
		IAMService: auth.NewIAMServiceSingle(auth.Account{Access: root}), caller: caller, keys: map[keyScope][]byte{},
	}
}

// GetUserAccount returns auth.ErrNoSuchUser for an unknown access key.
func (a *accounts) GetUserAccount(access string) (auth.Account, error) {
	secret, arn, ok := a.caller(access)
	if !ok {
		return auth.Account{}, auth.ErrNoSuchUser
	}
	return auth.Account{Access: access, Secret: secret, Role: auth.RoleAdmin, Arn: arn}, nil
}

// DeriveSigningKey returns the signing key of an access key. The gateway calls it also for requests with a session
// token, as functions send them, which it would refuse otherwise. The token is not checked. The derivation is SigV4's:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func (a *accounts) DeriveSigningKey(access, _, date, region, service string) ([]byte, auth.Account, error) {
	account, err := a.GetUserAccount(access)
	if err != nil {
		return nil, auth.Account{}, err
	}
	scope := keyScope{account.Secret, date, region, service}
	a.mu.Lock()
	defer a.mu.Unlock()
	key, known := a.keys[scope]
	if !known {
		if len(a.keys) > 100 {
			clear(a.keys)
		}
		key = scope.derive()
		// The gateway reuses the memory of its strings.
		scope.date, scope.region, scope.service = strings.Clone(date), strings.Clone(region), strings.Clone(service)
		a.keys[scope] = key
	}
	return key, account, nil
}

func (s keyScope) derive() []byte {
	key := []byte("AWS4" + s.secret)
	for _, part := range []string{s.date, s.region, s.service, "aws4_request"} {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(part))
		key = h.Sum(nil)
	}
	return key
}

// BucketOwner returns the account that x-amz-expected-bucket-owner is compared with.
func (a *accounts) BucketOwner() auth.Account { return auth.Account{Access: template.Account} }

// caller is the principal that signed a request. The zero caller is anonymous.
type caller struct {
	arn     string
	account string
}

// callerOf returns the caller that the gateway's check of the signature left in the context.
func callerOf(ctx interface{ Value(any) any }) caller {
	account, _ := ctx.Value("account").(auth.Account)
	c := caller{arn: account.Arn}
	if part := strings.Split(account.Arn, ":"); len(part) > 4 {
		c.account = part[4]
	}
	return c
}
