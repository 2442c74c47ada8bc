package command

import (
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"github.com/mqttwire/mqttwire/examples/broker/gate"
)

// files are what is read again while the broker runs.
type files struct {
	log          *slog.Logger
	gate         *gate.Gate
	certificates *gate.Certificates // nil without TLS
	recheck      func()             // asks who is connected anew
	complaints   complaints
}

// reload reads what has changed. Of a file that cannot be read, what was read
// before stays in force.
func (f *files) reload(now time.Time) {
	changed, err := f.gate.Reload()
	if changed {
		f.log.Info("read again what clients may do")
		f.recheck()
	}
	if f.certificates != nil {
		changed, certificatesErr := f.certificates.Reload()
		if changed {
			f.log.Info("read the certificates again, for connections that begin")
		}
		err = errors.Join(err, certificatesErr)
	}
	due, mended := f.complaints.of(err, now)
	for _, err := range due {
		f.log.Error("what was read before stays in force", "error", err)
	}
	if mended {
		f.log.Info("all files can be read again")
	}
}

// reloads says when to look at the files again: on SIGHUP, and now and then.
func (s *settings) reloads() (<-chan time.Time, func()) {
	due := make(chan time.Time, 1)
	hangup := make(chan os.Signal, 1)
	notifyHangup(hangup)
	var tick <-chan time.Time
	stop := func() {}
	if s.reload > 0 && (s.files != (gate.Files{}) || len(s.listenTLS.values) > 0) {
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
