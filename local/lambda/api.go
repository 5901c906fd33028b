package lambda

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/google/uuid"
)

// statusOf holds the HTTP status of each error that this package answers, from
// the API reference of Invoke.
var statusOf = map[string]int{
	"InvalidParameterValueException": http.StatusBadRequest,
	"InvalidRequestContentException": http.StatusBadRequest,
	"ResourceNotFoundException":      http.StatusNotFound,
	"UnknownOperationException":      http.StatusNotFound,
	"RequestTooLargeException":       http.StatusRequestEntityTooLarge,
	tooManyRequests:                  http.StatusTooManyRequests,
	serviceException:                 http.StatusInternalServerError,
}

// Handler is Lambda's HTTP API: Invoke (synchronous), ListFunctions, GetFunction,
// GetFunctionConfiguration, GetFunctionConcurrency and ListEventSourceMappings.
// Everything else is an UnknownOperationException.
func (h *Host) Handler() http.Handler {
	mux := http.NewServeMux()
	const functions = "/2015-03-31/functions"
	mux.HandleFunc("POST "+functions+"/{name}/invocations", h.serveInvoke)
	mux.HandleFunc("GET "+functions, h.serveList) // SDKs differ in the last slash
	mux.HandleFunc("GET "+functions+"/{$}", h.serveList)
	mux.HandleFunc("GET "+functions+"/{name}", h.serveOne((*function).description))
	mux.HandleFunc("GET "+functions+"/{name}/configuration", h.serveOne((*function).configuration))
	mux.HandleFunc("GET /2019-09-30/functions/{name}/concurrency", h.serveOne((*function).concurrency))
	mux.HandleFunc("GET /2015-03-31/event-source-mappings", h.serveMappings)
	mux.HandleFunc("GET /2015-03-31/event-source-mappings/{$}", h.serveMappings)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, &Error{
			Code:    "UnknownOperationException",
			Message: r.Method + " " + r.URL.Path + " is not an operation of the local Lambda.",
		})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Amzn-RequestId", uuid.NewString())
		mux.ServeHTTP(w, r)
	})
}

func (h *Host) serveInvoke(w http.ResponseWriter, r *http.Request) {
	if kind := cmp.Or(r.Header.Get("X-Amz-Invocation-Type"), "RequestResponse"); kind != "RequestResponse" {
		writeError(w, &Error{Code: "InvalidParameterValueException", Message: "The invocation type " + kind + " is not supported here."})
		return
	}
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 2*maxRequest))
	if err != nil && !errors.As(err, new(*http.MaxBytesError)) {
		return // the caller is gone
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

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller is gone
}

// writeError answers in the shape of Lambda's REST protocol: the name in a
// header, the message in the body.
func writeError(w http.ResponseWriter, err error) {
	var named *Error
	if !errors.As(err, &named) {
		named = &Error{Code: serviceException, Message: err.Error()}
	}
	status := cmp.Or(statusOf[named.Code], http.StatusInternalServerError)
	body := map[string]string{"Type": "User", "Message": named.Message, "message": named.Message}
	if status >= http.StatusInternalServerError {
		body["Type"] = "Service"
	}
	if named.Reason != "" {
		body["Reason"] = named.Reason
	}
	w.Header().Set("X-Amzn-Errortype", named.Code)
	writeJSON(w, status, body)
}
