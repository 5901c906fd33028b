package stack

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/lazaret/lazaret/local/access"
	"github.com/lazaret/lazaret/local/guard"
	"github.com/lazaret/lazaret/local/notice"
)

// gate says who may call the endpoint.
type gate struct {
	hosts   []string
	users   []uint32
	anyUser error // why users are not told apart; nil when they are
}

func newGate(config Config) (gate, error) {
	users, err := guard.FindUsers(config.AllowUsers)
	g := gate{hosts: slices.Clone(config.AllowHosts), users: users, anyUser: guard.CheckPeers()}
	if u, err := url.Parse(config.FunctionsEndpoint); err == nil && u.Host != "" {
		g.hosts = append(g.hosts, u.Host) // a proxy passes on the header Host of its own requests
	}
	return g, err
}

// serve answers requests at the endpoint until Close.
func (s *Stack) serve(listener *net.TCPListener, allowed gate, services services, watch *notice.Watch) {
	requests := guard.Gate{
		Port:  strconv.Itoa(listener.Addr().(*net.TCPAddr).Port),
		Hosts: allowed.hosts,
		Shared: func(r *http.Request) bool {
			return access.ServiceOf(r) == "s3" && services.buckets.Shares(r)
		},
		Refuse: func(w http.ResponseWriter, r *http.Request, why string) {
			access.Refuse(w, r, access.Refusal{Status: http.StatusForbidden, Code: "AccessDenied", Message: why})
		},
	}
	peers := &guard.Peers{TCPListener: listener, Why: func(uid uint32) string {
		return fmt.Sprintf("This local stack is user %d's, and the connection is user %d's. "+
			"Start it with --allow-user %[2]d to let that user in.", os.Geteuid(), uid)
	}}
	if allowed.anyUser == nil {
		peers.Admit = func(uid uint32) bool {
			return guard.Trusted(uid) || slices.Contains(allowed.users, uid) || services.functions.Runs(uid)
		}
	}
	// There is no limit for a whole request, because uploads and long polls take their time. Package guard limits
	// pauses.
	server := &http.Server{
		Handler:                      requests.Handler(watch.Handler(services.router(s.Application))),
		DisableGeneralOptionsHandler: true,
		ReadHeaderTimeout:            10 * time.Second,
		IdleTimeout:                  2 * time.Minute,
		MaxHeaderBytes:               64 << 10,
		ErrorLog:                     slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
	go func() {
		if err := server.Serve(&guard.Listener{Peers: peers}); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("serve %s: %w", s.Endpoint, err)
		}
	}()
	s.onClose(server.Close)
}
