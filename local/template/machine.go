package template

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// machine reads an AWS::Serverless::StateMachine and its definition.
func (b *builder) machine(id string, i identity, properties map[string]any) error {
	var p struct {
		Role, Type              string
		Policies                []json.RawMessage
		DefinitionUri           string
		DefinitionSubstitutions map[string]text
		Logging                 logging
		Definition, Events      any
	}
	if err := convert(properties, &p); err != nil {
		return err
	}
	if p.DefinitionUri == "" || p.Definition != nil || p.Events != nil {
		return errors.New("a state machine has a DefinitionUri; a Definition and Events are not supported")
	}
	m := Machine{Name: i.name, ARN: i.arn, Policies: p.Policies, Express: p.Type == "EXPRESS"}
	if p.Type != "" && p.Type != "STANDARD" && !m.Express {
		return fmt.Errorf("type %q of a state machine: want STANDARD or EXPRESS", p.Type)
	}
	var err error
	if m.Express { // the local stack writes no log of a Standard machine, whose executions can be described
		if m.LogGroup, err = p.Logging.group(); err != nil {
			return err
		}
	}
	if m.RoleARN, err = b.role(id, p.Role); err != nil {
		return err
	}
	written, err := os.ReadFile(filepath.Join(b.dir, p.DefinitionUri))
	if err != nil {
		return fmt.Errorf("read DefinitionUri: %w", err)
	}
	if m.Definition, err = substitute(written, p.DefinitionSubstitutions); err != nil {
		return fmt.Errorf("read definition %s: %w", p.DefinitionUri, err)
	}
	b.app.Machines = append(b.app.Machines, m)
	return nil
}

// logging is a state machine's configuration of its log.
type logging struct {
	Level                string
	IncludeExecutionData truth
	Destinations         []struct {
		CloudWatchLogsLogGroup struct{ LogGroupArn string }
	}
}

// group returns the name of the log group that gets all events, or "" where no log is written.
func (l logging) group() (string, error) {
	switch {
	case l.Level == "" || l.Level == "OFF":
		return "", nil
	case l.Level != "ALL" || !bool(l.IncludeExecutionData) || len(l.Destinations) != 1:
		return "", errors.New("the log of an Express state machine has the level ALL, execution data and one destination; " +
			"others are not supported")
	}
	arn := l.Destinations[0].CloudWatchLogsLogGroup.LogGroupArn
	name, ok := strings.CutPrefix(strings.TrimSuffix(arn, ":*"), ARN("logs", "log-group:"))
	if !ok {
		return "", fmt.Errorf("the log's destination %q is not the ARN of a log group", arn)
	}
	return name, nil
}

// substitute replaces each ${Name} in the text of a definition, as SAM does. SAM leaves a name without a value in
// place; here it is an error, because no definition of ours needs that.
func substitute(definition []byte, values map[string]text) ([]byte, error) {
	var missing error
	result := placeholder.ReplaceAllFunc(definition, func(match []byte) []byte {
		value, ok := values[string(match[2:len(match)-1])]
		if !ok {
			missing = fmt.Errorf("DefinitionSubstitutions has nothing for %s", match)
		}
		return []byte(value)
	})
	if missing == nil && !json.Valid(result) {
		missing = errors.New("it is not JSON")
	}
	return result, missing
}
