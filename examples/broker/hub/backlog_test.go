package hub

import (
	"fmt"
	"runtime"
	"testing"
	"weak"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/qos"
)

// retainMany has n messages retained, on a/0/x, a/1/x …
func (s *stage) retainMany(n int) {
	w := s.hub.Worker(s.now)
	for i := range n {
		s.hub.Inject(w, keep.Message{Topic: fmt.Appendf(nil, "a/%d/x", i), Payload: []byte("kept"), Retain: true})
	}
	w.Finish()
}

// countSlices returns how many slices were worked off since, and fails where one was
// of more steps than it may.
func countSlices(t *testing.T) (since func() int) {
	n := 0
	onSlice = func(steps int) {
		if n++; steps > max(searchSlice, reliefSlice, auditSlice, filterSlice) {
			t.Errorf("%d steps under one lock", steps)
		}
	}
	t.Cleanup(func() { onSlice = func(int) {} })
	return func() (since int) {
		since, n = n, 0
		return since
	}
}

// poll polls the hub once, a moment later.
func (s *stage) poll() {
	s.now++
	w := s.hub.Worker(s.now)
	s.hub.Poll(w)
	w.Finish()
	s.settle()
}

// However many search among the retained messages, each has a slice in its turn;
// who wants little has it after as many slices as that takes, and who wants nothing of
// it is answered at once.
func TestSearchesTakeTurns(t *testing.T) {
	const kept, searchers = 20_000, 50
	s := newStage(t, Config{})
	s.retainMany(kept)
	slices := countSlices(t)
	var all []*wire
	for i := range searchers {
		x := s.connected(mqttwire.V50, fmt.Sprint("searcher", i))
		x.subscribeAt("+/+/none", qos.AtLeastOnce) // looks at all, where there is such a level
		x.subscribeAt("a/+/y/#", qos.AtLeastOnce)
		all = append(all, x)
	}
	s.hub.Inject(s.hub.Worker(s.now), keep.Message{Topic: []byte("b/none"), Payload: []byte("x"), Retain: true})
	s.hub.Inject(s.hub.Worker(s.now), keep.Message{Topic: []byte("b/y"), Payload: []byte("x"), Retain: true})
	for _, x := range all {
		x.subscribeAt("+/+/none", qos.AtLeastOnce)
		x.subscribeAt("a/+/y/#", qos.AtLeastOnce)
	}
	slices()
	for range 3 {
		if s.poll(); slices() != searchers {
			t.Fatal("it is not one slice for each that searches")
		}
	}
	victim := s.connected(mqttwire.V50, "victim")
	victim.send(&codec.Subscribe{ID: 1, Subscriptions: codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte("a/7/x")})}, &codec.Pingreq{})
	got := []codec.Packet{victim.next(), victim.next(), victim.next()}
	if _, ok := got[0].(*codec.Suback); !ok || got[1] == nil || got[2] == nil {
		t.Errorf("beside %d searches the victim gets %v", searchers, got)
	}
	some := s.connected(mqttwire.V50, "some")
	for i := range 10 {
		s.hub.Inject(s.hub.Worker(s.now), keep.Message{Topic: fmt.Appendf(nil, "c/%d", i), Payload: []byte("x"), Retain: true})
	}
	for i := range 590 {
		s.hub.Inject(s.hub.Worker(s.now), keep.Message{Topic: fmt.Appendf(nil, "c/%d/none", i+10), Payload: []byte("x"), Retain: true})
	}
	some.subscribeAt("c/+", qos.AtMostOnce)
	for range 600 / searchSlice {
		s.poll()
	}
	if some.c.client.backlog != nil {
		t.Error("a search of 600 steps is not done after as many slices")
	}
	for i := range all {
		if all[i].c.client.backlog == nil {
			t.Fatal("a search of 20,000 steps is done after a few slices")
		}
	}
	s.wait(kept) // a slice each nanosecond
	if n, want := slices()/searchers, 2*kept/searchSlice; n < want-10 || n > want+10 {
		t.Errorf("%d slices for two searches of %d steps, want %d", n, kept, want)
	}
	for i := range all {
		if all[i].c.client.backlog != nil {
			t.Fatal("a search is never done")
		}
		all[i].close()
	}
	victim.close()
	some.close()
	if left := s.hub.Leftover(); left != "" {
		t.Error("there is still: ", left)
	}
	if n := s.hub.retained.messages.Len(); n != kept+602 {
		t.Errorf("%d messages are retained", n)
	}
}

// Who does not read has no messages kept for it: they are let go of when they are
// replaced.
func TestSearchHoldsNoMessages(t *testing.T) {
	s := newStage(t, Config{MaxQueue: 2000})
	s.retainMany(1000)
	var unread []*wire
	for i := range 20 {
		x := s.connected(mqttwire.V50, fmt.Sprint("unread", i))
		x.stuck = true
		x.sent, _ = (&codec.Subscribe{ID: 1, Subscriptions: codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte("#")})}).Append(nil, x.rules)
		s.settle()
		if x.c.client.backlog == nil || x.c.out.Len() > 3000 {
			t.Fatalf("%d bytes for a client that does not read", x.c.out.Len())
		}
		unread = append(unread, x)
	}
	var old []weak.Pointer[message]
	s.hub.retained.messages.Visit([]byte("#"), func(_ []byte, m *message) bool {
		old = append(old, weak.Make(m))
		return true
	})
	s.retainMany(1000)
	runtime.GC()
	for _, p := range old {
		if p.Value() != nil {
			t.Fatal("a message that was replaced is still there")
		}
	}
	for _, x := range unread {
		x.stuck = false
		x.Flush()
		s.wait(1000)
		n := 0
		for p := x.next(); p != nil; p = x.next() {
			if m, ok := p.(*codec.Publish); ok && m.Retain {
				n++
			}
		}
		if n > 200 { // the rest was replaced before its turn: it comes as it was published
			t.Errorf("%d retained messages that are not there any more", n)
		}
	}
}

// A SUBSCRIBE or UNSUBSCRIBE of very many filters is worked off in slices, and has one
// answer.
func TestManyFiltersInSlices(t *testing.T) {
	for _, n := range []int{1, filterSlice - 1, filterSlice, filterSlice + 1, 1000} {
		s := newStage(t, Config{})
		slices := countSlices(t)
		x := s.connected(mqttwire.V50, "c")
		var subscriptions codec.Subscriptions
		var filters codec.Filters
		for i := range n {
			subscriptions = subscriptions.Append(codec.Subscription{Filter: fmt.Append(nil, i)})
			filters = filters.Append(fmt.Append(nil, i))
		}
		x.send(&codec.Subscribe{ID: 1, Subscriptions: subscriptions})
		if ack, ok := x.next().(*codec.Suback); !ok || ack.Codes.Len() != n {
			t.Errorf("%d filters are answered with %v", n, ack)
		}
		x.send(&codec.Unsubscribe{ID: 2, Filters: filters})
		if ack, ok := x.next().(*codec.Unsuback); !ok || ack.Codes.Len() != n {
			t.Errorf("%d filters are answered with %v", n, ack)
		}
		if got, want := slices(), 2*(n/filterSlice+1); got != want || s.hub.subscriptions.Len() != 0 {
			t.Errorf("%d filters in %d slices, want %d; %d subscriptions are left", n, got, want, s.hub.subscriptions.Len())
		}
	}
}
