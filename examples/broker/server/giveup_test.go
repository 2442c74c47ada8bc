package server

import (
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeptest"
	"github.com/mqttwire/mqttwire/qos"
)

// narrow is a CONNECT of a client that takes packets of so many bytes.
func narrow(id string, most uint32) *codec.Connect {
	c := lasting(mqttwire.V50, id, 1000)
	c.Properties = codec.AppendMaximumPacketSize(c.Properties, most)
	return c
}

// A message that a client takes no more, because it has announced a smaller
// Maximum Packet Size since, counts as delivered [MQTT-3.1.2-25]. At QoS 2 the
// client may hold its Packet Identifier, until a PUBREL: that is owed over every
// loss and every crash, and the identifier is free with the PUBCOMP.
func TestGiveUpTooLarge(t *testing.T) {
	for _, held := range []bool{false, true} { // the client has it, and its PUBREC is lost
		store := new(keeptest.Recorder)
		simulate(t, Config{Store: store}, func(t *testing.T, s *Server) {
			p := join(t, s, lasting(mqttwire.V50, "c", 1000))
			p.subscribeAt("t", qos.ExactlyOnce)
			other := connected(t, s, mqttwire.V311, "other")
			large := strings.Repeat("x", 200)
			other.send(publicationAt("t", large, qos.ExactlyOnce, 1), publicationAt("t", large, qos.AtLeastOnce, 2), publicationAt("t", "small", qos.ExactlyOnce, 3))
			p.expect(publicationAt("t", large, qos.ExactlyOnce, 1), publicationAt("t", large, qos.AtLeastOnce, 2), publicationAt("t", "small", qos.ExactlyOnce, 3))
			p.conn.Close()
			small := publicationAt("t", "small", qos.ExactlyOnce, 3)
			small.Dup = true

			for _, lose := range []string{"lost", "crash", "lost", ""} {
				p = rejoin(t, s, narrow("c", 100), true)
				switch x := p.receive().(type) {
				case *codec.Pubrel:
					if x.ID != 1 {
						t.Fatal(x)
					}
					p.expect(small)
				default:
					t.Fatalf("got %v, want the PUBREL of 1", x)
				}
				switch lose {
				case "lost":
					p.conn.Close()
				case "crash":
					p.conn.Close()
					s = crash(t, store, time.Second)
					store = s.config.Store.(*keeptest.Recorder)
				}
			}
			// To a client of 5.0 that holds no such message it is news.
			code := mqttwire.PacketIdentifierNotFound
			if held {
				code = mqttwire.Success
			}
			p.send(&codec.Pubcomp{ID: 1, Code: code}, &codec.Pubrec{ID: 3})
			p.expect(&codec.Pubrel{ID: 3})
			p.send(&codec.Pubcomp{ID: 3})
			p.expectNothing()
			p.conn.Close()
			p = rejoin(t, s, narrow("c", 100), true)
			p.expectNothing()
			if n := s.Stats().QueuedBytes; n != 0 {
				t.Errorf("%d bytes are kept", n)
			}
			p.conn.Close()
			s = crash(t, store, time.Second)
			p = rejoin(t, s, lasting(mqttwire.V50, "c", 1000), true)
			p.expectNothing()
			if n := s.Stats().QueuedBytes; n != 0 {
				t.Errorf("%d bytes are kept", n)
			}
		})
	}
}

// What a Store brings back that is fit for no packet is given up, and stops
// nothing behind it.
func TestGiveUpUnfit(t *testing.T) {
	for level := qos.AtLeastOnce; level <= qos.ExactlyOnce; level++ {
		message := func(payload string, ids ...uint32) []keep.Record {
			key := uint64(len(payload))
			return []keep.Record{
				{Kind: keep.MessageQueued, Message: &keep.Message{Topic: []byte("t"), Payload: []byte(payload), QoS: level},
					To: []keep.Recipient{{Client: "c", Key: key, Level: level, SubscriptionIDs: ids}}},
				{Kind: keep.Exchanged, Client: "c", Key: key, Exchange: qos.Record{Token: key, ID: uint16(key), Change: qos.Store.Of(qos.Sent, level)}},
			}
		}
		records := []keep.Record{{Kind: keep.SessionKept, Client: "c"}}
		records[0].State.Exists, records[0].State.Connected, records[0].State.Expiry = true, true, 1000
		records = append(records, message("1", 1<<31)...) // no Subscription Identifier
		records = append(records, message("12")...)
		simulate(t, Config{Store: keeptest.NewRecorder(records...)}, func(t *testing.T, s *Server) {
			if err := s.Restore(); err != nil {
				t.Fatal(err)
			}
			p := rejoin(t, s, lasting(mqttwire.V50, "c", 1000), true)
			if level == qos.ExactlyOnce {
				p.expect(&codec.Pubrel{ID: 1})
			}
			second := publicationAt("t", "12", level, 2)
			second.Dup = true
			p.expect(second)
			p.expectNothing()
		})
	}
}
