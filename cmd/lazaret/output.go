package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// output is the form of what a command tells: text for people or, with --output
// json, one JSON value for programs.
type output string

const (
	outputTable output = "table"
	outputJSON  output = "json"
)

// flag gives a command the flag --output.
func (o *output) flag(cmd *cobra.Command) {
	*o = outputTable
	cmd.PersistentFlags().VarP(o, "output", "o", "`form` of the output: table (for people) or json (for programs)")
	choices(cmd, "output", string(outputTable), string(outputJSON))
}

func (o *output) String() string { return string(*o) }
func (o *output) Type() string   { return "form" }

func (o *output) Set(s string) error {
	if form := output(s); form == outputTable || form == outputJSON {
		*o = form
		return nil
	}
	return fmt.Errorf("want %s or %s", outputTable, outputJSON)
}

// json reports whether the output is one JSON value.
func (o *output) json() bool { return *o == outputJSON }

// printJSON writes v as JSON, and a newline.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false) // addresses hold & and ? as they stand
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// choices are the values that completion offers for a flag.
func choices(cmd *cobra.Command, flag string, values ...string) {
	err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err) // the flag is not there: a mistake in this program
	}
}
