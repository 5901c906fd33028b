package local

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/smithy-go/encoding/cbor"
	"github.com/google/uuid"

	"github.com/lazaret/lazaret/local/template"
)

// cloudWatch answers DescribeAlarms with the template's alarms. There are no
// metrics here, so that each lacks data and none ever rings. Of AWS's protocols
// it speaks CBOR, as SDKs do since 2025, JSON, as the command line's version 1
// does, and Query, as all did before.
type cloudWatch []map[string]any

const (
	describeAlarms       = "/service/GraniteServiceVersion20100801/operation/DescribeAlarms"
	describeAlarmsTarget = "GraniteServiceVersion20100801.DescribeAlarms"
	withoutData          = "INSUFFICIENT_DATA" // the state of all alarms here
)

// alarmsWanted are the filters that are understood.
type alarmsWanted struct {
	prefix, state string
	names         []string
}

func (c cloudWatch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if r.URL.Path == describeAlarms {
		body, _ := io.ReadAll(r.Body) // what is cut off is not decoded
		value, err := cbor.Decode(body)
		in, ok := value.(cbor.Map)
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		w.Header().Set("Content-Type", "application/cbor")
		if err != nil || !ok {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write(
				cbor.Encode(
					cbor.Map{
						"__type":  cbor.String("SerializationException"),
						"message": cbor.String("this is no CBOR map"),
					},
				),
			)
			return
		}
		var wanted alarmsWanted
		prefix, _ := in["AlarmNamePrefix"].(cbor.String)
		state, _ := in["StateValue"].(cbor.String)
		wanted.prefix, wanted.state = string(prefix), string(state)
		names, _ := in["AlarmNames"].(cbor.List)
		for _, name := range names {
			text, _ := name.(cbor.String)
			wanted.names = append(wanted.names, string(text))
		}
		_, _ = w.Write(cbor.Encode(asCBOR(map[string]any{"MetricAlarms": c.described(wanted)})))
		return
	}
	if r.Header.Get("X-Amz-Target") == describeAlarmsTarget {
		c.serveJSON(w, r)
		return
	}
	if action := r.FormValue("Action"); action != "DescribeAlarms" {
		queryError(
			w,
			http.StatusBadRequest,
			"InvalidAction",
			fmt.Sprintf("the local stack does not do %q of CloudWatch", action+r.URL.Path),
		)
		return
	}
	wanted := alarmsWanted{prefix: r.Form.Get("AlarmNamePrefix"), state: r.Form.Get("StateValue")}
	for name, values := range r.Form {
		if strings.HasPrefix(name, "AlarmNames.member.") {
			wanted.names = append(wanted.names, values...)
		}
	}
	writeXML(w, http.StatusOK, struct {
		XMLName   xml.Name `xml:"http://monitoring.amazonaws.com/doc/2010-08-01/ DescribeAlarmsResponse"`
		Alarms    element  `xml:"DescribeAlarmsResult>MetricAlarms"`
		RequestID string   `xml:"ResponseMetadata>RequestId"`
	}{Alarms: element{c.described(wanted)}, RequestID: uuid.NewString()})
}

// serveJSON answers DescribeAlarms in the protocol JSON 1.0.
func (c cloudWatch) serveJSON(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	var in struct {
		AlarmNamePrefix, StateValue string
		AlarmNames                  []string
	}
	answer := map[string]any{}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		answer["__type"], answer["message"] = "SerializationException", "read the request: "+err.Error()
	} else {
		answer["MetricAlarms"] = c.described(alarmsWanted{in.AlarmNamePrefix, in.StateValue, in.AlarmNames})
	}
	_ = json.NewEncoder(w).Encode(answer) // the client has gone if not
}

func (c cloudWatch) described(wanted alarmsWanted) []any {
	found := []any{}
	if wanted.state != "" && wanted.state != withoutData {
		return found
	}
	for _, alarm := range c {
		name, _ := alarm["AlarmName"].(string)
		if !strings.HasPrefix(name, wanted.prefix) || wanted.names != nil && !slices.Contains(wanted.names, name) {
			continue
		}
		whole := map[string]any{
			"AlarmArn":       template.ARN("cloudwatch", "alarm:"+name),
			"ActionsEnabled": true,
			"StateValue":     withoutData,
			"StateReason":    "The local stack has no metrics",
		}
		maps.Copy(whole, alarm)
		found = append(found, whole)
	}
	return found
}

// asCBOR is a value of a template in CBOR.
func asCBOR(v any) cbor.Value {
	switch v := v.(type) {
	case map[string]any:
		m := cbor.Map{}
		for name, value := range v {
			m[name] = asCBOR(value)
		}
		return m
	case []any:
		list := cbor.List{}
		for _, value := range v {
			list = append(list, asCBOR(value))
		}
		return list
	case bool:
		return cbor.Bool(v)
	case json.Number:
		if i, err := v.Int64(); err == nil && i >= 0 {
			return cbor.Uint(i)
		}
		f, _ := v.Float64() // JSON numbers are floats at least
		return cbor.Float64(f)
	}
	return cbor.String(fmt.Sprint(v))
}

// element is a value of a template in XML as the Query protocol has it.
type element struct{ value any }

// MarshalXML writes lists as members and maps as elements in the order of names.
func (e element) MarshalXML(out *xml.Encoder, start xml.StartElement) error {
	m, isMap := e.value.(map[string]any)
	list, isList := e.value.([]any)
	if !isMap && !isList {
		return out.EncodeElement(fmt.Sprint(e.value), start)
	}
	if err := out.EncodeToken(start); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if err := out.EncodeElement(element{m[name]}, xml.StartElement{Name: xml.Name{Local: name}}); err != nil {
			return err
		}
	}
	for _, item := range list {
		if err := out.EncodeElement(element{item}, xml.StartElement{Name: xml.Name{Local: "member"}}); err != nil {
			return err
		}
	}
	return out.EncodeToken(start.End())
}
