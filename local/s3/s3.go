// Package s3 serves S3 on one machine. The versity gateway implements the protocol. Behind it, bodies are files and all
// else is in the store: an object and the events about it are one transaction, and the bucket policies of the template
// hold for every caller. The package knows no other service: its Config has functions that deliver events.
package s3

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/gofiber/fiber/v3"
	"github.com/google/uuid"
	"github.com/versity/versitygw/embedgw"
	"github.com/versity/versitygw/s3api"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/policy"
	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

// Config is what Start needs.
type Config struct {
	Buckets []template.Bucket // created when absent; a bucket that exists keeps its objects
	Store   *store.Store      // its folder has the bodies of objects
	// Caller returns the secret key and the ARN of an access key, and false for one that may not sign requests.
	Caller func(accessKey string) (secret, arn string, ok bool)

	// Deliver sends a notification to a queue, and PutEvent puts an event on the default bus, as part of the
	// transaction that makes an object, which may run more than once. An error fails the upload.
	Deliver  func(tx *bbolt.Tx, queueARN, body string) error
	PutEvent func(tx *bbolt.Tx, source, detailType string, detail json.RawMessage, resources []string) error
}

// Service is the running S3.
type Service struct {
	handler http.Handler
	buckets *buckets
	done    chan struct{}
	err     error
}

// maxParts is the largest number of a part in S3.
const maxParts = 10_000

// Start creates missing buckets and serves S3 until ctx ends. One gateway at a time can run in a process, because it
// has global variables.
func Start(ctx context.Context, cfg Config) (*Service, error) {
	st, err := open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	// The gateway needs a root account. Its keys are random and known to nobody, because no bucket policy knows root.
	root := uuid.NewString()
	iam := newAccounts(cfg.Caller, root)
	// The gateway can only listen on a socket. It is in a folder that other users cannot enter, and its path is one
	// through a descriptor, because such a path can have 107 bytes only. One request is made there, by awaitAnswer: all
	// others are calls of the gateway's handler.
	folder, err := os.Open(cfg.Store.Dir())
	if err != nil {
		return nil, fmt.Errorf("open data folder: %w", err)
	}
	socket := fmt.Sprintf("/proc/self/fd/%d/s3.socket", folder.Fd())
	ready, app := make(chan struct{}), make(chan *fiber.App, 1)
	gateway := &embedgw.Config{
		RootUserAccess:    root,
		RootUserSecret:    uuid.NewString(),
		Region:            template.Region,
		Ports:             []string{socket},
		MaxConnections:    4096,
		MaxRequests:       4096,
		MultipartMaxParts: maxParts,
		KeepAlive:         true,
		Quiet:             true,
		DisableACLs:       true,
		IAMService:        iam,
		S3Options: append(routes(st, iam), s3api.WithOnListen(func() { close(ready) }),
			s3api.WithMiddleware("/", hideKey),
			s3api.WithMiddleware("/", func(c fiber.Ctx) error {
				select {
				case app <- c.App():
				default:
				}
				return c.Next()
			})),
	}
	s := &Service{buckets: st, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		defer folder.Close()
		s.err = embedgw.RunVersityGW(ctx, st, gateway)
	}()
	select {
	case <-ready:
		if err := awaitAnswer(ctx, socket); err != nil {
			return nil, fmt.Errorf("start S3 gateway: %w", err)
		}
		s.handler = handler{(<-app).Server(), st.bodies}
		return s, nil
	case <-s.done:
		return nil, fmt.Errorf("start S3 gateway: %w", cmp.Or(s.err, ctx.Err()))
	}
}

// Handler returns the handler of requests in path style. http.ServeMux must not be used with it, because it redirects
// keys such as "a//b".
func (s *Service) Handler() http.Handler { return s.handler }

// Wait waits until the gateway has stopped. It returns an error when the reason is not the end of the context of Start.
func (s *Service) Wait() error {
	<-s.done
	return s.err
}

// open prepares the buckets and removes the bodies that no transaction names.
func open(ctx context.Context, cfg Config) (*buckets, error) {
	b := &buckets{
		state: cfg.Store, bodies: bodies(filepath.Join(cfg.Store.Dir(), "bodies")),
		deliver: cfg.Deliver, putEvent: cfg.PutEvent, policies: map[string]*policy.Policy{},
	}
	for _, t := range cfg.Buckets {
		if len(t.Notifications) > 0 && cfg.Deliver == nil || t.EventBridge && cfg.PutEvent == nil {
			return nil, fmt.Errorf("prepare bucket %s: it has events, and there is no function to deliver them", t.Name)
		}
	}
	if err := b.prepare(cfg.Buckets); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(string(b.bodies), 0o700); err != nil {
		return nil, fmt.Errorf("create folder of objects: %w", err)
	}
	if err := b.sweep(ctx); err != nil {
		return nil, fmt.Errorf("sweep folder of objects: %w", err)
	}
	return b, nil
}
