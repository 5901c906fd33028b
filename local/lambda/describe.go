package lambda

import (
	"cmp"
	"net/http"
	"runtime"

	"github.com/google/uuid"

	"github.com/lazaret/lazaret/local/template"
)

type object = map[string]any

// configuration is the API's FunctionConfiguration, as far as it means anything
// here. Variables are the template's, not the rewritten ones.
func (f *function) configuration() object {
	architecture := "x86_64"
	if runtime.GOARCH == "arm64" {
		architecture = "arm64"
	}
	variables := f.Environment
	if variables == nil {
		variables = map[string]string{}
	}
	return object{
		"FunctionName": f.Name, "FunctionArn": f.ARN, "Role": f.RoleARN, "Version": latest,
		"Runtime": "provided.al2023", "Handler": "bootstrap", "PackageType": "Zip",
		"Architectures": []string{architecture},
		"MemorySize":    f.MemoryMB, "Timeout": int(f.Timeout.Seconds()),
		"Environment": object{"Variables": variables},
		"State":       "Active", "LastUpdateStatus": "Successful",
	}
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

// description is the API's answer to GetFunction.
func (f *function) description() object {
	body := object{"Configuration": f.configuration()}
	if f.Reserved != nil {
		body["Concurrency"] = object{"ReservedConcurrentExecutions": *f.Reserved}
	}
	return body
}

func (h *Host) serveMappings(w http.ResponseWriter, r *http.Request) {
	names := h.names
	if wanted := r.URL.Query().Get("FunctionName"); wanted != "" {
		f, err := h.find(wanted)
		if err != nil {
			writeError(w, err)
			return
		}
		names = []string{f.Name}
	}
	queueARN := r.URL.Query().Get("EventSourceArn")
	list := []object{}
	for _, name := range names {
		for _, source := range h.functions[name].Sources {
			if queueARN == "" || queueARN == source.QueueARN {
				list = append(list, h.functions[name].mapping(source))
			}
		}
	}
	writeJSON(w, http.StatusOK, object{"EventSourceMappings": list})
}

func (f *function) mapping(s template.QueueSource) object {
	responses := []string{}
	if s.ReportFailures {
		responses = append(responses, "ReportBatchItemFailures")
	}
	return object{
		// The same after a restart, so that a script may keep it.
		"UUID":           uuid.NewSHA1(uuid.NameSpaceURL, []byte(f.ARN+" "+s.QueueARN)).String(),
		"EventSourceArn": s.QueueARN, "FunctionArn": f.ARN, "State": "Enabled",
		"BatchSize":                      batchSize(s),
		"MaximumBatchingWindowInSeconds": int(s.Window.Seconds()),
		"FunctionResponseTypes":          responses,
		"ScalingConfig":                  object{"MaximumConcurrency": cmp.Or(s.MaxConcurrency, defaultBatches)},
	}
}
