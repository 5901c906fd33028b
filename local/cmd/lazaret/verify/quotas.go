package verify

import (
	"context"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"

	"github.com/lazaret/lazaret/local/cmd/lazaret/history"
)

var checkConcurrency = Check{
	Name: "concurrency", Claim: "Lambda runs as many scans at once as MaxConcurrentScans says",
	Needs: []string{"lambda:GetFunctionConcurrency", "lambda:GetAccountSettings"},
	Run: func(ctx context.Context, r *run) Line {
		wanted, err := strconv.Atoi(r.stack.Parameters["MaxConcurrentScans"])
		if err != nil {
			return fail("MaxConcurrentScans is %q", r.stack.Parameters["MaxConcurrentScans"])
		}
		for _, function := range []string{"fetch", "scan"} {
			name := r.stack.function(function)
			out, err := r.lambda.GetFunctionConcurrency(ctx, &lambda.GetFunctionConcurrencyInput{FunctionName: &name})
			if err != nil {
				return errorLine(ctx, err, "ask for the concurrency of "+name, "lambda:GetFunctionConcurrency")
			}
			got := int(aws.ToInt32(out.ReservedConcurrentExecutions))
			if (wanted > 0 || out.ReservedConcurrentExecutions != nil) && got != wanted {
				return fail("%s has %d environments reserved, MaxConcurrentScans is %d", name, got, wanted)
			}
		}
		if r.stack.Account == localAccount {
			return notChecked("%d reserved for fetch and scan each; the local stack has no quotas", wanted)
		}
		account, err := r.lambda.GetAccountSettings(ctx, &lambda.GetAccountSettingsInput{})
		if err != nil {
			line := errorLine(ctx, err, "ask for the account's quota", "lambda:GetAccountSettings")
			if line.Outcome == NotChecked {
				line.Seen = "reserved as MaxConcurrentScans says (" + strconv.Itoa(wanted) + "); " + line.Seen
			}
			return line
		}
		if account.AccountLimit == nil {
			return fail("Lambda did not say what the account's quota is")
		}
		limit, rest := account.AccountLimit.ConcurrentExecutions, aws.ToInt32(
			account.AccountLimit.UnreservedConcurrentExecutions,
		)
		if needed := unreserved(wanted); int(rest) < needed {
			return fail(
				"of the account's quota of %d, %d are left for all functions without a reservation, and this stack alone "+
					"takes %d while uploads and rescans wait: too few",
				limit,
				rest,
				needed,
			)
		}
		return pass(
			"%d reserved for fetch and scan each; the account's quota is %d, of which %d are not reserved",
			wanted,
			limit,
			rest,
		)
	},
}

// unreserved returns how many environments without a reservation the stack takes at most. While messages wait, each of
// the two event sources of dispatch takes as many as objects may be in work, and two at least; the count of the permits
// takes one more. Each object in work takes one of tag, quarantine, promote or notify. Where nothing is reserved, that
// may be fetch or scan, and freshclam takes one, too.
func unreserved(maxConcurrentScans int) int {
	if maxConcurrentScans == 0 {
		return 2*2 + 1 + 2 + 1
	}
	return 2*max(maxConcurrentScans, 2) + 1 + maxConcurrentScans
}

// transitions is the largest number of state transitions of a clean object, start and end included. The check assumes
// that each engine scans one small object a second.
const transitions = 7

var checkTransitions = Check{
	Name: "transitions", Claim: "Step Functions takes the transitions that MaxConcurrentScans asks for",
	Needs: []string{"servicequotas:ListServiceQuotas"},
	Run: func(ctx context.Context, r *run) Line {
		wanted, err := strconv.ParseFloat(r.stack.Parameters["MaxConcurrentScans"], 64)
		if err != nil {
			return fail("MaxConcurrentScans is %q", r.stack.Parameters["MaxConcurrentScans"])
		}
		switch {
		case wanted == 0:
			return off("MaxConcurrentScans=0 asks for no certain number")
		case r.stack.Parameters["Workflow"] == string(history.Express):
			return off("Workflow=EXPRESS: executions of small objects count for no quota of state transitions")
		}
		if r.stack.Account == localAccount {
			return notChecked("the local stack has no quotas")
		}
		pages := servicequotas.NewListServiceQuotasPaginator(
			r.quotas,
			&servicequotas.ListServiceQuotasInput{ServiceCode: aws.String("states")},
		)
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return errorLine(ctx, err, "list the quotas of Step Functions", "servicequotas:ListServiceQuotas")
			}
			for _, q := range page.Quotas {
				name := strings.ToLower(aws.ToString(q.QuotaName))
				if !strings.Contains(name, "statetransition") || !strings.Contains(name, "refill") ||
					strings.Contains(name, "express") {
					continue
				}
				if got := aws.ToFloat64(q.Value); got < wanted*transitions {
					return fail(
						"%g a second in this account; %g engines that scan one small object a second each take %g",
						got,
						wanted,
						wanted*transitions,
					)
				}
				return pass("%g a second in this account; %g engines that scan one small object a second each take %g",
					aws.ToFloat64(q.Value), wanted, wanted*transitions)
			}
		}
		return notChecked("Service Quotas has no quota of state transitions here")
	},
}
