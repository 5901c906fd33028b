package states

// How the states that only move data behave: Pass, Succeed, Wait, Choice, Fail.

// runPass serves Succeed too, which is a Pass without a result or a successor.
func (v *visit) runPass(input any) (any, string, error) {
	output, err := v.process(input, func(effective any) (any, error) {
		if v.state.result != nil {
			return *v.state.result, nil
		}
		return effective, nil
	})
	return output, v.state.next, err
}

func (v *visit) runWait(input any) (any, string, error) {
	output, err := v.process(input, func(effective any) (any, error) {
		d, err := v.state.duration(v.scope(effective))
		if err != nil {
			return nil, err
		}
		return effective, v.sleep(d)
	})
	return output, v.state.next, err
}

// runChoice takes the first rule that holds. No rule and no Default is an error:
// a machine never ends by not knowing where to go.
func (v *visit) runChoice(input any) (any, string, error) {
	next := v.state.next
	output, err := v.process(input, func(effective any) (any, error) {
		for _, r := range v.state.rules {
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
	var texts [2]string
	for i, e := range v.state.failWith {
		if e == nil {
			continue
		}
		value, err := e(v.scope(input))
		if err != nil {
			return nil, "", err
		}
		text, ok := value.(string)
		if !ok {
			return nil, "", fail(errRuntime, "The error or cause of the Fail state is %s, not a string", encode(value))
		}
		texts[i] = text
	}
	return nil, "", external(texts[0], texts[1])
}
