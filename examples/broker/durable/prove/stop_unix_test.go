//go:build unix

package prove

import (
	"syscall"
	"testing"
	"time"
)

// Stopped for a while, as by a laptop that sleeps, it goes on as if nothing had
// been.
func TestStop(t *testing.T) {
	b := newBroker(t, t.TempDir())
	b.mustStart()
	h := newHistory(t, b)
	leave := busy(h)
	for range 2 {
		time.Sleep(300 * time.Millisecond)
		b.process.Process.Signal(syscall.SIGSTOP)
		time.Sleep(*pause)
		b.process.Process.Signal(syscall.SIGCONT)
		leave()
	}
	h.finish()
}
