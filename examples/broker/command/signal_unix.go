//go:build unix

package command

import (
	"os"
	"os/signal"
	"syscall"
)

// notifyHangup sends to c when the files have to be read again.
func notifyHangup(c chan<- os.Signal) { signal.Notify(c, syscall.SIGHUP) }
