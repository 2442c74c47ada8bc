package server

import (
	"syscall"
	"unsafe"
)

// pending reports whether a socket has bytes to be read; false at its end too.
func pending(fd uintptr) bool {
	var n int32
	_, _, err := syscall.RawSyscall(syscall.SYS_IOCTL, fd, syscall.TIOCINQ, uintptr(unsafe.Pointer(&n)))
	return err == 0 && n > 0
}
