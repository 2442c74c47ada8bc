package hub

import "testing"

// One that polls beside another leaves all to it, and what is set meanwhile is not
// forgotten.
func TestPollIsOneAtATime(t *testing.T) {
	s := newStage(t, Config{})
	var order []string
	var first, second timer
	second.ring = func(*Worker) { order = append(order, "second") }
	first.ring = func(*Worker) {
		s.hub.set(&second, s.now)
		w := s.hub.Worker(s.now)
		s.hub.Poll(w)
		w.Finish()
		order = append(order, "first")
	}
	s.hub.set(&first, s.now)
	for range 2 { // and again, once nobody is at it
		order = order[:0]
		s.hub.set(&first, s.now)
		w := s.hub.Worker(s.now)
		s.hub.Poll(w)
		w.Finish()
		if len(order) != 2 || order[0] != "first" {
			t.Errorf("rung are %v", order)
		}
	}
	if at, ok := s.hub.Deadline(); ok {
		t.Errorf("something is set for %v", at)
	}
}
