package template

import "testing"

// The alarms are those of the nested application, where its condition holds,
// with its parameters applied; an address of AlertEmail waits at its topic.
func TestAlarmsAndEmail(t *testing.T) {
	t.Parallel()
	for wanted, want := range map[string]int{"true": 22, "false": 0} {
		app, err := Load("../../template.yaml", Options{
			StackName:  "ward",
			Parameters: map[string]string{"AlarmsAndDashboard": wanted},
			Defaults:   map[string]string{"AlertEmail": "night@example.org", "NoSuchParameter": "x"},
		})
		if err != nil {
			t.Fatal(err)
		}
		named := map[any]map[string]any{}
		for _, a := range app.Alarms {
			named[a["AlarmName"]] = a
		}
		if len(named) != want {
			t.Errorf("AlarmsAndDashboard=%s: alarms %v, want %d", wanted, named, want)
		}
		if a := named["ward-dead-letters"]; want > 0 && (a == nil || a["Namespace"] != "AWS/SQS") {
			t.Errorf("AlarmsAndDashboard=%s: the alarm of the dead letters is %v", wanted, a)
		}
		for _, topic := range app.Topics {
			alerts := topic.Name == "ward-alerts"
			if alerts != (len(topic.Emails) == 1 && topic.Emails[0] == "night@example.org") {
				t.Errorf("got the addresses %q of topic %s, want night@example.org of alerts alone", topic.Emails, topic.Name)
			}
		}
	}
}
