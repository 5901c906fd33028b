// Package console is a small web page about one stack, deployed or local: what came in, what happened to it, and what
// an operator can do about it. It is a client of AWS's APIs with the caller's own credentials, and changes nothing
// unless a button is pressed. The commands `lazaret console` and `lazaret local` start it. It says what the other
// commands say, because it asks the same packages.
package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/lazaret/lazaret/local/cmd/lazaret/deployment"
	"github.com/lazaret/lazaret/local/console/session"
	"github.com/lazaret/lazaret/local/console/view"
	"github.com/lazaret/lazaret/local/guard"
)

// DefaultPort is the port of the console, beside 4566 of the local stack.
const DefaultPort = 4567

// Config says what the console is about.
type Config struct {
	AWS     aws.Config
	Stack   deployment.Stack
	Port    int    // on 127.0.0.1; 0 takes a free one
	Version string // of the program
}

// Console is a running console.
type Console struct {
	URL    string // lets a browser in: it has the token
	server *http.Server
	cancel context.CancelFunc
	failed chan error
}

// Start starts a console, which runs until Close. What it has been told to do by then ends with it.
func Start(config Config) (*Console, error) {
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: config.Port})
	if err != nil {
		return nil, fmt.Errorf("take port %d for the console: %w", config.Port, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	sessions := session.New(port)
	c := &Console{
		URL: sessions.URL("http://" + listener.Addr().String()), cancel: cancel, failed: make(chan error, 1),
	}
	site := &view.View{Stack: config.Stack, Version: config.Version}
	c.server = &http.Server{
		Handler:                      guarded(port, sessions, site, routes(ctx, site, newClients(config))),
		DisableGeneralOptionsHandler: true,
		ReadHeaderTimeout:            10 * time.Second,
		IdleTimeout:                  2 * time.Minute,
		MaxHeaderBytes:               256 << 10, // a URL may have the addresses of 500 copies
		ConnContext:                  guard.ConnContext,
		BaseContext:                  func(net.Listener) context.Context { return ctx },
		ErrorLog:                     slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
	go func() {
		if err := c.server.Serve(&guard.Listener{Peers: peers(listener)}); !errors.Is(err, http.ErrServerClosed) {
			c.failed <- fmt.Errorf("serve the console: %w", err)
		}
	}()
	return c, nil
}

// Wait returns nil when ctx ends, and an error when the server ends before that.
func (c *Console) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-c.failed:
		return err
	}
}

// Close ends the server and everything that it does.
func (c *Console) Close() error {
	c.cancel()
	return c.server.Close()
}

// guarded returns the handler that lets only the person in who has started the console.
func guarded(port string, sessions *session.Keeper, site *view.View, pages http.Handler) http.Handler {
	sessions.Refuse = func(w http.ResponseWriter, r *http.Request, status int, why string) {
		site.Refuse(w, r, status, why)
	}
	return guard.Gate{
		Port: port, Name: "The console",
		Shared: func(*http.Request) bool { return false },
		Refuse: func(w http.ResponseWriter, _ *http.Request, why string) { http.Error(w, why, http.StatusForbidden) },
	}.Handler(sessions.Handler(pages))
}

// peers accepts connections of the person who has started the console, and of root, where the kernel can tell.
func peers(listener *net.TCPListener) *guard.Peers {
	p := &guard.Peers{TCPListener: listener, Why: func(uid uint32) string {
		return fmt.Sprintf("This console is user %d's, and the connection is user %d's.", os.Geteuid(), uid)
	}}
	if guard.CheckPeers() == nil {
		p.Admit = guard.Trusted
	}
	return p
}
