package infra_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/local/template"
)

// What AWS allows, in characters. White space does not count in policies.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
var allowed = map[string]int{
	"role": 10_240, "bucket policy": 20 << 10, "event pattern": 2_048, "environment": 4 << 10, "parameter": 4_096,
}

// sizes returns how much of each limit a stack with these parameters uses at most, and where.
func sizes(t *testing.T, parameters map[string]string) (most map[string]int, where map[string]string) {
	t.Helper()
	app, err := template.Load(mainTemplate, template.Options{Parameters: parameters})
	if err != nil {
		t.Fatal(err)
	}
	most, where = map[string]int{}, map[string]string{}
	use := func(limit, what string, n int) {
		if n > most[limit] {
			most[limit], where[limit] = n, what
		}
	}
	compact := func(document []byte) int {
		var b bytes.Buffer
		if err := json.Compact(&b, document); err != nil {
			t.Fatal(err)
		}
		return b.Len()
	}
	for _, f := range app.Functions {
		sum := 0
		for _, p := range f.Policies {
			sum += compact(p)
		}
		use("role", f.Name, sum)
		sum = 0
		for name, value := range f.Environment {
			sum += len(name) + len(value)
		}
		use("environment", f.Name, sum)
	}
	for _, m := range app.Machines {
		sum := 0
		for _, p := range m.Policies {
			sum += compact(p)
		}
		use("role", m.Name, sum)
	}
	for _, b := range app.Buckets {
		if b.Policy != nil {
			use("bucket policy", b.Name, compact(b.Policy))
		}
	}
	for _, r := range app.Rules {
		use("event pattern", r.Name, compact(r.Pattern))
	}
	use("parameter", "ExistingBuckets", len(parameters["ExistingBuckets"]))
	return most, where
}

// TestExistingBucketsFit computes how many ExistingBuckets a stack can have, and holds docs/deploy.md to it: with names
// of 63 characters, the longest, and with short ones. All else is deployed, too.
func TestExistingBucketsFit(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, length := range []int{63, 20} {
		fits := func(n int) (bool, string) {
			var names []string
			for i := range n {
				names = append(names, fmt.Sprintf("%0*d", length, i))
			}
			parameters := maps.Clone(everything)
			parameters["ExistingBuckets"] = strings.Join(names, ",")
			most, where := sizes(t, parameters)
			for _, limit := range slices.Sorted(maps.Keys(allowed)) {
				if most[limit] > allowed[limit] {
					return false, fmt.Sprintf("%s of %s: %d of %d", limit, where[limit], most[limit], allowed[limit])
				}
			}
			return true, ""
		}
		n, why := 0, ""
		for step := 128; step > 0; step /= 2 {
			ok, over := fits(n + step)
			if ok {
				n += step
			} else {
				why = over
			}
		}
		t.Logf("%d buckets with names of %d characters fit; with one more: %s", n, length, why)
		row := regexp.MustCompile(fmt.Sprintf(`(?m)^\| %d characters \| (\d+) \|`, length)).FindSubmatch(page)
		if row == nil {
			t.Errorf("docs/deploy.md does not say how many buckets with names of %d characters fit: %d", length, n)
		} else if stated, _ := strconv.Atoi(string(row[1])); stated > n || stated < n*9/10 {
			t.Errorf("docs/deploy.md says that %d buckets with names of %d characters fit, want about %d, and no more (%s)",
				stated, length, n, why)
		}
	}
}
