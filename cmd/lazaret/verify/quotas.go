package verify

import (
	"context"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
)

var concurrencyIsThere = Check{
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
				return unknown(ctx, err, "ask for the concurrency of "+name, "lambda:GetFunctionConcurrency")
			}
			if got := int(
				aws.ToInt32(out.ReservedConcurrentExecutions),
			); (wanted > 0 || out.ReservedConcurrentExecutions != nil) &&
				got != wanted {
				return fail("%s has %d environments reserved, MaxConcurrentScans is %d", name, got, wanted)
			}
		}
		if r.stack.Account == localAccount {
			return notChecked("%d reserved for fetch and scan each; the local stack has no quotas", wanted)
		}
		account, err := r.lambda.GetAccountSettings(ctx, &lambda.GetAccountSettingsInput{})
		if err != nil {
			line := unknown(ctx, err, "ask for the account's quota", "lambda:GetAccountSettings")
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
		// The others are dispatch, tag, quarantine, promote and notify, one at a time at least.
		if rest < 10 {
			return fail(
				"of the account's quota of %d, %d are left for all functions without a reservation: too few",
				limit,
				rest,
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

// transitions is how many state transitions a clean object takes at most (start
// and end included), and what an engine is taken to scan a second: small objects.
const transitions = 7

var transitionsAreThere = Check{
	Name: "transitions", Claim: "Step Functions takes the transitions that MaxConcurrentScans asks for",
	Needs: []string{"servicequotas:ListServiceQuotas"},
	Run: func(ctx context.Context, r *run) Line {
		wanted, err := strconv.ParseFloat(r.stack.Parameters["MaxConcurrentScans"], 64)
		if err != nil {
			return fail("MaxConcurrentScans is %q", r.stack.Parameters["MaxConcurrentScans"])
		}
		if wanted == 0 {
			return off("MaxConcurrentScans=0 asks for no certain number")
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
				return unknown(ctx, err, "list the quotas of Step Functions", "servicequotas:ListServiceQuotas")
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
