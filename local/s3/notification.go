package s3

import (
	"encoding/xml"
	"net/http"

	"github.com/versity/versitygw/s3api/controllers"
	"github.com/versity/versitygw/s3err"
)

// configuration has the notifications of a bucket in the form of the API:
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_NotificationConfiguration.html
type configuration struct {
	XMLName     xml.Name      `xml:"NotificationConfiguration"`
	EventBridge *struct{}     `xml:"EventBridgeConfiguration"`
	Queues      []queueTarget `xml:"QueueConfiguration"`
	Topics      []struct{}    `xml:"TopicConfiguration"`
	Functions   []struct{}    `xml:"CloudFunctionConfiguration"`
}

type queueTarget struct {
	Queue, Event string
}

// putNotification turns EventBridge on or off for a bucket. Notifications to queues are set by the template only.
func (s *buckets) putNotification(bucket string, body []byte) (*controllers.Response, error) {
	var c configuration
	response := &controllers.Response{MetaOpts: &controllers.MetaOptions{}} // the gateway needs one beside an error too
	if err := xml.Unmarshal(body, &c); err != nil {
		return response, s3err.GetAPIError(s3err.ErrMalformedXML)
	}
	if len(c.Queues)+len(c.Topics)+len(c.Functions) > 0 {
		return response, s3err.APIError{
			Code: "NotImplemented", HTTPStatusCode: http.StatusNotImplemented,
			Description: "the API can turn on events to EventBridge only",
		}
	}
	return response, s.configure(bucket, func(settings *settings) error {
		settings.EventBridge, settings.Notifications = c.EventBridge != nil, nil
		return nil
	})
}

// getNotification answers what putNotification or the template has set.
func (s *buckets) getNotification(bucket string, _ []byte) (*controllers.Response, error) {
	b, err := s.settings(bucket)
	var c configuration
	if b.EventBridge {
		c.EventBridge = &struct{}{}
	}
	for _, n := range b.Notifications {
		c.Queues = append(c.Queues, queueTarget{n.QueueARN, n.Event})
	}
	return &controllers.Response{Data: c, MetaOpts: &controllers.MetaOptions{}}, err
}
