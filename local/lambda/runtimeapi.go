package lambda

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/lazaret/lazaret/local/guard"
)

// maxResponse is the largest response that Lambda takes from a runtime, in bytes, as its error message says.
const maxResponse = 6291556

// invocation is one event on its way through an environment.
type invocation struct {
	id       string
	trace    string
	payload  []byte
	deadline time.Time
	reply    chan reply // holds one
}

type reply struct {
	payload []byte
	err     error // a fault
}

// runtimeAPI is the Lambda Runtime API of all environments, version 2018-06-01:
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html. A path begins with the secret of an environment,
// because runtimes take the value of AWS_LAMBDA_RUNTIME_API as the beginning of the URL. A secret is for its
// environment's user alone. Host must be the address, so that no web page's own name leads here.
func (h *Host) runtimeAPI() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, serve func(*environment, http.ResponseWriter, *http.Request)) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /{secret}/2018-06-01/runtime/"+path, func(w http.ResponseWriter, r *http.Request) {
			e, known := h.listening.Load(r.PathValue("secret"))
			uid, told := guard.Peer(r.Context())
			if !known || told && uid != e.(*environment).uid() || r.Host != h.runtime.Addr().String() {
				http.Error(w, "this address is not for this caller", http.StatusForbidden)
				return
			}
			serve(e.(*environment), w, r)
		})
	}
	handle("GET invocation/next", (*environment).next)
	handle("POST invocation/{id}/response", (*environment).respond)
	handle("POST invocation/{id}/error", (*environment).respond)
	handle("POST init/error", (*environment).initError)
	return mux
}

func (e *environment) next(w http.ResponseWriter, r *http.Request) {
	select {
	case e.ready <- struct{}{}:
	default: // an earlier call has signalled already
	}
	select {
	case inv := <-e.work:
		header := w.Header()
		header.Set("Content-Type", "application/json")
		header.Set("Content-Length", strconv.Itoa(len(inv.payload)))
		header.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
		header.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.deadline.UnixMilli(), 10))
		header.Set("Lambda-Runtime-Invoked-Function-Arn", e.function.ARN)
		header.Set("Lambda-Runtime-Trace-Id", inv.trace)
		_, _ = w.Write(inv.payload) // fails when the process ends
	case <-r.Context().Done():
	}
}

// respond takes the answer to the current invocation, once.
func (e *environment) respond(w http.ResponseWriter, r *http.Request) {
	inv := e.current.Load()
	if inv == nil || inv.id != r.PathValue("id") {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"errorType":"InvalidRequestID","errorMessage":"Invalid request ID"}`)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxResponse+1))
	answer := reply{payload: body}
	status := http.StatusAccepted
	switch {
	case err != nil: // the process ended while it was writing
		return
	case len(body) > maxResponse:
		answer = reply{err: newFault("Function.ResponseSizeTooLarge",
			fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", maxResponse))}
		status = http.StatusRequestEntityTooLarge
	case strings.HasSuffix(r.URL.Path, "/error"):
		answer = reply{err: &fault{payload: body}}
	}
	if e.current.CompareAndSwap(inv, nil) {
		inv.reply <- answer
	}
	w.WriteHeader(status)
}

// initError takes the runtime's error of an initialisation. The process then ends itself, or is killed at its limit.
func (e *environment) initError(w http.ResponseWriter, r *http.Request) {
	if body, err := io.ReadAll(io.LimitReader(r.Body, maxResponse)); err == nil {
		e.initErr.Store(&fault{payload: body})
	}
	w.WriteHeader(http.StatusAccepted)
}
