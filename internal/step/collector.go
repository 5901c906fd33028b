package step

// unused is memory that nothing writes to, so that it takes none of the environment's: the kernel gives
// no page for it. Go's garbage collector counts it as in use, and begins when as much again was
// allocated. A function with a small heap would be collected every 4 MiB, which is every tenth
// invocation, and takes as long as the invocation itself.
var unused []byte //nolint:unused // it is kept, not read

// collectLess makes the garbage collector wait for at least 16 MiB of garbage.
func collectLess() { unused = make([]byte, 16<<20) }
