package hub

import (
	"testing"
	"time"
)

// A message that comes later than now, by a clock that was set back while the
// server was away, has not waited.
func TestExpiryOfAClockSetBack(t *testing.T) {
	m := message{at: 10 * time.Second, expiry: 60, expires: true}
	if n, expired := m.waited(0); n != 0 || expired {
		t.Errorf("waited %d s, expired: %v", n, expired)
	}
}
