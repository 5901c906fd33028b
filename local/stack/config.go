package stack

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"

	"github.com/lazaret/lazaret/local/notice"
	"github.com/lazaret/lazaret/local/provision"
)

// Config says which application to run and how.
type Config struct {
	// Template is the path of template.yaml. Paths in it, and the functions in build/, are relative to its folder.
	Template   string
	StackName  string            // "lazaret" when empty
	Parameters map[string]string // in place of the template's defaults

	Port    int    // of the endpoint; 0 takes a free one
	DataDir string // see package datadir; empty makes a temporary folder, which Close removes

	// AllowHosts lists more names, with or without a port, by which clients may call the endpoint. Only this machine's
	// own names are allowed without it.
	AllowHosts []string

	// AllowUsers lists more users of this machine, by name or id, who may call the endpoint: besides root, the user of
	// this process and the users of functions.
	AllowUsers []string

	// FunctionsEndpoint is where functions call AWS, and the stack's own endpoint when empty. A test sets it to a
	// proxy.
	FunctionsEndpoint string

	// Definitions is provision.Test (also when empty), None, Official, or a folder of ClamAV databases.
	Definitions string
	// Mirror is the URL of a ClamAV mirror, used in place of Definitions.
	Mirror string

	Sandbox string  // SandboxAuto (also when empty), SandboxOn or SandboxOff
	Scale   float64 // divides the intervals of Retry; 1 when zero
	Freeze  bool    // stop functions between invocations, as Lambda does

	Notices func(notice.Notice) // called with one notice at a time; may be nil
	Logs    io.Writer           // gets what functions log, besides the files; may be nil
}

// absolute returns the configuration with absolute paths, because functions run in other folders.
func (c Config) absolute() (Config, error) {
	c.Definitions = cmp.Or(c.Definitions, provision.Test)
	paths := []*string{&c.Template}
	if c.DataDir != "" {
		paths = append(paths, &c.DataDir)
	}
	switch c.Definitions {
	case provision.Test, provision.None, provision.Official:
	default:
		paths = append(paths, &c.Definitions)
	}
	for _, p := range paths {
		path, err := filepath.Abs(*p)
		if err != nil {
			return c, fmt.Errorf("find %s: %w", *p, err)
		}
		*p = path
	}
	return c, nil
}

func (c Config) source() provision.Source {
	_, set := c.Parameters[provision.MirrorParameter]
	return provision.Source{Definitions: c.Definitions, Mirror: c.Mirror, ParameterSet: set}
}

func (c Config) programs() programs {
	return programs(filepath.Join(filepath.Dir(c.Template), "build"))
}
