//go:build !unix

package jetstream

import (
	"errors"
	"os"
)

// ErrInUse says that another process has the directory.
var ErrInUse = errors.New("another broker uses this directory")

// lock takes a file that is to be one process's at a time. Here nothing holds
// another off.
func lock(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
}
