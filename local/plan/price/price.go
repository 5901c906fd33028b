// Package price holds AWS's prices and quotas in one region, each with the place where it was read. They are in one
// file for each region (us-east-1.json), with the date of that file. Free tiers are left out, so that a figure holds
// for every account.
package price

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"math"
)

//go:embed *.json
var files embed.FS

// Default is the region whose prices are used when none is named.
const Default = "us-east-1"

// Table holds the prices and quotas in one region.
type Table struct {
	Region string  `json:"region"`
	Date   string  `json:"date"` // when the file was written, 2006-01-02
	Note   string  `json:"note"`
	Prices []Price `json:"prices"`
	Quotas []Quota `json:"quotas"`
}

// Source says where a figure was read.
type Source struct {
	Address string `json:"source"` // URL
	From    string `json:"from"`   // year, or year and month, of what was read
}

// Price is what AWS takes for an amount of something.
type Price struct {
	ID    string  `json:"id"`
	Unit  string  `json:"unit"` // plural: "requests"
	Per   float64 `json:"per"`  // the tiers' dollars are for so many units
	Tiers []Tier  `json:"tiers"`
	Source
}

// Tier is the price of the units up to a number of them in a month.
type Tier struct {
	UpTo    float64 `json:"upTo"` // 0 in the last tier, which has no end
	Dollars float64 `json:"dollars"`
}

// Quota is how much AWS allows in a second: a token bucket of Burst tokens, to which Rate are added each second. A
// quota without Burst is a number of things at once.
type Quota struct {
	ID    string  `json:"id"`
	Unit  string  `json:"unit"`
	Burst float64 `json:"burst"`
	Rate  float64 `json:"rate"`
	Raise string  `json:"raise"` // what can be done about it
	Source
}

// Load returns the table of a region. The error names the regions that there are.
func Load(region string) (*Table, error) {
	text, err := files.ReadFile(region + ".json")
	if err != nil {
		return nil, fmt.Errorf("find the prices of region %q: there are only those of %q", region, regions())
	}
	var t Table
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return nil, fmt.Errorf("read the prices of region %s: %w", region, err)
	}
	return &t, nil
}

func regions() []string {
	entries, _ := files.ReadDir(".") // of an embedded folder
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name()[:len(e.Name())-len(".json")])
	}
	return names
}

// Price returns the price with this id. It panics without one: ids are constants of the program.
func (t *Table) Price(id string) Price {
	for _, p := range t.Prices {
		if p.ID == id {
			return p
		}
	}
	panic("no price " + id + " in region " + t.Region)
}

// Quota returns the quota with this id. It panics without one.
func (t *Table) Quota(id string) Quota {
	for _, q := range t.Quotas {
		if q.ID == id {
			return q
		}
	}
	panic("no quota " + id + " in region " + t.Region)
}

// Cost returns the dollars for a quantity in one month.
func (p Price) Cost(quantity float64) float64 {
	sum, from := 0.0, 0.0
	for _, t := range p.Tiers {
		end := t.UpTo
		if end == 0 {
			end = math.Inf(1)
		}
		if quantity <= from {
			break
		}
		sum += (math.Min(quantity, end) - from) / p.Per * t.Dollars
		from = end
	}
	return sum
}

// Tiered reports whether a quantity reaches the second tier.
func (p Price) Tiered(quantity float64) bool {
	return len(p.Tiers) > 1 && quantity > p.Tiers[0].UpTo
}
