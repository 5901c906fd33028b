package lambda

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/google/uuid"

	"github.com/lazaret/lazaret/local/api"
	"github.com/lazaret/lazaret/local/template"
)

type object = map[string]any

// Handler is Lambda's HTTP API: Invoke (not DryRun), GetFunctionConcurrency and ListEventSourceMappings. Other
// operations answer UnknownOperationException.
func (h *Host) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2015-03-31/functions/{name}/invocations", h.serveInvoke)
	mux.HandleFunc("GET /2019-09-30/functions/{name}/concurrency", h.serveConcurrency)
	mux.HandleFunc("GET /2015-03-31/event-source-mappings", h.serveMappings) // SDKs differ in the last slash
	mux.HandleFunc("GET /2015-03-31/event-source-mappings/{$}", h.serveMappings)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, &api.Error{
			Code: "UnknownOperationException", Status: http.StatusNotFound,
			Message: r.Method + " " + r.URL.Path + " is not an operation of the local Lambda.",
		})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Amzn-RequestId", uuid.NewString())
		mux.ServeHTTP(w, r)
	})
}

func (h *Host) serveInvoke(w http.ResponseWriter, r *http.Request) {
	kind := cmp.Or(r.Header.Get("X-Amz-Invocation-Type"), "RequestResponse")
	if kind != "RequestResponse" && kind != "Event" {
		writeError(w, api.Refuse("InvalidParameterValueException", "The invocation type %s is not supported here.", kind))
		return
	}
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 2*maxRequest))
	if err != nil && !errors.As(err, new(*http.MaxBytesError)) {
		return // the caller has gone
	}
	if kind == "Event" {
		if err := h.InvokeEvent(r.PathValue("name"), payload); err != nil {
			writeError(w, err)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		return
	}
	result, err := h.Invoke(r.Context(), r.PathValue("name"), payload)
	if err != nil {
		writeError(w, err)
		return
	}
	if result.FunctionError != "" {
		w.Header().Set("X-Amz-Function-Error", result.FunctionError)
	}
	w.Header().Set("X-Amz-Executed-Version", latest)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(result.Payload)
}

func (h *Host) serveConcurrency(w http.ResponseWriter, r *http.Request) {
	f, err := h.find(r.PathValue("name"))
	if err != nil {
		writeError(w, err)
		return
	}
	body := object{}
	if f.Reserved != nil {
		body["ReservedConcurrentExecutions"] = *f.Reserved
	}
	writeJSON(w, http.StatusOK, body)
}

// serveMappings lists the queues that feed functions: all, or those of the function in the query.
func (h *Host) serveMappings(w http.ResponseWriter, r *http.Request) {
	wanted := h.names
	if only := r.URL.Query().Get("FunctionName"); only != "" {
		f, err := h.find(only)
		if err != nil {
			writeError(w, err)
			return
		}
		wanted = []string{f.Name}
	}
	list := []object{}
	for _, name := range wanted {
		f := h.functions[name]
		for _, source := range f.Sources {
			responses := []string{}
			if source.ReportFailures {
				responses = append(responses, "ReportBatchItemFailures")
			}
			list = append(list, object{
				"UUID":                  uuid.NewSHA1(uuid.NameSpaceURL, []byte(f.ARN+source.QueueARN)),
				"FunctionArn":           f.ARN,
				"EventSourceArn":        source.QueueARN,
				"BatchSize":             source.BatchSize,
				"State":                 "Enabled",
				"ScalingConfig":         object{"MaximumConcurrency": source.MaxConcurrency},
				"FunctionResponseTypes": responses,
			})
		}
	}
	writeJSON(w, http.StatusOK, object{"EventSourceMappings": list})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // fails when the caller has gone
}

// writeError answers as Lambda's REST protocol does: the code in a header, the message in the body.
func writeError(w http.ResponseWriter, err error) {
	e := api.AsError(err, serviceException)
	body := map[string]string{"Type": "User", "Message": e.Message, "message": e.Message}
	if e.Status >= http.StatusInternalServerError {
		body["Type"] = "Service"
	}
	if e.Reason != "" {
		body["Reason"] = e.Reason
	}
	w.Header().Set("X-Amzn-Errortype", e.Code)
	writeJSON(w, e.Status, body)
}

const (
	serviceException = "ServiceException"
	tooManyRequests  = "TooManyRequestsException"
)

// unavailable is an error of Lambda's own.
func unavailable(format string, args ...any) *api.Error {
	e := api.Refuse(serviceException, format, args...)
	e.Status = http.StatusInternalServerError
	return e
}

func notFound(name string) *api.Error {
	e := api.Refuse("ResourceNotFoundException", "Function not found: %s", template.ARN("lambda", "function:"+name))
	e.Status = http.StatusNotFound
	return e
}

// fault is a failure of the function: the payload of a Result that has FunctionError set.
type fault struct{ payload []byte }

func (f *fault) Error() string { return string(f.payload) }

func newFault(errorType, message string) *fault {
	payload, _ := json.Marshal(map[string]string{"errorType": errorType, "errorMessage": message}) // text always encodes
	return &fault{payload: payload}
}
