package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	"github.com/lazaret/lazaret/local/tests/harness"
)

// proxy stands between the functions and the endpoint, and disturbs calls. Which calls it disturbs, and how, follows
// from the seed and the call: what it is about, and how often it was made.
type proxy struct {
	URL      string
	upstream *url.URL
	seed     uint64
	ledger   *ledger
	killer   func(harness.Call) // kills the sender of a call

	mu      sync.Mutex
	rate    float64        // share of all calls that are disturbed
	outages []*outage      // that go on
	calls   map[string]int // how often each call was made
	counts  map[string]int // of the disturbances, by name

	server *http.Server
}

// outage disturbs half of the calls that match.
type outage struct {
	function string // any, when empty
	service  string // any, when empty
	how      disturbance
}

func (o *outage) String() string {
	who, which := "all functions", "every service"
	if o.function != "" {
		who = o.function
	}
	if o.service != "" {
		which = o.service
	}
	return fmt.Sprintf("%s for %s: %s", which, who, o.how.name)
}

// startProxy starts a proxy in front of an endpoint.
func startProxy(endpoint string, seed uint64, l *ledger) (*proxy, error) {
	upstream, err := url.Parse(endpoint)
	if err != nil {
		return nil, fmt.Errorf("start the proxy: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the proxy: %w", err)
	}
	p := &proxy{
		URL: "http://" + listener.Addr().String(), upstream: upstream, seed: seed, ledger: l,
		calls: map[string]int{}, counts: map[string]int{},
	}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = p.server.Serve(listener) }() // until close
	return p, nil
}

func (p *proxy) close() error {
	if err := p.server.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("stop the proxy: %w", err)
	}
	return nil
}

// setRate sets the share of all calls that are disturbed.
func (p *proxy) setRate(rate float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate = rate
}

// begin begins an outage, and returns what ends it.
func (p *proxy) begin(o *outage) (end func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.outages = append(p.outages, o)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for i := range p.outages {
			if p.outages[i] == o {
				p.outages = append(p.outages[:i:i], p.outages[i+1:]...)
				return
			}
		}
	}
}

// disturbances returns how often each disturbance was made.
func (p *proxy) disturbances() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.counts)
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	forward := &httputil.ReverseProxy{
		// The signature covers the Host header.
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.Out.URL.Scheme, pr.Out.URL.Host, pr.Out.Host = p.upstream.Scheme, p.upstream.Host, pr.In.Host
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:     log.New(io.Discard, "", 0), // connections break on purpose
	}
	c := describe(r)
	how := p.choose(c)
	if how == nil {
		forward.ServeHTTP(w, r)
		return
	}
	p.ledger.meets(c.object, fmt.Sprintf("%s %s: %s", c.Function, c.Operation, how.name))
	how.act(&exchange{call: c, proxy: p, forward: forward, w: w, r: r})
}

// choose returns how a call is disturbed, nil if it is not.
func (p *proxy) choose(c call) *disturbance {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := c.Function + " " + c.Operation + " " + c.About
	p.calls[id]++
	chance, which := draw(p.seed, id, p.calls[id])
	var how *disturbance
	for _, o := range p.outages {
		if (o.function == "" || o.function == c.Function) && (o.service == "" || o.service == c.Service) && chance < 0.5 {
			how = &o.how
		}
	}
	if how == nil && chance < p.rate {
		all := p.possible(c)
		how = &all[which%uint64(len(all))]
	}
	if how != nil {
		p.counts[how.name]++
	}
	return how
}

// possible returns the disturbances that a call can meet.
func (p *proxy) possible(c call) []disturbance {
	all := disturbances()
	if c.body {
		all = append(all, cutAnswer, cutAnswer)
		if c.Function == "fetch" && p.ledger.verifiable(c.object.key) {
			all = append(all, wrongByte, wrongByte)
		}
	}
	return all
}

// draw returns a number from 0 to 1 and a number, both random, that follow from seed and call.
func draw(seed uint64, id string, n int) (chance float64, which uint64) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %d", seed, id, n))
	return float64(binary.BigEndian.Uint64(sum[:])>>11) / (1 << 53), binary.BigEndian.Uint64(sum[8:])
}

// exchange is a call that is disturbed, with what forwards it and what answers it.
type exchange struct {
	call
	proxy   *proxy
	forward http.Handler
	w       http.ResponseWriter
	r       *http.Request
}

// disturbance is a way to disturb a call.
type disturbance struct {
	name string
	act  func(*exchange)
}

// disturbances returns those that every call can meet, the frequent ones several times.
func disturbances() []disturbance {
	all := []disturbance{denied, killedBefore, killedAfter}
	for range 3 {
		all = append(all, internalError, slowDown, throttled, closedBefore, closedAfter, doneAndFailed, slow)
	}
	return all
}

var (
	internalError = disturbance{"500", func(x *exchange) {
		x.refuse(http.StatusInternalServerError, "InternalError")
	}}
	slowDown = disturbance{"503", func(x *exchange) {
		x.refuse(http.StatusServiceUnavailable, "SlowDown")
	}}
	throttled = disturbance{"throttled", func(x *exchange) {
		x.refuse(http.StatusBadRequest, "ThrottlingException")
	}}
	denied = disturbance{"denied", func(x *exchange) {
		x.refuse(http.StatusForbidden, "AccessDenied")
	}}
	closedBefore = disturbance{"connection closed", func(*exchange) { panic(http.ErrAbortHandler) }}
	closedAfter  = disturbance{"done, and connection closed", func(x *exchange) {
		x.record()
		panic(http.ErrAbortHandler)
	}}
	doneAndFailed = disturbance{"done, and 500", func(x *exchange) {
		x.record()
		x.refuse(http.StatusInternalServerError, "InternalError")
	}}
	killedBefore = disturbance{"killed before", func(x *exchange) {
		x.proxy.killer(x.Call)
		panic(http.ErrAbortHandler)
	}}
	killedAfter = disturbance{"killed after", func(x *exchange) {
		x.record()
		x.proxy.killer(x.Call)
		panic(http.ErrAbortHandler)
	}}
	slow = disturbance{"slow", func(x *exchange) {
		answer := x.record()
		select {
		case <-x.r.Context().Done():
		case <-time.After(400 * time.Millisecond):
		}
		x.answer(answer, answer.Body.Bytes())
	}}
	cutAnswer = disturbance{"answer cut", func(x *exchange) {
		answer := x.record()
		x.answer(answer, answer.Body.Bytes()[:answer.Body.Len()/2])
		_ = http.NewResponseController(x.w).Flush()
		panic(http.ErrAbortHandler)
	}}
	wrongByte = disturbance{"a wrong byte", func(x *exchange) {
		answer := x.record()
		body := answer.Body.Bytes()
		if len(body) > 0 {
			body[len(body)/2] ^= 1
		}
		x.answer(answer, body)
	}}
)

// refuse answers with an error.
func (x *exchange) refuse(status int, code string) { x.Refuse(x.w, x.r, status, code, "by chaos") }

// record forwards the call, also if its sender ends meanwhile, and returns the answer.
func (x *exchange) record() *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	x.forward.ServeHTTP(answer, x.r.WithContext(context.WithoutCancel(x.r.Context())))
	return answer
}

func (x *exchange) answer(answer *httptest.ResponseRecorder, body []byte) {
	maps.Copy(x.w.Header(), answer.Header())
	x.w.WriteHeader(answer.Code)
	_, _ = x.w.Write(body)
}
