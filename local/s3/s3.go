// Package s3 is S3 on one machine: the versity gateway speaks the protocol, and
// behind it bodies are files and all else is in the store. An object and its
// announcement are one transaction, and the template's bucket policies bind every
// caller. It knows no other service; the stack in local wires Deliver and PutEvent
// to the queues and the bus, and serves Handler.
package s3

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/gofiber/fiber/v3"
	"github.com/google/uuid"
	"github.com/valyala/fasthttp/fasthttputil"
	"github.com/versity/versitygw/embedgw"
	"github.com/versity/versitygw/s3api"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/policy"
	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

// Config is what Start needs.
type Config struct {
	Buckets    []template.Bucket                        // created when absent, with what they hold when present
	Store      *store.Store                             // the bodies of objects are in its folder
	Principals []Principal                              // everyone who may sign a request
	Others     func(accessKey string) (Principal, bool) // knows more of them; may be nil

	// Deliver sends one S3 notification to a queue, for buckets with a
	// notification that matches. PutEvent does so to the default bus, for
	// buckets with EventBridge on. Both are a part of the transaction that makes the
	// object, which may run more than once. An error of either fails the upload.
	Deliver  func(tx *bbolt.Tx, queueARN, body string) error
	PutEvent func(tx *bbolt.Tx, source, detailType string, detail json.RawMessage, resources []string) error
}

// Principal is an access key and the identity that bucket policies see.
type Principal struct {
	AccessKey string
	Secret    string
	ARN       string // "arn:aws:iam::000000000000:role/lazaret-tag"
}

// Service is the running S3.
type Service struct {
	handler http.Handler
	buckets *buckets
	done    chan struct{}
	err     error
}

// Start opens the data, creates missing buckets and serves until ctx ends. One
// gateway may run in a process, because it keeps globals.
func Start(ctx context.Context, cfg Config) (*Service, error) {
	st, err := open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	// The gateway wants a root account. Nobody is told its key: root would
	// pass as an identity that no bucket policy knows.
	root := uuid.NewString()
	iam := newAccounts(cfg, root)
	// The gateway insists on a socket. The folder keeps other users away from it, and
	// its path, which has at most 107 bytes, is short by way of a descriptor. Nobody
	// connects to it but answers, once: from then on requests come in memory.
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
		MultipartMaxParts: 10_000, // S3's own limit
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
	memory := fasthttputil.NewInmemoryListener()
	s := &Service{handler: proxy(memory, st.bodies), buckets: st, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		defer folder.Close()
		s.err = embedgw.RunVersityGW(ctx, st, gateway)
	}()
	select {
	case <-ready:
		if err := answers(ctx, socket); err != nil {
			return nil, fmt.Errorf("start S3 gateway: %w", err)
		}
		server := (<-app).Server()
		server.ErrorHandler = withoutEnd(server.ErrorHandler)
		go func() { _ = server.Serve(memory) }() // the gateway closes the listener with its own
		return s, nil
	case <-s.done:
		return nil, fmt.Errorf("start S3 gateway: %w", cmp.Or(s.err, ctx.Err()))
	}
}

// Handler answers S3's REST API in path style. It must be mounted without
// http.ServeMux, which redirects keys such as "a//b" to another key.
func (s *Service) Handler() http.Handler { return s.handler }

// Wait blocks until the gateway has stopped, after the end of Start's context,
// and returns why when it was for another reason.
func (s *Service) Wait() error {
	<-s.done
	return s.err
}

// open prepares the buckets and removes what no transaction names.
func open(ctx context.Context, cfg Config) (*buckets, error) {
	b := &buckets{
		state: cfg.Store, bodies: bodies(filepath.Join(cfg.Store.Dir(), "bodies")),
		deliver: cfg.Deliver, putEvent: cfg.PutEvent, policies: map[string]*policy.Policy{},
	}
	for _, t := range cfg.Buckets {
		if len(t.Notifications) > 0 && cfg.Deliver == nil || t.EventBridge && cfg.PutEvent == nil {
			return nil, fmt.Errorf("prepare bucket %s: %w", t.Name, errors.New("it has events and nobody to deliver them"))
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
