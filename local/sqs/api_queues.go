package sqs

import (
	"cmp"
	"errors"
	"maps"
	"regexp"
	"strings"
	"time"

	"go.etcd.io/bbolt"

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

func (in queueInput) queue() string { return nameOf(cmp.Or(in.QueueUrl, in.QueueName)) }

func (in attributesInput) queue() string { return nameOf(in.QueueUrl) }

func (c call) createQueue(in attributesInput) (any, error) {
	if !queueName.MatchString(in.QueueName) {
		return nil, invalid("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	made, err := defaults(in.QueueName).with(in.Attributes)
	if err != nil {
		return nil, err
	}
	return map[string]string{"QueueUrl": c.url(in.QueueName)}, c.store.Update(func(tx *bbolt.Tx) error {
		q, err := c.Service.queue(tx, in.QueueName)
		if errors.Is(err, errNoQueue) {
			return c.create(tx, made)
		} else if err != nil {
			return err
		}
		have := q.attributes(time.Now())
		for name, value := range in.Attributes {
			if have[name] != value {
				return &Error{Code: "QueueNameExists", Message: "A queue already exists with the same name and a different value for attribute " + name}
			}
		}
		return nil
	})
}

func (q *queue) setAttributes(in attributesInput) (any, error) {
	changed, err := q.with(in.Attributes)
	if err != nil {
		return nil, err
	}
	return nil, q.service.create(q.bucket.Tx(), changed)
}

func (q *queue) deleteQueue(queueInput) (any, error) {
	q.wake()
	return nil, q.bucket.Tx().Bucket(allQueues).DeleteBucket([]byte(q.Name))
}

func (q *queue) purgeQueue(queueInput) (any, error) { return nil, q.purge() }

func (c call) getQueueURL(in queueInput) (any, error) {
	return map[string]string{"QueueUrl": c.url(in.QueueName)}, c.on(in.queue(), c.store.View, func(*queue) error { return nil })
}

func (c call) getAttributes(in queueInput) (any, error) {
	var all map[string]string
	err := c.on(in.queue(), c.store.View, func(q *queue) error {
		all = q.attributes(time.Now())
		return nil
	})
	maps.DeleteFunc(all, func(name, _ string) bool { return !wanted(in.AttributeNames, name) })
	return map[string]any{"Attributes": all}, err
}

func (c call) listQueues(in queueInput) (any, error) {
	urls := []string{}
	return map[string]any{"QueueUrls": &urls}, c.store.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(allQueues).ForEachBucket(func(name []byte) error {
			if strings.HasPrefix(string(name), in.QueueNamePrefix) {
				urls = append(urls, c.url(string(name)))
			}
			return nil
		})
	})
}
