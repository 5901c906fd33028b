package pages

import (
	"math"
	"strconv"
	"time"

	"github.com/lazaret/lazaret/local/console/numbers"
)

// chart is the bars of the last 24 hours: what came of objects, by hour. All lengths are in units of the picture.
type chart struct {
	Width, Height int
	Bars          []bar
	Most          float64 // at the upper end; 0 if there is nothing to draw
	Half          float64 // in the middle
}

// bar is one hour. Its pieces stand on each other.
type bar struct {
	Begins time.Time
	numbers.Counts
	X, Width int
	Pieces   []piece
	Label    string // of the hour; empty at most of them
}

// piece is one outcome of an hour.
type piece struct {
	Class     string // the mood of the outcome
	Y, Height string
}

const (
	chartHeight = 120
	barStep     = 32
	barWidth    = 24
	labelEvery  = 4
)

// draw makes the chart of the last day.
func draw(n numbers.Numbers) chart {
	c := chart{Width: barStep * len(n.Hours), Height: chartHeight}
	for _, h := range n.Hours {
		c.Most = max(c.Most, h.Total())
	}
	c.Most = roundUp(c.Most)
	c.Half = c.Most / 2
	for i, h := range n.Hours {
		b := bar{Begins: h.Begins, Counts: h.Counts, X: i*barStep + (barStep-barWidth)/2, Width: barWidth}
		if i%labelEvery == 0 {
			b.Label = h.Begins.Format("15:04")
		}
		top := float64(chartHeight)
		for _, p := range []struct {
			class string
			n     float64
		}{{"good", h.Clean}, {"careful", h.Unscannable}, {"bad", h.Infected}, {"failed", h.Failed}} {
			if p.n <= 0 || c.Most == 0 {
				continue
			}
			height := math.Max(p.n/c.Most*chartHeight, 1.5) // one of a million is seen
			top -= height
			b.Pieces = append(b.Pieces, piece{Class: p.class, Y: decimal(math.Max(top, 0)), Height: decimal(height)})
		}
		c.Bars = append(c.Bars, b)
	}
	return c
}

// decimal writes a length with one decimal.
func decimal(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }

// roundUp returns the next number of the kind 2, 4, 10, 20, 40, 100, whose half is whole.
func roundUp(n float64) float64 {
	if n <= 0 {
		return 0
	}
	for power := 1.0; ; power *= 10 {
		for _, step := range []float64{2, 4, 6, 8, 10} {
			if n <= step*power {
				return step * power
			}
		}
	}
}

// The lengths of the picture that depend on others: around the bars is room for the numbers and the hours.

// ViewWidth returns the width of the picture.
func (c chart) ViewWidth() int { return c.Width + 64 }

// ViewHeight returns the height of the picture.
func (c chart) ViewHeight() int { return c.Height + 36 }

// Middle returns where the line in the middle is.
func (c chart) Middle() int { return c.Height / 2 }

// MiddleText returns where the number beside the line in the middle is.
func (c chart) MiddleText() int { return c.Middle() + 4 }

// BottomText returns where the number beside the lowest line is.
func (c chart) BottomText() int { return c.Height + 4 }

// Center returns the middle of a bar.
func (b bar) Center() int { return b.X + b.Width/2 }
