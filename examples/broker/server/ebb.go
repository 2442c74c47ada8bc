package server

import (
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// An ebb gives memory back to the system when what the hub keeps has fallen far
// below what the process has: a process that does little collects no garbage for
// minutes, and what a crowd had it keep would stay.
type ebb struct {
	timer *time.Timer
	pause time.Duration // until memory may be given back again
	after time.Duration // when it may
	floor int64         // bytes beside what the hub kept when it last had given back
}

const (
	ebbCheck = 5 * time.Second
	ebbPause = 10 * time.Second // at least
	ebbRest  = 5 * time.Minute  // at most, where it is soon taken again
	ebbLeast = 32 << 20         // bytes, that are worth it
)

// due reports whether to give memory back, where the hub keeps so many bytes, and the
// process has so many. Where it takes again what it has given back, it is asked less
// and less often.
func (e *ebb) due(kept, has int64, now time.Duration) bool {
	beside := has - kept
	much := beside > kept+ebbLeast && beside > e.floor+e.floor/4+ebbLeast
	switch {
	case !much && now >= e.after:
		e.pause = 0
		return false
	case !much || now < e.after:
		return false
	}
	e.pause = min(max(2*e.pause, ebbPause), ebbRest)
	e.after = now + e.pause
	return true
}

// watchEbb has the memory looked at from now on, as long as there is anybody or
// anything to give back. The server's life is locked.
func (s *Server) watchEbb() {
	if s.ebb.timer == nil {
		s.ebb.timer = time.AfterFunc(ebbCheck, s.lookAtMemory)
	}
}

func (s *Server) lookAtMemory() {
	kept, has := s.hub.Stats().Charged, memoryInUse()
	if s.ebb.due(kept, has, s.now()) {
		debug.FreeOSMemory()
		has = memoryInUse()
		s.ebb.floor = max(has-kept, 0)
	}
	s.life.Lock()
	defer s.life.Unlock()
	s.ebb.timer = nil
	if !s.closing && (len(s.conns) > 0 || has-kept > s.ebb.floor+ebbLeast) {
		s.watchEbb()
	}
}

// memoryInUse returns how many bytes the process has from the system.
func memoryInUse() int64 {
	all := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(all)
	return int64(all[0].Value.Uint64() - all[1].Value.Uint64())
}
