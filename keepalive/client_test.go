package keepalive_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire/keepalive"
)

const second = time.Second

// pingAfter is how long a direction may be idle before a PINGREQ is due.
func pingAfter(seconds int) time.Duration {
	keepAlive := time.Duration(seconds) * second
	return keepAlive - min(keepAlive/4, 15*second)
}

func expect(t *testing.T, c *keepalive.Client, now time.Duration, want keepalive.Due) {
	t.Helper()
	if got := c.Poll(now); got != want {
		t.Fatalf("at %v: Poll = %v, want %v", now, got, want)
	}
}

func expectDeadline(t *testing.T, c *keepalive.Client, want time.Duration) {
	t.Helper()
	if at, ok := c.Deadline(); !ok || at != want {
		t.Fatalf("deadline %v, %v; want %v", at, ok, want)
	}
}

// [MQTT-3.1.2-20], 3.1.1 [MQTT-3.1.2-23], and early: for every value there is.
func TestClientPingsBeforeKeepAlive(t *testing.T) {
	for seconds := 1; seconds <= 65535; seconds++ {
		var c keepalive.Client
		c.Start(second, uint16(seconds))
		want := second + pingAfter(seconds)
		expectDeadline(t, &c, want)
		expect(t, &c, want-1, keepalive.None)
		expect(t, &c, want, keepalive.SendPingreq)
		expect(t, &c, want, keepalive.None)
	}
}

// A client that only sends asks whether it is heard.
func TestClientPingsWhenNothingIsReceived(t *testing.T) {
	var c keepalive.Client
	c.Start(0, 60)
	for now := second; now < 45*second; now += second {
		c.Sent(now)
		expectDeadline(t, &c, 45*second)
		expect(t, &c, now, keepalive.None)
	}
	expect(t, &c, 45*second, keepalive.SendPingreq)
}

// A client that only receives is not heard, and pings.
func TestClientPingsWhenNothingIsSent(t *testing.T) {
	var c keepalive.Client
	c.Start(0, 60)
	for now := second; now < 45*second; now += second {
		c.Received(now)
		expectDeadline(t, &c, 45*second)
		expect(t, &c, now, keepalive.None)
	}
	expect(t, &c, 45*second, keepalive.SendPingreq)
}

func TestClientBusyBothWaysNeverPings(t *testing.T) {
	var c keepalive.Client
	c.Start(0, 60)
	for now := time.Duration(0); now < time.Hour; now += 44 * second {
		c.Sent(now)
		c.Received(now)
		expect(t, &c, now+43*second, keepalive.None)
	}
}

// The answer is timed from the Poll that handed the PINGREQ out, however late
// that Poll came.
func TestClientPingrespTimedFromPoll(t *testing.T) {
	for _, late := range []time.Duration{0, second, time.Hour} {
		var c keepalive.Client
		c.Timeout = 7 * second
		c.Start(0, 60)
		now := 45*second + late
		expect(t, &c, now, keepalive.SendPingreq)
		expectDeadline(t, &c, now+7*second)
		expect(t, &c, now+7*second-1, keepalive.None)
		expect(t, &c, now+7*second, keepalive.Close)
	}
}

func TestClientDefaultTimeout(t *testing.T) {
	for _, tt := range []struct {
		seconds uint16
		want    time.Duration
	}{{1, 5 * second}, {10, 5 * second}, {11, 5500 * time.Millisecond}, {40, 20 * second}, {60, 30 * second}, {65535, 30 * second}} {
		for _, timeout := range []time.Duration{0, -1} {
			c := keepalive.Client{Timeout: timeout}
			c.Start(0, tt.seconds)
			now := pingAfter(int(tt.seconds))
			expect(t, &c, now, keepalive.SendPingreq)
			// Keep sending, so that only the answer is missing.
			for c.Sent(now); now < pingAfter(int(tt.seconds))+tt.want-1; c.Sent(now) {
				expect(t, &c, now, keepalive.None)
				now = min(now+second/2, pingAfter(int(tt.seconds))+tt.want-1)
			}
			expect(t, &c, now+1, keepalive.Close)
		}
	}
}

func TestClientPingrespEndsTheWait(t *testing.T) {
	var c keepalive.Client
	c.Start(0, 60)
	expect(t, &c, 45*second, keepalive.SendPingreq)
	c.Pingresp(46 * second)
	// Sent at 45 s, received at 46 s: sent is what goes idle first.
	expectDeadline(t, &c, 90*second)
	expect(t, &c, 90*second-1, keepalive.None)
	expect(t, &c, 90*second, keepalive.SendPingreq)
}

// A PINGRESP may be queued behind a long PUBLISH: whatever comes postpones its
// timeout, but does not stand in for it.
func TestClientTrafficPostponesTimeout(t *testing.T) {
	c := keepalive.Client{Timeout: 10 * second}
	c.Start(0, 60)
	expect(t, &c, 45*second, keepalive.SendPingreq)
	c.Received(52 * second)
	expectDeadline(t, &c, 62*second)
	expect(t, &c, 62*second-1, keepalive.None)
	expect(t, &c, 62*second, keepalive.Close)
}

