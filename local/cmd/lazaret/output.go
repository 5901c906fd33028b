package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// outputFormat is the value of the flag --output.
type outputFormat string

const (
	formatTable outputFormat = "table" // text for people
	formatJSON  outputFormat = "json"  // one JSON value for programs
)

// add adds the flag --output to a command.
func (f *outputFormat) add(cmd *cobra.Command) {
	*f = formatTable
	cmd.PersistentFlags().VarP(f, "output", "o", "`form` of the output: table (for people) or json (for programs)")
	completeFlag(cmd, "output", string(formatTable), string(formatJSON))
}

func (f *outputFormat) String() string { return string(*f) }
func (f *outputFormat) Type() string   { return "form" }

func (f *outputFormat) Set(s string) error {
	if format := outputFormat(s); format == formatTable || format == formatJSON {
		*f = format
		return nil
	}
	return fmt.Errorf("want %s or %s", formatTable, formatJSON)
}

func (f *outputFormat) isJSON() bool { return *f == formatJSON }

// printJSON writes v as JSON, and a newline.
func printJSON(w io.Writer, v any) error {
	return encodeJSON(w, v, "  ")
}

// printJSONLine writes v as one line of JSON.
func printJSONLine(w io.Writer, v any) error { return encodeJSON(w, v, "") }

func encodeJSON(w io.Writer, v any, indent string) error {
	e := json.NewEncoder(w)
	e.SetIndent("", indent)
	e.SetEscapeHTML(false) // addresses contain & and ?
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// completeFlag sets the values that shell completion offers for a flag.
func completeFlag(cmd *cobra.Command, flag string, values ...string) {
	err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err) // the command has no such flag: a mistake in this program
	}
}
