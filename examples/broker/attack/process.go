package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// A process is the broker's, as /proc of Linux shows it. The zero process is of a
// broker that nobody has named: its figures are 0.
type process struct{ pid int }

// memory returns the resident set in bytes.
func (p process) memory() int64 {
	fields := bytes.Fields(p.file("statm"))
	if len(fields) < 2 {
		return 0
	}
	n, _ := strconv.ParseInt(string(fields[1]), 10, 64)
	return n * int64(os.Getpagesize())
}

// tick is the unit of /proc/PID/stat, the same on all that Go runs on.
const tick = 10 * time.Millisecond

// processor returns the processor time spent, user's and system's.
func (p process) processor() time.Duration {
	stat := p.file("stat")
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(string(fields[11]), 10, 64)
	system, _ := strconv.ParseInt(string(fields[12]), 10, 64)
	return time.Duration(user+system) * tick
}

func (p process) file(name string) []byte {
	if p.pid == 0 {
		return nil
	}
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.pid, name))
	return b
}

// alive reports whether the process, if it is known, is still there.
func (p process) alive() bool { return p.pid == 0 || len(p.file("statm")) > 0 }
