package endtoend

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/lazaret/lazaret/local/cmd/lazaret/sample"
	"github.com/lazaret/lazaret/local/tests/harness"
)

// shell runs a script as another user and returns both output streams.
func shell(t *testing.T, uid, gid uint32, script string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("runs programs as another user, which needs root; CI is root")
	}
	ctx, cancel := context.WithTimeout(t.Context(), harness.WaitLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", script)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	out, _ := cmd.CombinedOutput() // what fails is told by what it prints
	return string(out)
}

// TestOtherUsers checks that other users of the computer can neither call the endpoint, whatever access key they use,
// nor see functions and their files. The user ids include those that the template gives to access points.
func TestOtherUsers(t *testing.T) {
	t.Parallel()
	m := start(t, "--allow-user", "54322")
	m.Await(t, m.Put(t, "k", sample.Text("private"))) // functions run by now
	call := func(uid, gid uint32) string {
		return shell(
			t,
			uid,
			gid,
			"curl -s --max-time 60 -w '%{http_code}' --aws-sigv4 aws:amz:us-east-1:sts --user test:test "+
				"-d 'Action=GetCallerIdentity&Version=2011-06-15' "+m.Endpoint,
		)
	}
	var functions, looks []string
	for _, p := range m.Processes() {
		if strings.HasSuffix(p.Command, "/bootstrap") {
			functions = append(functions, fmt.Sprint(p.PID))
		}
	}
	if len(functions) == 0 {
		t.Fatalf("got the processes %v, want a function among them", m.Processes())
	}
	for _, pid := range functions {
		looks = append(
			looks,
			fmt.Sprintf(
				"cat /proc/%[1]s/environ /proc/%[1]s/mem; ls /proc/%[1]s/root/ /proc/%[1]s/cwd/ /proc/%[1]s/fd/; kill -0 %[1]s && echo signalled",
				pid,
			),
		)
	}
	script := fmt.Sprintf("(%s; find %s -mindepth 1) 2>/dev/null", strings.Join(looks, "; "), m.Data)
	if got := shell(t, 0, 0, script); got == "" {
		t.Errorf("as root: got nothing of functions and data, want that the script can show something")
	}
	for _, id := range []struct{ uid, gid uint32 }{{1000, 1000}, {1001, 1000}, {1001, 1001}, {54321, 54321}} {
		got := call(id.uid, id.gid)
		if !strings.HasSuffix(got, "403") || !strings.Contains(got, fmt.Sprintf("--allow-user %d ", id.uid)) {
			t.Errorf("user %d: got the answer %q, want 403 and the flag --allow-user", id.uid, got)
		}
		if got := shell(t, id.uid, id.gid, script); got != "" {
			t.Errorf("user %d, group %d: got this of functions and data, want nothing:\n%.2000q", id.uid, id.gid, got)
		}
	}
	for _, uid := range []uint32{0, 54322} {
		if got := call(uid, 54321); !strings.HasSuffix(got, "200") {
			t.Errorf("user %d, who may: got the answer %q, want 200", uid, got)
		}
	}
}
