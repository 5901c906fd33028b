package endtoend

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sys/unix"

	"github.com/lazaret/lazaret/internal/eicar"
	"github.com/lazaret/lazaret/internal/job"
	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// dial opens a connection to the endpoint, for requests that no client sends.
func (m *machine) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(m.Endpoint, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(harness.WaitLimit)); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestStrangers checks that requests of others are refused by every service. HERE stands for the endpoint's host and
// port.
func TestStrangers(t *testing.T) {
	t.Parallel()
	m := layout(t, "two-bucket")
	const chunked = "PUT /nowhere/k HTTP/1.1\r\nHost: HERE\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
	for name, test := range map[string]struct {
		request string
		want    []int // the statuses of the answers until the connection is closed
	}{
		"another host":             {"GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n", []int{403}},
		"another port":             {"GET / HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n", []int{403}},
		"no host":                  {"GET / HTTP/1.0\r\n\r\n", []int{403}},
		"no host, HTTP/1.1":        {"GET / HTTP/1.1\r\n\r\n", []int{400}},
		"two hosts":                {"GET / HTTP/1.1\r\nHost: HERE\r\nHost: evil.test\r\n\r\n", []int{400}},
		"a host that is forwarded": {"GET / HTTP/1.1\r\nHost: evil.test\r\nX-Forwarded-Host: HERE\r\n\r\n", []int{403}},
		"a proxy's target":         {"GET http://HERE/ HTTP/1.1\r\nHost: HERE\r\n\r\n", []int{403}},
		"a proxy's other target":   {"GET http://evil.test/ HTTP/1.1\r\nHost: HERE\r\n\r\n", []int{403}},
		"a tunnel":                 {"CONNECT HERE HTTP/1.1\r\nHost: HERE\r\n\r\n", []int{403}},
		"options of the server":    {"OPTIONS * HTTP/1.1\r\nHost: evil.test\r\n\r\n", []int{403}},
		"a form to SNS": {
			"POST /?X-Amz-Credential=test%2F20260101%2Fus-east-1%2Fsns%2Faws4_request HTTP/1.1\r\nHost: HERE\r\nConnection: close\r\n" +
				"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 17\r\n\r\nAction=ListTopics", []int{403},
		},
		"an invocation without a signature": {
			"POST /2015-03-31/functions/lazaret-freshclam/invocations HTTP/1.1\r\nHost: HERE\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", []int{403},
		},
		"a WebSocket of a page": {
			"GET / HTTP/1.1\r\nHost: HERE\r\nOrigin: http://evil.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
			[]int{403},
		},
		"a header that is too large": {
			"GET / HTTP/1.1\r\nHost: HERE\r\nX: " + strings.Repeat("x", 100<<10) + "\r\n\r\n", []int{431},
		},
		"a request behind another, in two lengths": {chunked + "GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n", []int{404, 403}}, // no such bucket, then 403
		"the gateway's administration": {
			"PATCH /create-user HTTP/1.1\r\nHost: HERE\r\nConnection: close\r\n\r\n", []int{405},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := m.dial(t)
			go func() {
				_, _ = io.WriteString(
					c,
					strings.ReplaceAll(test.request, "HERE", strings.TrimPrefix(m.Endpoint, "http://")),
				)
			}()
			var got []int
			for answers := bufio.NewReader(c); ; {
				answer, err := http.ReadResponse(answers, nil)
				if err != nil {
					break
				}
				_, _ = io.Copy(io.Discard, answer.Body)
				got = append(got, answer.StatusCode)
			}
			if fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("got answers %v, want %v", got, test.want)
			}
		})
	}
}

// TestFewDescriptors opens more connections than the machine has descriptors. It serves again after they are closed.
func TestFewDescriptors(t *testing.T) {
	t.Parallel()
	m := start(t)
	before := m.Put(t, "before", sample.Text("before"))
	few := unix.Rlimit{Cur: 200, Max: 200}
	if err := unix.Prlimit(m.PID(), unix.RLIMIT_NOFILE, &few, nil); err != nil {
		t.Fatal(err)
	}
	stalled, err := s3.NewPresignClient(m.S3).PresignPutObject(
		t.Context(),
		&s3.PutObjectInput{Bucket: aws.String(harness.Uploads), Key: aws.String("stalled")},
	)
	if err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(m.Endpoint, "http://")
	_, target, _ := strings.Cut(stalled.URL, host)
	var clients []net.Conn
	for range 300 {
		c := m.dial(t)
		_, _ = fmt.Fprintf(c, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 100000\r\n\r\npart", target, host)
		clients = append(clients, c)
	}
	for _, c := range clients {
		_ = c.Close()
	}
	for key, want := range map[string]job.Verdict{"clean": job.Clean, "infected": job.Infected} {
		content := sample.Text(key)
		if want == job.Infected {
			content = eicar.Bytes()
		}
		if got := outcome(m.Await(t, m.Put(t, key, content))).Verdict; got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
	if got := outcome(m.Await(t, before)).Verdict; got != job.Clean {
		t.Errorf("the upload before: got %q, want CLEAN", got)
	}
}
