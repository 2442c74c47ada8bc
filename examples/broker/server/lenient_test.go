package server

import (
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeptest"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

func lenient(l codec.Leniencies) Config {
	return withOptions(func(o *session.ServerOptions) { o.Lenient = l })
}

// What a leniency takes is served as if it were right. Without them,
// TestInvalidVectors has the same packets refused.
func TestLeniencies(t *testing.T) {
	t.Run("long client id", func(t *testing.T) {
		simulate(t, lenient(codec.LongClientID), func(t *testing.T, s *Server) {
			p := pipe(t, s, mqttwire.V31)
			p.write([]byte("\x10\x26\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x18abcdefghijklmnopqrstuvwx"))
			p.expect(&codec.Connack{})
			p.expectNothing()
		})
	})
	t.Run("DUP at QoS 0", func(t *testing.T) {
		simulate(t, lenient(codec.DupQoS0), func(t *testing.T, s *Server) {
			p := connected(t, s, mqttwire.V311, "c")
			p.subscribe("a")
			p.write([]byte("\x38\x04\x00\x01ax"))
			p.expect(publication("a", "x")) // and no DUP
		})
	})
	t.Run("reserved flags", func(t *testing.T) {
		simulate(t, lenient(codec.ReservedFlags), func(t *testing.T, s *Server) {
			p := connected(t, s, mqttwire.V311, "c")
			p.write([]byte("\x60\x02\x00\x07"))
			p.expect(&codec.Pubcomp{ID: 7})
		})
	})
}

// One bad filter is refused by itself, and the others count; not in 3.1, whose
// SUBACK cannot say so.
func TestBadFilterAlone(t *testing.T) {
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		simulate(t, lenient(codec.BadFilter), func(t *testing.T, s *Server) {
			p := connected(t, s, v, "c")
			p.rules.Unchecked = true
			subs, filters := codec.Subscriptions{}, codec.Filters{}
			for _, f := range []string{"a", "a/#/b", "", "b"} {
				subs = subs.Append(codec.Subscription{Filter: []byte(f), Options: codec.SubscriptionOptions(qos.AtLeastOnce)})
				filters = filters.Append([]byte(f))
			}
			p.send(&codec.Subscribe{ID: 1, Subscriptions: subs})
			if v == mqttwire.V31 {
				p.expectClosed()
				return
			}
			bad := map[mqttwire.Version]byte{mqttwire.V311: 0x80, mqttwire.V50: 0x8f}[v]
			p.expect(&codec.Suback{ID: 1, Codes: codec.ReasonCodesOf([]byte{1, bad, bad, 1})})
			p.send(publication("b", "x"))
			p.expect(publication("b", "x"))
			p.send(&codec.Unsubscribe{ID: 2, Filters: filters})
			ack := codec.Unsuback{ID: 2}
			if v == mqttwire.V50 {
				ack.Codes = codec.ReasonCodesOf([]byte{0, 0x8f, 0x8f, 0})
			}
			p.expect(&ack)
			p.expectNothing()
		})
	})
}

// The same PUBLISH of QoS 1 twice, without DUP, harms nobody: one is decided
// before the next is looked at, so that the second is a new message (3.1.1 [MQTT-4.3.2-2]),
// also while both PUBACKs wait for the Store, and whatever may be taken.
func TestRepeatWithoutDup(t *testing.T) {
	for name, l := range map[string]codec.Leniencies{"taken": codec.RepeatWithoutDup, "not taken": 0} {
		for _, stored := range []bool{false, true} {
			config := lenient(l)
			if stored {
				config.Store = new(keeptest.Recorder)
				name += ", stored"
			}
			t.Run(name, func(t *testing.T) {
				simulate(t, config, func(t *testing.T, s *Server) {
					keeper := join(t, s, lasting(mqttwire.V311, "keeper", 0))
					keeper.subscribeAt("a", qos.AtLeastOnce)
					p := connected(t, s, mqttwire.V311, "c")
					p.write([]byte("\x32\x05\x00\x01a\x00\x05\x32\x05\x00\x01a\x00\x05"))
					keeper.expect(publicationAt("a", "", qos.AtLeastOnce, 1), publicationAt("a", "", qos.AtLeastOnce, 2))
					p.expect(&codec.Puback{ID: 5}, &codec.Puback{ID: 5})
					p.expectNothing()
				})
			})
		}
	}
}
