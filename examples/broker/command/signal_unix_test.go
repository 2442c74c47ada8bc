//go:build unix

package command

import (
	"os"
	"syscall"
	"testing"
)

// needSignals skips a test where the process cannot send itself a signal.
func needSignals(*testing.T) {}

const hangup = syscall.SIGHUP

func raise(s syscall.Signal) error { return syscall.Kill(os.Getpid(), s) }
