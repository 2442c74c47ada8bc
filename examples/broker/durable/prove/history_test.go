package prove

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"net"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/client/mqttclient"
	"github.com/mqttwire/mqttwire/qos"
)

// A history is what clients were told and given. Every publisher has a topic of
// its own and counts its messages; who publishes at QoS 1 to a session may be
// heard twice, but in order the first time; at QoS 2 once.
type history struct {
	t *testing.T
	b *broker

	stopping context.Context // publishers go on until its end
	stop     func()
	lasting  context.Context // all that was begun may go on until its end
	giveUp   func()

	mu         sync.Mutex
	publishers []*publisher
	readers    []*reader
	running    sync.WaitGroup
	publishing atomic.Int32      // publishers that have not stopped
	last       map[string]string // retained, as acknowledged last
	asked      map[string]string // as published last
	problems   []string
	acked      atomic.Int64
	moves      atomic.Int64 // all that was acknowledged and given
}

type publisher struct {
	name  string
	level qos.Level
	next  int
	acked []bool // by number
}

type reader struct {
	name  string
	level qos.Level // it has subscribed at
	got   map[string][]int
	end   func()
	store *lines
}

func newHistory(t *testing.T, b *broker) *history {
	h := &history{t: t, b: b, last: map[string]string{}, asked: map[string]string{}}
	h.stopping, h.stop = context.WithCancel(context.Background())
	h.lasting, h.giveUp = context.WithCancel(context.Background())
	t.Cleanup(h.giveUp)
	return h
}

func (h *history) problem(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.problems) < 20 {
		h.problems = append(h.problems, fmt.Sprintf(format, args...))
	}
}

// acknowledged notes that a message of a publisher is.
func (h *history) acknowledged(p *publisher, n int) {
	h.mu.Lock()
	p.acked[n] = true
	h.mu.Unlock()
	h.acked.Add(1)
	h.moves.Add(1)
}

// given notes what has come to a reader.
func (h *history) given(r *reader, topic string, payload []byte) {
	var n int
	if _, err := fmt.Sscan(string(payload), &n); err != nil {
		h.problem("%s: payload %q", r.name, payload)
	}
	name, _ := strings.CutPrefix(topic, "t/")
	h.mu.Lock()
	r.got[name] = append(r.got[name], n)
	h.mu.Unlock()
	h.moves.Add(1)
}

// dial connects to the broker. Now and then the connection is cut.
func (h *history) dial(ctx context.Context) (net.Conn, error) {
	conn, err := h.b.dial(ctx)
	if err == nil && rand.IntN(3) == 0 {
		time.AfterFunc(time.Duration(rand.IntN(1000))*time.Millisecond, func() { conn.Close() })
	}
	return conn, err
}

