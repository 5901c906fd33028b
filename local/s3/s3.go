// Package s3 is S3 on one machine: the versity gateway over a folder, wrapped
// so that uploads are announced before they are answered and the template's
// bucket policies bind every caller. It knows no other service; the stack in
// local wires Deliver and PutEvent to the queues and the bus, and serves
// Handler. Only one may run in a process, because the gateway keeps globals
// and changes the working directory: see Start.
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
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
	"github.com/versity/versitygw/s3api"

	"github.com/lazaret/lazaret/local/template"
)

// Config is what Start needs.
type Config struct {
	Buckets    []template.Bucket                        // created when absent, with what they hold when present
	DataDir    string                                   // objects live below its folder s3
	Principals []Principal                              // everyone who may sign a request
	Others     func(accessKey string) (Principal, bool) // knows more of them; may be nil
	Sidecar    bool                                     // keep tags and metadata in files of their own, even where the disk has extended attributes

	// Deliver sends one S3 notification to a queue, for buckets with a
	// notification that matches. PutEvent does so to the default bus, for
	// buckets with EventBridge on. An error of either fails the upload.
	Deliver  func(ctx context.Context, queueARN, body string) error
	PutEvent func(ctx context.Context, source, detailType string, detail json.RawMessage, resources []string) error
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
	store   *store
	done    chan struct{}
	err     error
}

// Start opens the data, creates missing buckets and serves until ctx ends. The
// gateway changes the process's working directory to the data, so callers make
// every path of theirs absolute first.
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
	folder, err := os.Open(cfg.DataDir)
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
			s3api.WithMiddleware("/", func(c fiber.Ctx) error {
				select {
				case app <- c.App():
				default:
				}
				return c.Next()
			})),
	}
	memory := fasthttputil.NewInmemoryListener()
	s := &Service{handler: proxy(memory), store: st, done: make(chan struct{})}
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
		// The gateway closes this listener with its own.
		go func() { _ = (<-app).Server().Serve(memory) }()
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

// open prepares the folders and the buckets.
func open(ctx context.Context, cfg Config) (*store, error) {
	base, err := filepath.Abs(filepath.Join(cfg.DataDir, "s3"))
	if err != nil {
		return nil, fmt.Errorf("find data folder: %w", err)
	}
	objects, versions, sidecar := filepath.Join(base, "objects"), filepath.Join(base, "versions"), filepath.Join(base, "meta")
	for _, dir := range []string{objects, versions, sidecar} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("create data folder: %w", err)
		}
	}
	// Extended attributes come and go with the file, so they are the better
	// keeper. Data begun with sidecar files goes on with them.
	var keeper meta.MetadataStorer = meta.XattrMeta{}
	begun, err := os.ReadDir(sidecar)
	if err != nil {
		return nil, fmt.Errorf("read metadata folder: %w", err)
	}
	if cfg.Sidecar || len(begun) > 0 || (meta.XattrMeta{}).Test(objects) != nil {
		if keeper, err = newSidecar(sidecar); err != nil {
			return nil, fmt.Errorf("open metadata folder: %w", err)
		}
	}
	disk, err := quietly(func() (*posix.Posix, error) {
		return posix.New(objects, keeper, posix.PosixOpts{
			VersioningDir:       versions,
			CopyObjectThreshold: 5 << 30, // S3's limit for CopyObject; 0 refuses every copy
		})
	})
	if err != nil {
		return nil, fmt.Errorf("open object folder: %w", err)
	}
	st := newStore(disk, cfg)
	for _, b := range cfg.Buckets {
		if len(b.Notifications) > 0 && cfg.Deliver == nil || b.EventBridge && cfg.PutEvent == nil {
			return nil, fmt.Errorf("prepare bucket %s: %w", b.Name, errors.New("it has events and nobody to deliver them"))
		}
		if err := st.prepare(ctx, b); err != nil {
			return nil, fmt.Errorf("prepare bucket %s: %w", b.Name, err)
		}
	}
	return st, nil
}

// quietly runs f without a standard output, which the gateway would print its
// folders to: that is for the caller to say what runs.
func quietly[T any](f func() (T, error)) (T, error) {
	stdout := os.Stdout
	defer func() { os.Stdout = stdout }()
	os.Stdout = nil // printing fails, and nobody looks
	return f()
}
