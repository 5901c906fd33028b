package local

import (
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/lazaret/lazaret/local/template"
)

// cloudFormation answers DescribeStacks about the one stack: from its outputs
// and parameters operators learn the names of everything else.
type cloudFormation struct {
	app     *template.Application
	created time.Time
}

type describedStack struct {
	StackId, StackName, StackStatus string
	CreationTime                    time.Time
	Parameters                      []stackParameter `xml:"Parameters>member"`
	Outputs                         []stackOutput    `xml:"Outputs>member"`
}

type stackParameter struct{ ParameterKey, ParameterValue string }

type stackOutput struct{ OutputKey, OutputValue string }

type describedStacks struct {
	XMLName   xml.Name         `xml:"http://cloudformation.amazonaws.com/doc/2010-05-15/ DescribeStacksResponse"`
	Stacks    []describedStack `xml:"DescribeStacksResult>Stacks>member"`
	RequestID string           `xml:"ResponseMetadata>RequestId"`
}

func (c cloudFormation) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if action := r.FormValue("Action"); action != "DescribeStacks" {
		queryError(
			w,
			http.StatusBadRequest,
			"InvalidAction",
			fmt.Sprintf("the local stack does not do %q of CloudFormation", action),
		)
		return
	}
	id := template.ARN("cloudformation", "stack/"+c.app.Name+"/local")
	if name := r.FormValue("StackName"); name != "" && name != c.app.Name && name != id {
		queryError(w, http.StatusBadRequest, "ValidationError", "Stack with id "+name+" does not exist")
		return
	}
	stack := describedStack{StackId: id, StackName: c.app.Name, StackStatus: "CREATE_COMPLETE", CreationTime: c.created}
	for _, name := range slices.Sorted(maps.Keys(c.app.Parameters)) {
		stack.Parameters = append(stack.Parameters, stackParameter{name, c.app.Parameters[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(c.app.Outputs)) {
		stack.Outputs = append(stack.Outputs, stackOutput{name, c.app.Outputs[name]})
	}
	writeXML(w, http.StatusOK, describedStacks{Stacks: []describedStack{stack}, RequestID: uuid.NewString()})
}
