package sns

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/api"
	"github.com/lazaret/lazaret/local/template"
)

const namespace = "http://sns.amazonaws.com/doc/2010-03-31/"

// maxRequest is more than a message of 256 KiB with every byte percent-encoded.
const maxRequest = 1 << 20

// ServeHTTP answers one request of the Query protocol.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
	if err := r.ParseForm(); err != nil {
		writeError(w, api.Refuse("MalformedInput", "read the request: %v", err))
		return
	}
	var result any
	var err error
	switch action := r.Form.Get("Action"); action {
	case "Publish":
		result, err = s.publish(r.Form)
	case "Subscribe":
		result, err = s.subscribeQueue(r.Form)
	case "ListSubscriptionsByTopic":
		result, err = s.listSubscriptions(r.Form.Get("TopicArn"))
	default:
		err = api.Refuse("InvalidAction", "the local stack does not have the operation %q", action)
	}
	if err != nil {
		writeError(w, err)
		return
	}
	write(w, http.StatusOK, r.Form.Get("Action")+"Response", r.Form.Get("Action")+"Result", result)
}

func (s *Service) publish(form url.Values) (any, error) {
	if form.Has("PhoneNumber") {
		return nil, invalid("PhoneNumber Reason: not supported here")
	}
	m := Message{TopicARN: form.Get("TopicArn"), Subject: form.Get("Subject"), Message: form.Get("Message")}
	if structure := form.Get("MessageStructure"); structure != "" {
		var err error
		if m.Message, err = forQueues(structure, m.Message); err != nil {
			return nil, err
		}
	}
	for i := 1; form.Has(fmt.Sprintf("MessageAttributes.entry.%d.Name", i)); i++ {
		if m.Attributes == nil {
			m.Attributes = make(map[string]Attribute)
		}
		value := func(name string) string { return form.Get(fmt.Sprintf("MessageAttributes.entry.%d.%s", i, name)) }
		m.Attributes[value("Name")] = Attribute{
			Type: value("Value.DataType"), Value: value("Value.StringValue") + value("Value.BinaryValue"), // one of both
		}
	}
	var out struct{ MessageId string }
	return &out, s.store.Update(func(tx *bbolt.Tx) (err error) {
		out.MessageId, err = s.PublishTx(tx, m)
		return err
	})
}

// forQueues returns what queues get of a message that has a text for each protocol. All of it counts for the size.
func forQueues(structure, message string) (string, error) {
	if structure != "json" {
		return "", invalid("MessageStructure")
	}
	if len(message) > maxMessage {
		return "", invalid("Message too long")
	}
	var byProtocol map[string]any
	if json.Unmarshal([]byte(message), &byProtocol) != nil {
		return "", invalid("Message Structure - JSON message body failed to parse")
	}
	text, ok := byProtocol["default"].(string)
	if !ok {
		return "", invalid("Message Structure - No default entry in JSON message body")
	}
	if own, ok := byProtocol["sqs"].(string); ok {
		text = own
	}
	return text, nil
}

func (s *Service) subscribeQueue(form url.Values) (any, error) {
	topic, queue := form.Get("TopicArn"), form.Get("Endpoint")
	switch {
	case topic == "":
		return nil, invalid("TopicArn")
	case form.Get("Protocol") != "sqs":
		return nil, invalid("Protocol Reason: only sqs is supported here")
	case !strings.HasPrefix(queue, "arn:") || !strings.Contains(queue, ":sqs:"):
		return nil, invalid("SQS endpoint ARN")
	case form.Has("Attributes.entry.1.key"):
		return nil, invalid("Attributes Reason: " + form.Get("Attributes.entry.1.key") + " is not supported here")
	}
	sub, err := s.subscribe(topic, queue)
	return struct{ SubscriptionArn string }{sub.ARN}, err
}

type listed struct {
	SubscriptionArn, Owner, Protocol, Endpoint, TopicArn string
}

// listSubscriptions lists the queues that are subscribed, and the template's addresses. Those stay unconfirmed: nobody
// gets the mail that asks for it.
func (s *Service) listSubscriptions(topic string) (any, error) {
	if err := s.exists(topic); err != nil {
		return nil, err
	}
	var out struct {
		Subscriptions struct {
			Members []listed `xml:"member"`
		}
	}
	add := func(arn, protocol, endpoint string) {
		out.Subscriptions.Members = append(out.Subscriptions.Members, listed{
			SubscriptionArn: arn, Owner: template.Account, Protocol: protocol, Endpoint: endpoint, TopicArn: topic,
		})
	}
	for _, t := range s.topics {
		for _, address := range t.Emails {
			if t.ARN == topic {
				add("PendingConfirmation", "email", address)
			}
		}
	}
	return &out, s.store.View(func(tx *bbolt.Tx) error {
		return each(tx, topic, func(sub subscription) { add(sub.ARN, "sqs", sub.Queue) })
	})
}

func writeError(w http.ResponseWriter, err error) {
	e, fault := api.AsError(err, "InternalError"), "Sender"
	if e.Status >= http.StatusInternalServerError {
		fault = "Receiver"
	}
	write(w, e.Status, "ErrorResponse", "Error", struct{ Type, Code, Message string }{fault, e.Code, e.Message})
}

// write sends <root><element>value</element>…</root> with a request id at the place that the protocol has for it:
// beside an error, in ResponseMetadata after a result.
func write(w http.ResponseWriter, status int, root, element string, value any) {
	id := uuid.NewString()
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("X-Amzn-RequestId", id)
	w.WriteHeader(status)
	out := xml.NewEncoder(w)
	start := xml.StartElement{Name: xml.Name{Space: namespace, Local: root}}
	// An error here means that the client has gone.
	_ = out.EncodeToken(start)
	_ = out.EncodeElement(value, xml.StartElement{Name: xml.Name{Local: element}})
	if status == http.StatusOK {
		_ = out.EncodeElement(struct{ RequestId string }{id}, xml.StartElement{Name: xml.Name{Local: "ResponseMetadata"}})
	} else {
		_ = out.EncodeElement(id, xml.StartElement{Name: xml.Name{Local: "RequestId"}})
	}
	_ = out.EncodeToken(start.End())
	_ = out.Flush()
}
