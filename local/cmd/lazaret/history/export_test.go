package history

// DecodeLine is decode without the execution's ARN.
func DecodeLine(line string) (Event, error) {
	e, _, err := decode(line)
	return e, err
}
