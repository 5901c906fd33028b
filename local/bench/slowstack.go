package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lazaret/lazaret/local/plan"
)

// slowStack is a stack whose functions wait for each request.
type slowStack struct {
	*localStack
	requests *slowRequests
	proxy    *httptest.Server
}

func (s *slowStack) stop() error {
	err := s.localStack.stop()
	s.proxy.Close() // after the functions, which would wait for it
	return err
}

// startSlow starts a stack in which nothing is scanned that is not sent, and has it start its engines.
func (b *benchmark) startSlow(
	ctx context.Context, w plan.Workflow, databases string, permits int,
) (s *slowStack, err error) {
	s = &slowStack{requests: &slowRequests{}}
	s.proxy = httptest.NewServer(s.requests)
	s.localStack, err = b.startStack(ctx, settings{
		workflow: string(w), engines: permits, definitions: databases, endpoint: s.proxy.URL,
	})
	if err != nil {
		s.proxy.Close()
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	if err := s.requests.forward(s.endpoint); err != nil {
		return nil, err
	}
	if err := s.createSilentBucket(ctx); err != nil {
		return nil, err
	}
	// While an engine starts, every other object needs one of its own.
	objects, err := b.upload(ctx, s.localStack, "warm", 4*permits)
	if err == nil {
		_, err = s.scanSent(ctx, objects, "warm/", len(objects))
	}
	return s, err
}

// slowRequests is a proxy to the stack. Each request waits for a while, as it would on AWS. Those of dispatch are
// recorded.
type slowRequests struct {
	mu       sync.Mutex
	proxy    *httputil.ReverseProxy
	dispatch []dispatchRequest // in the order of their ends
}

// dispatchRequest is a request of dispatch: "ReceiveMessage" of a permit, "ChangeMessageVisibility 60" of the message,
// "ChangeMessageVisibility 0" of a permit that is given back.
type dispatchRequest struct {
	operation  string
	start, end time.Time
}

// requestTakes is how long each request waits: less than on AWS, so that the measurement takes two minutes.
const requestTakes = 20 * time.Millisecond

func (p *slowRequests) forward(endpoint string) error {
	target, err := url.Parse(endpoint)
	if err != nil {
		return fmt.Errorf("find the stack: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { // the signature covers the Host header
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = target.Scheme, target.Host, r.In.Host
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	return nil
}

func (p *slowRequests) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	proxy := p.proxy
	p.mu.Unlock()
	if proxy == nil {
		http.Error(w, "the stack is not ready", http.StatusServiceUnavailable)
		return
	}
	if !strings.Contains(r.Header.Get("Authorization"), "Credential=lazaret-DispatchFunctionRole/") {
		time.Sleep(requestTakes)
		proxy.ServeHTTP(w, r)
		return
	}
	request := dispatchRequest{operation: operationOf(r), start: time.Now()}
	time.Sleep(requestTakes)
	proxy.ServeHTTP(w, r)
	request.end = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dispatch = append(p.dispatch, request)
}

// operationOf returns the operation of a request, with the visibility timeout that it sets.
func operationOf(r *http.Request) string {
	body, _ := io.ReadAll(r.Body) // what is missing is missing at the service too
	r.Body = io.NopCloser(bytes.NewReader(body))
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	var in struct{ VisibilityTimeout *int }
	if operation == "ChangeMessageVisibility" && json.Unmarshal(body, &in) == nil && in.VisibilityTimeout != nil {
		operation += fmt.Sprintf(" %d", *in.VisibilityTimeout)
	}
	return operation
}

// forget forgets the requests so far.
func (p *slowRequests) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dispatch = nil
}

// turn returns how long an invocation of dispatch takes with EXPRESS, with the way to the next one, if a permit is
// free: on average, from requests that were sent while one permit was there and several messages waited. dispatch asks
// for a permit while it keeps the message: one that is there comes as fast.
func (p *slowRequests) turn() (time.Duration, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	by := map[string][]dispatchRequest{}
	for _, r := range p.dispatch {
		by[r.operation] = append(by[r.operation], r)
	}
	first, permits, ends := by["ChangeMessageVisibility 60"], by["ReceiveMessage"], by["ChangeMessageVisibility 0"]
	if len(ends) < 2 || len(permits) < len(ends) {
		return 0, fmt.Errorf("got %d requests for permits, and %d that gave them back, want the same number, from 2",
			len(permits), len(ends))
	}
	var sum time.Duration
	n := 0
	for i, end := range ends {
		next := slices.IndexFunc(first, func(r dispatchRequest) bool { return r.start.After(end.end) })
		if next < 0 {
			break // no message waited any more
		}
		sum += first[next].end.Sub(first[next].start) + end.end.Sub(permits[i].end) + first[next].start.Sub(end.end)
		n++
	}
	if n == 0 {
		return 0, errors.New("dispatch got no message after it gave a permit back")
	}
	return sum / time.Duration(n), nil
}
