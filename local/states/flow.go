package states

import "time"

// How the states that only move data behave: Pass, Succeed, Wait, Choice, Fail.

// runPass serves Succeed too, which is a Pass without a result or a successor.
func (v *visit) runPass(input any) (any, string, error) {
	output, err := v.process(input, func(effective any) (any, error) {
		if v.state.Result.given {
			return v.state.Result.v, nil
		}
		return effective, nil
	})
	return output, v.state.Next, err
}

func (v *visit) runWait(input any) (any, string, error) {
	output, err := v.process(input, func(effective any) (any, error) {
		return effective, v.sleep(time.Duration(*v.state.Seconds) * time.Second)
	})
	return output, v.state.Next, err
}

// runChoice takes the first rule that holds. No rule and no Default is an error:
// a machine never ends by not knowing where to go.
func (v *visit) runChoice(input any) (any, string, error) {
	next := v.state.Default
	output, err := v.process(input, func(effective any) (any, error) {
		for _, r := range v.state.Choices {
			yes, err := r.when(v.scope(effective))
			if err != nil {
				return nil, err
			}
			if yes {
				next = r.next
				return effective, nil
			}
		}
		if next == "" {
			return nil, fail(errNoChoice, "Failed to transition out of the state. The state does not point to a next state.")
		}
		return effective, nil
	})
	return output, next, err
}

// runFail reads its paths from the raw input: a Fail state has no InputPath.
func (v *visit) runFail(input any) (any, string, error) {
	s := v.state
	texts := [2]string{s.Error, s.Cause}
	for i, p := range []*path{s.ErrorPath, s.CausePath} {
		if p == nil {
			continue
		}
		value, _ := p.get(v.scope(input))
		text, ok := value.(string)
		if !ok {
			return nil, "", fail(errRuntime, "The path '%s' of the Fail state does not lead to a string", p.text)
		}
		texts[i] = text
	}
	return nil, "", external(texts[0], texts[1])
}
