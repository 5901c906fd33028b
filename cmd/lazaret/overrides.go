package main

import (
	"errors"
	"flag"
	"fmt"
	"regexp"
	"strings"
)

// parse parses flags and, after --parameter-overrides, any number of arguments
// that are no flags, each for add. The package flag stops at the first of those.
func parse(flags *flag.FlagSet, args []string, add func(string) error) error {
	for {
		if err := flags.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return err
			}
			return errUsage // flag has said what is wrong
		}
		if flags.NArg() == 0 {
			return nil
		}
		overriding := false
		flags.Visit(func(f *flag.Flag) { overriding = overriding || f.Name == "parameter-overrides" })
		err := errors.New("it belongs to no flag")
		if overriding {
			err = add(flags.Arg(0))
		}
		if err != nil {
			fmt.Fprintf(flags.Output(), "%s: argument %q: %v\n", flags.Name(), flags.Arg(0), err)
			flags.Usage()
			return errUsage
		}
		args = flags.Args()[1:]
	}
}

// word is a run of text and quoted text; SAM takes quotes for values with spaces.
var word = regexp.MustCompile(`(?:[^\s"']|"[^"]*"|'[^']*')+`)

// overrides returns a function that adds to parameters what one argument says:
// "A=1 B=2" and "ParameterKey=A,ParameterValue=1", as sam deploy reads them.
func overrides(parameters map[string]string) func(string) error {
	return func(argument string) error {
		for _, w := range word.FindAllString(argument, -1) {
			w = strings.NewReplacer(`"`, "", `'`, "").Replace(w)
			if key, ok := strings.CutPrefix(w, "ParameterKey="); ok {
				w = strings.Replace(key, ",ParameterValue=", "=", 1)
			}
			name, value, ok := strings.Cut(w, "=")
			if !ok || name == "" {
				return fmt.Errorf("want Name=Value, got %q", w)
			}
			parameters[name] = value
		}
		return nil
	}
}
