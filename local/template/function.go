package template

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
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
func (b *builder) function(id string, i identity, properties map[string]any) error {
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
	f := Function{
		LogicalID: id, Name: i.name, Short: strings.TrimPrefix(i.name, b.stack+"-"), ARN: i.arn, Policies: p.Policies,
		Image: p.PackageType == "Image", MemoryMB: int(p.MemorySize), Timeout: p.Timeout.seconds(),
		Environment: map[string]string{},
	}
	var err error
	if f.RoleARN, err = b.role(id, p.Role); err != nil {
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
		if err := f.addEvent(p.Events[name]); err != nil {
			return fmt.Errorf("event %s: %w", name, err)
		}
	}
	b.app.Functions = append(b.app.Functions, f)
	return nil
}

// mount reads the access point whose ARN, or whose placeholder for one, is given.
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

func (f *Function) addEvent(e event) error {
	var p struct {
		Queue                          string
		BatchSize                      *number
		MaximumBatchingWindowInSeconds number
		FunctionResponseTypes          []string
		ScalingConfig                  struct{ MaximumConcurrency *number }
		ScheduleExpression             string
		Input                          text
		State, Enabled                 any
	}
	if len(e.Properties) > 0 {
		if err := json.Unmarshal(e.Properties, &p); err != nil {
			return err
		}
	}
	switch {
	case p.State != nil || p.Enabled != nil:
		return errors.New("State and Enabled are not supported: events are enabled")
	case e.Type == "SQS":
		source := QueueSource{
			QueueARN: p.Queue, BatchSize: 10,
			ReportFailures: slices.Contains(p.FunctionResponseTypes, "ReportBatchItemFailures"),
		}
		if p.BatchSize != nil {
			source.BatchSize = int(*p.BatchSize)
		}
		if source.BatchSize < 1 || source.BatchSize > 10 || p.MaximumBatchingWindowInSeconds > 0 {
			return errors.New("a batch is what one receive returns, 1 to 10 messages: a window is not supported")
		}
		if m := p.ScalingConfig.MaximumConcurrency; m != nil {
			if source.MaxConcurrency = int(*m); source.MaxConcurrency < 2 || source.MaxConcurrency > 1000 {
				return fmt.Errorf("MaximumConcurrency is %d, AWS wants 2 to 1000", source.MaxConcurrency)
			}
		}
		f.Sources = append(f.Sources, source)
	case e.Type == "ScheduleV2" && p.Input != "" && !json.Valid([]byte(p.Input)):
		return fmt.Errorf("its Input %q is not JSON", p.Input)
	case e.Type == "ScheduleV2":
		f.Schedules = append(f.Schedules, Schedule{Expression: p.ScheduleExpression, Input: string(p.Input)})
	default:
		return fmt.Errorf("events of type %q are not supported", e.Type)
	}
	return nil
}

// checkSources refuses what Lambda refuses: a queue whose messages are visible again before the function is done.
func (b *builder) checkSources() error {
	for _, f := range b.app.Functions {
		for _, source := range f.Sources {
			i := slices.IndexFunc(b.app.Queues, func(q Queue) bool { return q.ARN == source.QueueARN })
			if i < 0 {
				continue // of somebody else
			}
			if visibility := b.app.Queues[i].VisibilityTimeout; visibility < f.Timeout {
				return fmt.Errorf("resolve resource %s: Queue visibility timeout: %.0f seconds is less than "+
					"Function timeout: %.0f seconds (queue %s)",
					f.LogicalID, visibility.Seconds(), f.Timeout.Seconds(), b.app.Queues[i].Name)
			}
		}
	}
	return nil
}
