package step

import (
	"os"
	"runtime"
	"strconv"
)

// memoryOfCore is the memory with which Lambda gives a function one whole core, in MB:
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
const memoryOfCore = 1769

// useCores limits Go to the cores that Lambda gives a function of this memory, in MB. Lambda shows it
// two cores at least and stops it where it takes more than its share. Go would keep the second one busy
// with waking up and going to sleep again at each read and write, which takes a sixth of the processor
// time of a small function. An empty or wrong value changes nothing.
func useCores(memory string) {
	mb, err := strconv.Atoi(memory)
	if err != nil || mb <= 0 || os.Getenv("GOMAXPROCS") != "" {
		return
	}
	if cores := (mb + memoryOfCore - 1) / memoryOfCore; cores < runtime.GOMAXPROCS(0) {
		runtime.GOMAXPROCS(cores)
	}
}
