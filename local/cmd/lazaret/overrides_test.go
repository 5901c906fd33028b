package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

func TestParameterOverrides(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		args []string
		want map[string]string
		port int
		fail bool
	}{
		{name: "none", want: map[string]string{}},
		{
			name: "one argument",
			args: []string{"--parameter-overrides", "A=1 B=two"},
			want: map[string]string{"A": "1", "B": "two"},
		},
		{
			name: "several arguments",
			args: []string{"--parameter-overrides", "A=1", "B=two", "--port", "7"},
			want: map[string]string{"A": "1", "B": "two"},
			port: 7,
		},
		{
			name: "given twice",
			args: []string{"--parameter-overrides", "A=1", "--parameter-overrides=A=2"},
			want: map[string]string{"A": "2"},
		},
		{
			name: "keys and values",
			args: []string{
				"--parameter-overrides",
				"ParameterKey=A,ParameterValue=1 ParameterKey=B,ParameterValue=x,y",
			},
			want: map[string]string{"A": "1", "B": "x,y"},
		},
		{
			name: "quotes",
			args: []string{"--parameter-overrides", `A="one two" B='three' C=""`},
			want: map[string]string{"A": "one two", "B": "three", "C": ""},
		},
		{
			name: "equals sign in the value",
			args: []string{"--parameter-overrides", "A=b=c"},
			want: map[string]string{"A": "b=c"},
		},
		{name: "no value", args: []string{"--parameter-overrides", "A"}, fail: true},
		{name: "no name", args: []string{"--parameter-overrides", "A=1", "=2"}, fail: true},
		{name: "argument without the flag", args: []string{"A=1"}, fail: true},
		{name: "unknown flag", args: []string{"--nope"}, fail: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, port := overrides{}, 0
			cmd := &cobra.Command{
				Use:           "test",
				Args:          got.arguments,
				Run:           func(*cobra.Command, []string) {},
				SilenceErrors: true,
				SilenceUsage:  true,
			}
			cmd.Flags().IntVar(&port, "port", 0, "")
			cmd.Flags().Var(got, "parameter-overrides", "")
			cmd.SetArgs(append([]string{}, test.args...))
			err := cmd.Execute()
			if (err != nil) != test.fail {
				t.Fatalf("error is %v", err)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(test.want, map[string]string(got)); diff != "" || port != test.port {
				t.Errorf("port is %d, want %d; parameters differ (-want +got):\n%s", port, test.port, diff)
			}
		})
	}
}
