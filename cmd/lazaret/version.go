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

	"github.com/lazaret/lazaret/local"
)

// version is what lazaret version tells.
type version struct {
	Version  string `json:"version"`          // of the module; "(devel)" when built from a work tree
	Commit   string `json:"commit,omitempty"` // ends in "-dirty" when files were changed
	Go       string `json:"go"`
	Platform string `json:"platform"`
	ClamAV   string `json:"clamav,omitempty"` // of this machine, which lazaret local uses; empty when there is none
}

func versionCommand() *cobra.Command {
	var form output
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the versions of lazaret and of this machine's ClamAV",
		Example: `  lazaret version
  lazaret version --output json`,
		Args: arguments(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := readVersion(cmd.Context())
			if form.json() {
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
	form.flag(cmd)
	return cmd
}

func readVersion(ctx context.Context) version {
	v := version{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Version = info.Main.Version
		changed := ""
		for _, s := range info.Settings {
			switch { // Go leaves them out where it could not ask git
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
	clamd, err := local.FindClamd()
	if err != nil {
		return v
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second) // it answers in milliseconds
	defer cancel()
	if out, err := exec.CommandContext(ctx, clamd, "--version").Output(); err == nil {
		v.ClamAV = strings.TrimSpace(string(out))
	}
	return v
}
