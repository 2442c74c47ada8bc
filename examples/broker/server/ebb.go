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
}

const (
	ebbCheck = 5 * time.Second
	ebbRest  = 5 * time.Minute // the longest pause, where looking for it was in vain
	ebbLeast = 32 << 20        // bytes, that are worth it
)

// due reports whether to look for memory that can be given back, where the hub keeps
// so many bytes, and the process has so many.
func (e *ebb) due(kept, has int64, now time.Duration) bool {
	return now >= e.after && much(kept, has)
}

// much reports whether the process has much more than the hub keeps.
func much(kept, has int64) bool { return has-kept > kept+ebbLeast }

// gave says how much memory has gone back. Where it is little, because it is needed,
// it is looked for less and less often.
func (e *ebb) gave(n int64, now time.Duration) {
	if e.pause *= 2; n >= ebbLeast/2 || e.pause == 0 {
		e.pause = ebbCheck
	}
	e.pause = min(e.pause, ebbRest)
	e.after = now + e.pause
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
		left := memoryInUse()
		s.ebb.gave(has-left, s.now())
		has = left
	}
	s.life.Lock()
	defer s.life.Unlock()
	s.ebb.timer = nil
	if !s.closing && (len(s.conns) > 0 || much(kept, has)) {
		s.watchEbb()
	}
}

// memoryInUse returns how many bytes the process has from the system.
func memoryInUse() int64 {
	all := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(all)
	return int64(all[0].Value.Uint64() - all[1].Value.Uint64())
}
