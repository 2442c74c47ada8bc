package server

import (
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/qos"
)

// Every version talks to every other.
func TestVersions(t *testing.T) {
	simulate(t, Config{}, func(t *testing.T, s *Server) {
		var peers []*peer
		for _, v := range versions {
			p := connected(t, s, v, "c"+v.String())
			p.subscribe("a/+/#")
			peers = append(peers, p)
		}
		for _, from := range peers {
			text := "from " + from.rules.Version.String()
			from.send(publication("a/b/c", text), publication("a", "not wanted"), publication("a/b", text))
			for _, to := range peers {
				to.expect(publication("a/b/c", text), publication("a/b", text))
			}
		}
	})
}

func TestUnsubscribe(t *testing.T) {
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		simulate(t, Config{}, func(t *testing.T, s *Server) {
			p := connected(t, s, v, "c")
			p.subscribe("a")
			p.subscribe("b")
			var filters codec.Filters
			for _, f := range []string{"a", "x"} {
				filters = filters.Append([]byte(f))
			}
			p.send(&codec.Unsubscribe{ID: 9, Filters: filters}, publication("a", ""), publication("b", ""))
			ack := &codec.Unsuback{ID: 9}
			if v == mqttwire.V50 {
				ack.Codes = ack.Codes.Append(mqttwire.Success, mqttwire.NoSubscriptionExisted)
			}
			p.expect(ack, publication("b", ""))
		})
	})
}

// A topic that starts with $ is not matched by a wildcard (5.0 [MQTT-4.7.2-1]).
func TestDollar(t *testing.T) {
	simulate(t, Config{}, func(t *testing.T, s *Server) {
		p := connected(t, s, mqttwire.V311, "c")
		p.subscribe("#")
		p.subscribe("+/x")
		p.send(publication("$a/x", "1"))
		p.expectNothing()
		p.subscribe("$a/#")
		s.Inject(keep.Message{Topic: []byte("$a/x"), Payload: []byte("2")})
		p.expect(publication("$a/x", "2"))
	})
}

// A message of each level comes at that level, once, in every version.
func TestHandshakes(t *testing.T) {
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		simulate(t, Config{}, func(t *testing.T, s *Server) {
			p := connected(t, s, v, "c")
			p.subscribeAt("a", qos.ExactlyOnce)

			p.send(publicationAt("a", "1", qos.AtLeastOnce, 5))
			p.expect(publicationAt("a", "1", qos.AtLeastOnce, 1), &codec.Puback{ID: 5})
			p.send(&codec.Puback{ID: 1})

			first := publicationAt("a", "2", qos.ExactlyOnce, 6)
			again := *first
			again.Dup = true
			p.send(first, &again, first)
			p.expect(publicationAt("a", "2", qos.ExactlyOnce, 2), &codec.Pubrec{ID: 6}, &codec.Pubrec{ID: 6}, &codec.Pubrec{ID: 6})
			p.send(&codec.Pubrec{ID: 2})
			p.expect(&codec.Pubrel{ID: 2})
			p.send(&codec.Pubcomp{ID: 2}, &codec.Pubrel{ID: 6})
			p.expect(&codec.Pubcomp{ID: 6})

			p.send(publicationAt("a", "3", qos.ExactlyOnce, 6)) // a new message
			p.expect(publicationAt("a", "3", qos.ExactlyOnce, 3), &codec.Pubrec{ID: 6})

			p.send(publicationAt("a", "4", qos.AtLeastOnce, 6)) // whose id is in use
			p.expectEnd(mqttwire.ProtocolError)
		})
	})
}

// Acknowledgements of what the server has not sent.
func TestStrayAcks(t *testing.T) {
	simulate(t, Config{}, func(t *testing.T, s *Server) {
		p := connected(t, s, mqttwire.V50, "c")
		p.send(&codec.Puback{ID: 1}, &codec.Pubcomp{ID: 1}, &codec.Pubrec{ID: 1, Code: mqttwire.UnspecifiedError})
		p.expectNothing()
		p.send(&codec.Pubrec{ID: 1}, &codec.Pubrel{ID: 2})
		p.expect(&codec.Pubrel{ID: 1, Code: mqttwire.PacketIdentifierNotFound},
			&codec.Pubcomp{ID: 2, Code: mqttwire.PacketIdentifierNotFound})
	})
}

