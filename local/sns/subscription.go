package sns

import (
	"slices"

	"github.com/google/uuid"

	"github.com/lazaret/lazaret/local/template"
)

type subscription struct{ arn, topic, queue string }

// subscribed returns a topic's subscriptions.
func (s *Service) subscribed(topicARN string) ([]subscription, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(topicARN)
}

func (s *Service) find(topicARN string) ([]subscription, error) {
	if !slices.ContainsFunc(s.topics, func(t template.Topic) bool { return t.ARN == topicARN }) {
		return nil, &Error{Code: "NotFound", Message: "Topic does not exist"}
	}
	var found []subscription
	for _, sub := range s.subscriptions {
		if sub.topic == topicARN {
			found = append(found, sub)
		}
	}
	return found, nil
}

// subscribe adds a subscription; one that is there already is returned.
func (s *Service) subscribe(topicARN, queueARN string) (subscription, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	existing, err := s.find(topicARN)
	if err != nil {
		return subscription{}, err
	}
	for _, sub := range existing {
		if sub.queue == queueARN {
			return sub, nil
		}
	}
	sub := subscription{topicARN + ":" + uuid.NewString(), topicARN, queueARN}
	s.subscriptions = append(s.subscriptions, sub)
	return sub, nil
}

func (s *Service) unsubscribe(arn string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscriptions = slices.DeleteFunc(s.subscriptions, func(sub subscription) bool { return sub.arn == arn })
}
