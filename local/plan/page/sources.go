package page

import (
	"fmt"
	"strings"

	"github.com/lazaret/lazaret/local/plan"
	"github.com/lazaret/lazaret/local/plan/price"
	"github.com/lazaret/lazaret/local/plan/timing"
)

// source returns a link with the date of what was read.
func source(address, from string) string {
	host, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(address, "https://"), "http://"), "/")
	return fmt.Sprintf("[%s](%s), %s", strings.TrimPrefix(host, "www."), address, from)
}

// prices returns a table of all prices.
func prices() (string, error) {
	prices, err := price.Load(price.Default)
	if err != nil {
		return "", fmt.Errorf("show the prices: %w", err)
	}
	t := newTable("what", "dollars", "read at")
	for _, p := range prices.Prices {
		t.row(service(p.ID)+": "+p.Unit, tiers(p), source(p.Address, p.From))
	}
	return t.text(), nil
}

// services are the names of services by the beginnings of ids.
var services = map[string]string{
	"states": "Step Functions", "lambda": "Lambda", "sqs": "SQS", "s3": "S3", "efs": "EFS", "logs": "CloudWatch Logs",
	"xray": "X-Ray", "kms": "KMS", "events": "EventBridge", "scheduler": "EventBridge Scheduler", "sns": "SNS",
	"cloudwatch": "CloudWatch", "guardduty": "GuardDuty", "environment": "Lambda",
}

// service returns the name of a service by the id of a figure, such as "s3.read".
func service(id string) string {
	name, _, _ := strings.Cut(id, ".")
	return services[name]
}

// tiers returns a price with its tiers: "0.06 to 1,000, 0.03 to 5,000, then 0.01642 for each".
func tiers(p price.Price) string {
	var parts []string
	for i, t := range p.Tiers {
		text := strings.TrimPrefix(plan.Price(t.Dollars), "$")
		switch {
		case t.UpTo > 0:
			text += " to " + plan.Count(t.UpTo)
		case i > 0:
			text = "then " + text
		}
		parts = append(parts, text)
	}
	text := strings.Join(parts, ", ")
	if p.Per == 1 {
		return text + " for each"
	}
	return text + " for " + plan.Count(p.Per)
}

// quotas returns a table of all quotas.
func quotas() (string, error) {
	prices, err := price.Load(price.Default)
	if err != nil {
		return "", fmt.Errorf("show the quotas: %w", err)
	}
	t := newTable("what", "lasting", "at once", "what can be raised", "read at")
	for _, q := range prices.Quotas {
		write := plan.Count
		if strings.HasPrefix(q.Unit, "bytes") {
			write = plan.Size
		}
		burst := ""
		if q.Burst != 0 && q.Burst != q.Rate {
			burst = write(q.Burst)
		}
		t.row(service(q.ID)+": "+q.Unit, write(q.Rate), burst, q.Raise, source(q.Address, q.From))
	}
	return t.text(), nil
}

// processor returns a table of processor times.
func processor() string {
	t := newTable("processor time of", "ms for each object", "ms for each MB")
	for _, p := range timing.Load().Processor {
		t.row(p.Function, plan.Count(p.Base), plan.Count(p.PerMB))
	}
	return t.text()
}

// latencies returns a table of latencies and throughputs.
func latencies() string {
	t := newTable("what", "taken as", "from")
	times := timing.Load()
	for _, l := range times.Latency {
		took := fmt.Sprintf("%g ms", l.MS)
		if l.MS >= 60_000 {
			took = plan.Hours(times.Wait(l.ID))
		}
		t.row(service(l.ID)+": "+l.What, took, origin(l.Origin))
	}
	for _, x := range times.Throughput {
		t.row(service(x.ID)+": "+x.What, fmt.Sprintf("%s MB/s", plan.Count(x.MBs)), origin(x.Origin))
	}
	return t.text()
}

func origin(o timing.Origin) string {
	if o.Guess {
		return "**a guess**"
	}
	return source(o.Address, o.From)
}

// date is that of the prices.
func date() (string, error) {
	prices, err := price.Load(price.Default)
	if err != nil {
		return "", fmt.Errorf("show the date of the prices: %w", err)
	}
	return prices.Date, nil
}

// machine is where processor times were measured, and when.
func machine() string {
	t := timing.Load()
	return fmt.Sprintf("%s, %s", t.Machine, t.Date)
}
