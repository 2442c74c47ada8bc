package keepalive_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire/keepalive"
)

// twin is both machines the slow way: it keeps all that happened since Start,
// and at each question reads the rules off that list.
type twin struct {
	log       []event
	keepAlive time.Duration
	timeout   time.Duration
	dead      bool
}

type event struct {
	kind kind
	at   time.Duration
}

type kind byte

const (
	sent kind = iota
	received
	asked
	answered
)

// last returns when an event of a kind was last, by the clock; a reading below
// an earlier one counts as no time having passed.
func (w *twin) last(k kind) (at time.Duration) {
	first := true
	for _, e := range w.log {
		if e.kind == k && (first || e.at > at) {
			at, first = e.at, false
		}
	}
	return at
}

// waiting returns when the first PINGREQ was asked for that has no answer yet.
func (w *twin) waiting() (at time.Duration, ok bool) {
	for _, e := range w.log {
		switch {
		case e.kind == answered:
			ok = false
		case e.kind == asked && !ok:
			at, ok = e.at, true
		}
	}
	return at, ok
}

func (w *twin) start(now, keepAlive time.Duration) {
	w.log, w.keepAlive, w.dead = []event{{sent, now}, {received, now}}, keepAlive, false
}

func (w *twin) ping(now time.Duration) {
	if !w.dead {
		w.log = append(w.log, event{sent, now})
		w.log = append(w.log, event{asked, w.last(sent)})
	}
}

// wants returns what is due when, on the client's side; Close before
// SendPingreq where both are due.
func (w *twin) wants() (ping, closing time.Duration) {
	const end = time.Duration(1<<63 - 1)
	ping, closing = end, end
	since, waiting := w.waiting()
	if waiting {
		timeout := w.timeout
		switch {
		case timeout > 0:
		case w.keepAlive == 0 || w.keepAlive > 60*second:
			timeout = 30 * second
		case w.keepAlive < 10*second:
			timeout = 5 * second
		default:
			timeout = w.keepAlive / 2
		}
		closing = max(since, w.last(received)) + timeout
	}
	if w.keepAlive > 0 {
		idle := pingAfter(int(w.keepAlive / second))
		ping = w.last(sent) + idle
		if !waiting {
			ping = min(ping, w.last(received)+idle)
		}
	}
	return ping, closing
}

func (w *twin) pollClient(now time.Duration) keepalive.Due {
	ping, closing := w.wants()
	switch {
	case w.dead || now >= closing:
		w.dead = true
		return keepalive.Close
	case now >= ping:
		w.ping(now)
		return keepalive.SendPingreq
	}
	return keepalive.None
}

func (w *twin) pollServer(now time.Duration) keepalive.Due {
	if w.dead || w.keepAlive > 0 && now >= w.last(received)+w.keepAlive*3/2 {
		w.dead = true
		return keepalive.Close
	}
	return keepalive.None
}

// play runs a script on both machines and on their twins. Two bytes are a
// step: what is done, and how far the clock moves first, at times backwards.
func play(t *testing.T, script []byte) {
	var c keepalive.Client
	var s keepalive.Server
	var ct, st twin
	now := time.Duration(0)
	ct.start(now, 0)
	for i := 0; i+1 < len(script); i += 2 {
		op, step := script[i], time.Duration(int8(script[i+1]))
		if step > -120 && step < 0 { // more often forwards
			step = -step
		}
		now += step * 250 * time.Millisecond
		switch op % 10 {
		case 0, 1:
			keepAlive := []uint16{0, 1, 7, 20, 60, 65535}[op/10%6]
			c.Start(now, keepAlive)
			s.Start(now, keepAlive)
			ct.start(now, time.Duration(keepAlive)*second)
			st.start(now, time.Duration(keepAlive)*second)
		case 2:
			c.Sent(now)
			ct.log = append(ct.log, event{sent, now})
		case 3:
			c.Received(now)
			s.Received(now)
			ct.log = append(ct.log, event{received, now})
			st.log = append(st.log, event{received, now})
		case 4:
			c.Pingresp(now)
			ct.log = append(ct.log, event{received, now})
			if !ct.dead {
				ct.log = append(ct.log, event{answered, now})
			}
		case 5:
			c.Ping(now)
			ct.ping(now)
		case 6:
			c.Timeout = time.Duration(op/10) * second / 2
			ct.timeout = c.Timeout
		default:
			if got, want := c.Poll(now), ct.pollClient(now); got != want {
				t.Fatalf("step %d, at %v: the client polls %v, its twin %v", i/2, now, got, want)
			}
			if got, want := s.Poll(now), st.pollServer(now); got != want {
				t.Fatalf("step %d, at %v: the server polls %v, its twin %v", i/2, now, got, want)
			}
		}
		check(t, i/2, &c, &ct)
		if at, ok := s.Deadline(); ok != (!st.dead && st.keepAlive > 0) || ok && at != st.last(received)+st.keepAlive*3/2 {
			t.Fatalf("step %d: the server's deadline is %v, %v", i/2, at, ok)
		}
	}
}

