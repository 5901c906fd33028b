package history

// Row returns what an execution says about its object and its verdict. A list of STANDARD executions has no inputs to
// read that from.
func (e Execution) Row() Row { return newRow(e) }
