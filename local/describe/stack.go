// Package describe answers what operators ask AWS about the stack as a whole: CloudFormation's DescribeStacks,
// CloudWatch's DescribeAlarms and GetMetricData, and STS's GetCallerIdentity.
package describe

import (
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/lazaret/lazaret/local/access"
	"github.com/lazaret/lazaret/local/template"
)

// Stack answers DescribeStacks about the one stack. Operators read the names of everything else from its outputs and
// parameters.
type Stack struct {
	Application *template.Application
	Created     time.Time
}

func (s Stack) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !isAction(w, r, "CloudFormation", "DescribeStacks") {
		return
	}
	id := template.ARN("cloudformation", "stack/"+s.Application.Name+"/local")
	if name := r.FormValue("StackName"); name != "" && name != s.Application.Name && name != id {
		access.QueryError(w, http.StatusBadRequest, "ValidationError", "Stack with id "+name+" does not exist")
		return
	}
	type parameter struct{ ParameterKey, ParameterValue string }
	type output struct{ OutputKey, OutputValue string }
	var answer struct {
		XMLName xml.Name `xml:"http://cloudformation.amazonaws.com/doc/2010-05-15/ DescribeStacksResponse"`
		Stack   struct {
			StackId, StackName, StackStatus string
			CreationTime                    time.Time
			Parameters                      []parameter `xml:"Parameters>member"`
			Outputs                         []output    `xml:"Outputs>member"`
		} `xml:"DescribeStacksResult>Stacks>member"`
		RequestID string `xml:"ResponseMetadata>RequestId"`
	}
	stack := &answer.Stack
	stack.StackId, stack.StackName, stack.StackStatus = id, s.Application.Name, "CREATE_COMPLETE"
	stack.CreationTime, answer.RequestID = s.Created, uuid.NewString()
	for _, name := range slices.Sorted(maps.Keys(s.Application.Parameters)) {
		stack.Parameters = append(stack.Parameters, parameter{name, s.Application.Parameters[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(s.Application.Outputs)) {
		stack.Outputs = append(stack.Outputs, output{name, s.Application.Outputs[name]})
	}
	access.WriteXML(w, http.StatusOK, answer)
}

// isAction reads a request of the Query protocol and refuses every action but one.
func isAction(w http.ResponseWriter, r *http.Request, service, want string) bool {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	action := r.FormValue("Action")
	if action != want {
		access.QueryError(w, http.StatusBadRequest, "InvalidAction",
			fmt.Sprintf("the local stack does not have the action %q of %s", action, service))
	}
	return action == want
}