// While the answer is outstanding the client must still not be silent.
func TestClientPingsWhileWaiting(t *testing.T) {
	c := keepalive.Client{Timeout: 10 * second}
	c.Start(0, 8)
	expect(t, &c, 6*second, keepalive.SendPingreq)
	c.Received(11 * second)
	expectDeadline(t, &c, 12*second)
	expect(t, &c, 12*second, keepalive.SendPingreq)
	// The second PINGREQ does not extend the wait for the first.
	expectDeadline(t, &c, 18*second)
	c.Sent(17 * second)
	expect(t, &c, 21*second, keepalive.Close)
}

func TestClientStrayPingresp(t *testing.T) {
	var c keepalive.Client
	c.Pingresp(0)
	if s := c.State(); s != keepalive.Off {
		t.Errorf("state %v, want off", s)
	}
	c.Start(0, 60)
	c.Sent(10 * second)
	c.Pingresp(10 * second)
	expectDeadline(t, &c, 55*second)
}

func TestClientKeepAliveZeroIsOff(t *testing.T) {
	var c keepalive.Client
	for _, when := range []string{"zero value", "Keep Alive 0", "stopped"} {
		switch when {
		case "Keep Alive 0":
			c.Start(0, 60)
			c.Start(0, 0)
		case "stopped":
			c.Start(0, 60)
			c.Stop()
		}
		if _, ok := c.Deadline(); ok {
			t.Errorf("%s: a deadline", when)
		}
		if a := c.Poll(1 << 62); a != keepalive.None {
			t.Errorf("%s: %v", when, a)
		}
	}
}

// A client may ping with Keep Alive 0, and learn that nobody answers.
func TestClientPingWithKeepAliveZero(t *testing.T) {
	var c keepalive.Client
	c.Start(0, 0)
	c.Ping(time.Hour)
	expectDeadline(t, &c, time.Hour+30*second)
	c.Pingresp(time.Hour + second)
	if _, ok := c.Deadline(); ok || c.State() != keepalive.Off {
		t.Errorf("state %v after the answer", c.State())
	}
	c.Ping(2 * time.Hour)
	expect(t, &c, 2*time.Hour+30*second, keepalive.Close)
}

// [MQTT-3.1.2-21]: the Server Keep Alive replaces that of the CONNECT.
func TestClientServerKeepAlive(t *testing.T) {
	c := keepalive.Client{Timeout: 3 * second}
	c.Start(0, 600)
	c.Start(second, 20)
	expectDeadline(t, &c, 16*second)
	if c.Timeout != 3*second {
		t.Errorf("Timeout is %v, was 3s", c.Timeout)
	}
}

func TestClientDeadStaysDead(t *testing.T) {
	c := keepalive.Client{Timeout: second}
	c.Start(0, 60)
	expect(t, &c, 45*second, keepalive.SendPingreq)
	expect(t, &c, 46*second, keepalive.Close)
	c.Received(46 * second)
	c.Pingresp(46 * second)
	c.Ping(46 * second)
	expect(t, &c, 46*second, keepalive.Close)
	if _, ok := c.Deadline(); ok {
		t.Error("a dead machine has a deadline")
	}
	c.Start(time.Minute, 60)
	expect(t, &c, time.Minute, keepalive.None)
}

func TestClientTimeGoesBackwards(t *testing.T) {
	var c keepalive.Client
	c.Start(time.Hour, 60)
	c.Sent(0)
	c.Received(0)
	expect(t, &c, 0, keepalive.None)
	expectDeadline(t, &c, time.Hour+45*second)
	c.Ping(0)
	expectDeadline(t, &c, time.Hour+30*second)
	expect(t, &c, 0, keepalive.None)
	expect(t, &c, time.Hour+30*second, keepalive.Close)
}

// The documented sizes: a session holds one of them for its whole connection.
func TestSizes(t *testing.T) {
	if n := reflect.TypeFor[keepalive.Client]().Size(); n > 40 {
		t.Errorf("a Client takes %d bytes", n)
	}
	if n := reflect.TypeFor[keepalive.Server]().Size(); n > 16 {
		t.Errorf("a Server takes %d bytes", n)
	}
}

func TestNoAllocs(t *testing.T) {
	var c keepalive.Client
	var s keepalive.Server
	n := testing.AllocsPerRun(100, func() {
		c.Start(0, 60)
		s.Start(0, 60)
		for _, at := range []time.Duration{45 * second, 90 * second} {
			if c.Poll(at) == keepalive.SendPingreq {
				s.Received(at)
				c.Pingresp(at)
			}
		}
		c.Ping(100 * second)
		c.Sent(100 * second)
		c.Deadline()
		s.Deadline()
		c.Poll(time.Hour)
		s.Poll(time.Hour)
		c.Stop()
		s.Stop()
		_ = c.State().String()
	})
	if n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func TestStrings(t *testing.T) {
	for want, got := range map[string]string{
		"off": keepalive.Off.String(), "dead": keepalive.Dead.String(), "unknown state": keepalive.State(9).String(),
		"none": keepalive.None.String(), "close": keepalive.Close.String(), "unknown due": keepalive.Due(9).String(),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
