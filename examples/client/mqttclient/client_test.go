package mqttclient

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
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
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/examples/broker/hub"
	"github.com/mqttwire/mqttwire/examples/broker/server"
	"github.com/mqttwire/mqttwire/examples/broker/servertest"
	"github.com/mqttwire/mqttwire/qos"
)

// broker dials a broker of the test.
func broker(t *testing.T, config server.Config) (dial func(context.Context) (net.Conn, error)) {
	t.Helper()
	address, _ := servertest.Start(t, config)
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", address)
	}
}

func start(t *testing.T, config Config) *Client {
	t.Helper()
	c, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// within is how long anything may take before the test gives up.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func hello(id string, v mqttwire.Version) codec.Connect {
	return codec.Connect{Version: v, ClientID: []byte(id), KeepAlive: 30}
}

func message(topic, payload string, level qos.Level) *codec.Publish {
	return &codec.Publish{Topic: []byte(topic), Payload: []byte(payload), QoS: level}
}

func filter(f string, level qos.Level) codec.Subscription {
	return codec.Subscription{Filter: []byte(f), Options: codec.SubscriptionOptions(level)}
}

func TestPublishAndReceive(t *testing.T) {
	for _, v := range []mqttwire.Version{0, mqttwire.V31, mqttwire.V311, mqttwire.V50} {
		t.Run(v.String(), func(t *testing.T) {
			ctx := within(t)
			dial := broker(t, server.Config{})
			in := start(t, Config{Dial: dial, Connect: hello("in", v)})
			codes, err := in.Subscribe(ctx, filter("a/#", 2), filter("b", 1))
			if err != nil || !slices.Equal(codes, []mqttwire.Reason{2, 1}) {
				t.Fatal(codes, err)
			}
			out := start(t, Config{Dial: dial, Connect: hello("out", v)})
			for level := range qos.Level(3) {
				if _, err := out.Publish(ctx, message("a/b", level.String(), level)); err != nil {
					t.Fatal(err)
				}
				m, err := in.Receive(ctx)
				if err != nil || string(m.Payload) != level.String() || m.QoS != level {
					t.Fatal(m, err)
				}
				if err := m.Ack(); err != nil {
					t.Error(err)
				}
			}
			if _, err := in.Unsubscribe(ctx, "a/#"); err != nil {
				t.Fatal(err)
			}
			out.Publish(ctx, message("a/b", "not this", 1))
			out.Publish(ctx, message("b", "this", 1))
			if m, err := in.Receive(ctx); err != nil || string(m.Payload) != "this" {
				t.Error(m, err)
			}
			short, cancel := context.WithCancel(ctx)
			cancel()
			if _, err := in.Receive(short); err != context.Canceled {
				t.Error(err)
			}
			if _, err := out.Publish(ctx, message("a/#", "", 1)); err != mqttwire.ErrTopicWildcard {
				t.Error(err)
			}
		})
	}
}

// memory is a Store whose content survives its Client.
type memory struct {
	mu    sync.Mutex
	lines [][]byte
	safe  int // so many are durable
	err   error
}

func (s *memory) Replay(f func([]byte) error) error {
	for _, line := range s.lines {
		if err := f(slices.Clone(line)); err != nil {
			return err
		}
	}
	return nil
}

func (s *memory) Append(line []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, slices.Clone(line))
}

func (s *memory) Sync() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.safe = len(s.lines)
	}
	return s.err
}

func (s *memory) Compact(lines iter.Seq[[]byte]) error {
	var all [][]byte
	for line := range lines {
		all = append(all, slices.Clone(line))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.lines, s.safe = all, len(all)
	}
	return s.err
}

// crashed returns what a crash leaves: what is durable, and perhaps more.
func (s *memory) crashed() *memory {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.safe + rand.IntN(len(s.lines)-s.safe+1)
	return &memory{lines: slices.Clone(s.lines[:n]), safe: n}
}

// cutter dials connections that are cut after a random number of bytes.
type cutter struct {
	dial func(context.Context) (net.Conn, error)
	most int64 // 0: not any more
	cuts atomic.Int64
}

type cutConn struct {
	net.Conn
	left atomic.Int64
	c    *cutter
}

