package server

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/qos"
)

// A wire is a Router to one other node, in this process: what a node's clients
// publish goes through a queue to the other.
type wire struct {
	mu        sync.Mutex
	queue     chan keep.Message
	interests []string // "+filter" and "-filter", as they came
}

func newWire() *wire { return &wire{queue: make(chan keep.Message, 1000)} }

func (w *wire) Publish(m keep.Message) {
	m.Topic, m.Payload, m.Properties = bytes.Clone(m.Topic), bytes.Clone(m.Payload), m.Properties.Clone()
	w.queue <- m
}

func (w *wire) Interest(filter string, wanted bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	sign := "-"
	if wanted {
		sign = "+"
	}
	w.interests = append(w.interests, sign+filter)
}

// told returns what Interest was told since it was asked last.
func (w *wire) told() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer func() { w.interests = nil }()
	return w.interests
}

// deliver has another node take what comes, until the wire is closed.
func (w *wire) deliver(to *Server) {
	for m := range w.queue {
		to.Inject(m)
	}
}

// nodes runs a test with two nodes that are joined.
func nodes(t *testing.T, test func(t *testing.T, a, b *Server, ab, ba *wire)) {
	synctest.Test(t, func(t *testing.T) {
		ab, ba := newWire(), newWire()
		a, b := New(Config{Router: ab, SysInterval: -1}), New(Config{Router: ba, SysInterval: -1})
		var running sync.WaitGroup
		running.Go(func() { ab.deliver(b) })
		running.Go(func() { ba.deliver(a) })
		test(t, a, b, ab, ba)
		for _, s := range []*Server{a, b} {
			if err := s.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		}
		close(ab.queue)
		close(ba.queue)
		running.Wait()
	})
}

// A message reaches the clients of both nodes, once, with all that it carries;
// so do wills and what is retained.
func TestRouter(t *testing.T) {
	nodes(t, func(t *testing.T, a, b *Server, _, _ *wire) {
		here, there := connected(t, a, mqttwire.V50, "here"), connected(t, b, mqttwire.V311, "there")
		five := connected(t, b, mqttwire.V50, "five")
		for _, p := range []*peer{here, there, five} {
			p.subscribeAt("x/#", qos.ExactlyOnce)
		}
		m := publicationAt("x/1", "hello", qos.ExactlyOnce, 9)
		m.Properties = codec.AppendUserProperty(codec.AppendContentType(codec.Properties{}, "text"), "k", "v")
		here.send(m)
		got := *m
		got.ID = 1
		here.expect(&got, &codec.Pubrec{ID: 9})
		five.expect(&got)
		got.Properties = codec.Properties{}
		there.expect(&got)
		here.expectNothing()
		there.expectNothing()

		there.send(retainedPublication("x/2", "kept"))
		there.expect(publication("x/2", "kept"))
		here.expect(publication("x/2", "kept"))
		five.expect(publication("x/2", "kept"))
		late := connected(t, a, mqttwire.V311, "late")
		late.subscribe("x/2")
		late.expect(retainedPublication("x/2", "kept"))

		lost := join(t, b, &codec.Connect{Version: mqttwire.V311, CleanStart: true, ClientID: []byte("lost"), WillFlag: true,
			Will: codec.Will{Topic: []byte("x/will"), Payload: []byte("gone")}})
		lost.conn.Close()
		for _, p := range []*peer{here, there, five} {
			p.expect(publication("x/will", "gone"))
			p.expectNothing()
		}
	})
}

// A Router hears of the first subscription to a filter and of the end of the
// last, however it ends.
func TestInterest(t *testing.T) {
	nodes(t, func(t *testing.T, a, _ *Server, ab, _ *wire) {
		told := func(want ...string) {
			t.Helper()
			synctest.Wait()
			got := ab.told()
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("told %q, want %q", got, want)
			}
		}
		p, q := connected(t, a, mqttwire.V50, "p"), join(t, a, keptConnect(mqttwire.V50, "q"))
		p.subscribe("x")
		told("+x")
		p.subscribe("x") // again
		q.subscribe("x")
		q.send(subscribeTo(t, "y", "$share/g/z"))
		q.receive()
		told("+$share/g/z", "+y")
		var filters codec.Filters
		filters = filters.Append([]byte("x"))
		p.send(&codec.Unsubscribe{ID: 1, Filters: filters})
		p.receive()
		told()
		q.conn.Close() // its session stays
		told()
		p.send(&codec.Disconnect{})
		told()
		again := keptConnect(mqttwire.V50, "q")
		again.CleanStart = true
		join(t, a, again)
		told("-$share/g/z", "-x", "-y")
	})
}

// What comes from another node is nobody's on this one: it goes back to no
// Router, and No Local goes by its publisher.
func TestDeliver(t *testing.T) {
	nodes(t, func(t *testing.T, a, _ *Server, ab, _ *wire) {
		p := connected(t, a, mqttwire.V50, "p")
		p.subscribeWith(codec.Subscription{Filter: []byte("x"), Options: codec.NoLocal}, codec.Properties{})
		for i, from := range []string{"p", "other", ""} {
			a.Inject(keep.Message{Topic: []byte("x"), Payload: fmt.Append(nil, i), From: from})
		}
		p.expect(publication("x", "1"), publication("x", "2"))
		p.expectNothing()
		if n := len(ab.queue); n != 0 {
			t.Errorf("%d messages went back", n)
		}
	})
}
