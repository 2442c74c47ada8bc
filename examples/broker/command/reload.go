package command

import (
	"os"
	"os/signal"
	"time"

	"github.com/mqttwire/mqttwire/examples/broker/gate"
)

// reloads says when to look at the files again: on SIGHUP, and now and then.
func (s *settings) reloads() (<-chan time.Time, func()) {
	due := make(chan time.Time, 1)
	hangup := make(chan os.Signal, 1)
	notifyHangup(hangup)
	var tick <-chan time.Time
	stop := func() {}
	if s.reload > 0 && s.files != (gate.Files{}) {
		ticker := time.NewTicker(s.reload)
		tick, stop = ticker.C, ticker.Stop
	}
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case <-hangup:
			case <-tick:
			case <-ended:
				return
			}
			select {
			case due <- time.Time{}:
			default: // one is waiting already
			}
		}
	}()
	return due, func() {
		stop()
		signal.Stop(hangup)
		close(ended)
	}
}
