package server

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

var faultSeconds = flag.Float64("fault.seconds", 2, "how long TestFaults publishes")

// A stayer is a client with a session that outlives its connections: it
// connects again and again, until it is told to finish.
type stayer struct {
	t     *testing.T
	id    string
	v     mqttwire.Version
	start time.Time

	state   session.Session
	client  session.Client
	options session.ClientOptions
	framer  codec.Framer
	decoder codec.Decoder

	topic   string                    // to publish to, "" for a subscriber
	until   *atomic.Bool              // no more messages
	flying  map[uint64]*codec.Publish // by token
	sent    int
	losses  int
	refused int

	mu   sync.Mutex
	got  []string // payloads
	idle bool     // has nothing in flight, and is to send nothing more
	conn net.Conn
}

func (c *stayer) now() time.Duration { return time.Since(c.start) }

// connect connects and serves until the connection ends, or done says so.
func (c *stayer) connect(address string, done func(ev session.Event) bool) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	c.mu.Lock()
	c.conn = conn
	c.mu.Unlock()
	hello := &codec.Connect{Version: c.v, ClientID: []byte(c.id)}
	if c.v == mqttwire.V50 {
		hello.Properties = codec.AppendSessionExpiryInterval(hello.Properties, session.Never)
	}
	out, err := c.client.Connect(nil, &c.state, hello, &c.options, c.now())
	if err != nil {
		c.t.Error(err)
		return nil
	}
	defer func() {
		c.client.Close(c.now())
		for c.state.Poll(c.now()).Kind != session.None {
		}
		for _, ok := c.state.NextDropped(); ok; _, ok = c.state.NextDropped() {
		}
	}()
	c.framer = codec.Framer{Rules: c.client.Rules()}
	for {
		if len(out) > 0 {
			if _, err := conn.Write(out); err != nil {
				return err
			}
			out = out[:0]
		}
		conn.SetReadDeadline(time.Now().Add(time.Minute))
		n, err := conn.Read(c.framer.Buffer())
		if n == 0 && err != nil {
			return err
		}
		c.framer.Filled(n)
		for {
			h, body, ok, err := c.framer.Next()
			if err != nil {
				c.t.Errorf("%s: %v", c.id, err)
				return nil
			}
			if !ok {
				break
			}
			var ev session.Event
			if out, ev, err = c.client.Receive(out, &c.decoder, h, body, c.now()); err != nil {
				c.t.Errorf("%s: %v", c.id, err)
				return nil
			}
			if out = c.handle(out, ev); done != nil && done(ev) {
				conn.Write(out)
				return nil
			}
		}
	}
}

func (c *stayer) handle(out []byte, ev session.Event) []byte {
	switch ev.Kind {
	case session.Refused:
		c.t.Errorf("%s is refused: %v", c.id, ev.Reason)
	case session.Deliver:
		p := ev.Packet.(*codec.Publish)
		c.mu.Lock()
		c.got = append(c.got, string(p.Payload))
		c.mu.Unlock()
		var err error
		if out, _, err = c.client.Ack(out, ev.Ticket(), 0, codec.Properties{}, 0); err != nil {
			c.t.Error(err)
		}
	case session.Rejected:
		c.refused++
		fallthrough
	case session.Completed:
		delete(c.flying, ev.Token)
		fallthrough
	case session.Accepted:
		for {
			var again session.Event
			var ok bool
			if out, again, ok = c.client.NextResend(out, c.now()); !ok {
				break
			}
			if again.Kind == session.Resend {
				var err error
				if out, _, err = c.client.Resend(out, again, c.flying[again.Token], 0); err != nil {
					c.t.Error(err)
				}
			}
		}
		out = c.publish(out)
	}
	return out
}

// publish sends what there is room for, QoS 1 and 2 in turns.
func (c *stayer) publish(out []byte) []byte {
	for c.topic != "" && len(c.flying) < 20 && !c.until.Load() {
		p := publication(c.topic, fmt.Sprintf("%s/%d/%d", c.id, 1+c.sent%2, c.sent))
		p.QoS = qos.Level(1 + c.sent%2)
		b, _, err := c.client.Publish(out, p, uint64(c.sent+1), c.now())
		if err == mqttwire.ErrResuming || err == mqttwire.ErrSendQuota {
			break
		}
		if err != nil {
			c.t.Error(err)
			break
		}
		out = b
		c.sent++
		c.flying[uint64(c.sent)] = p
	}
	c.mu.Lock()
	c.idle = len(c.flying) == 0 && (c.topic == "" || c.until.Load())
	c.mu.Unlock()
	return out
}

