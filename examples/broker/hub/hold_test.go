package hub

import (
	"fmt"
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// few is a Config whose queues are soon full, and whose windows are small.
func few() Config {
	o := DefaultOptions()
	o.OutboundWindow = 4
	return Config{ServerOptions: o, MaxQueuedMessages: 80}
}

// sendAll has a publisher send n messages without waiting for anything.
func (x *wire) sendAll(n int, topics ...string) {
	x.s.t.Helper()
	var all []codec.Packet
	for i := range n {
		all = append(all, publicationAt(topics[i%len(topics)], fmt.Sprint(i), qos.AtLeastOnce, uint16(i+1)))
	}
	x.send(all...)
}

// unread is how many bytes the hub has not handled.
func (x *wire) unread() int { return len(x.sent) + x.c.framer.Buffered() }

// take takes and acknowledges so many PUBLISHes as there are, at most n.
func (x *wire) take(n int) (took int) {
	for ; took < n; took++ {
		m, ok := x.next().(*codec.Publish)
		if !ok {
			break
		}
		x.send(&codec.Puback{ID: m.ID})
	}
	return took
}

// acks counts the PUBACKs, all of which say success.
func (x *wire) acks() (n int) {
	x.s.t.Helper()
	for p := x.next(); p != nil; p = x.next() {
		if ack, ok := p.(*codec.Puback); ok {
			if n++; ack.Code.IsError() {
				x.s.t.Errorf("PUBACK %v", ack.Code)
			}
		}
	}
	return n
}

// What is acknowledged to a publisher that waits for nothing comes to a subscriber
// that reads all: a thousand messages, where 80 may wait.
func TestPublisherIsHeldBack(t *testing.T) {
	for _, v := range []mqttwire.Version{mqttwire.V311, mqttwire.V50} {
		s := newStage(t, few())
		reader, p := s.connected(v, "reader"), s.connected(v, "p")
		reader.subscribeAt("t", qos.AtLeastOnce)
		p.sendAll(1000, "t")
		if p.unread() == 0 {
			t.Error("all is read from a publisher whose subscriber is behind")
		}
		took := 0
		for range 10_000 {
			s.wait(time.Millisecond)
			n := reader.take(3)
			if took += n; n == 0 {
				break
			}
		}
		if acks := p.acks(); took != 1000 || acks != 1000 {
			t.Errorf("%v: %d of 1000 messages acknowledged, %d delivered", v, acks, took)
		}
	}
}

// Who stops reading holds nobody for long, one that reads a little nobody who has
// something for others for more than the budget.
func TestHoldIsBounded(t *testing.T) {
	for name, reads := range map[string]int{"stopped": 0, "slow": 1} {
		s := newStage(t, few())
		slow, other, p := s.connected(mqttwire.V311, "slow"), s.connected(mqttwire.V311, "other"), s.connected(mqttwire.V311, "p")
		slow.subscribeAt("#", qos.AtLeastOnce)
		other.subscribeAt("t", qos.AtMostOnce)
		p.sendAll(300, "t")
		start := s.now
		for p.unread() > 0 && s.now-start < time.Minute {
			s.wait(10 * time.Millisecond)
			slow.take(reads)
		}
		if waited := s.now - start; waited > s.hub.config.HoldBudget+2*holdPatience {
			t.Errorf("%s: others wait %v", name, waited)
		}
		got := 0
		for other.next() != nil {
			got++
		}
		if got != 300 {
			t.Errorf("%s: the other has got %d of 300", name, got)
		}
	}
}

// Who publishes to itself, and two that publish to each other, without reading,
// wait for themselves, and not for ever.
func TestHoldAndDeadlock(t *testing.T) {
	s := newStage(t, few())
	a, b, self := s.connected(mqttwire.V311, "a"), s.connected(mqttwire.V311, "b"), s.connected(mqttwire.V311, "self")
	a.subscribeAt("a", qos.AtLeastOnce)
	b.subscribeAt("b", qos.AtLeastOnce)
	self.subscribeAt("self", qos.AtLeastOnce)
	self.sendAll(300, "self")
	if self.unread() > 0 {
		t.Error("one waits for itself")
	}
	a.sendAll(300, "b")
	b.sendAll(300, "a")
	for range 1000 {
		s.wait(holdPatience)
	}
	if a.unread()+b.unread() > 0 {
		t.Errorf("%d and %d bytes are never read", a.unread(), b.unread())
	}
	s.innocentGoesOn()
}

// A publisher that is held is not judged silent, and goes on when its subscriber
// leaves, or it is kicked itself.
func TestHeldPublisher(t *testing.T) {
	o := DefaultOptions()
	o.OutboundWindow, o.MaximumKeepAlive = 4, 1
	for _, end := range []func(reader, p *wire){
		func(reader, p *wire) { reader.close() },
		func(reader, p *wire) { p.c.Kick(mqttwire.ServerShuttingDown, "") },
	} {
		s := newStage(t, Config{ServerOptions: o, MaxQueuedMessages: 80})
		reader, p := s.connected(mqttwire.V311, "reader"), s.connected(mqttwire.V311, "p")
		reader.subscribeAt("t", qos.AtLeastOnce)
		p.sendAll(1000, "t")
		held := p.unread()
		if held == 0 {
			t.Fatal("not held")
		}
		for range 40 { // two seconds of a second and a half
			s.wait(50 * time.Millisecond)
			reader.take(1)
		}
		if p.gone {
			t.Fatal("a publisher that was held counts as silent")
		}
		end(reader, p)
		s.settle()
		if p.unread() == held && !p.gone {
			t.Error("it is held on")
		}
	}
}

// However long the hub is up, a publisher is held, and what its subscriber has made
// others wait is forgiven with time.
func TestHoldLater(t *testing.T) {
	for _, up := range []time.Duration{0, time.Minute, time.Hour, 1000 * time.Hour} {
		s := newStage(t, few())
		s.now = up
		slow, other, p := s.connected(mqttwire.V311, "slow"), s.connected(mqttwire.V311, "other"), s.connected(mqttwire.V311, "p")
		slow.subscribeAt("#", qos.AtLeastOnce)
		other.subscribeAt("t", qos.AtMostOnce)
		p.sendAll(10, "t")
		slow.take(10)
		if p.sendAll(100, "t"); p.unread() == 0 {
			t.Errorf("after %v nobody is held", up)
		}
	}
}

// A subscriber that comes back is no other for ever.
func TestHoldForTheSole(t *testing.T) {
	s := newStage(t, few())
	p := s.connected(mqttwire.V311, "p")
	for range 2 {
		reader := s.connected(mqttwire.V311, "reader")
		reader.subscribeAt("t", qos.AtLeastOnce)
		p.sendAll(3, "t")
		reader.take(3)
		if s.wait(2 * holdWindow); p.c.hold.shared > s.now {
			t.Fatal("there are others")
		}
		p.sendAll(1, "t")
		if reader.take(1); p.c.hold.shared > s.now {
			t.Error("who is the only one counts as others")
		}
		reader.close()
	}
}

// A connection that drains ends when nothing has moved for Linger, whatever has
// before.
func TestDrainThatStops(t *testing.T) {
	c := few()
	c.Linger = time.Second
	s := newStage(t, c)
	reader, p := s.connected(mqttwire.V311, "reader"), s.connected(mqttwire.V311, "p")
	reader.subscribeAt("t", qos.AtLeastOnce)
	p.sendAll(20, "t") // of which 16 wait
	reader.c.Drain()
	s.wait(c.Linger - time.Millisecond)
	if reader.gone {
		t.Error("it is not waited for")
	}
	if s.wait(2 * time.Millisecond); !reader.gone {
		t.Error("it is waited for longer")
	}
}

// Who has just begun to fall behind has made no progress yet, and is waited for: from
// the first burst on, however long the hub is up.
func TestHoldFromTheFirstBurst(t *testing.T) {
	for _, up := range []time.Duration{0, time.Hour} {
		s := newStage(t, few())
		s.now = up
		reader, p := s.connected(mqttwire.V311, "reader"), s.connected(mqttwire.V311, "p")
		reader.subscribeAt("t", qos.AtLeastOnce)
		s.wait(time.Minute)
		p.sendAll(1000, "t")
		took := 0
		for range 1000 {
			s.wait(time.Millisecond)
			took += reader.take(3)
		}
		if took != 1000 {
			t.Errorf("%d of 1000 messages come to who was idle", took)
		}
	}
}

// The budget is the account's: a hundred slow subscribers of one hold nobody for longer
// than one does, and those of another have their own.
func TestHoldBudgetIsTheAccounts(t *testing.T) {
	for _, budget := range []time.Duration{-1, 50 * time.Millisecond, 200 * time.Millisecond} {
		c := few()
		c.HoldBudget = budget
		s := newStage(t, c)
		s.as(guilty)
		var slow []*wire
		for i := range 20 {
			x := s.connected(mqttwire.V311, fmt.Sprint("slow", i))
			x.subscribeAt(fmt.Sprint("t/", i), qos.AtLeastOnce)
			slow = append(slow, x)
		}
		s.as(innocent)
		other, p := s.connected(mqttwire.V311, "other"), s.connected(mqttwire.V311, "p")
		other.subscribeAt("#", qos.AtMostOnce)
		var topics []string
		for i := range slow {
			topics = append(topics, fmt.Sprint("t/", i))
		}
		start := s.now
		p.sendAll(2000, topics...)
		for p.unread() > 0 && s.now-start < time.Minute {
			s.wait(10 * time.Millisecond)
			for _, x := range slow {
				x.take(1)
			}
		}
		if waited := s.now - start; waited > max(budget, 0)+2*holdPatience {
			t.Errorf("with %v for all others wait %v", budget, waited)
		}
	}
}

// A publisher keeps nobody in memory that it has waited for.
func TestHoldLetsGo(t *testing.T) {
	s := newStage(t, few())
	p := s.connected(mqttwire.V311, "p")
	reader := s.connected(mqttwire.V311, "reader")
	reader.subscribeAt("t", qos.AtLeastOnce)
	p.sendAll(100, "t")
	if p.c.hold.by.Load() == nil {
		t.Fatal("not held")
	}
	old := weak.Make(reader.c.client)
	reader.close()
	s.wait(time.Second)
	p.sendAll(1, "t")
	s.all, reader = s.all[:1], nil
	clear(s.all[1:2])
	runtime.GC()
	if old.Value() != nil {
		t.Error("a client that is forgotten is still there")
	}
	runtime.KeepAlive(p)
}