func (c *cutter) Dial(ctx context.Context) (net.Conn, error) {
	n, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	x := &cutConn{Conn: n, c: c}
	x.left.Store(1 << 62)
	if most := atomic.LoadInt64(&c.most); most > 0 {
		x.left.Store(rand.Int64N(most))
	}
	return x, nil
}

func (c *cutConn) pass(n int) int {
	left := c.left.Add(-int64(n))
	if left >= 0 {
		return n
	}
	if left+int64(n) >= 0 {
		c.c.cuts.Add(1)
	}
	return max(n+int(left), 0)
}

func (c *cutConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if k := c.pass(n); k < n {
		c.Conn.Close()
		return k, io.ErrUnexpectedEOF
	}
	return n, err
}

func (c *cutConn) Write(b []byte) (int, error) {
	k := c.pass(len(b))
	n, err := c.Conn.Write(b[:k])
	if k < len(b) {
		c.Conn.Close()
		return n, io.ErrUnexpectedEOF
	}
	return n, err
}

// Over connections that are cut anywhere, and crashes of either client, nothing
// is lost at QoS 1, nothing lost and nothing twice at QoS 2, and the first
// copies come in order.
func TestCutsAndCrashes(t *testing.T) {
	messages := 300
	if testing.Short() {
		messages = 60
	}
	for _, v := range []mqttwire.Version{mqttwire.V311, mqttwire.V50} {
		for _, level := range []qos.Level{1, 2} {
			t.Run(fmt.Sprint(v, " ", level), func(t *testing.T) {
				cutsAndCrashes(t, v, level, messages)
			})
		}
	}
}

func cutsAndCrashes(t *testing.T, v mqttwire.Version, level qos.Level, messages int) {
	ctx := within(t)
	dial := broker(t, server.Config{})
	sub, pub := &cutter{dial: dial}, &cutter{dial: dial}
	config := func(id string, c *cutter, s *memory) Config {
		p := hello(id, v)
		return Config{Dial: c.Dial, Connect: p, Store: s, MinPause: time.Millisecond, MaxPause: 5 * time.Millisecond}
	}
	// The subscriber has subscribed before the first message.
	subStore, pubStore := new(memory), new(memory)
	in, err := Open(config("in", sub, subStore))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.Subscribe(ctx, filter("t", level)); err != nil {
		t.Fatal(err)
	}
	// Now and then all that a server of 3.1.1 sends again at once gets through.
	atomic.StoreInt64(&sub.most, int64(40*messages))
	atomic.StoreInt64(&pub.most, 4000)

	var published sync.WaitGroup
	crashes := atomic.Int64{}
	published.Go(func() {
		store := pubStore
		for n := 0; n < messages; {
			out, err := Open(config("out", pub, store))
			if err != nil {
				t.Error(err)
				return
			}
			for end := min(messages, n+1+rand.IntN(80)); n < end; n++ {
				if _, err := out.Send(ctx, message("t", string(binary.BigEndian.AppendUint32(nil, uint32(n))), level)); err != nil {
					t.Errorf("message %d: %v", n, err)
					out.Close()
					return
				}
			}
			if n == messages {
				if err := out.Drain(ctx); err != nil {
					t.Error(err)
				}
				out.Close()
				return
			}
			store = out.kill(store)
			crashes.Add(1)
		}
	})

	counts := make([]int, messages)
	last, seen := -1, 0
	for seen < messages {
		m, err := in.Receive(ctx)
		if err != nil {
			t.Fatalf("%d of %d messages: %v", seen, messages, err)
		}
		n := int(binary.BigEndian.Uint32(m.Payload))
		if err := m.Ack(); err == ErrWithdrawn {
			t.Errorf("message %d is withdrawn", n)
		} else if err != nil {
			t.Fatal(err)
		}
		if counts[n]++; counts[n] > 1 {
			if level == qos.ExactlyOnce {
				t.Errorf("message %d comes twice", n)
			}
			continue
		}
		if n < last {
			t.Errorf("message %d after %d", n, last)
		}
		last = n
		seen++
		if rand.IntN(60) == 0 {
			subStore = in.kill(subStore)
			crashes.Add(1)
			if in, err = Open(config("in", sub, subStore)); err != nil {
				t.Fatal(err)
			}
		}
	}
	published.Wait()
	in.Close()
	t.Logf("%d cuts, %d crashes", sub.cuts.Load()+pub.cuts.Load(), crashes.Load())
}

