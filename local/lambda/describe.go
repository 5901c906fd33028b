package lambda

import (
	"net/http"

	"github.com/google/uuid"
)

type object = map[string]any

// configuration is the API's FunctionConfiguration, as far as it means anything
// here. Variables are the template's, not the rewritten ones.
func (f *function) configuration() object {
	return object{
		"FunctionName": f.Name, "FunctionArn": f.ARN, "Role": f.RoleARN, "Version": latest,
		"Runtime": "provided.al2023", "Handler": "bootstrap", "PackageType": "Zip",
		"MemorySize": f.MemoryMB, "Timeout": int(f.Timeout.Seconds()),
		"Environment": object{"Variables": f.Environment},
		"State":       "Active", "LastUpdateStatus": "Successful",
	}
}

// description is the API's answer to GetFunction.
func (f *function) description() object {
	body := object{"Configuration": f.configuration()}
	if f.Reserved != nil {
		body["Concurrency"] = object{"ReservedConcurrentExecutions": *f.Reserved}
	}
	return body
}

func (h *Host) serveList(w http.ResponseWriter, _ *http.Request) {
	list := []object{}
	for _, name := range h.names {
		list = append(list, h.functions[name].configuration())
	}
	writeJSON(w, http.StatusOK, object{"Functions": list})
}

// serveOne answers with what body makes of the function in the path.
func (h *Host) serveOne(body func(*function) object) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f, err := h.find(r.PathValue("name"))
		if err != nil {
			writeError(w, err)
			return
		}
		writeJSON(w, http.StatusOK, body(f))
	}
}

// concurrency is the API's answer to GetFunctionConcurrency.
func (f *function) concurrency() object {
	if f.Reserved == nil {
		return object{}
	}
	return object{"ReservedConcurrentExecutions": *f.Reserved}
}

// serveMappings lists the queues that functions are fed from, all of them or
// those of the function in the query.
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
				"FunctionResponseTypes": responses,
				"UUID":                  uuid.NewSHA1(uuid.NameSpaceURL, []byte(f.ARN+source.QueueARN)), "FunctionArn": f.ARN, "EventSourceArn": source.QueueARN,
				"BatchSize": source.BatchSize, "State": "Enabled", "ScalingConfig": object{"MaximumConcurrency": source.MaxConcurrency},
			})
		}
	}
	writeJSON(w, http.StatusOK, object{"EventSourceMappings": list})
}
