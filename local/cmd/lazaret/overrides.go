package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

// overrides are template parameters in the forms that sam deploy reads from --parameter-overrides: "A=1 B=2" in one
// word or in several, and "ParameterKey=A,ParameterValue=1".
type overrides map[string]string

// wordPattern matches a word, which ends at a space outside of quotes.
var wordPattern = regexp.MustCompile(`(?:"[^"]*"|'[^']*'|[^\s"'])+`)

// Set adds the parameters in one argument of the command line.
func (o overrides) Set(argument string) error {
	for _, word := range wordPattern.FindAllString(argument, -1) {
		word = strings.NewReplacer(`"`, "", `'`, "").Replace(word)
		if key, ok := strings.CutPrefix(word, "ParameterKey="); ok {
			word = strings.Replace(key, ",ParameterValue=", "=", 1)
		}
		name, value, ok := strings.Cut(word, "=")
		if !ok || name == "" {
			return fmt.Errorf("want Name=Value, got %q", word)
		}
		o[name] = value
	}
	return nil
}

func (o overrides) String() string { return "" } // the default, for the help
func (o overrides) Type() string   { return "Name=Value" }

// arguments adds the second and later words of --parameter-overrides. A flag of cobra takes one word, and cobra treats
// the others as arguments.
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
