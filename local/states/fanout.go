package states

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
)

// inlineConcurrency is how many iterations an inline Map runs at a time where
// MaxConcurrency does not ask for fewer (developer guide, "Map state in Inline mode").
const inlineConcurrency = 40

func (s *state) parseParallel(f fields) error {
	s.run = (*visit).runParallel
	var branches []json.RawMessage
	if _, err := f.into("Branches", &branches); err != nil {
		return err
	}
	if len(branches) == 0 {
		return fmt.Errorf("Branches is missing or empty")
	}
	for i, raw := range branches {
		g, _, err := parseBranch(raw, "")
		if err != nil {
			return fmt.Errorf("Branches[%d]: %w", i, err)
		}
		s.branches = append(s.branches, g)
	}
	return nil
}

// parseMap takes inline Maps only: those of the distributed mode start executions
// of their own and read their items from S3.
func (s *state) parseMap(f fields) error {
	s.run = (*visit).runMap
	which, err := f.exactlyOne("ItemProcessor", "Iterator")
	if err != nil {
		return err
	}
	g, processor, err := parseBranch(f[which], "ProcessorConfig")
	if err != nil {
		return fmt.Errorf("%s: %w", which, err)
	}
	s.branches = []*graph{g}
	if raw, ok := processor["ProcessorConfig"]; ok {
		config, err := parseFields(raw, "Mode")
		if err != nil {
			return fmt.Errorf("ProcessorConfig: %w", err)
		}
		mode := "INLINE"
		if _, err := config.into("Mode", &mode); err != nil || mode != "INLINE" {
			return fmt.Errorf("ProcessorConfig: mode %q is not supported, only INLINE", mode)
		}
	}
	// Parameters is the older name of ItemSelector: it makes items, not input.
	s.each, s.parameters = s.parameters, nil
	if raw, ok := f["ItemSelector"]; ok {
		if s.each != nil {
			return fmt.Errorf("fields %q and %q exclude each other", "ItemSelector", "Parameters")
		}
		if s.each, err = compileTemplate(raw); err != nil {
			return fmt.Errorf("ItemSelector: %w", err)
		}
	}
	if _, err := f.into("MaxConcurrency", &s.limit); err != nil || s.limit < 0 {
		return fmt.Errorf("MaxConcurrency is not a whole number from 0")
	}
	if s.limit == 0 || s.limit > inlineConcurrency {
		s.limit = inlineConcurrency
	}
	list := &path{text: "$"}
	if _, ok := f["ItemsPath"]; ok {
		if list, err = fieldPath(f, "ItemsPath"); err != nil {
			return err
		}
	}
	s.items = func(sc *scope) ([]any, error) {
		v := sc.input
		if list.expr != nil {
			var err error
			if v, err = (filter{path: list}).apply(sc); err != nil {
				return nil, err
			}
		}
		items, ok := v.([]any)
		if !ok {
			return nil, fail(errRuntime, "Reference path \"%s\" must point to array.", list.text)
		}
		return items, nil
	}
	return nil
}

// runParallel gives each branch the same input. Branches may share it, because
// nothing changes a value in place.
func (v *visit) runParallel(input any) (any, string, error) {
	branches := v.state.branches
	return v.persist(input, func(effective any) (any, error) {
		v.record("ParallelStateStarted", "", nil)
		text := encode(effective)
		results := make([]any, len(branches))
		err := v.fanOut(len(branches), len(branches), func(i int, f *frame) (err error) {
			results[i], _, err = f.run(branches[i], effective, text)
			return err
		})
		if err == nil {
			v.aside("ParallelStateSucceeded", "", nil)
		}
		return results, err
	})
}

func (v *visit) runMap(input any) (any, string, error) {
	return v.persist(input, func(effective any) (any, error) {
		items, err := v.state.items(v.scope(effective))
		if err != nil {
			return nil, err
		}
		v.record("MapStateStarted", "mapStateStartedEventDetails", details{"length": len(items)})
		results := make([]any, len(items))
		err = v.fanOut(len(items), v.state.limit, func(i int, f *frame) (err error) {
			f.item = map[string]any{"Item": map[string]any{"Index": int64(i), "Value": items[i]}}
			results[i], err = v.iterate(f, i, items[i], effective)
			return err
		})
		if err == nil {
			v.aside("MapStateSucceeded", "", nil)
		}
		return results, err
	})
}

// iterate runs one item. ItemSelector is evaluated inside the iteration, whose
// item it may ask the context object for.
func (v *visit) iterate(f *frame, index int, item, effective any) (any, error) {
	mark := details{"name": v.state.name, "index": index}
	f.record("MapIterationStarted", "mapIterationStartedEventDetails", mark)
	var result any
	var err error
	if v.state.each != nil {
		selecting := *v
		selecting.frame = f
		item, err = v.state.each(selecting.scope(effective))
	}
	if err == nil {
		result, _, err = f.run(v.state.branches[0], item, encode(item))
	}
	failed, ok := asFailure(err)
	switch {
	case err == nil:
		f.record("MapIterationSucceeded", "mapIterationSucceededEventDetails", mark)
	case ok && !failed.terminal():
		f.aside("MapIterationFailed", "mapIterationFailedEventDetails", mark)
	case errors.Is(err, errSibling):
		f.aside("MapIterationAborted", "mapIterationAbortedEventDetails", mark)
	}
	return result, err
}

// fanOut runs n frames of the visit, at most limit at a time. The first error
// interrupts the others and is returned; the history goes on from the last event
// of the frame that failed, or of the one that ended last.
func (v *visit) fanOut(n, limit int, run func(i int, f *frame) error) error {
	ctx, cancel := context.WithCancelCause(v.ctx)
	defer cancel(nil)
	var (
		mu    sync.Mutex
		next  int
		first error
		last  = v.last
	)
	worker := func() {
		for {
			mu.Lock()
			i := next
			next++
			mu.Unlock()
			if i >= n || ctx.Err() != nil {
				return
			}
			f := &frame{x: v.x, ctx: ctx, last: v.last, item: v.item, parent: v.frame}
			err := run(i, f)
			mu.Lock()
			switch {
			case first != nil:
			case err != nil:
				first, last = err, f.last
				cancel(errSibling)
			default:
				last = max(last, f.last)
			}
			mu.Unlock()
		}
	}
	var wg sync.WaitGroup
	for range min(n, limit) {
		wg.Go(worker)
	}
	wg.Wait()
	v.last = last
	if first == nil {
		return v.interrupted()
	}
	return first
}
