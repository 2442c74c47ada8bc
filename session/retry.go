package session

import "time"

// retry hands out one message that is due again on this connection.
func (e *end) retry(dst []byte, now time.Duration) ([]byte, Event) {
	for {
		a, ok := e.session.out.Poll(now)
		if !ok {
			return dst, Event{}
		}
		var ev Event
		if dst, ev = e.again(dst, a); ev.Kind != None {
			return dst, ev
		}
	}
}

// sooner returns the earlier of a deadline and that of the messages.
func (e *end) sooner(at time.Duration, ok bool) (time.Duration, bool) {
	retry, again := e.session.out.Deadline()
	if again && (!ok || retry < at) {
		return retry, true
	}
	return at, ok
}
