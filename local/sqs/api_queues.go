package sqs

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lazaret/lazaret/local/template"
)

var queueName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

type queueInput struct {
	QueueUrl, QueueName, QueueNamePrefix string
	AttributeNames                       []string
}

type attributesInput struct {
	QueueUrl, QueueName string
	Attributes          map[string]string
}

func (c call) url(name string) string { return c.base + "/" + template.Account + "/" + name }

func (s *Service) settingsOf(name string) (settings, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.queue(name)
	if err != nil {
		return settings{}, err
	}
	return q.settings, nil
}

// change commits a change of an existing queue.
func (s *Service) change(name string, e entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.queue(name); err != nil {
		return err
	}
	e.Queue = name
	return s.commit(e)
}

func (c call) createQueue(in attributesInput) (any, error) {
	if !queueName.MatchString(in.QueueName) {
		return nil, invalid("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	made, err := defaults(in.QueueName).with(in.Attributes)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if q, ok := c.queues[in.QueueName]; ok {
		have := q.attributes(time.Now())
		for name, value := range in.Attributes {
			if have[name] != value {
				return nil, &Error{Code: "QueueNameExists", Message: "A queue already exists with the same name and a different value for attribute " + name}
			}
		}
	} else if err := c.commit(entry{Op: opQueue, Queue: in.QueueName, Settings: &made}); err != nil {
		return nil, err
	}
	return map[string]string{"QueueUrl": c.url(in.QueueName)}, nil
}

func (c call) setAttributes(in attributesInput) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	q, err := c.queue(nameOf(in.QueueUrl))
	if err != nil {
		return nil, err
	}
	changed, err := q.with(in.Attributes)
	if err != nil {
		return nil, err
	}
	return nil, c.commit(entry{Op: opQueue, Queue: q.Name, Settings: &changed})
}

func (c call) deleteQueue(in queueInput) (any, error) {
	return nil, c.change(nameOf(in.QueueUrl), entry{Op: opDrop})
}

func (c call) purgeQueue(in queueInput) (any, error) {
	return nil, c.change(nameOf(in.QueueUrl), entry{Op: opPurge})
}

func (c call) getQueueURL(in queueInput) (any, error) {
	_, err := c.settingsOf(in.QueueName)
	return map[string]string{"QueueUrl": c.url(in.QueueName)}, err
}

func (c call) getAttributes(in queueInput) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	q, err := c.queue(nameOf(in.QueueUrl))
	if err != nil {
		return nil, err
	}
	all := q.attributes(time.Now())
	maps.DeleteFunc(all, func(name, _ string) bool { return !wanted(in.AttributeNames, name) })
	return map[string]any{"Attributes": all}, nil
}

func (c call) listQueues(in queueInput) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	urls := []string{}
	for _, name := range slices.Sorted(maps.Keys(c.queues)) {
		if strings.HasPrefix(name, in.QueueNamePrefix) {
			urls = append(urls, c.url(name))
		}
	}
	return map[string]any{"QueueUrls": urls}, nil
}
