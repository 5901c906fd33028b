package graph

import (
	"fmt"
	"strings"

	"github.com/lazaret/lazaret/local/console/graph/layered"
)

// shape returns the outline of a state: with cut corners for a Choice, with round ends for a state that ends the
// machine, and a rounded rectangle for all others.
func shape(s State, r layered.Rect) string {
	radius := 8.0
	switch s.Type {
	case "Choice":
		const cut = 12
		return fmt.Sprintf("M%g %gh%gl%d %dv%gl-%d %dh-%gl-%d -%dv-%gZ", r.X+cut, r.Y, r.Width-2*cut, cut, cut,
			r.Height-2*cut, cut, cut, r.Width-2*cut, cut, cut, r.Height-2*cut)
	case "Succeed", "Fail":
		radius = r.Height / 2
	}
	corner := fmt.Sprintf("a%g %g 0 0 1 ", radius, radius)
	return fmt.Sprintf("M%g %gh%g%s%g %gv%g%s-%g %gh-%g%s-%g -%gv-%g%s%g -%gZ", r.X+radius, r.Y, r.Width-2*radius,
		corner, radius, radius, r.Height-2*radius, corner, radius, radius, r.Width-2*radius,
		corner, radius, radius, r.Height-2*radius, corner, radius, radius)
}

// icon returns what is drawn in the square beside a state's name, 16 wide and high.
func icon(s State) string {
	switch s.Type {
	case "Task":
		switch {
		case strings.Contains(s.Resource, ":lambda:"):
			return "M4.5 2.5h2.5l4.5 11h2M7.8 5.2 3 13.5"
		case strings.Contains(s.Resource, ":sqs:"):
			return "M2 4h12v8H2ZM2 4.5l6 4.5 6-4.5"
		}
		return "M8 2l5.2 3v6L8 14l-5.2-3V5Z"
	case "Choice":
		return "M8 1.5 14.5 8 8 14.5 1.5 8Z"
	case "Pass":
		return "M2 8h11M9 4l4 4-4 4"
	case "Wait":
		return "M8 2a6 6 0 1 0 .01 0ZM8 4.5V8l2.5 2"
	case "Succeed":
		return "M3 8.5l3.3 3.5L13 4.5"
	case "Fail":
		return "M4 4l8 8M12 4l-8 8"
	case "Map":
		return "M2 6h9v8H2ZM4.5 6V4H13v8h-2M7 4V2h8v8h-2"
	case "Parallel":
		return "M5 2v12M11 2v12"
	}
	return "M3 3h10v10H3Z"
}

// statusIcons are drawn in the badge of a state, 8 wide and high around 0, 0.
var statusIcons = map[Status]string{
	Running:   "M0 -4.2A4.2 4.2 0 1 1 -4.2 0",
	Retrying:  "M0 -4.2A4.2 4.2 0 1 1 -4.2 0",
	Succeeded: "M-3.6 .3l2.5 2.6L3.6 -2.8",
	Retried:   "M-3.6 .3l2.5 2.6L3.6 -2.8",
	Caught:    "M0 -4V.8M0 3.4v.4",
	Failed:    "M-3 -3l6 6M3 -3l-6 6",
	Stopped:   "M-2.6 -2.6h5.2v5.2h-5.2Z",
}
