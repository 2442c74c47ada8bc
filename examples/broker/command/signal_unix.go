//go:build unix

package command

import (
	"os"
	"os/signal"
	"syscall"
)

// notifyHangup sends to c when the files of users, access and tokens have to be
// read again.
func notifyHangup(c chan<- os.Signal) { signal.Notify(c, syscall.SIGHUP) }
