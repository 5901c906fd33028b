package machine

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/lazaret/lazaret/local/sample"
)

// shell runs a script as another user and returns both streams.
func shell(t *testing.T, uid, gid uint32, script string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("runs programs as another user, which needs root; CI is root")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", script)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	out, _ := cmd.CombinedOutput() // what fails is told by what it prints
	return string(out)
}

// Other users of the machine get nothing: neither at the endpoint, whoever they sign
// as, nor of functions and their files. Ids that accounts often have are no exception,
// though the template gives them to its access points.
func TestOtherUsers(t *testing.T) {
	t.Parallel()
	m := Start(t, "--allow-user", "54322")
	m.Await(t, m.Put(t, "k", sample.Text("private"))) // functions run by now
	call := func(uid, gid uint32) string {
		return shell(t, uid, gid, "curl -s --max-time 60 -w '%{http_code}' --aws-sigv4 aws:amz:us-east-1:sts --user test:test "+
			"-d 'Action=GetCallerIdentity&Version=2011-06-15' "+m.Endpoint)
	}
	var functions, looks []string
	for _, p := range m.Processes() {
		if strings.HasSuffix(p.Command, "/bootstrap") {
			functions = append(functions, fmt.Sprint(p.PID))
		}
	}
	if len(functions) == 0 {
		t.Fatalf("no function runs among %v", m.Processes())
	}
	for _, pid := range functions {
		looks = append(looks, fmt.Sprintf("cat /proc/%[1]s/environ /proc/%[1]s/mem; ls /proc/%[1]s/root/ /proc/%[1]s/cwd/ /proc/%[1]s/fd/; kill -0 %[1]s && echo signalled", pid))
	}
	script := fmt.Sprintf("(%s; find %s -mindepth 1) 2>/dev/null", strings.Join(looks, "; "), m.Data)
	for _, id := range []struct{ uid, gid uint32 }{{1000, 1000}, {1001, 1000}, {1001, 1001}, {54321, 54321}} {
		if got := call(id.uid, id.gid); !strings.HasSuffix(got, "403") || !strings.Contains(got, fmt.Sprintf("--allow-user %d ", id.uid)) {
			t.Errorf("user %d is answered %q, want 403 and the flag that helps", id.uid, got)
		}
		if got := shell(t, id.uid, id.gid, script); got != "" {
			t.Errorf("user %d, group %d sees of functions and data:\n%.2000q", id.uid, id.gid, got)
		}
	}
	for _, uid := range []uint32{0, 54322} {
		if got := call(uid, 54321); !strings.HasSuffix(got, "200") {
			t.Errorf("user %d, who may, is answered %q", uid, got)
		}
	}
}