// open opens a client with a session that lasts.
func (h *history) open(name string, v mqttwire.Version, store mqttclient.Store, subscriptions ...codec.Subscription) *mqttclient.Client {
	h.t.Helper()
	var known atomic.Bool
	if s, ok := store.(*lines); ok {
		known.Store(s.known)
		s.known = true
	}
	c, err := mqttclient.Open(mqttclient.Config{
		Dial:          h.dial,
		Connect:       codec.Connect{Version: v, ClientID: []byte(name), KeepAlive: 10},
		Subscriptions: subscriptions, Store: store,
		MinPause: 5 * time.Millisecond, MaxPause: 100 * time.Millisecond,
		Up: func(ack *codec.Connack) {
			if known.Swap(true) && !ack.SessionPresent && v != mqttwire.V31 {
				h.problem("%s: its session is lost", name)
			}
		},
		Lost: func(p *codec.Publish, err error) { h.problem("%s: %s is lost: %v", name, p.Payload, err) },
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// publish publishes until the history stops, so many at a time.
func (h *history) publish(v mqttwire.Version, level qos.Level, window int, size int) {
	p := &publisher{name: fmt.Sprintf("p%d-%s-%d", len(h.publishers), v, level), level: level}
	h.publishers = append(h.publishers, p)
	c := h.open(p.name, v, nil)
	h.publishing.Add(1)
	h.running.Go(func() {
		defer h.publishing.Add(-1)
		defer c.Close()
		var waiting sync.WaitGroup
		turns := make(chan struct{}, window)
		for h.stopping.Err() == nil {
			turns <- struct{}{}
			n := p.next
			m := &codec.Publish{Topic: []byte("t/" + p.name), QoS: level, Payload: fmt.Append(nil, n, " ", strings.Repeat(".", size))}
			// It has no Store: what Send has taken is as good as published.
			sent, err := c.Send(h.stopping, m)
			if err != nil {
				break
			}
			p.next++
			h.mu.Lock()
			p.acked = append(p.acked, false)
			h.mu.Unlock()
			waiting.Go(func() {
				defer func() { <-turns }()
				if _, err := sent.Wait(h.lasting); err != nil {
					h.problem("%s: %d: %v", p.name, n, err)
					return
				}
				h.acknowledged(p, n)
			})
		}
		waiting.Wait()
	})
}

// retain publishes retained messages until the history stops.
func (h *history) retain(topics int) {
	c := h.open("retainer", mqttwire.V50, nil)
	h.publishing.Add(1)
	h.running.Go(func() {
		defer h.publishing.Add(-1)
		defer c.Close()
		for n := 0; h.stopping.Err() == nil; n++ {
			topic, payload := fmt.Sprint("r/", n%topics), fmt.Sprint(n)
			h.asked[topic] = payload
			_, err := c.Publish(h.lasting, &codec.Publish{Topic: []byte(topic), Payload: []byte(payload), QoS: qos.AtLeastOnce, Retain: true})
			if err != nil {
				h.problem("retained: %v", err)
				return
			}
			h.last[topic] = payload
			h.moves.Add(1)
		}
	})
}

// mosquitto publishes with mosquitto_pub, a process each, until the history stops.
func (h *history) mosquitto(level qos.Level) {
	if _, err := exec.LookPath("mosquitto_pub"); err != nil {
		h.t.Log("mosquitto_pub is not there")
		return
	}
	h.oneByOne(fmt.Sprint("mosquitto", uint8(level)), qos.AtLeastOnce, func(topic string, payload []byte) error { // it sends again by hand
		version := []string{"mqttv311", "mqttv5"}[rand.IntN(2)]
		for {
			_, port, _ := net.SplitHostPort(*h.b.address.Load())
			ctx, cancel := context.WithTimeout(h.lasting, 30*time.Second) // for one that waits for a broker that was killed
			err := exec.CommandContext(ctx, "mosquitto_pub", "-p", port, "-V", version, "-q", fmt.Sprint(uint8(level)), "-t", topic, "-m", string(payload)).Run()
			cancel()
			if err == nil || h.lasting.Err() != nil {
				return err
			}
			time.Sleep(10 * time.Millisecond)
		}
	}, func() {})
}

// read subscribes to all, and returns when that is acknowledged.
func (h *history) read(name string, v mqttwire.Version, level qos.Level) *reader {
	r := &reader{name: name, level: level, got: map[string][]int{}, store: new(lines)}
	h.readers = append(h.readers, r)
	c := h.open(name, v, r.store)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	// Once: a session keeps its subscriptions.
	if _, err := c.Subscribe(ctx, codec.Subscription{Filter: []byte("t/#"), Options: codec.SubscriptionOptions(level)}); err != nil {
		h.t.Fatal(err)
	}
	h.receive(r, c)
	return r
}

func (h *history) receive(r *reader, c *mqttclient.Client) {
	r.end = func() { c.Close() }
	h.running.Go(func() {
		for {
			m, err := c.Receive(context.Background())
			if err != nil {
				return
			}
			h.given(r, string(m.Topic), m.Payload)
			m.Ack()
		}
	})
}

// away has a reader leave for a while.
func (h *history) away(r *reader, v mqttwire.Version, pause time.Duration) {
	r.end()
	time.Sleep(pause)
	h.receive(r, h.open(r.name, v, r.store))
}

// finish has the publishers stop, waits until the readers have all, and judges. It
// waits as long as anything moves.
func (h *history) finish() {
	h.t.Helper()
	h.stop()
	for moves, moved := int64(-1), time.Now(); ; time.Sleep(50 * time.Millisecond) {
		if n := h.moves.Load(); n != moves {
			moves, moved = n, time.Now()
		} else if h.publishing.Load() == 0 && h.missing() == "" || time.Since(moved) > *patience {
			break
		}
	}
	h.giveUp()
	for _, r := range h.readers {
		r.end()
	}
	h.running.Wait()
	if m := h.missing(); m != "" {
		h.problem("%s", m)
	}
	total, twice := 0, 0
	for _, r := range h.readers {
		for _, p := range h.publishers {
			seen, most := map[int]bool{}, -1
			for _, n := range r.got[p.name] {
				if total++; seen[n] {
					if twice++; min(p.level, r.level) == qos.ExactlyOnce {
						h.problem("%s: %s %d twice", r.name, p.name, n)
					}
					continue
				}
				if seen[n] = true; n < most && p.level > 0 {
					h.problem("%s: %s %d after %d", r.name, p.name, n, most)
				}
				most = max(most, n)
			}
		}
	}
	h.t.Logf("%d acknowledged, %d given to readers, %d of them twice at QoS 1", h.acked.Load(), total, twice)
	if h.acked.Load() == 0 {
		h.problem("nothing was acknowledged")
	}
	h.checkRetained()
	for _, p := range h.problems {
		h.t.Error(p)
	}
}

// missing returns what was acknowledged and has not come, "" for nothing.
func (h *history) missing() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []string
	for _, r := range h.readers {
		for _, p := range h.publishers {
			seen := map[int]bool{}
			for _, n := range r.got[p.name] {
				seen[n] = true
			}
			var lost []int
			for n, acked := range p.acked {
				if !acked || !seen[n] {
					lost = append(lost, n)
				}
			}
			if len(lost) > 0 {
				all = append(all, fmt.Sprintf("%s has not got %v of %s, of %d", r.name, lost, p.name, len(p.acked)))
			}
		}
	}
	return strings.Join(all, "\n")
}

// checkRetained holds what is retained against what was acknowledged last, or
// published after it.
func (h *history) checkRetained() {
	if len(h.last) == 0 {
		return
	}
	c := h.open("late", mqttwire.V50, nil, codec.Subscription{Filter: []byte("r/#"), Options: 1})
	defer c.Close()
	got := map[string]string{}
	ctx, cancel := context.WithTimeout(context.Background(), *patience)
	defer cancel()
	for len(got) < len(h.last) {
		m, err := c.Receive(ctx)
		if err != nil {
			h.problem("retained: %d topics of %d: %v", len(got), len(h.last), err)
			return
		}
		got[string(m.Topic)] = string(m.Payload)
		m.Ack()
	}
	for topic, want := range h.last {
		if got[topic] != want && got[topic] != h.asked[topic] {
			h.problem("%s has %s retained, acknowledged was %s", topic, got[topic], want)
		}
	}
}

// lines is a mqttclient.Store in memory, of a client that comes back.
type lines struct {
	mu    sync.Mutex
	all   [][]byte
	known bool
}

func (s *lines) Replay(f func([]byte) error) error {
	s.mu.Lock()
	all := s.all
	s.mu.Unlock()
	for _, line := range all {
		if err := f(line); err != nil {
			return err
		}
	}
	return nil
}

func (s *lines) Append(line []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, append([]byte(nil), line...))
}

func (s *lines) Sync() error { return nil }

func (s *lines) Compact(all iter.Seq[[]byte]) error {
	var kept [][]byte
	for line := range all {
		kept = append(kept, append([]byte(nil), line...))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = kept
	return nil
}
