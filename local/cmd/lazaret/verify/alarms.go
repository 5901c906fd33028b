package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// alarmNames returns the names of a stack's alarms without the stack's name, in infra/observability.yaml and
// infra/datadog.yaml. They depend on the parameters.
func alarmNames(parameters map[string]string) []string {
	names := []string{
		"canary",
		"canary-stopped",
		"canary-wrong",
		"dead-letters",
		"definitions-held-back",
		"definitions-old",
		"definitions-silent",
		"died-undelivered",
		"dispatch-errors",
		"executions-failed",
		"existing-undelivered",
		"freshclam-errors",
		"oldest-unscanned",
		"reports-dropped",
		"rescans-waiting",
		"scans-throttled",
		"signature-on-trial",
		"sweep-pages-failed",
		"sweeps-failed",
		"uploads-waiting",
		"volume-busy",
		"volume-growing",
	}
	if parameters["AlarmsAndDashboard"] != "true" {
		names = nil
	}
	if parameters["DatadogApiKeySecretArn"] != "" {
		names = append(names, "datadog-logs", "datadog-logs-silent", "datadog-metrics")
	}
	return names
}

var checkAlarms = Check{
	Name: "alarms", Claim: "the alarms exist and ring at the alerts topic",
	Needs: []string{"cloudwatch:DescribeAlarms"},
	Run: func(ctx context.Context, r *run) Line {
		names := alarmNames(r.stack.Parameters)
		if names == nil {
			return off("AlarmsAndDashboard=%s", r.stack.Parameters["AlarmsAndDashboard"])
		}
		found := map[string]types.MetricAlarm{}
		pages := cloudwatch.NewDescribeAlarmsPaginator(
			r.alarms,
			&cloudwatch.DescribeAlarmsInput{AlarmNamePrefix: aws.String(r.stack.Name + "-")},
		)
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return errorLine(ctx, err, "list the alarms", "cloudwatch:DescribeAlarms")
			}
			for _, a := range page.MetricAlarms {
				found[aws.ToString(a.AlarmName)] = a
			}
		}
		topic := r.stack.Outputs["AlertsTopicArn"]
		var absent, silent, ringing []string
		for _, name := range names {
			name = r.stack.Name + "-" + name
			a, ok := found[name]
			switch {
			case !ok:
				absent = append(absent, name)
			case !aws.ToBool(a.ActionsEnabled) || !slices.Contains(a.AlarmActions, topic):
				silent = append(silent, name)
			case a.StateValue == types.StateValueAlarm:
				ringing = append(ringing, name)
			}
		}
		switch {
		case len(absent) > 0:
			return fail("missing: %s", strings.Join(absent, ", "))
		case len(silent) > 0:
			return fail(
				"they ring nowhere, since their action on %s is off or gone: %s",
				topic,
				strings.Join(silent, ", "),
			)
		case len(ringing) > 0:
			return pass("all %d are there; these ring now: %s", len(names), strings.Join(ringing, ", "))
		}
		return pass("all %d are there, and none rings", len(names))
	},
}

var checkAlerts = Check{
	Name: "alerts", Claim: "somebody is subscribed to the alerts and has confirmed it",
	Needs: []string{"sns:ListSubscriptionsByTopic"},
	Run: func(ctx context.Context, r *run) Line {
		topic, email := r.stack.Outputs["AlertsTopicArn"], r.stack.Parameters["AlertEmail"]
		var confirmed, pending []string
		named := false
		pages := sns.NewListSubscriptionsByTopicPaginator(r.sns, &sns.ListSubscriptionsByTopicInput{TopicArn: &topic})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			switch {
			case isMissing(err):
				return fail("there is no topic %s: nobody hears an alarm", topic)
			case err != nil:
				return errorLine(ctx, err, "list the subscriptions of "+topic, "sns:ListSubscriptionsByTopic")
			}
			for _, s := range page.Subscriptions {
				who := fmt.Sprintf("%s %s", aws.ToString(s.Protocol), aws.ToString(s.Endpoint))
				ok := strings.HasPrefix(aws.ToString(s.SubscriptionArn), "arn:")
				if ok {
					confirmed = append(confirmed, who)
				} else {
					pending = append(pending, who)
				}
				named = named || ok && strings.EqualFold(aws.ToString(s.Endpoint), email)
			}
		}
		switch {
		case email != "" && !named && len(pending) > 0:
			return fail("not confirmed: %s; AWS has sent a mail with a link", strings.Join(pending, ", "))
		case email != "" && !named:
			return fail("%s (AlertEmail) is not subscribed any more", email)
		case len(confirmed) > 0:
			return pass("%s", strings.Join(confirmed, ", "))
		case len(pending) > 0:
			return fail("not confirmed: %s", strings.Join(pending, ", "))
		}
		return off("AlertEmail is empty and nobody has subscribed to %s: nobody is woken", topic)
	},
}
