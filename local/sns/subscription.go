package sns

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"go.etcd.io/bbolt"

	"github.com/lazaret/lazaret/local/store"
	"github.com/lazaret/lazaret/local/template"
)

// allSubscriptions has the subscriptions in the order in which they were made.
var allSubscriptions = []byte("sns/subscriptions")

type subscription struct{ ARN, Topic, Queue string }

// each calls do with every subscription and its key.
func each(tx *bbolt.Tx, do func(key []byte, sub subscription) error) error {
	return tx.Bucket(allSubscriptions).ForEach(func(key, value []byte) error {
		var sub subscription
		if err := json.Unmarshal(value, &sub); err != nil {
			return fmt.Errorf("read subscription %x: %w", key, err)
		}
		return do(key, sub)
	})
}

func (s *Service) exists(topicARN string) error {
	if !slices.ContainsFunc(s.topics, func(t template.Topic) bool { return t.ARN == topicARN }) {
		return &Error{Code: "NotFound", Message: "Topic does not exist"}
	}
	return nil
}

// subscribe adds a subscription; one that is there already is returned.
func (s *Service) subscribe(topicARN, queueARN string) (subscription, error) {
	var made subscription
	if err := s.exists(topicARN); err != nil {
		return made, err
	}
	return made, s.store.Update(func(tx *bbolt.Tx) error {
		made = subscription{}
		err := each(tx, func(_ []byte, sub subscription) error {
			if sub.Topic == topicARN && sub.Queue == queueARN {
				made = sub
			}
			return nil
		})
		if err != nil || made.ARN != "" {
			return err
		}
		made = subscription{topicARN + ":" + uuid.NewString(), topicARN, queueARN}
		b := tx.Bucket(allSubscriptions)
		n, err := b.NextSequence()
		if err != nil {
			return err
		}
		return store.PutJSON(b, binary.BigEndian.AppendUint64(nil, n), made)
	})
}

func (s *Service) unsubscribe(arn string) error {
	return s.store.Update(func(tx *bbolt.Tx) error {
		var found []byte
		err := each(tx, func(key []byte, sub subscription) error {
			if sub.ARN == arn {
				found = slices.Clone(key)
			}
			return nil
		})
		if err != nil || found == nil {
			return err
		}
		return tx.Bucket(allSubscriptions).Delete(found)
	})
}
