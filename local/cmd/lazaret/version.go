package main

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/local/provision"
)

// version is the output of the command version.
type version struct {
	Version  string `json:"version"`          // of the module; "(devel)" when built from a work tree
	Commit   string `json:"commit,omitempty"` // ends in "-dirty" when files were changed
	Go       string `json:"go"`
	Platform string `json:"platform"`
	ClamAV   string `json:"clamav,omitempty"` // on this machine, for lazaret local; empty without one
}

func versionCommand() *cobra.Command {
	var output outputFormat
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the versions of lazaret and of this machine's ClamAV",
		Example: `  lazaret version
  lazaret version --output json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := readVersion(cmd.Context())
			if output.isJSON() {
				return printJSON(cmd.OutOrStdout(), v)
			}
			w := cmd.OutOrStdout()
			fmt.Fprintf(w, "lazaret  %s\n", v.Version)
			if v.Commit != "" {
				fmt.Fprintf(w, "commit   %s\n", v.Commit)
			}
			fmt.Fprintf(w, "go       %s %s\n", v.Go, v.Platform)
			if v.ClamAV == "" {
				v.ClamAV = "none on this machine (make clamav installs it)"
			}
			_, err := fmt.Fprintf(w, "clamav   %s\n", v.ClamAV)
			return err
		},
	}
	output.add(cmd)
	return cmd
}

// readBuild returns what is known about this program.
func readBuild() version {
	v := version{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Version = info.Main.Version
		changed := ""
		for _, s := range info.Settings {
			switch { // absent if Go could not ask git
			case s.Key == "vcs.modified" && s.Value == "true":
				changed = "-dirty"
			case s.Key == "vcs.revision":
				v.Commit = s.Value
			}
		}
		if v.Commit != "" {
			v.Commit += changed
		}
	}
	return v
}

func readVersion(ctx context.Context) version {
	v := readBuild()
	clamd, err := provision.FindClamd()
	if err != nil {
		return v
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second) // clamd answers in milliseconds
	defer cancel()
	if out, err := exec.CommandContext(ctx, clamd, "--version").Output(); err == nil {
		v.ClamAV = strings.TrimSpace(string(out))
	}
	return v
}
