//go:build unix

package command

import (
	"math"
	"syscall"
)

// descriptors returns how many files the process may have open. The runtime has
// raised that to the most there may be.
func descriptors() int64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil || uint64(limit.Cur) > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(limit.Cur)
}