// kill ends a client as a crash would, and returns what is left of its store:
// nothing more becomes durable, so nothing that promises it is said.
func (c *Client) kill(s *memory) *memory {
	s.mu.Lock()
	s.err = errors.New("killed")
	s.mu.Unlock()
	c.fail(s.err)
	c.mu.Lock()
	if c.conn != nil {
		c.conn.Close()
	}
	c.mu.Unlock()
	<-c.done
	return s.crashed()
}

// server31 accepts MQTT 3.1.1 alone, and answers anything else as refuse says.
func server311(t *testing.T, refuse []byte) func(context.Context) (net.Conn, error) {
	return func(context.Context) (net.Conn, error) {
		a, b := net.Pipe()
		go func() {
			defer b.Close()
			buf := make([]byte, 1000)
			n, _ := b.Read(buf)
			if n < 9 || buf[8] != 4 {
				b.Write(refuse)
				return
			}
			b.Write([]byte{0x20, 2, 0, 0})
			io.Copy(io.Discard, b)
		}()
		return a, nil
	}
}

func TestFallsBack(t *testing.T) {
	for _, refuse := range [][]byte{{0x20, 2, 0, 1}, {0x20, 3, 0, 0x84, 0}, {}} {
		up := make(chan mqttwire.Version, 1)
		c := start(t, Config{Dial: server311(t, refuse), Connect: hello("c", 0), MinPause: time.Millisecond, Up: func(*codec.Connack) { up <- 0 }})
		select {
		case <-up:
		case <-within(t).Done():
			t.Fatalf("% x: not connected", refuse)
		}
		if v := c.machine.Version(); v != mqttwire.V311 {
			t.Errorf("% x: %v", refuse, v)
		}
	}
}