// What ends a connection of 5.0 with a reason, and of 3.1.1 without.
func TestViolations(t *testing.T) {
	alias := publication("", "")
	alias.Properties = codec.AppendTopicAlias(codec.Properties{}, 1)
	method := codec.AppendAuthenticationMethod(codec.Properties{}, "X")
	tests := []struct {
		name   string
		packet []byte
		code   mqttwire.Reason
	}{
		{"unknown topic alias", encode(t, mqttwire.V50, alias), mqttwire.ProtocolError},
		{"second CONNECT", encode(t, mqttwire.V50, &codec.Connect{}), mqttwire.ProtocolError},
		{"AUTH", encode(t, mqttwire.V50, &codec.Auth{Code: mqttwire.ReAuthenticate, Properties: method}), mqttwire.ProtocolError},
		{"session expiry after none", encode(t, mqttwire.V50, &codec.Disconnect{Properties: codec.AppendSessionExpiryInterval(codec.Properties{}, 1)}), mqttwire.ProtocolError},
		{"from a server", []byte{0xd0, 0}, mqttwire.ProtocolError},
		{"wildcard in a topic name", []byte{0x30, 5, 0, 2, 'a', '+', 0}, mqttwire.MalformedPacket},
		{"bad filter", []byte{0x82, 8, 0, 1, 0, 0, 2, 'a', '#', 0}, mqttwire.MalformedPacket},
		{"no filter", []byte{0x82, 3, 0, 1, 0}, mqttwire.ProtocolError},
		{"flags", []byte{0xc1, 0}, mqttwire.MalformedPacket},
		{"too large", []byte{0x30, 0xff, 0xff, 0x7f}, mqttwire.PacketTooLarge},
		{"length of five bytes", []byte{0x30, 0x80, 0x80, 0x80, 0x80, 1}, mqttwire.MalformedPacket},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			simulate(t, Config{}, func(t *testing.T, s *Server) {
				p := connected(t, s, mqttwire.V50, "c")
				p.write(tt.packet)
				p.expectEnd(tt.code)
			})
		})
	}
	t.Run("3.1.1", func(t *testing.T) {
		simulate(t, Config{}, func(t *testing.T, s *Server) {
			p := connected(t, s, mqttwire.V311, "c")
			p.write([]byte{0xc1, 0})
			p.expectClosed()
		})
	})
}

// What a client may have the server keep is not many times what it sends: a
// filter of very many levels is refused, and a message on such a topic reaches
// who is there but is not retained.
func TestManyLevels(t *testing.T) {
	most := strings.Repeat("/", 127)
	codes := map[mqttwire.Version]mqttwire.Reason{mqttwire.V311: mqttwire.UnspecifiedError, mqttwire.V50: mqttwire.TopicFilterInvalid}
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		simulate(t, Config{}, func(t *testing.T, s *Server) {
			p := connected(t, s, v, "c")
			if v == mqttwire.V31 { // cannot be told
				p.send(subscribeTo(t, most+"/"))
				p.expectClosed()
				p = connected(t, s, v, "c")
				p.send(subscribeTo(t, most, most))
				codes[v] = mqttwire.GrantedQoS0
			} else {
				p.send(subscribeTo(t, most, most+"/"))
			}
			p.expect(&codec.Suback{ID: 1, Codes: codec.ReasonCodes{}.Append(mqttwire.GrantedQoS0, codes[v])})
			p.send(publication(most, "1"), publication(most+"/", "2"))
			p.expect(publication(most, "1"))
			p.expectNothing()

			long := strings.Repeat("/", 65_535)
			p.send(retainedPublication(most, "3"), retainedPublication(long, "4"))
			p.expect(publication(most, "3"))
			p.subscribe("#")
			p.expect(retainedPublication(most, "3"))
			p.send(publication(long, "5"))
			p.expect(publication(long, "5"))
		})
	})
}

