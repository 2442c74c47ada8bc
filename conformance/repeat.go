package conformance

import (
	"context"
	"io"
	"net"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// Repeat runs a command that is a client, with the host and the port of addr in
// place of each HOST and PORT in it, and again whenever it has ended, until ctx
// does; then it ends it, with all that it has started, and returns. The words of
// the command are separated by spaces; no shell is asked. What it says goes to
// output, which may be nil. The error is why it could not be run the first time.
func Repeat(ctx context.Context, command, addr string, output io.Writer) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	words := strings.Fields(strings.NewReplacer("HOST", host, "PORT", port).Replace(command))
	if len(words) == 0 {
		return exec.ErrNotFound
	}
	runtime.LockOSThread() // the system ends a child when the thread that started it ends
	defer runtime.UnlockOSThread()
	for first := true; ctx.Err() == nil; first = false {
		cmd := exec.CommandContext(ctx, words[0], words[1:]...)
		cmd.Stdout, cmd.Stderr, cmd.WaitDelay = output, output, time.Second
		group(cmd)
		cmd.Cancel = func() error {
			kill(cmd)
			return nil
		}
		if err := cmd.Start(); err != nil && first {
			return err
		} else if err == nil {
			cmd.Wait()
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return nil
}
