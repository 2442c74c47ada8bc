package server

import (
	"runtime"
	"sync"
	"time"
)

// An alarm has the hub polled when it wants to be, by one goroutine at a time: what is
// due by time has as much of the processor as one connection, however much is due.
type alarm struct {
	mu      sync.Mutex
	timer   *time.Timer
	polling bool
	again   bool // it has rung meanwhile
}

// Alarm sets the alarm: it is the hub that calls, as often as it changes its mind.
func (s *Server) Alarm(at time.Duration) {
	s.alarm.mu.Lock()
	defer s.alarm.mu.Unlock()
	in := max(at-s.now(), 0)
	if s.alarm.timer == nil {
		s.alarm.timer = time.AfterFunc(in, s.poll)
		return
	}
	s.alarm.timer.Reset(in)
}

// poll has the hub polled, and again where the alarm rings meanwhile.
func (s *Server) poll() {
	if !s.alarm.rings() {
		return
	}
	for again := true; again; again = s.alarm.polled() {
		s.work(s.hub.Poll)
		runtime.Gosched()
	}
}

// rings reports whether to poll: not where somebody does, who will do so again.
func (a *alarm) rings() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.again = a.polling
	a.polling = true
	return !a.again
}

// polled reports whether to poll again.
func (a *alarm) polled() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.polling, a.again = a.again, false
	return a.polling
}

func (a *alarm) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.timer != nil {
		a.timer.Stop()
	}
}
