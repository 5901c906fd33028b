package sandbox

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// process is a process of an environment.
type process struct {
	pid, threads int
}

// descendants returns the processes below pid. It may contain processes that have ended, and lack new ones. It is
// called often: filepath.Glob and os.ReadFile would take ten times as long.
func descendants(pid int) (all []process) {
	return appendBelow(nil, strconv.Itoa(pid), threadsOf(strconv.Itoa(pid)))
}

// appendBelow appends the processes below pid, whose threads are given: each thread has its own children.
func appendBelow(all []process, pid string, threads []string) []process {
	for _, thread := range threads {
		for child := range bytes.FieldsSeq(read("/proc/" + pid + "/task/" + thread + "/children")) {
			number, err := strconv.Atoi(string(child))
			if err != nil {
				continue
			}
			below := threadsOf(string(child))
			all = append(all, process{number, len(below)})
			all = appendBelow(all, string(child), below)
		}
	}
	return all
}

// threadsOf returns the ids of a process's threads; none when it has ended.
func threadsOf(pid string) []string {
	fd, err := unix.Open("/proc/"+pid+"/task", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	var ids []string
	for buffer := make([]byte, 4<<10); ; {
		n, err := unix.ReadDirent(fd, buffer)
		if n <= 0 || err != nil {
			return ids
		}
		_, _, ids = unix.ParseDirent(buffer[:n], -1, ids)
	}
}

// read returns the content of a file of /proc, or nothing when the process has ended. os.ReadFile would ask the kernel
// to watch the file, which it refuses, and for its size, which is 0.
func read(path string) []byte {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	buffer := make([]byte, 4<<10) // more than a status has
	var text []byte
	for {
		n, err := unix.Read(fd, buffer)
		if n <= 0 || err != nil {
			return text
		}
		text = append(text, buffer[:n]...)
	}
}

// pageSize is the unit of /proc/PID/statm, in bytes.
var pageSize = int64(os.Getpagesize())

// resident returns the memory of a process, in bytes, with the pages that it shares with files.
func (p process) resident() int64 {
	statm := read("/proc/" + strconv.Itoa(p.pid) + "/statm") // size, resident, …
	_, rest, _ := bytes.Cut(statm, []byte(" "))
	number, _, _ := bytes.Cut(rest, []byte(" "))
	n, _ := strconv.ParseInt(string(number), 10, 64) // the kernel writes numbers
	return n * pageSize
}

// used returns the memory that a process does not share with files, in bytes.
func (p process) used() int64 {
	status := read("/proc/" + strconv.Itoa(p.pid) + "/status")
	return (field(status, "RssAnon:") + field(status, "RssShmem:")) << 10
}

// field returns a number in /proc/PID/status, or 0 when it is missing.
func field(status []byte, name string) int64 {
	_, rest, _ := bytes.Cut(status, []byte("\n"+name))
	rest, _, _ = bytes.Cut(bytes.TrimSpace(rest), []byte("\n"))
	number, _, _ := bytes.Cut(rest, []byte(" "))
	n, _ := strconv.ParseInt(string(number), 10, 64) // the kernel writes numbers
	return n
}
