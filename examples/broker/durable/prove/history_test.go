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

	mu         sync.Mutex
	publishers []*publisher
	readers    []*reader
	running    sync.WaitGroup
	last       map[string]string // retained, as acknowledged last
	asked      map[string]string // as published last
	problems   []string
	acked      atomic.Int64
}

type publisher struct {
	name  string
	level qos.Level
	next  int
	acked []bool // by number
}

type reader struct {
	name   string
	level  qos.Level // it has subscribed at
	got    map[string][]int
	client *mqttclient.Client
	store  *lines
}

func newHistory(t *testing.T, b *broker) *history {
	h := &history{t: t, b: b, last: map[string]string{}, asked: map[string]string{}}
	h.stopping, h.stop = context.WithCancel(context.Background())
	return h
}

func (h *history) problem(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.problems) < 20 {
		h.problems = append(h.problems, fmt.Sprintf(format, args...))
	}
}

// open opens a client with a session that lasts, and cuts its connections now and
// then.
func (h *history) open(name string, v mqttwire.Version, store mqttclient.Store, subscriptions ...codec.Subscription) *mqttclient.Client {
	h.t.Helper()
	var known atomic.Bool
	if s, ok := store.(*lines); ok {
		known.Store(s.known)
		s.known = true
	}
	c, err := mqttclient.Open(mqttclient.Config{
		Dial: func(ctx context.Context) (net.Conn, error) {
			conn, err := h.b.dial(ctx)
			if err == nil && rand.IntN(3) == 0 {
				time.AfterFunc(time.Duration(rand.IntN(1000))*time.Millisecond, func() { conn.Close() })
			}
			return conn, err
		},
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
	h.running.Go(func() {
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
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
				defer cancel()
				defer func() { <-turns }()
				if _, err := sent.Wait(ctx); err != nil {
					h.problem("%s: %d: %v", p.name, n, err)
					return
				}
				h.mu.Lock()
				p.acked[n] = true
				h.mu.Unlock()
				h.acked.Add(1)
			})
		}
		waiting.Wait()
	})
}

// retain publishes retained messages until the history stops.
func (h *history) retain(topics int) {
	c := h.open("retainer", mqttwire.V50, nil)
	h.running.Go(func() {
		defer c.Close()
		for n := 0; h.stopping.Err() == nil; n++ {
			topic, payload := fmt.Sprint("r/", n%topics), fmt.Sprint(n)
			h.asked[topic] = payload
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			_, err := c.Publish(ctx, &codec.Publish{Topic: []byte(topic), Payload: []byte(payload), QoS: qos.AtLeastOnce, Retain: true})
			cancel()
			if err != nil {
				h.problem("retained: %v", err)
				return
			}
			h.last[topic] = payload
		}
	})
}

// mosquitto publishes with mosquitto_pub, a process each, until the history stops.
func (h *history) mosquitto(level qos.Level) {
	if _, err := exec.LookPath("mosquitto_pub"); err != nil {
		h.t.Log("mosquitto_pub is not there")
		return
	}
	p := &publisher{name: fmt.Sprint("mosquitto", uint8(level)), level: qos.AtLeastOnce} // it sends again by hand
	h.publishers = append(h.publishers, p)
	h.running.Go(func() {
		for h.stopping.Err() == nil {
			n := p.next
			for tries := 0; ; tries++ {
				_, port, _ := net.SplitHostPort(*h.b.address.Load())
				ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
				err := exec.CommandContext(ctx, "mosquitto_pub", "-p", port, "-V", []string{"mqttv311", "mqttv5"}[n%2], "-q", fmt.Sprint(uint8(level)), "-t", "t/"+p.name, "-m", fmt.Sprint(n, " .")).Run()
				cancel()
				if err == nil {
					break
				}
				if tries > 2000 {
					h.problem("%s: %v", p.name, err)
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
			p.next++
			h.mu.Lock()
			p.acked = append(p.acked, true)
			h.mu.Unlock()
			h.acked.Add(1)
		}
	})
}

// read subscribes to all, and returns when that is acknowledged.
func (h *history) read(name string, v mqttwire.Version, level qos.Level) *reader {
	r := &reader{name: name, level: level, got: map[string][]int{}, store: new(lines)}
	h.readers = append(h.readers, r)
	r.client = h.open(name, v, r.store)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	// Once: a session keeps its subscriptions.
	if _, err := r.client.Subscribe(ctx, codec.Subscription{Filter: []byte("t/#"), Options: codec.SubscriptionOptions(level)}); err != nil {
		h.t.Fatal(err)
	}
	h.receive(r)
	return r
}

func (h *history) receive(r *reader) {
	c := r.client
	h.running.Go(func() {
		for {
			m, err := c.Receive(context.Background())
			if err != nil {
				return
			}
			var n int
			if _, err := fmt.Sscan(string(m.Payload), &n); err != nil {
				h.problem("%s: payload %q", r.name, m.Payload)
			}
			name, _ := strings.CutPrefix(string(m.Topic), "t/")
			h.mu.Lock()
			r.got[name] = append(r.got[name], n)
			h.mu.Unlock()
			m.Ack()
		}
	})
}

// away has a reader leave for a while.
func (h *history) away(r *reader, v mqttwire.Version, pause time.Duration) {
	r.client.Close()
	time.Sleep(pause)
	r.client = h.open(r.name, v, r.store)
	h.receive(r)
}

// finish has the publishers stop, waits until the readers have all, and judges.
func (h *history) finish() {
	h.t.Helper()
	h.stop()
	deadline := time.Now().Add(*patience)
	for time.Now().Before(deadline) && h.missing() != "" {
		time.Sleep(50 * time.Millisecond)
	}
	for _, r := range h.readers {
		r.client.Close()
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
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
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
