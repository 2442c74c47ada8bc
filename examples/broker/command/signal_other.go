//go:build !unix

package command

import "os"

// Without SIGHUP the files are read again by time alone.
func notifyHangup(chan<- os.Signal) {}
