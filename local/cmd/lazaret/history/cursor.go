package history

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrBadCursor says that a cursor is not one that a Page had.
var ErrBadCursor = errors.New("no such page")

// cursor says after which executions the next page begins. It is what a Page's Next encodes.
type cursor struct {
	Since    int64 `json:"f"` // the window of the first page, in Unix ms
	Until    int64 `json:"u"`
	Standard place `json:"s"`
	Log      place `json:"l"` // of the log: that of express executions, or that of the functions
}

// place is where a list goes on.
type place struct {
	Ended bool `json:"e,omitempty"`
	// Token is that of the page of ListExecutions that has the last execution that was taken, or that of a search in a
	// log up to the time Until that has not ended.
	Token string   `json:"t,omitempty"`
	Size  int32    `json:"m,omitempty"` // how many executions the pages of ListExecutions have
	Until int64    `json:"w,omitempty"`
	At    int64    `json:"a,omitempty"` // time of the last one that was taken, in Unix ms; 0 at the beginning
	Taken []string `json:"n,omitempty"` // the names or ARNs that were taken with this time
}

func (c cursor) encode() string {
	text, _ := json.Marshal(c) // numbers and texts always marshal
	return base64.RawURLEncoding.EncodeToString(text)
}

func decodeCursor(text string) (c cursor, err error) {
	if text == "" {
		return c, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil {
		return cursor{}, fmt.Errorf("%w: the cursor %.40q cannot be read", ErrBadCursor, text)
	}
	return c, nil
}

// take notes that something of this time was taken. Lists have the newest first.
func (p *place) take(ms int64, name string) {
	if p.At != ms {
		p.At, p.Taken = ms, nil
	}
	p.Taken, p.Token = append(p.Taken, name), ""
}

// past reports whether something of this time comes after what was taken.
func (p *place) past(ms int64, name string) bool {
	if p.At == 0 || ms < p.At {
		return true
	}
	if ms > p.At {
		return false
	}
	return !slices.Contains(p.Taken, name)
}

// window returns that of the first page.
func (c *cursor) window(w Window) Window {
	if c.Until == 0 {
		w = w.orDefault()
		c.Since, c.Until = w.Since.UnixMilli(), w.Until.UnixMilli()
	}
	return Window{Since: time.UnixMilli(c.Since), Until: time.UnixMilli(c.Until)}
}

// search completes a search in a log, so that it goes on at the place.
func (p *place) search(f filter) filter {
	switch {
	case p.Token != "":
		f.token, f.window.Until = p.Token, time.UnixMilli(p.Until)
	case p.At != 0:
		f.window.Until = time.UnixMilli(p.At)
	}
	f.limit += len(p.Taken)
	return f
}

// pause notes that a search in a log has not ended, and whether it can go on.
func (p *place) pause(err error) (ok bool) {
	if u, ok := errors.AsType[*unended](err); ok {
		p.Token, p.Until = u.token, u.until.UnixMilli()
		return true
	}
	return errors.Is(err, ErrTooMany) && p.At != 0
}
