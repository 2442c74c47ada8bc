package keepalive_test

import (
	"testing"
	"time"

	"github.com/mqttwire/mqttwire/keepalive"
)

// [MQTT-3.1.2-22], 3.1.1 [MQTT-3.1.2-24]: close at one and a half times the
// Keep Alive, not a nanosecond earlier, for every value there is.
func TestServerClosesAtOneAndAHalf(t *testing.T) {
	const start = time.Hour
	for seconds := 1; seconds <= 65535; seconds++ {
		var s keepalive.Server
		s.Start(start, uint16(seconds))
		want := start + time.Duration(seconds)*1500*time.Millisecond
		if at, ok := s.Deadline(); !ok || at != want {
			t.Fatalf("Keep Alive %d s: deadline %v, %v; want %v", seconds, at, ok, want)
		}
		if a := s.Poll(want - 1); a != keepalive.None {
			t.Fatalf("Keep Alive %d s: %v before the deadline", seconds, a)
		}
		if a := s.Poll(want); a != keepalive.Close {
			t.Fatalf("Keep Alive %d s: %v at the deadline", seconds, a)
		}
	}
}

func TestServerAnyPacketResets(t *testing.T) {
	var s keepalive.Server
	s.Start(0, 10)
	for now := time.Duration(0); now < time.Hour; now += 14 * time.Second {
		if a := s.Poll(now); a != keepalive.None {
			t.Fatalf("at %v: %v", now, a)
		}
		s.Received(now)
		if at, _ := s.Deadline(); at != now+15*time.Second {
			t.Fatalf("at %v: deadline %v", now, at)
		}
	}
}

func TestServerKeepAliveZeroIsOff(t *testing.T) {
	var s keepalive.Server
	check := func(when string) {
		t.Helper()
		if _, ok := s.Deadline(); ok {
			t.Errorf("%s: a deadline", when)
		}
		if a := s.Poll(1 << 62); a != keepalive.None {
			t.Errorf("%s: %v", when, a)
		}
	}
	check("zero value")
	s.Start(0, 0)
	check("Keep Alive 0")
	s.Start(0, 1)
	s.Stop()
	check("stopped")
	s.Start(0, 1)
	s.Start(0, 0)
	check("turned off by a Server Keep Alive of 0")
}

// The Server Keep Alive, not that of the CONNECT, is in force [MQTT-3.2.2-22].
func TestServerKeepAliveOfServer(t *testing.T) {
	var s keepalive.Server
	s.Start(0, 600)
	s.Start(time.Second, 10)
	if at, _ := s.Deadline(); at != 16*time.Second {
		t.Errorf("deadline %v, want 16s", at)
	}
}

// It MUST close: a packet that comes too late does not revive the connection.
func TestServerDeadStaysDead(t *testing.T) {
	var s keepalive.Server
	s.Start(0, 10)
	for range 3 {
		if a := s.Poll(15 * time.Second); a != keepalive.Close {
			t.Errorf("%v, want close", a)
		}
		s.Received(15 * time.Second)
	}
	if _, ok := s.Deadline(); ok {
		t.Error("a dead machine has a deadline")
	}
	s.Start(time.Minute, 10)
	if a := s.Poll(time.Minute); a != keepalive.None {
		t.Errorf("next connection: %v", a)
	}
}

func TestServerTimeGoesBackwards(t *testing.T) {
	var s keepalive.Server
	s.Start(time.Hour, 10)
	s.Received(time.Minute)
	if a := s.Poll(0); a != keepalive.None {
		t.Errorf("Poll(0) = %v", a)
	}
	if at, _ := s.Deadline(); at != time.Hour+15*time.Second {
		t.Errorf("deadline %v moved", at)
	}
}

// The ends of time: no overflow closes a connection.
func TestExtremeTimes(t *testing.T) {
	const first, last = time.Duration(-1 << 63), time.Duration(1<<63 - 1)
	var s keepalive.Server
	var c keepalive.Client
	for _, seconds := range []uint16{1, 65535} {
		s.Start(first, seconds)
		c.Start(first, seconds)
		if a, b := s.Poll(first), c.Poll(first); a != keepalive.None || b != keepalive.None {
			t.Errorf("at the first moment: %v, %v", a, b)
		}
		s.Received(last - 1)
		c.Sent(last - 1)
		c.Received(last - 1)
		if a, b := s.Poll(last-1), c.Poll(last-1); a != keepalive.None || b != keepalive.None {
			t.Errorf("at the last moment: %v, %v", a, b)
		}
		if at, ok := s.Deadline(); !ok || at != last {
			t.Errorf("deadline %v, %v", at, ok)
		}
	}
}
