package template

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// event is one entry of a function's Events.
type event struct {
	Type       string
	Properties json.RawMessage
}

// function reads an AWS::Serverless::Function. The defaults are Lambda's.
func (b *builder) function(r resource, properties map[string]any) error {
	p := struct {
		Role, PackageType            string
		Policies                     []json.RawMessage
		MemorySize, Timeout          number
		ReservedConcurrentExecutions *number
		Environment                  struct{ Variables map[string]text }
		FileSystemConfigs            []struct{ Arn, LocalMountPath string }
		Events                       map[string]event
	}{MemorySize: 128, Timeout: 3}
	if err := convert(properties, &p); err != nil {
		return err
	}
	i, err := b.identify(r.id)
	if err != nil {
		return err
	}
	f := Function{
		LogicalID: r.id, Name: i.name, Short: strings.TrimPrefix(i.name, b.stack+"-"), ARN: i.attributes["Arn"],
		Image: p.PackageType == "Image", MemoryMB: int(p.MemorySize), Timeout: p.Timeout.seconds(), Environment: map[string]string{}, Policies: p.Policies,
	}
	if f.RoleARN, err = b.role(r, p.Role); err != nil {
		return err
	}
	if p.ReservedConcurrentExecutions != nil {
		f.Reserved = new(int(*p.ReservedConcurrentExecutions))
	}
	for name, value := range p.Environment.Variables {
		f.Environment[name] = string(value)
	}
	for _, c := range p.FileSystemConfigs {
		m, err := b.mount(c.Arn)
		if err != nil {
			return fmt.Errorf("FileSystemConfigs: %w", err)
		}
		m.Path = c.LocalMountPath
		f.Mounts = append(f.Mounts, m)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Events)) {
		if err := b.event(&f, name, p.Events[name]); err != nil {
			return fmt.Errorf("event %s: %w", name, err)
		}
	}
	b.app.Functions = append(b.app.Functions, f)
	return nil
}

// role is the one given, or the one that SAM makes.
func (b *builder) role(r resource, given string) (string, error) {
	if given != "" {
		return given, nil
	}
	i, err := b.identify(r.id + "Role")
	return i.attributes["Arn"], err
}

// mount is what an access point says, found by the placeholder that stands for
// its ARN; of anything else it is the whole volume.
func (b *builder) mount(arn string) (m Mount, err error) {
	id, rest, _ := strings.Cut(arn, ".")
	scope := b.scope
	if output, is := strings.CutPrefix(rest, "Outputs."); is && b.resources[id].kind == kindNested {
		if scope, arn, err = b.output(id, output); err != nil {
			return m, fmt.Errorf("%s: %w", id, err)
		}
		id, _, _ = strings.Cut(arn, ".")
	}
	v, err := scope.resolve(scope.resources[id].properties)
	if err != nil {
		return m, fmt.Errorf("%s: %w", id, err)
	}
	var p struct {
		PosixUser *struct {
			Uid, Gid      number
			SecondaryGids []number
		}
		RootDirectory struct {
			Path         string
			CreationInfo struct {
				OwnerUid, OwnerGid number
				Permissions        text
			}
		}
	}
	if err := convert(v, &p); err != nil {
		return m, fmt.Errorf("%s: %w", id, err)
	}
	m.Root = cmp.Or(p.RootDirectory.Path, "/")
	if u, c := p.PosixUser, p.RootDirectory.CreationInfo; u != nil {
		mode, err := strconv.ParseUint(cmp.Or(string(c.Permissions), "0755"), 8, 32)
		if err != nil {
			return m, fmt.Errorf("%s: Permissions: %w", id, err)
		}
		m.AccessPoint = &AccessPoint{
			UID: int(u.Uid), GID: int(u.Gid), OwnerUID: int(c.OwnerUid), OwnerGID: int(c.OwnerGid), Permissions: uint32(mode),
		}
		for _, gid := range u.SecondaryGids {
			m.AccessPoint.SecondaryGIDs = append(m.AccessPoint.SecondaryGIDs, int(gid))
		}
	}
	return m, nil
}

func (b *builder) event(f *Function, name string, e event) error {
	var p struct {
		Queue                                     string
		BatchSize, MaximumBatchingWindowInSeconds number // of SQS, to ScalingConfig
		FunctionResponseTypes                     []string
		ScalingConfig                             struct{ MaximumConcurrency number }
		Enabled                                   *truth
		State, Schedule, ScheduleExpression       string
		Input                                     text
	}
	if len(e.Properties) > 0 {
		if err := json.Unmarshal(e.Properties, &p); err != nil {
			return err
		}
	}
	if p.State == "DISABLED" || p.Enabled != nil && !bool(*p.Enabled) {
		return nil
	}
	switch e.Type {
	case "SQS":
		if p.MaximumBatchingWindowInSeconds > 0 || p.BatchSize > 10 {
			return errors.New("batches are what one receive brings; a window, and more than 10, are not supported")
		}
		f.Sources = append(f.Sources, QueueSource{
			QueueARN: p.Queue, BatchSize: cmp.Or(int(p.BatchSize), 10),
			MaxConcurrency: int(p.ScalingConfig.MaximumConcurrency),
			ReportFailures: slices.Contains(p.FunctionResponseTypes, "ReportBatchItemFailures"),
		})
	case "Schedule", "ScheduleV2":
		f.Schedules = append(f.Schedules, Schedule{Expression: cmp.Or(p.ScheduleExpression, p.Schedule), Input: string(p.Input)})
	default:
		return fmt.Errorf("events of type %q are not supported", e.Type)
	}
	return nil
}

// machine reads an AWS::Serverless::StateMachine and its definition.
func (b *builder) machine(r resource, properties map[string]any) error {
	var p struct {
		Role                    string
		Policies                []json.RawMessage
		DefinitionUri           string
		DefinitionSubstitutions map[string]text
		Definition, Events      any
	}
	if err := convert(properties, &p); err != nil {
		return err
	}
	i, err := b.identify(r.id)
	if err != nil {
		return err
	}
	if p.DefinitionUri == "" || p.Definition != nil || p.Events != nil {
		return errors.New("a state machine has a DefinitionUri; a Definition and Events are not supported")
	}
	m := Machine{Name: i.name, ARN: i.ref, Policies: p.Policies}
	if m.RoleARN, err = b.role(r, p.Role); err != nil {
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

// substitute replaces each ${Name} in the text of a definition, as SAM does. A
// name without a value is left in place by SAM and is an error here: no
// definition of ours means it.
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
