package server

import (
	"sync"
	"time"
)

// An alarm has the hub polled when it wants to be. The hub does one poll at a time.
type alarm struct {
	mu    sync.Mutex
	timer *time.Timer
}

// Alarm sets the alarm: it is the hub that calls, as often as it changes its mind.
func (s *Server) Alarm(at time.Duration) {
	s.alarm.mu.Lock()
	defer s.alarm.mu.Unlock()
	in := max(at-s.now(), 0)
	if s.alarm.timer == nil {
		s.alarm.timer = time.AfterFunc(in, func() { s.work(s.hub.Poll) })
		return
	}
	s.alarm.timer.Reset(in)
}

func (a *alarm) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.timer != nil {
		a.timer.Stop()
	}
}
