package view

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/lazaret/lazaret/local/awsclient"
)

const (
	// longestStream ends a stream of updates. The script begins a new one.
	longestStream = 10 * time.Minute
	// aliveEvery is how often a stream without updates sends an empty line, so that its end is noticed.
	aliveEvery = 15 * time.Second
	// patience is for how long a browser may take nothing of what is sent. After that it has stopped, and its stream ends.
	patience = time.Minute
)

// Stream sends a template of a page again whenever it has changed, as server-sent events, until read says that it is
// done. The element of the page that has the attribute data-live with the URL of the handler shows it. An error of read
// is sent as a line of text, and reading goes on.
func (v *View) Stream(
	w http.ResponseWriter, r *http.Request, t Template, name string, every time.Duration,
	read func(context.Context) (data any, done bool, err error),
) error {
	if v.StreamEvery > 0 {
		every = v.StreamEvery
	}
	ctx, cancel := context.WithTimeout(r.Context(), longestStream)
	defer cancel()
	s := stream{w: w, control: http.NewResponseController(w), patience: cmp.Or(v.StreamPatience, patience)}
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	sent, alive := "", time.Now()
	for {
		data, done, err := read(ctx)
		if ctx.Err() != nil {
			return nil
		}
		var out bytes.Buffer
		switch {
		case err != nil:
			s.event("trouble", awsclient.Says(err))
		default:
			if err := t.execute(r.Context(), &out, name, data); err != nil {
				return err
			}
			if text := out.String(); text != sent {
				s.event("update", text)
				sent, alive = text, time.Now()
			}
		}
		if done {
			s.event("done", "")
		} else if time.Since(alive) > aliveEvery {
			s.write(": \n\n")
			alive = time.Now()
		}
		if done || s.err != nil {
			return nil // the browser has gone, or knows all
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(every):
		}
	}
}

// stream writes events. After an error it does nothing.
type stream struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration
	err      error
}

func (s *stream) event(name, text string) {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text) // each of them would end a line
	s.write(fmt.Sprintf("event: %s\ndata: %s\n\n", name, strings.ReplaceAll(text, "\n", "\ndata: ")))
}

func (s *stream) write(text string) {
	if s.err != nil {
		return
	}
	_ = s.control.SetWriteDeadline(time.Now().Add(s.patience)) // fails with the writer of a test
	if _, s.err = s.w.Write([]byte(text)); s.err == nil {
		s.err = s.control.Flush()
	}
}
