package sandbox

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"syscall"
	"unsafe"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// rule refuses system calls with an error. It does so always when where is empty, and else when all conditions in one
// member of where hold.
type rule struct {
	errno syscall.Errno
	names []string
	where []seccomp.ArgumentConditions
}

// rules lists the system calls that Lambda refuses, as far as is known. All others are allowed. The first two groups
// are in reports (terraform-exec#172, polars#20796, openai/codex#38779, CRaC/example-lambda#7), the third is of
// Docker's profile, and the fourth is newer than Lambda's kernel, which reports itself as 5.10. clone3 has its flags in
// memory, which a filter cannot read: without it libc and Go use clone.
var rules = []rule{
	{errno: unix.EPERM, names: []string{"prctl", "seccomp", "fallocate", "ptrace", "bpf", "perf_event_open"}},
	{errno: unix.EPERM, names: []string{
		"mount", "umount2", "pivot_root", "chroot", "reboot", "swapon", "swapoff",
		"init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load",
		"acct", "quotactl", "settimeofday", "clock_settime", "sethostname", "setdomainname",
		"unshare", "setns", "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick",
	}},
	{errno: unix.EPERM, names: []string{
		"process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd",
		"io_uring_setup", "io_uring_enter", "io_uring_register",
		"userfaultfd", "keyctl", "add_key", "request_key", "name_to_handle_at", "open_by_handle_at", "lookup_dcookie",
	}},
	{errno: unix.ENOSYS, names: []string{
		"clone3", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "epoll_pwait2",
		"mount_setattr", "memfd_secret", "futex_waitv", "process_mrelease", "set_mempolicy_home_node", "cachestat",
		"fchmodat2", "mseal", "statmount", "listmount", "quotactl_fd",
	}},
	{errno: unix.EPERM, names: []string{"clone"}, where: newNamespaces()},
	{errno: unix.EPERM, names: []string{"socket"}, where: rawSockets()},
	{errno: unix.EPERM, names: []string{"personality"}, where: []seccomp.ArgumentConditions{
		{
			{Argument: 0, Operation: seccomp.NotEqual, Value: 0},
			{Argument: 0, Operation: seccomp.NotEqual, Value: 0xffffffff},
		},
	}},
}

// newNamespaces returns the conditions for a clone that makes a namespace.
func newNamespaces() (where []seccomp.ArgumentConditions) {
	for _, flag := range []uint64{
		unix.CLONE_NEWNS, unix.CLONE_NEWCGROUP, unix.CLONE_NEWUTS, unix.CLONE_NEWIPC, unix.CLONE_NEWUSER,
		unix.CLONE_NEWPID, unix.CLONE_NEWNET,
	} {
		where = append(where, seccomp.ArgumentConditions{{Argument: 0, Operation: seccomp.BitsSet, Value: flag}})
	}
	return where
}

// rawSockets returns the conditions for packet sockets and for raw sockets of IP. Netlink uses the type of raw sockets
// too.
func rawSockets() []seccomp.ArgumentConditions {
	where := []seccomp.ArgumentConditions{{{Argument: 0, Operation: seccomp.Equal, Value: unix.AF_PACKET}}}
	for _, family := range []uint64{unix.AF_INET, unix.AF_INET6} {
		const cloexec, nonblock = unix.SOCK_CLOEXEC, unix.SOCK_NONBLOCK
		for _, flags := range []uint64{0, cloexec, nonblock, cloexec | nonblock} {
			where = append(where, seccomp.ArgumentConditions{
				{Argument: 0, Operation: seccomp.Equal, Value: family},
				{Argument: 1, Operation: seccomp.Equal, Value: unix.SOCK_RAW | flags},
			})
		}
	}
	return where
}

// program returns the filter for the architecture of this process: the rules, and EPERM for the calls in mask.
func program(mask []string) ([]bpf.RawInstruction, error) {
	info, err := arch.GetInfo("")
	if err != nil {
		return nil, err
	}
	policy := seccomp.Policy{DefaultAction: seccomp.ActionAllow}
	for _, r := range slices.Concat(rules, []rule{{errno: unix.EPERM, names: mask}}) {
		group := seccomp.SyscallGroup{Action: seccomp.ActionErrno | seccomp.Action(r.errno)}
		if r.where == nil {
			group.Names = r.names
		}
		for _, conditions := range r.where {
			call := seccomp.NameWithConditions{Name: r.names[0], Conditions: conditions}
			group.NamesWithCondtions = append(group.NamesWithCondtions, call)
		}
		policy.Syscalls = append(policy.Syscalls, group)
	}
	instructions, err := policy.Assemble()
	if err != nil {
		return nil, err
	}
	// A call of another architecture, which the library allows, kills the process, as on Lambda. The architecture is
	// the second word of a filter's input.
	own := []bpf.Instruction{
		bpf.LoadAbsolute{Off: 4, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(info.ID), SkipTrue: 1},
		bpf.RetConstant{Val: uint32(seccomp.ActionKillProcess)},
	}
	return bpf.Assemble(append(own, instructions...))
}

// load applies the filter to all threads of this process.
func load(mask []string) error {
	raw, err := program(mask)
	if err != nil {
		return fmt.Errorf("assemble the filter of system calls: %w", err)
	}
	filter := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	if err := seccomp.SetNoNewPrivs(); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	fprog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&fprog)))
	runtime.KeepAlive(filter)
	if errno != 0 {
		return fmt.Errorf("load the filter of system calls: %w", errno)
	}
	return nil
}

// Profile returns the rules in the form of `docker run --security-opt seccomp=`, for tests of images.
func Profile() ([]byte, error) {
	type condition struct {
		Index    uint32 `json:"index"`
		Value    uint64 `json:"value"`
		ValueTwo uint64 `json:"valueTwo"`
		Op       string `json:"op"`
	}
	type call struct {
		Names  []string    `json:"names"`
		Action string      `json:"action"`
		Errno  int         `json:"errnoRet"`
		Args   []condition `json:"args,omitempty"`
	}
	operations := map[seccomp.Operation]string{
		seccomp.Equal: "SCMP_CMP_EQ", seccomp.NotEqual: "SCMP_CMP_NE", seccomp.BitsSet: "SCMP_CMP_MASKED_EQ",
	}
	calls := []call{}
	for _, r := range rules {
		c := call{Names: r.names, Action: "SCMP_ACT_ERRNO", Errno: int(r.errno)}
		if r.where == nil {
			calls = append(calls, c)
		}
		for _, conditions := range r.where {
			c.Args = nil
			for _, k := range conditions {
				// For SCMP_CMP_MASKED_EQ, the mask and the value under it. Each mask here has one bit.
				c.Args = append(c.Args, condition{
					Index: k.Argument, Value: k.Value, ValueTwo: k.Value, Op: operations[k.Operation],
				})
			}
			calls = append(calls, c)
		}
	}
	return json.MarshalIndent(map[string]any{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": calls}, "", "\t")
}