func TestRefusedForGood(t *testing.T) {
	dial := func(context.Context) (net.Conn, error) {
		a, b := net.Pipe()
		go func() {
			defer b.Close()
			b.Read(make([]byte, 1000))
			b.Write([]byte{0x20, 2, 0, 5})
		}()
		return a, nil
	}
	c, err := Open(Config{Dial: dial, Connect: hello("c", mqttwire.V311)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Publish(within(t), message("a", "", 1))
	var refused *RefusedError
	if !errors.As(err, &refused) || !errors.Is(err, connack.Code(5)) {
		t.Error(err)
	}
	<-c.Done()
	if c.Close() != err || c.Err() != err {
		t.Error(c.Err())
	}
	if _, err := c.Receive(within(t)); !errors.As(err, &refused) {
		t.Error(err)
	}
}

// A reader that is slow holds the server up, and loses nothing.
func TestBackPressure(t *testing.T) {
	for _, v := range []mqttwire.Version{mqttwire.V311, mqttwire.V50} {
		t.Run(v.String(), func(t *testing.T) { backPressure(t, v) })
	}
}

func backPressure(t *testing.T, v mqttwire.Version) {
	ctx := within(t)
	dial := broker(t, server.Config{})
	in := start(t, Config{Dial: dial, Connect: hello("in", v), MaxWaiting: 10})
	in.Subscribe(ctx, filter("t", 2))
	out := start(t, Config{Dial: dial, Connect: hello("out", mqttwire.V50)})
	const messages = 2000
	for n := range messages {
		if _, err := out.Send(ctx, message("t", fmt.Sprint(n), 1+qos.Level(n%2))); err != nil {
			t.Fatal(err)
		}
	}
	for n := range messages {
		m, err := in.Receive(ctx)
		if err != nil {
			t.Fatal(n, err)
		}
		if string(m.Payload) != fmt.Sprint(n) {
			t.Fatalf("%s, want %d", m.Payload, n)
		}
		if in.mu.Lock(); len(in.inbox) > 10+100 {
			t.Fatalf("%d messages wait", len(in.inbox))
		}
		in.mu.Unlock()
		m.Ack()
	}
}

// One goroutine that publishes more than the server takes at once, to itself,
// and receives later, is not stuck.
func TestPublishThenReceive(t *testing.T) {
	ctx := within(t)
	o := hub.DefaultOptions()
	o.MaximumKeepAlive = 0
	dial := broker(t, server.Config{ServerOptions: o})
	p := hello("c", mqttwire.V50)
	p.KeepAlive = 65535 // whoever stops reading looks again after hours, unless it is woken
	c := start(t, Config{Dial: dial, Connect: p, MaxWaiting: 5})
	if _, err := c.Subscribe(ctx, filter("t", 1)); err != nil {
		t.Fatal(err)
	}
	const messages = 3000
	for n := range messages {
		if _, err := c.Send(ctx, message("t", fmt.Sprint(n), 1)); err != nil {
			t.Fatal(n, err)
		}
	}
	for n := range messages {
		m, err := c.Receive(ctx)
		if err != nil || string(m.Payload) != fmt.Sprint(n) {
			t.Fatal(n, m, err)
		}
		m.Ack()
	}
}

// Messages that a process has left in the Store are sent by the next.
func TestStore(t *testing.T) {
	ctx := within(t)
	dial := broker(t, server.Config{})
	in := start(t, Config{Dial: dial, Connect: hello("in", mqttwire.V50)})
	in.Subscribe(ctx, filter("t", 2))
	store := new(memory)
	deaf := &cutter{dial: dial, most: 1}
	out, err := Open(Config{Dial: dial, Connect: hello("out", mqttwire.V50), Store: store})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Publish(ctx, message("t", "first", 1)); err != nil {
		t.Fatal(err)
	}
	out.mu.Lock()
	out.conn.Close()
	out.config.Dial = deaf.Dial
	for n := range 3 { // as if the connection had just been lost
		if s, err := out.sendNow(message("t", fmt.Sprint(n), 2)); err != nil || s.isOver() {
			t.Error(err)
		}
	}
	out.mu.Unlock()
	store.Sync()
	next := out.kill(store)
	again := start(t, Config{Dial: dial, Connect: hello("out", mqttwire.V50), Store: next})
	for _, want := range []string{"first", "0", "1", "2"} {
		m, err := in.Receive(ctx)
		if err != nil || string(m.Payload) != want {
			t.Fatal(m, err)
		}
		m.Ack()
	}
	if err := again.Drain(ctx); err != nil {
		t.Error(err)
	}
	again.Close()
	for _, lines := range [][][]byte{{{'V', 2, 'c'}}, {{'V', 1, 'd'}}, {{'V', 1, 'c'}, {'?'}}, {{'V', 1, 'c'}, {'R', 1}}, {{'x'}}} {
		if _, err := Open(Config{Dial: dial, Connect: hello("c", 0), Store: &memory{lines: lines}}); err == nil {
			t.Errorf("a store of %q is taken", lines)
		}
	}
}

// The Store does not grow with what is over, on one connection either.
func TestStoreIsCompacted(t *testing.T) {
	ctx := within(t)
	dial := broker(t, server.Config{})
	store := new(memory)
	c := start(t, Config{Dial: dial, Connect: hello("c", mqttwire.V50), Store: store})
	const messages = 20_000
	for n := range messages {
		if _, err := c.Send(ctx, message("t", fmt.Sprint(n), 1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	store.mu.Lock()
	defer store.mu.Unlock()
	if n := len(store.lines); n > messages/2 { // each was two
		t.Errorf("%d lines of %d messages that are over", n, messages)
	}
}

// A disk that fails ends the client: nothing is acknowledged that is not kept.
func TestStoreFails(t *testing.T) {
	ctx := within(t)
	dial := broker(t, server.Config{})
	store := new(memory)
	c, err := Open(Config{Dial: dial, Connect: hello("c", mqttwire.V50), Store: store})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Subscribe(ctx, filter("t", 2)); err != nil {
		t.Fatal(err)
	}
	full := errors.New("disk full")
	store.mu.Lock()
	store.err = full
	store.mu.Unlock()
	if _, err := c.Publish(ctx, message("t", "x", 2)); err != full {
		t.Error(err)
	}
	<-c.Done()
	if err := c.Close(); err != full {
		t.Error(err)
	}
}

// The server loses the session: what was subscribed is subscribed again, what was
// published at QoS 1 is published again.
func TestSessionLost(t *testing.T) {
	ctx := within(t)
	first, second := broker(t, server.Config{}), broker(t, server.Config{})
	var moved atomic.Bool
	up := make(chan bool, 10)
	dial := func(ctx context.Context) (net.Conn, error) {
		if moved.Load() {
			return second(ctx)
		}
		return first(ctx)
	}
	store, lost := new(memory), make(chan string, 10)
	c := start(t, Config{Dial: dial, Connect: hello("c", mqttwire.V50), Store: store, MinPause: time.Millisecond, Up: func(a *codec.Connack) { up <- a.SessionPresent },
		Lost: func(p *codec.Publish, err error) { lost <- string(p.Payload) }})
	if _, err := c.Subscribe(ctx, filter("t", 2)); err != nil {
		t.Fatal(err)
	}
	<-up
	moved.Store(true)
	c.mu.Lock()
	c.conn.Close()
	one, _ := c.sendNow(message("t", "one", 1))
	two, _ := c.sendNow(message("t", "two", 2))
	c.mu.Unlock()
	if <-up {
		t.Error("session present")
	}
	if _, err := one.Wait(ctx); err != nil {
		t.Error(err)
	}
	if _, err := two.Wait(ctx); err != ErrSessionLost {
		t.Error(err)
	}
	if err := c.Drain(ctx); err != ErrSessionLost {
		t.Errorf("Drain: %v", err)
	}
	if got := <-lost; got != "two" {
		t.Errorf("lost %q", got)
	}
	if m, err := c.Receive(ctx); err != nil || string(m.Payload) != "one" {
		t.Error(m, err)
	}
	c.Close()
	// Wherever a crash had come meanwhile, the message of QoS 1 was kept.
	stored := -1
	for n, line := range store.lines {
		if line[0] == 'R' && bytes.HasSuffix(line, []byte("one")) && stored < 0 {
			stored = n
		}
		if stored < 0 {
			continue
		}
		if line[0] == 'R' && qos.Change(line[1]) == qos.Forget.Of(qos.Sent, 1) {
			break
		}
		none := func(context.Context) (net.Conn, error) { return nil, io.EOF }
		c, err := Open(Config{Dial: none, Connect: hello("c", mqttwire.V50), Store: &memory{lines: store.lines[:n+1]}})
		if err != nil {
			t.Fatal(err)
		}
		c.mu.Lock()
		kept := false
		tokens := slices.Clone(c.anew)
		for x := range c.state.Sent() {
			tokens = append(tokens, x.Token)
		}
		for _, token := range tokens {
			kept = kept || string(c.flight[token].message.Payload) == "one"
		}
		c.mu.Unlock()
		if !kept {
			t.Errorf("a crash after line %d of %d loses it: %q", n, len(store.lines), line)
		}
		c.Close()
	}
}

func TestOpenRefuses(t *testing.T) {
	dial := func(context.Context) (net.Conn, error) { return nil, io.EOF }
	for _, f := range []string{"t/#/x", "", "$share/x"} {
		if _, err := Open(Config{Dial: dial, Connect: hello("c", 0), Subscriptions: []codec.Subscription{filter("ok", 1), filter(f, 1)}}); err == nil {
			t.Errorf("%q is taken", f)
		}
	}
	if _, err := Open(Config{Dial: dial, Store: new(memory)}); err != ErrNoClientID {
		t.Error(err)
	}
}

func TestLeavesNothing(t *testing.T) {
	dial := broker(t, server.Config{})
	for range 5 {
		c, err := Open(Config{Dial: dial, Connect: hello("c", 0)})
		if err != nil {
			t.Fatal(err)
		}
		if rand.IntN(2) == 0 {
			c.Publish(within(t), message("a", "", 1))
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	unreachable := func(ctx context.Context) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
	c, _ := Open(Config{Dial: unreachable, Connect: hello("c", 0)})
	c.Close()
	buf, s := make([]byte, 1<<20), ""
	for range 100 { // a goroutine that has said that it ends may not have ended
		if s = string(buf[:runtime.Stack(buf, true)]); !strings.Contains(s, "mqttclient.(*Client)") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error(s)
}
