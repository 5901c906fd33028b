package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

// overrides are template parameters as sam deploy reads them from
// --parameter-overrides: "A=1 B=2" in one word or in several, and
// "ParameterKey=A,ParameterValue=1".
type overrides map[string]string

// A word ends at a space that stands in no quotes.
var word = regexp.MustCompile(`(?:"[^"]*"|'[^']*'|[^\s"'])+`)

// Set takes in one word of the command line.
func (o overrides) Set(argument string) error {
	for _, w := range word.FindAllString(argument, -1) {
		w = strings.NewReplacer(`"`, "", `'`, "").Replace(w)
		if key, ok := strings.CutPrefix(w, "ParameterKey="); ok {
			w = strings.Replace(key, ",ParameterValue=", "=", 1)
		}
		name, value, ok := strings.Cut(w, "=")
		if !ok || name == "" {
			return fmt.Errorf("want Name=Value, got %q", w)
		}
		o[name] = value
	}
	return nil
}

func (o overrides) String() string { return "" } // the default, for the help
func (o overrides) Type() string   { return "Name=Value" }

// arguments takes in the words after the first one of --parameter-overrides,
// which are arguments to cobra: a flag of its takes one word.
func (o overrides) arguments(cmd *cobra.Command, args []string) error {
	for _, argument := range args {
		if !cmd.Flags().Changed("parameter-overrides") {
			return wrongUsage(cmd, "argument %q belongs to no flag", argument)
		}
		if err := o.Set(argument); err != nil {
			return wrongUsage(cmd, "argument %q of --parameter-overrides: %w", argument, err)
		}
	}
	return nil
}