// Whatever becomes of the connections, what is published at QoS 1 arrives, at
// QoS 2 once, each in its order; and in the end nothing is left behind.
func TestFaults(t *testing.T) {
	const publishers, subscribers = 3, 3
	before := runtime.NumGoroutine()
	// What is in flight fits several times into what a connection carries before
	// it is cut, so that there is progress.
	config := withOptions(func(o *session.ServerOptions) { o.OutboundWindow = 50 })
	config.Linger, config.SysInterval, config.MaxQueue = 10*time.Millisecond, -1, 100_000
	s, address := listen(t, config)
	cutting := newProxy(t, address, 20_000)
	var enough, over atomic.Bool
	var all []*stayer
	for i := range publishers + subscribers {
		c := &stayer{t: t, id: fmt.Sprint("stays", i), v: versions[1+i%2], start: time.Now(), until: &enough, flying: map[uint64]*codec.Publish{}}
		// The first connection is whole, so that both ends have the session.
		if err := c.connect(address, func(ev session.Event) bool { return ev.Kind == session.Accepted }); err != nil {
			t.Fatal(err)
		}
		if i < publishers {
			c.topic = fmt.Sprint("f/", i)
		} else {
			p := dialRaw(t, address)
			peer := newPeer(t, p, c.v)
			peer.send(lasting(c.v, c.id, session.Never))
			peer.receive()
			peer.subscribeAt("f/+", qos.ExactlyOnce)
			p.Close()
		}
		all = append(all, c)
	}

	var running, noise sync.WaitGroup
	for _, c := range all {
		running.Go(func() {
			for !over.Load() && !t.Failed() {
				c.connect(cutting.address(), nil)
				c.losses++
			}
		})
	}
	malformed := vectors(t)
	var floods, takeovers atomic.Int64
	noise.Go(func() { // packets that break the standard
		r := rand.New(rand.NewPCG(1, 1))
		for !over.Load() {
			conn := dialRaw(t, address)
			b := hello(t, versions[r.IntN(3)], fmt.Sprint("floods", r.IntN(10)))
			for range r.IntN(20) {
				x := bytes.Clone(malformed[r.IntN(len(malformed))].Bytes())
				x[r.IntN(len(x))] ^= 1 << r.IntN(8)
				b = append(b, x...)
			}
			conn.Write(b)
			conn.SetLinger(0)
			conn.Close()
			floods.Add(1)
		}
	})
	noise.Go(func() { // clients that take each other's place
		r := rand.New(rand.NewPCG(1, 2))
		var open []net.Conn
		for i := 0; !over.Load(); i++ {
			conn := dialRaw(t, address)
			id := "one"
			if r.IntN(2) == 0 {
				id = fmt.Sprint("many", i/2%500)
			}
			conn.Write(hello(t, versions[r.IntN(3)], id, subscribeTo(t, "f/#", "x/#")))
			if open = append(open, conn); len(open) > 50 {
				open[0].Close()
				open = open[1:]
			}
			takeovers.Add(1)
		}
		for _, conn := range open {
			conn.Close()
		}
	})
	for _, stalled := range []bool{true, false} { // readers that are slow, or do not read at all
		conn := dialRaw(t, address)
		conn.SetReadBuffer(1024)
		conn.SetDeadline(time.Time{})
		conn.Write(hello(t, mqttwire.V311, fmt.Sprint("slow", stalled), subscribeTo(t, "f/#")))
		noise.Go(func() {
			b := make([]byte, 1)
			for !over.Load() {
				if !stalled {
					conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond)) // nothing more may come
					conn.Read(b)
				}
				runtime.Gosched()
			}
			conn.Close()
		})
	}

	deadline := time.Now().Add(time.Duration(*faultSeconds * float64(time.Second)))
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for now := range tick.C {
		if now.After(deadline) {
			break
		}
	}
	enough.Store(true)
	finished := func() string {
		total := 0
		for _, c := range all[:publishers] {
			c.mu.Lock()
			idle := c.idle
			c.mu.Unlock()
			if !idle {
				return c.id + " has messages in flight"
			}
			total += c.sent // which nobody changes any more
		}
		for _, c := range all[publishers:] {
			c.mu.Lock()
			unique := slices.Clone(c.got)
			c.mu.Unlock()
			slices.Sort(unique)
			if n := len(slices.Compact(unique)); n != total {
				return fmt.Sprintf("%s has %d of %d messages", c.id, n, total)
			}
		}
		return ""
	}
	for now := range tick.C {
		why := finished()
		if why == "" || t.Failed() {
			break
		}
		if now.After(deadline.Add(30 * time.Second)) {
			t.Error(why)
			break
		}
	}
	over.Store(true)
	cutting.close()
	running.Wait()
	noise.Wait()

	// On a connection that nobody cuts nothing more comes that is new.
	losses := 0
	for _, c := range all {
		losses += c.losses
		c.topic = ""
		pinged, answered := false, false
		err := c.connect(address, func(ev session.Event) bool {
			if ev.Kind == session.Accepted && !pinged {
				pinged = true
				b, _ := c.client.Ping(nil, c.now())
				c.conn.Write(b)
			}
			sent, received := c.state.InFlight()
			answered = answered || ev.Type == mqttwire.PINGRESP
			return answered && sent == 0 && received == 0
		})
		if err != nil {
			t.Errorf("%s: %v", c.id, err)
		}
		if c.refused > 0 {
			t.Errorf("%s: %d messages were refused", c.id, c.refused)
		}
	}
	twice := 0
	for _, c := range all[publishers:] {
		for i, from := range all[:publishers] {
			for level := 1; level <= 2; level++ {
				prefix := fmt.Sprintf("%s/%d/", from.id, level)
				next := level - 1
				seen := map[string]bool{}
				for _, payload := range c.got {
					if !strings.HasPrefix(payload, prefix) {
						continue
					}
					if seen[payload] {
						if twice++; level == 2 {
							t.Fatalf("%s got %s twice", c.id, payload)
						}
						continue
					}
					seen[payload] = true
					if want := fmt.Sprint(prefix, next); payload != want {
						t.Fatalf("%s got %s, want %s", c.id, payload, want)
					}
					next += 2
				}
				if n := (from.sent + 2 - level) / 2; len(seen) != n {
					t.Errorf("%s got %d of %d messages of publisher %d at QoS %d", c.id, len(seen), n, i, level)
				}
			}
		}
	}
	if losses < 10 || floods.Load() < 10 || takeovers.Load() < 10 || all[0].sent < 10 {
		t.Errorf("%d connections cut, %d floods, %d takeovers, %d messages: it proves little", losses, floods.Load(), takeovers.Load(), all[0].sent)
	}
	t.Logf("%d connections cut, %d floods, %d takeovers, %d messages of each publisher, %d came twice", losses, floods.Load(), takeovers.Load(), all[0].sent, twice)

	// Who ends its session leaves nothing.
	for _, c := range all {
		p := dial(t, address, mqttwire.V311, c.id)
		p.send(&codec.Disconnect{})
		p.conn.Close()
	}
	leftNothing(t, s, before+1) // Serve
}

// leftNothing waits until a server has nothing of its clients any more.
func leftNothing(t *testing.T, s *Server, goroutines int) {
	t.Helper()
	left := func() string {
		s.life.Lock()
		conns := len(s.conns)
		s.life.Unlock()
		have := s.Stats()
		if have.Clients+conns+have.Subscriptions+int(have.QueuedBytes)+have.Connected == 0 && runtime.NumGoroutine() <= goroutines {
			return ""
		}
		return fmt.Sprintf("%d clients, %d connections, %d of them counted, %d subscriptions, %d bytes and %d goroutines of %d",
			have.Clients, conns, have.Connected, have.Subscriptions, have.QueuedBytes, runtime.NumGoroutine(), goroutines)
	}
	for deadline := time.Now().Add(10 * time.Second); left() != ""; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("left behind: ", left())
		}
	}
}
