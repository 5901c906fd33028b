package template

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// CloudFormation takes a scalar of any type for a property of any other
// ('30' for 30, true for "true"); these types read them all.
type (
	text   string
	number int
	truth  bool
)

func (t *text) UnmarshalJSON(b []byte) error {
	s, err := scalar(b)
	*t = text(s)
	return err
}

func (n *number) UnmarshalJSON(b []byte) error {
	s, err := scalar(b)
	if err != nil {
		return err
	}
	v, err := strconv.Atoi(s)
	*n = number(v)
	return err
}

func (t *truth) UnmarshalJSON(b []byte) error {
	s, err := scalar(b)
	if err != nil {
		return err
	}
	v, err := strconv.ParseBool(strings.ToLower(s))
	*t = truth(v)
	return err
}

func (n number) seconds() time.Duration { return time.Duration(n) * time.Second }

func scalar(b []byte) (string, error) {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return "", err
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case bool, float64:
		return string(b), nil
	}
	return "", fmt.Errorf("want text, a number or a boolean, got %s", b)
}

// asText writes a resolved scalar as CloudFormation does where text is wanted.
func asText(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	return "", fmt.Errorf("want text, a number or a boolean, got %s", shape(v))
}

// shape names what stands where something else was wanted.
func shape(v any) string {
	switch v.(type) {
	case nil:
		return "nothing"
	case []any:
		return "a list"
	case map[string]any:
		return "a map"
	case removed:
		return "AWS::NoValue"
	}
	return fmt.Sprintf("%v", v)
}
