package endtoend

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// usage is the memory and the disk space of scan and its engine, in bytes.
type usage struct{ memory, disk int64 }

// observe measures the usage of scan and clamd every 20 ms. The function that it returns ends that and returns the
// maximum.
func (m *machine) observe(t testing.TB) (stop func() usage) {
	t.Helper()
	var most usage
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			now := m.usage()
			most.memory, most.disk = max(most.memory, now.memory), max(most.disk, now.disk)
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	return func() usage {
		close(done)
		watching.Wait()
		return most
	}
}

// usage sums the processes' memory and the files in their temporary folder, including files without a name.
func (m *machine) usage() usage {
	var u usage
	seen := map[string]bool{}
	count := func(path string) {
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			return
		}
		st := info.Sys().(*syscall.Stat_t)
		if id := fmt.Sprint(st.Dev, st.Ino); !seen[id] {
			seen[id] = true
			u.disk += st.Blocks * 512
		}
	}
	for _, p := range m.Processes() {
		if !strings.Contains(p.Command, "build/scan/bootstrap") && !strings.Contains(p.Command, "clamd") {
			continue
		}
		folder := fmt.Sprintf("/proc/%d", p.PID)
		status, _ := os.ReadFile(folder + "/status")
		if field := resident.FindSubmatch(status); field != nil {
			kilobytes, _ := strconv.ParseInt(string(field[1]), 10, 64)
			u.memory += kilobytes << 10
		}
		files, _ := filepath.Glob(folder + "/fd/*")
		for _, f := range files {
			if path, _ := os.Readlink(f); strings.HasPrefix(path, "/tmp/") {
				count(f)
			}
		}
	}
	for _, p := range m.temporary() {
		count(p)
	}
	return u
}

var resident = regexp.MustCompile(`VmRSS:\s+([0-9]+) kB`)

// temporary returns the paths of the files in the temporary folders of scan's environments.
func (m *machine) temporary() (paths []string) {
	for _, p := range m.Processes() {
		if !strings.Contains(p.Command, "build/scan/bootstrap") {
			continue
		}
		folder := "/tmp" // in its view of the files; else its variables name another
		environment, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.PID))
		for v := range strings.SplitSeq(string(environment), "\x00") {
			if named, ok := strings.CutPrefix(v, "TMPDIR="); ok {
				folder = named
			}
		}
		_ = filepath.WalkDir(
			fmt.Sprintf("/proc/%d/root%s", p.PID, folder),
			func(path string, entry os.DirEntry, err error) error {
				if err == nil && entry.Type().IsRegular() {
					paths = append(paths, path)
				}
				return nil // it goes while we look
			},
		)
	}
	return paths
}
