package keepalive_test

import (
	"testing"
	"time"

	"github.com/mqttwire/mqttwire/keepalive"
)

// A process stands still over its deadline, and finds what the peer has sent in
// time when it goes on. Reading first keeps the connection; polling first ends
// it, and what is read then does not bring it back.
func TestStall(t *testing.T) {
	const wakes = time.Hour
	t.Run("client", func(t *testing.T) {
		waiting := func() *keepalive.Client {
			c := new(keepalive.Client)
			c.Start(0, 60)
			expect(t, c, 45*second, keepalive.SendPingreq)
			return c // the PINGRESP comes at 46 s, and nobody reads it
		}
		c := waiting()
		c.Pingresp(wakes)
		expect(t, c, wakes, keepalive.SendPingreq) // nothing was sent for an hour
		c.Pingresp(wakes + second)
		expect(t, c, wakes+second, keepalive.None)

		c = waiting()
		expect(t, c, wakes, keepalive.Close)
		c.Pingresp(wakes)
		expect(t, c, wakes, keepalive.Close)
	})
	t.Run("client, any packet", func(t *testing.T) {
		var c keepalive.Client
		c.Start(0, 60)
		expect(t, &c, 45*second, keepalive.SendPingreq)
		c.Received(wakes) // a PUBLISH, with the PINGRESP behind it
		expect(t, &c, wakes, keepalive.SendPingreq)
		expectDeadline(t, &c, wakes+30*second)
	})
	t.Run("server", func(t *testing.T) {
		var s keepalive.Server
		s.Start(0, 60)
		s.Received(wakes) // sent at 45 s
		if d := s.Poll(wakes); d != keepalive.None {
			t.Errorf("reading first: %v", d)
		}
		if at, ok := s.Deadline(); !ok || at != wakes+90*second {
			t.Errorf("reading first: deadline %v, %v", at, ok)
		}

		s.Start(0, 60)
		if d := s.Poll(wakes); d != keepalive.Close {
			t.Errorf("polling first: %v", d)
		}
		s.Received(wakes)
		if d := s.Poll(wakes); d != keepalive.Close {
			t.Errorf("polling first, then reading: %v", d)
		}
	})
}