// check holds the client's Deadline and State against the twin's. The zero
// Client has seen no Start: its twin's list begins at 0.
func check(t *testing.T, step int, c *keepalive.Client, w *twin) {
	t.Helper()
	ping, closing := w.wants()
	_, waiting := w.waiting()
	state := keepalive.Off
	switch {
	case w.dead:
		state = keepalive.Dead
	case waiting:
		state = keepalive.Waiting
	case w.keepAlive > 0:
		state = keepalive.Alive
	}
	if got := c.State(); got != state {
		t.Fatalf("step %d: state %v, the twin's is %v", step, got, state)
	}
	at, ok := c.Deadline()
	if want := state != keepalive.Off && state != keepalive.Dead; ok != want || ok && at != min(ping, closing) {
		t.Fatalf("step %d: deadline %v, %v; the twin's is %v, %v", step, at, ok, min(ping, closing), want)
	}
	// A Poll before the deadline changes nothing.
	before := *c
	if a := c.Poll(at - 1); ok && a != keepalive.None || *c != before {
		t.Fatalf("step %d: an early Poll returned %v", step, a)
	}
}

func TestTwins(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	script := make([]byte, 200)
	for range 2000 {
		for i := range script {
			script[i] = byte(rng.Uint32())
		}
		play(t, script)
	}
}

func FuzzTwins(f *testing.F) {
	f.Add([]byte{40, 1, 7, 120, 7, 60, 4, 2, 7, 127, 7, 127})
	f.Fuzz(func(t *testing.T, script []byte) {
		play(t, script[:min(len(script), 400)])
	})
}

// A client that is polled at its deadlines, over a link that delays each
// packet by less than the grace, is never closed by either end, whatever else
// is sent: all Keep Alive values, virtual time.
func TestPairNeverClosesALiveLink(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for seconds := 1; seconds <= 65535; seconds += 1 + rng.IntN(100) {
		keepAlive := time.Duration(seconds) * second
		c := keepalive.Client{Timeout: keepAlive/2 + 1}
		var s keepalive.Server
		var now time.Duration
		c.Start(now, uint16(seconds))
		s.Start(now, uint16(seconds))
		for range 40 {
			at, ok := c.Deadline()
			if !ok {
				t.Fatalf("Keep Alive %d s: the client has no deadline", seconds)
			}
			now = at
			switch rng.IntN(4) { // or something happens before
			case 0:
				now -= time.Duration(rng.Int64N(int64(keepAlive / 8)))
				c.Received(now)
				continue
			case 1:
				now -= time.Duration(rng.Int64N(int64(keepAlive / 8)))
				c.Sent(now)
			default:
				if a := c.Poll(now); a != keepalive.SendPingreq {
					t.Fatalf("Keep Alive %d s, at %v: %v", seconds, now, a)
				}
			}
			arrives := now + time.Duration(rng.Int64N(int64(keepAlive/2)))
			if a := s.Poll(arrives); a != keepalive.None {
				t.Fatalf("Keep Alive %d s: the server closes at %v a packet sent at %v", seconds, arrives, now)
			}
			s.Received(arrives)
			c.Pingresp(arrives)
			now = arrives
		}
	}
}
