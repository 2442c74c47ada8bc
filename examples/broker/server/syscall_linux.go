//go:build linux && !race

package server

import (
	"syscall"
	"unsafe"
)

// maxCall is the most bytes that one call copies, while the thread cannot be
// taken from it.
const maxCall = 64 << 10

// readSocket and writeSocket are read(2) and write(2) on a socket that does not
// block. Around syscall.Read the runtime takes the thread for one that may wait,
// and where the process was idle before wakes its monitor thread: that costs more
// than the call.
func readSocket(fd int, b []byte) (int, error) { return raw(syscall.SYS_READ, fd, b) }

func writeSocket(fd int, b []byte) (int, error) { return raw(syscall.SYS_WRITE, fd, b) }

func raw(call uintptr, fd int, b []byte) (int, error) {
	b = b[:min(len(b), maxCall)]
	n, _, err := syscall.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	if err != 0 {
		return -1, err
	}
	return int(n), nil
}
