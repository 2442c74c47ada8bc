package hub

import (
	"fmt"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeptest"
	"github.com/mqttwire/mqttwire/qos"
)

// A member of a Shared Subscription whose Receive Maximum is full has no turn
// while another can send; where none can, what waits is shared.
func TestSharePrefersReady(t *testing.T) {
	for _, stored := range []bool{false, true} {
		config := Config{}
		if stored {
			config.Store = new(keeptest.Recorder)
		}
		s := newStage(t, config)
		connect := &codec.Connect{Version: mqttwire.V50, CleanStart: true, ClientID: []byte("full")}
		connect.Properties = codec.AppendReceiveMaximum(connect.Properties, 1)
		full := s.join(connect)
		other := s.connected(mqttwire.V50, "other")
		full.subscribeAt("$share/g/a", qos.AtLeastOnce)
		other.subscribeAt("$share/g/a", qos.AtLeastOnce)
		p := s.connected(mqttwire.V50, "p")
		const n = 10
		got := map[*wire]int{}
		for i := range n {
			p.send(publicationAt("a", fmt.Sprint(i), qos.AtLeastOnce, 1))
			p.expect(&codec.Puback{ID: 1})
			for _, x := range []*wire{full, other} {
				m, ok := x.next().(*codec.Publish)
				if !ok {
					continue
				}
				if got[x]++; x == other {
					other.send(&codec.Puback{ID: m.ID})
				}
			}
		}
		if got[full] != 1 || got[other] != n-1 {
			t.Errorf("stored %v: %d and %d of %d messages", stored, got[full], got[other], n)
		}
		other.close()
		p.send(publicationAt("a", "waits", qos.AtLeastOnce, 1))
		p.expect(&codec.Puback{ID: 1})
		if full.expect(); s.hub.Stats().Queued != 2 {
			t.Errorf("%d messages wait or are in flight", s.hub.Stats().Queued)
		}
	}
}

// A member is offered a message once, whatever becomes of it.
func TestShareAsksOnce(t *testing.T) {
	for _, n := range []int64{1, 2, 40} {
		s := newStage(t, Config{})
		for i := range n {
			connect := &codec.Connect{Version: mqttwire.V50, CleanStart: true, ClientID: fmt.Append(nil, i)}
			connect.Properties = codec.AppendMaximumPacketSize(connect.Properties, 50)
			s.join(connect).subscribeAt("$share/g/t", qos.AtLeastOnce)
		}
		s.connected(mqttwire.V50, "p").publish("t", mega[:100], false)
		if dropped := s.hub.Stats().MessagesDropped; dropped != n {
			t.Errorf("%d members that take none of that size drop %d", n, dropped)
		}
	}
}

// counting is a sink that nobody takes anything from.
type counting struct{ n int }

func (c *counting) execute(*Worker, *posting, *intent) outcome { c.n++; return refused }

// However large a group is, one message is offered to so many of it.
func TestShareIsAskedSoFar(t *testing.T) {
	s := newStage(t, Config{})
	for i := range 300 {
		s.away(fmt.Sprint("c", i), "$share/g/t")
	}
	w := s.hub.Worker(s.now)
	defer w.Finish()
	w.pub.set(publicationAt("t", "x", qos.AtLeastOnce, 1), "", s.now)
	w.matches = s.hub.subscriptions.AppendTurns(nil, []byte("t"))
	sink := counting{}
	if s.hub.decide(w, &w.pub, &sink); sink.n != maxAsked {
		t.Errorf("%d members are asked", sink.n)
	}
}
