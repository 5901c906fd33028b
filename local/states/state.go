package states

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// parseState checks a state's fields against its type before reading them, so
// that what is misspelt or not supported is refused and not dropped.
func parseState(name string, raw json.RawMessage) (*state, error) {
	var head struct{ Type string }
	if err := json.Unmarshal(raw, &head); err != nil {
		return nil, err
	}
	allowed, ok := fieldsOf[head.Type]
	if !ok {
		return nil, fmt.Errorf("unknown Type %q", head.Type)
	}
	if n := utf8.RuneCountInString(name); n == 0 || n > 80 {
		return nil, fmt.Errorf("the name has %d characters, not 1 to 80", n)
	}
	f, err := parseFields(raw, allowed+everyState)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", head.Type, err)
	}
	if err := f.jsonPath(); err != nil {
		return nil, err
	}
	s := &state{name: name, kind: head.Type}
	if strings.HasSuffix(allowed, " Next End") {
		if err := s.parseNext(f); err != nil {
			return nil, err
		}
	}
	if err := s.parseData(f); err != nil {
		return nil, err
	}
	if s.retry, err = parseRetry(f["Retry"]); err != nil {
		return nil, err
	}
	if s.catch, err = parseCatch(f["Catch"]); err != nil {
		return nil, err
	}
	parsers := map[string]func(*state, fields) error{
		"Task": (*state).parseTask, "Parallel": (*state).parseParallel, "Map": (*state).parseMap, "Pass": (*state).parsePass,
		"Wait": (*state).parseWait, "Choice": (*state).parseChoice, "Succeed": (*state).parseSucceed, "Fail": (*state).parseFail,
	}
	return s, parsers[s.kind](s, f)
}

func (s *state) parseNext(f fields) error {
	which, err := f.exactlyOne("Next", "End")
	if err != nil {
		return err
	}
	if which == "Next" {
		if _, err := f.into("Next", &s.next); err == nil && s.next == "" {
			return fmt.Errorf("Next is empty")
		}
		return err
	}
	var end bool
	if _, err := f.into("End", &end); err != nil || !end {
		return fmt.Errorf("End is not true")
	}
	return nil
}

// parseData reads the fields that select and place data.
func (s *state) parseData(f fields) error {
	for name, target := range map[string]*filter{"InputPath": &s.input, "OutputPath": &s.output} {
		var text *string
		given, err := f.into(name, &text)
		switch {
		case err != nil:
			return err
		case given && text == nil:
			target.null = true
		case given:
			if target.path, err = parsePath(*text); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	var text *string
	given, err := f.into("ResultPath", &text)
	switch {
	case err != nil:
		return err
	case given && text == nil:
		s.discardResult = true
	case given:
		if s.resultPath, err = parseReference(*text); err != nil {
			return fmt.Errorf("ResultPath: %w", err)
		}
	}
	for name, target := range map[string]*expression{"Parameters": &s.parameters, "ResultSelector": &s.resultSelector} {
		if *target, err = compileTemplate(f[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (s *state) parsePass(f fields) error {
	s.run = (*visit).runPass
	raw, ok := f["Result"]
	if !ok {
		return nil
	}
	result, err := decode(raw)
	s.result = &result
	return err
}

func (s *state) parseSucceed(fields) error {
	s.run = (*visit).runPass
	return nil
}

func (s *state) parseFail(f fields) error {
	s.run = (*visit).runFail
	for i, name := range []string{"Error", "Cause"} {
		var text string
		if static, err := f.into(name, &text); err != nil {
			return err
		} else if static {
			s.failWith[i] = func(*scope) (any, error) { return text, nil }
		}
		dynamic, err := f.into(name+"Path", &text)
		if err != nil {
			return err
		}
		if !dynamic {
			continue
		}
		if s.failWith[i] != nil {
			return fmt.Errorf("fields %q and %q exclude each other", name, name+"Path")
		}
		if s.failWith[i], err = compileExpression(text, name+"Path"); err != nil {
			return fmt.Errorf("%sPath: %w", name, err)
		}
	}
	return nil
}

// parseWait checks a fixed time at load and one read by a path at run time, by
// the same rule.
func (s *state) parseWait(f fields) error {
	s.run = (*visit).runWait
	which, err := f.exactlyOne("Seconds", "SecondsPath", "Timestamp", "TimestampPath")
	if err != nil {
		return err
	}
	toDuration := func(v any) (time.Duration, bool) {
		n, ok := v.(int64)
		return time.Duration(n) * time.Second, ok && n >= 0 && n < 100_000_000
	}
	if strings.HasPrefix(which, "Timestamp") {
		toDuration = func(v any) (time.Duration, bool) {
			t, ok := timestamp(v)
			return time.Until(t), ok
		}
	}
	static, err := decode(f[which])
	if err != nil {
		return err
	}
	read := func(*scope) (any, error) { return static, nil }
	if strings.HasSuffix(which, "Path") {
		var p *path
		if p, err = fieldPath(f, which); err != nil {
			return err
		}
		read = func(sc *scope) (any, error) { return filter{path: p}.apply(sc) }
	} else if _, ok := toDuration(static); !ok {
		return fmt.Errorf("%s is %s, which is not a valid value for it", which, encode(static))
	}
	s.duration = func(sc *scope) (time.Duration, error) {
		v, err := read(sc)
		if err != nil {
			return 0, err
		}
		d, ok := toDuration(v)
		if !ok {
			return 0, fail(errRuntime, "The %s parameter does not reference a valid value: %s", which, encode(v))
		}
		return d, nil
	}
	return nil
}

// fieldPath reads a field that is a path and must be there.
func fieldPath(f fields, name string) (*path, error) {
	var text string
	if _, err := f.into(name, &text); err != nil {
		return nil, err
	}
	p, err := parsePath(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}
