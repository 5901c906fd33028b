package sns

import (
	"fmt"
	"net/url"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/template"
)

// member is an element of a list: <Topics><member>…</member></Topics>.
type member[T any] struct {
	Members []T `xml:"member"`
}

type listedSubscription struct {
	SubscriptionArn, Owner, Protocol, Endpoint, TopicArn string
}

func publish(s *Service, form url.Values) (any, error) {
	for _, name := range []string{"MessageStructure", "PhoneNumber"} {
		if form.Has(name) {
			return nil, invalid(name + " Reason: not supported here")
		}
	}
	m := Message{TopicARN: form.Get("TopicArn"), Subject: form.Get("Subject"), Message: form.Get("Message")}
	for i := 1; ; i++ {
		entry := fmt.Sprintf("MessageAttributes.entry.%d.", i)
		if !form.Has(entry + "Name") {
			break
		}
		if m.Attributes == nil {
			m.Attributes = make(map[string]Attribute)
		}
		value := form.Get(entry+"Value.StringValue") + form.Get(entry+"Value.BinaryValue") // one of them
		m.Attributes[form.Get(entry+"Name")] = Attribute{form.Get(entry + "Value.DataType"), value}
	}
	var out struct{ MessageId string }
	return &out, s.store.Update(func(tx *bbolt.Tx) (err error) {
		out.MessageId, err = s.PublishTx(tx, m)
		return err
	})
}

func listTopics(s *Service, _ url.Values) (any, error) {
	type topic struct{ TopicArn string }
	var out struct{ Topics member[topic] }
	for _, t := range s.topics {
		out.Topics.Members = append(out.Topics.Members, topic{t.ARN})
	}
	return out, nil
}

func subscribe(s *Service, form url.Values) (any, error) {
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

// unsubscribe finds no error in a subscription that is not there, as AWS does.
func unsubscribe(s *Service, form url.Values) (any, error) {
	return struct{}{}, s.unsubscribe(form.Get("SubscriptionArn"))
}

// listSubscriptions is also ListSubscriptionsByTopic. Nobody gets mail here to
// confirm a subscription with: addresses wait for that for ever.
func listSubscriptions(s *Service, form url.Values) (any, error) {
	topic := form.Get("TopicArn")
	if topic != "" {
		if err := s.exists(topic); err != nil {
			return nil, err
		}
	}
	var out struct{ Subscriptions member[listedSubscription] }
	add := func(sub listedSubscription) {
		if topic == "" || topic == sub.TopicArn {
			out.Subscriptions.Members = append(out.Subscriptions.Members, sub)
		}
	}
	for _, t := range s.topics {
		for _, address := range t.Emails {
			add(listedSubscription{"PendingConfirmation", template.Account, "email", address, t.ARN})
		}
	}
	return &out, s.store.View(func(tx *bbolt.Tx) error {
		return each(tx, func(_ []byte, sub subscription) error {
			add(listedSubscription{sub.ARN, template.Account, "sqs", sub.Queue, sub.Topic})
			return nil
		})
	})
}