// A publisher's properties are forwarded as they are, in their order, and
// then the subscriber's identifiers; before 5.0 there are none.
func TestProperties(t *testing.T) {
	var sent codec.Properties
	for _, x := range []codec.Property{
		{ID: codec.UserProperty, Key: []byte("k"), Value: []byte("1")},
		{ID: codec.ContentType, Value: []byte("text/plain")},
		{ID: codec.MessageExpiryInterval, Number: 60},
		{ID: codec.UserProperty, Key: []byte("k"), Value: []byte("2")},
		{ID: codec.ResponseTopic, Value: []byte("r")},
		{ID: codec.PayloadFormatIndicator, Number: 1},
		{ID: codec.CorrelationData, Value: []byte{0, 1}},
		{ID: codec.UserProperty, Key: []byte("a"), Value: []byte("")},
	} {
		sent = sent.Append(x)
	}
	simulate(t, Config{}, func(t *testing.T, s *Server) {
		p := connected(t, s, mqttwire.V50, "c")
		three := connected(t, s, mqttwire.V311, "three")
		three.subscribe("#")
		p.subscribeWith(codec.Subscription{Filter: []byte("a")}, identifier(300))
		p.subscribeWith(codec.Subscription{Filter: []byte("#")}, identifier(2))
		p.subscribe("+")
		m := publication("a", "x")
		m.Properties = sent
		p.send(m)
		for _, id := range []uint32{2, 300} {
			m.Properties = codec.AppendSubscriptionIdentifier(m.Properties, id)
		}
		p.expect(m)
		three.expect(publication("a", "x"))
	})
}

func identifier(id uint32) codec.Properties {
	return codec.AppendSubscriptionIdentifier(codec.Properties{}, id)
}

func TestNoLocal(t *testing.T) {
	simulate(t, Config{}, func(t *testing.T, s *Server) {
		a, b := connected(t, s, mqttwire.V50, "a"), connected(t, s, mqttwire.V50, "b")
		a.subscribeWith(codec.Subscription{Filter: []byte("x"), Options: codec.NoLocal}, codec.Properties{})
		a.send(publication("x", "own"))
		a.expectNothing()
		b.send(publication("x", "other"))
		a.expect(publication("x", "other"))
		a.subscribe("+") // another subscription that wants its own
		a.send(publication("x", "own"))
		a.expect(publication("x", "own"))
	})
}

// The bridges of other brokers want no echo and the RETAIN flag as it was.
func TestBridge(t *testing.T) {
	simulate(t, Config{}, func(t *testing.T, s *Server) {
		bridge := join(t, s, &codec.Connect{Version: mqttwire.V311, Bridge: true, ClientID: []byte("bridge")})
		bridge.subscribe("#")
		bridge.send(publication("x", "own"))
		bridge.expectNothing()
		c := connected(t, s, mqttwire.V311, "c")
		c.send(retainedPublication("x", "1"))
		bridge.expect(retainedPublication("x", "1"))
	})
}

// A message over the client's Maximum Packet Size is not sent
// (5.0 [MQTT-3.1.2-24]).
func TestClientMaximumPacketSize(t *testing.T) {
	simulate(t, Config{}, func(t *testing.T, s *Server) {
		p := join(t, s, &codec.Connect{Version: mqttwire.V50, ClientID: []byte("c"), Properties: codec.AppendMaximumPacketSize(codec.Properties{}, 40)})
		p.subscribe("#")
		p.send(publication("a", "0123456789012345678901234567890123456789"), publication("a", "0123"))
		p.expect(publication("a", "0123"))
		if n := s.Stats().MessagesDropped; n != 1 {
			t.Error("Dropped", n)
		}
	})
}
