//go:build unix

package jetstream

import (
	"errors"
	"os"
	"syscall"
)

// ErrInUse says that another process has the directory.
var ErrInUse = errors.New("another broker uses this directory")

// lock takes a file that one process has at a time, until it closes it or ends.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrInUse
		}
		return nil, err
	}
	return f, nil
}
