package events

import (
	"errors"
	"fmt"
	"slices"
)

var comparisons = map[string]func(a, b float64) bool{
	"=":  func(a, b float64) bool { return a == b },
	"<":  func(a, b float64) bool { return a < b },
	"<=": func(a, b float64) bool { return a <= b },
	">":  func(a, b float64) bool { return a > b },
	">=": func(a, b float64) bool { return a >= b },
}

// numeric compiles one comparison or the two of a range: [">", 0, "<=", 5].
func numeric(arg any) (test, error) {
	parts, ok := arg.([]any)
	if !ok || len(parts) != 2 && len(parts) != 4 {
		return nil, errors.New("numeric: must be one or two comparisons")
	}
	var all []func(float64) bool
	for pair := range slices.Chunk(parts, 2) {
		operator, _ := pair[0].(string)
		bound, isNumber := pair[1].(float64)
		compare, known := comparisons[operator]
		if !known || !isNumber {
			return nil, fmt.Errorf("numeric: %v %v is no comparison", pair[0], pair[1])
		}
		all = append(all, func(n float64) bool { return compare(n, bound) })
	}
	return func(leaf any) bool {
		n, ok := leaf.(float64)
		return ok && !slices.ContainsFunc(all, func(c func(float64) bool) bool { return !c(n) })
	}, nil
}
