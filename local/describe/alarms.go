package describe

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

	"github.com/lazaret/lazaret/local/access"
	"github.com/lazaret/lazaret/local/template"
)

// Alarms answers DescribeAlarms of CloudWatch with the template's alarms. There are no metrics, so the state of each is
// INSUFFICIENT_DATA. It speaks CBOR, as SDKs do since 2025, JSON, as the AWS CLI's version 1 does, and the Query
// protocol, as all did before.
type Alarms []map[string]any

const (
	cborPath   = "/service/GraniteServiceVersion20100801/operation/DescribeAlarms"
	jsonTarget = "GraniteServiceVersion20100801.DescribeAlarms"
	alarmState = "INSUFFICIENT_DATA"
)

// filter selects alarms.
type filter struct {
	AlarmNamePrefix, StateValue string
	AlarmNames                  []string
}

func (a Alarms) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == cborPath:
		a.serveCBOR(w, http.MaxBytesReader(w, r.Body, 64<<10))
	case r.Header.Get("X-Amz-Target") == jsonTarget:
		a.serveJSON(w, http.MaxBytesReader(w, r.Body, 64<<10))
	case isAction(w, r, "CloudWatch", "DescribeAlarms"):
		a.serveQuery(w, r)
	}
}

func (a Alarms) serveCBOR(w http.ResponseWriter, body io.Reader) {
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	w.Header().Set("Content-Type", "application/cbor")
	content, _ := io.ReadAll(body) // a body that is cut off is not decoded
	value, err := cbor.Decode(content)
	in, ok := value.(cbor.Map)
	if err != nil || !ok {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write(cbor.Encode(asCBOR(serializationError("the body is not a map in CBOR"))))
		return
	}
	prefix, _ := in["AlarmNamePrefix"].(cbor.String)
	state, _ := in["StateValue"].(cbor.String)
	names, _ := in["AlarmNames"].(cbor.List)
	only := filter{AlarmNamePrefix: string(prefix), StateValue: string(state)}
	for _, name := range names {
		text, _ := name.(cbor.String)
		only.AlarmNames = append(only.AlarmNames, string(text))
	}
	_, _ = w.Write(cbor.Encode(asCBOR(map[string]any{"MetricAlarms": a.find(only)})))
}

func (a Alarms) serveJSON(w http.ResponseWriter, body io.Reader) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	var only filter
	answer := map[string]any{}
	if err := json.NewDecoder(body).Decode(&only); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		answer = serializationError("read the request: " + err.Error())
	} else {
		answer["MetricAlarms"] = a.find(only)
	}
	_ = json.NewEncoder(w).Encode(answer) // fails when the client has gone
}

func serializationError(message string) map[string]any {
	return map[string]any{"__type": "SerializationException", "message": message}
}

func (a Alarms) serveQuery(w http.ResponseWriter, r *http.Request) {
	only := filter{AlarmNamePrefix: r.Form.Get("AlarmNamePrefix"), StateValue: r.Form.Get("StateValue")}
	for name, values := range r.Form {
		if strings.HasPrefix(name, "AlarmNames.member.") {
			only.AlarmNames = append(only.AlarmNames, values...)
		}
	}
	access.WriteXML(w, http.StatusOK, struct {
		XMLName   xml.Name `xml:"http://monitoring.amazonaws.com/doc/2010-08-01/ DescribeAlarmsResponse"`
		Alarms    element  `xml:"DescribeAlarmsResult>MetricAlarms"`
		RequestID string   `xml:"ResponseMetadata>RequestId"`
	}{Alarms: element{a.find(only)}, RequestID: uuid.NewString()})
}

func (a Alarms) find(only filter) []any {
	found := []any{}
	for _, alarm := range a {
		name, _ := alarm["AlarmName"].(string)
		if only.StateValue != "" && only.StateValue != alarmState || !strings.HasPrefix(name, only.AlarmNamePrefix) ||
			only.AlarmNames != nil && !slices.Contains(only.AlarmNames, name) {
			continue
		}
		described := map[string]any{
			"AlarmArn":       template.ARN("cloudwatch", "alarm:"+name),
			"ActionsEnabled": true,
			"StateValue":     alarmState,
			"StateReason":    "The local stack has no metrics",
		}
		maps.Copy(described, alarm)
		found = append(found, described)
	}
	return found
}

// asCBOR encodes a value of a template.
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
	case float64:
		return cbor.Float64(v)
	case unixTime:
		return &cbor.Tag{ID: 1, Value: cbor.Float64(v)}
	case json.Number:
		if i, err := v.Int64(); err == nil && i >= 0 {
			return cbor.Uint(i)
		}
		f, _ := v.Float64() // every number in JSON is one
		return cbor.Float64(f)
	}
	return cbor.String(fmt.Sprint(v))
}

// element is a value of a template, which is written in XML as the Query protocol has it.
type element struct{ value any }

// MarshalXML writes the items of a list as members, and a map as elements in the order of their names.
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
