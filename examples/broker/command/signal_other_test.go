//go:build !unix

package command

import (
	"errors"
	"runtime"
	"syscall"
	"testing"
)

// needSignals skips a test where the process cannot send itself a signal.
func needSignals(t *testing.T) {
	t.Helper()
	t.Skip("the broker ends on a signal, which a process of " + runtime.GOOS + " cannot send itself")
}

const hangup = syscall.Signal(1)

func raise(syscall.Signal) error { return errors.ErrUnsupported }
