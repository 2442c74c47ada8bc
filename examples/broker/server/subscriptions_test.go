package server

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/internal/race"
	"github.com/mqttwire/mqttwire/qos"
)

// heap returns the bytes that are in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what pools hold goes the second time
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// subscribeMany subscribes to filters of a number, in packets of 500.
func (p *peer) subscribeMany(n int, filter func(i int) string) {
	p.t.Helper()
	for from := 0; from < n; from += 500 {
		list := codec.Subscriptions{}
		count := min(500, n-from)
		for i := range count {
			list = list.Append(codec.Subscription{Filter: []byte(filter(from + i)), Options: codec.SubscriptionOptions(qos.AtLeastOnce)})
		}
		p.send(&codec.Subscribe{ID: 1, Subscriptions: list})
		ack, ok := p.receive().(*codec.Suback)
		if !ok || ack.Codes.Len() != count {
			p.t.Fatalf("SUBSCRIBE is answered with %v", ack)
		}
		for code := range ack.Codes.All() {
			if code != mqttwire.GrantedQoS1 {
				p.t.Fatalf("a filter is answered with %#x", uint8(code))
			}
		}
	}
}

// Half a million subscriptions: each message finds who wants it and nobody else,
// none takes more than it should, and nothing is left of them when their clients
// have gone.
func TestManySubscriptions(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes its time")
	}
	clients, each := 250, 2000
	if race.Enabled {
		clients = 25
	}
	simulate(t, Config{MaxAccountBytes: 1 << 30}, func(t *testing.T, s *Server) { // all of one address
		publisher := connected(t, s, mqttwire.V50, "publisher")
		publish := func(topic string, want mqttwire.Reason) {
			t.Helper()
			publisher.send(publicationAt(topic, "x", qos.AtLeastOnce, 1))
			publisher.expect(&codec.Puback{ID: 1, Code: want})
		}
		empty := heap()
		peers := make([]*peer, clients)
		for i := range peers {
			peers[i] = connected(t, s, versions[i%3], fmt.Sprint("c", i))
		}
		before := heap()
		for i, p := range peers {
			p.subscribeMany(each, func(k int) string {
				switch {
				case k == 0:
					return "all/#"
				case k%2 == 0:
					return fmt.Sprintf("device/%d/%d/+/state", i, k)
				}
				return fmt.Sprintf("device/%d/%d/command", i, k)
			})
		}
		if got := s.Stats().Subscriptions; got != clients*each {
			t.Fatalf("%d subscriptions, want %d", got, clients*each)
		}
		if per := (heap() - before) / int64(clients*each); per > 1024 {
			t.Errorf("%d bytes a subscription", per)
		} else {
			t.Logf("%d bytes a subscription", per)
		}

		for i, p := range peers {
			k := 1 + i*7%(each-2)
			topic, other := fmt.Sprintf("device/%d/%d/command", i, k|1), fmt.Sprintf("device/%d/%d/x/state", i, (k+1)&^1)
			publish(topic, 0)
			p.expect(publicationAt(topic, "x", qos.AtLeastOnce, 1))
			publish(other, 0)
			p.expect(publicationAt(other, "x", qos.AtLeastOnce, 2))
			p.send(&codec.Puback{ID: 1}, &codec.Puback{ID: 2})
		}
		for _, topic := range []string{"device/0/0/x/state", "device/0/2/command", "device/0/1/command/x", fmt.Sprintf("device/%d/1/command", clients), "device", "al"} {
			publish(topic, mqttwire.NoMatchingSubscribers)
		}
		// Each gets it once, and no other has got anything.
		publisher.send(publication("all/of/them", "y"))
		for _, p := range peers {
			p.expect(publication("all/of/them", "y"))
			p.expectNothing()
		}

		for i, p := range peers {
			if i%2 == 0 {
				p.send(&codec.Disconnect{})
			}
			p.conn.Close()
			*p = peer{}
		}
		synctest.Wait()
		if got := s.Stats().Subscriptions; got != 0 {
			t.Errorf("%d subscriptions are left", got)
		}
		if left := heap() - empty; left > 1<<20+int64(clients)*1024 {
			t.Errorf("%d bytes are left of %d subscriptions", left, clients*each)
		}
		publish("all/of/them", mqttwire.NoMatchingSubscribers)
	})
}
