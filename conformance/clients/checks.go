package clients

import (
	"fmt"
	"strings"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/connack"
)

// cite returns clauses, nil for the first of the check.
func cite(s string) conformance.Clauses { return conformance.Cite(s) }

var handshake = []check{
	scene("connect/right", "A broker that is right: nothing is found on a connection of a few seconds.",
		"3.1.1 3.1.0-1 3.1.0-2 2.3.1-2 2.3.1-3 4.3.2-1 4.3.3-1; 5.0 3.1.0-1 3.1.0-2 2.2.1-3 4.3.2-1 4.3.2-2 4.3.3-1 4.3.3-2 4.4.0-1",
		func(s *stage) {
			s.accept()
			s.serve(2*s.window(), nil)
		}),
	scene("connect/slow", "The CONNACK comes late, and byte by byte: bytes may straddle segments.",
		"3.1.1 7.1.2-1; 5.0 4.2.0-1", func(s *stage) {
			s.hello()
			s.Sleep(s.window() / 2)
			b, _ := (&codec.Connack{}).Append(nil, s.c.To)
			if len(s.connect.ClientID) == 0 && s.Version == mqttwire.V50 {
				b, _ = (&codec.Connack{Properties: codec.AppendAssignedClientIdentifier(codec.Properties{}, s.ID("assigned"))}).Append(nil, s.c.To)
			}
			for i := range b {
				s.c.Write(b[i : i+1])
				s.Sleep(50 * time.Millisecond)
			}
			if s.closes(s.window() / 2) {
				s.Fault(nil, "a client that goes on", "it has closed the connection")
			}
		}),
	scene("connect/session-present-unasked", "A client that asks for a new session, or can have none, and is told of an old one closes the connection.",
		"5.0 3.2.2-4", func(s *stage) {
			s.hello()
			if n, _ := s.connect.Properties.SessionExpiryInterval(); !s.connect.CleanStart && n == 0 {
				// Its session ends with this connection.
				s.welcome()
				s.serve(100*time.Millisecond, nil)
				s.hello()
			}
			if n, _ := s.connect.Properties.SessionExpiryInterval(); !s.connect.CleanStart && n > 0 {
				s.Skip("the client asks for its old session")
			}
			s.welcome(present)
			if !s.closes(s.window()) {
				s.Fault(nil, "the end of the connection", "the client goes on")
			}
		}),
	scene("connect/session-lost", "A broker that has forgotten the session: the client drops what was in flight, and begins anew.",
		"5.0 3.2.2-5", func(s *stage) {
			s.accept()
			s.published(2, stop)
			s.published(1, hold)
			s.cut()
			s.accept()
			s.serve(s.window(), nil)
		}),
}

var sending = []check{
	scene("send/qos-1", "A message of QoS 1 has an identifier, and no DUP at first.", "3.1.1 4.3.2-1 2.3.1-2; 5.0 4.3.2-1 4.3.2-2 2.2.1-3", func(s *stage) {
		s.accept()
		for range 3 {
			s.published(1, stop)
		}
	}),
	scene("send/qos-2", "PUBREC is answered with PUBREL.", "3.1.1 4.3.3-1; 5.0 4.3.3-4 4.3.3-1 4.3.3-2", func(s *stage) {
		s.accept()
		for range 2 {
			id := s.published(2, stop)
			s.acked(nil, mqttwire.PUBREL, id, stop)
		}
	}),
	scene("send/resend-qos-1", "A message of QoS 1 that was not acknowledged goes again on the next connection, with DUP and its identifier.",
		"3.1.1 4.4.0-1 3.3.1-1; 5.0 4.4.0-1 3.3.1-1", resends(1)),
	scene("send/resend-qos-2", "A message of QoS 2 that was not acknowledged goes again on the next connection, with DUP and its identifier.",
		"3.1.1 4.4.0-1 3.3.1-1; 5.0 4.4.0-1 3.3.1-1", resends(2)),
	scene("send/resend-pubrel", "A PUBREL that was not answered goes again on the next connection, and its PUBLISH does not.",
		"3.1.1 4.4.0-1 4.3.3-1; 5.0 4.4.0-1 4.3.3-6", func(s *stage) {
			s.accept()
			id := s.published(2, stop)
			s.acked(cite("3.1.1 4.3.3-1; 5.0 4.3.3-4"), mqttwire.PUBREL, id, stopHere)
			s.cut()
			s.again()
			s.acked(cite("3.1.1 4.4.0-1; 5.0 4.4.0-1"), mqttwire.PUBREL, id, stop)
		}),
	scene("send/pubrec-lost", "A connection that ends with the PUBREC: the message goes on from one or the other side of it.",
		"3.1.1 4.4.0-1; 5.0 4.4.0-1", func(s *stage) {
			s.accept()
			id := s.published(2, stop)
			s.cut()
			s.again()
			if !s.serve(s.Patience(), func(p codec.Packet) reply {
				if (p.Type() == mqttwire.PUBREL || p.Type() == mqttwire.PUBLISH) && idOf(p) == id {
					return stop
				}
				return answer
			}) {
				s.Fault(nil, fmt.Sprintf("PUBLISH or PUBREL %d again", id), "neither")
			}
			s.serve(500*time.Millisecond, nil)
		}),
	scene("send/resend-order", "What is in flight goes again in the order in which it was sent first.", "3.1.1 4.6.0-1 4.4.0-1; 5.0 4.6.0-1 4.4.0-1", func(s *stage) {
		s.accept()
		n := 0
		s.serve(s.Patience(), func(p codec.Packet) reply {
			m, is := p.(*codec.Publish)
			if !is || m.QoS == 0 {
				return answer
			}
			if n++; n == 4 {
				return stopHere
			}
			return hold
		})
		if n < 2 {
			s.Skip("the client has fewer than two messages in flight")
		}
		s.cut()
		s.again()
		s.serve(s.window(), nil)
	}),
	scene("send/pubrel-order", "PUBRELs leave in the order of the PUBRECs.", "3.1.1 4.6.0-4; 5.0 4.6.0-4", func(s *stage) {
		s.accept()
		var ids []uint16
		s.serve(s.Patience(), func(p codec.Packet) reply {
			if m, is := p.(*codec.Publish); is && m.QoS == 2 {
				if ids = append(ids, m.ID); len(ids) == 2 {
					return stopHere
				}
				return hold
			}
			return answer
		})
		if len(ids) < 2 {
			s.Skip("the client has fewer than two messages of QoS 2 in flight")
		}
		s.send(&codec.Pubrec{ID: ids[1]}, &codec.Pubrec{ID: ids[0]})
		s.acked(cite("3.1.1 4.3.3-1; 5.0 4.3.3-4"), mqttwire.PUBREL, ids[0], stop)
	}),
	scene("send/slow", "A broker that is slow to acknowledge: nothing is sent again on the same connection.", "3.1.1 4.3.2-1 2.3.1-2; 5.0 4.4.0-1 2.2.1-3", func(s *stage) {
		s.accept()
		s.published(1, hold)
		s.serve(s.window()+s.window()/2, func(p codec.Packet) reply {
			if m, is := p.(*codec.Publish); is && m.QoS > 0 {
				return hold
			}
			return answer
		})
	}),
	scene("send/refused", "A message that is refused is settled: no PUBREL, and not sent again.", "5.0 4.4.0-2 4.3.3-4", func(s *stage) {
		s.accept()
		one := s.published(1, hold)
		s.send(&codec.Puback{ID: one, Code: mqttwire.QuotaExceeded})
		two := s.published(2, hold)
		s.send(&codec.Pubrec{ID: two, Code: mqttwire.QuotaExceeded})
		if s.serve(s.window()/2, func(p codec.Packet) reply {
			if p.Type() == mqttwire.PUBREL && idOf(p) == two {
				return stop
			}
			return answer
		}) {
			s.Fault(cite("5.0 4.3.3-4"), "nothing after a PUBREC that refuses", "PUBREL")
		}
		s.cut()
		s.again()
		if s.serve(s.window(), func(p codec.Packet) reply {
			if m, is := p.(*codec.Publish); is && m.Dup && (m.ID == one || m.ID == two) {
				return stop
			}
			return answer
		}) {
			s.Fault(cite("5.0 4.4.0-2"), "no message again that was refused", "it comes again")
		}
	}),
	scene("send/receive-maximum", "No more messages are in flight than the Receive Maximum, and nothing else waits.", "5.0 3.3.4-7 3.3.4-8 4.9.0-2 4.9.0-3", func(s *stage) {
		s.accept(prop(codec.AppendReceiveMaximum, uint16(1)))
		s.published(1, hold)
		s.serve(s.window(), func(p codec.Packet) reply {
			if m, is := p.(*codec.Publish); is && m.QoS > 0 {
				return hold
			}
			return answer
		})
		if len(s.subs) > 0 {
			m := s.message(s.subscribed(0), 1, "while the window is full")
			if s.subs[0].Options&3 > 0 {
				s.send(m)
				s.acked(cite("5.0 3.3.4-8"), mqttwire.PUBACK, m.ID, stop)
			}
		}
	}),
	scene("send/packet-size", "No packet is larger than the Maximum Packet Size.", "5.0 3.2.2-15", func(s *stage) {
		s.accept(prop(codec.AppendMaximumPacketSize, uint32(40)))
		if s.closes(s.window()) {
			s.Note("a client whose packets do not fit closes the connection")
		}
	}),
	scene("send/alias-maximum", "Topic Aliases stay within the Topic Alias Maximum.", "5.0 3.2.2-17 3.3.2-9", func(s *stage) {
		s.accept(prop(codec.AppendTopicAliasMaximum, uint16(1)))
		s.serve(s.window(), nil)
	}),
	scene("send/no-alias", "No Topic Alias is sent to who takes none.", "5.0 3.2.2-18", func(s *stage) {
		s.accept()
		s.serve(s.window(), nil)
	}),
	scene("send/maximum-qos", "Nothing is published above the Maximum QoS.", "5.0 3.2.2-11", func(s *stage) {
		s.accept(prop(codec.AppendMaximumQoS, uint8(0)))
		if s.closes(s.window()) {
			s.Note("a client that cannot publish at its QoS closes the connection")
		}
	}),
	scene("send/no-retain", "Nothing is published with RETAIN to who has no retained messages.", "5.0 3.2.2-14", func(s *stage) {
		s.accept(prop(codec.AppendRetainAvailable, uint8(0)))
		if s.closes(s.window()) {
			s.Note("a client that wants retained messages closes the connection")
		}
	}),
	scene("send/less", "A broker without wildcards, shared subscriptions and Subscription Identifiers is not asked for them.",
		"5.0 E-3.2.2.3.11/2 E-3.2.2.3.12/2 E-3.2.2.3.13/2", func(s *stage) {
			s.accept(prop(codec.AppendWildcardSubscriptionAvailable, uint8(0)), prop(codec.AppendSharedSubscriptionAvailable, uint8(0)),
				prop(codec.AppendSubscriptionIdentifierAvailable, uint8(0)))
			s.serve(s.window(), nil)
		}),
}

// resends has a message of a QoS go unacknowledged over a cut.
func resends(level uint8) func(*stage) {
	return func(s *stage) {
		s.accept()
		id := s.published(levelOf(level), hold)
		s.cut()
		s.again()
		dup := false
		if !s.serve(s.Patience(), func(p codec.Packet) reply {
			m, is := p.(*codec.Publish)
			if is && m.ID == id {
				dup = m.Dup
				return stop
			}
			return answer
		}) {
			s.Fatalf(cite("3.1.1 4.4.0-1; 5.0 4.4.0-1"), "the PUBLISH again", "it has not come in %v", s.Patience())
		}
		if !dup {
			s.Fault(cite("3.1.1 3.3.1-1; 5.0 3.3.1-1"), "DUP", "PUBLISH without DUP")
		}
	}
}

var receiving = []check{
	scene("receive/qos-0", "A message of QoS 0 is not answered.", "3.1.1 3.3.4-1; 5.0 3.3.4-1", func(s *stage) {
		s.accept()
		topic := s.subscribed(0)
		for i := range 3 {
			s.send(s.message(topic, 0, fmt.Sprint(i)))
		}
		s.serve(s.window()/2, func(p codec.Packet) reply {
			if t := p.Type(); t == mqttwire.PUBACK || t == mqttwire.PUBREC {
				s.Fault(nil, "no answer to a message of QoS 0", fmt.Sprint(p))
			}
			return answer
		})
	}),
	scene("receive/qos-1", "A message of QoS 1 is answered with PUBACK, and so is another with the same identifier.",
		"3.1.1 3.3.4-1 4.3.2-2; 5.0 3.3.4-1 4.3.2-4 4.3.2-5", func(s *stage) {
			s.accept()
			m := s.message(s.subscribed(1), 1, "one")
			for range 2 {
				s.send(m)
				s.acked(nil, mqttwire.PUBACK, m.ID, stop)
			}
		}),
	scene("receive/qos-2", "A message of QoS 2 is answered with PUBREC, its PUBREL with PUBCOMP, and so is another with the same identifier.",
		"3.1.1 3.3.4-1 4.3.3-2; 5.0 3.3.4-1 4.3.3-8 4.3.3-11 4.3.3-12", func(s *stage) {
			s.accept()
			m := s.message(s.subscribed(2), 2, "two")
			for range 2 {
				s.send(m)
				s.acked(cite("3.1.1 4.3.3-2; 5.0 4.3.3-8"), mqttwire.PUBREC, m.ID, stop)
				s.acked(cite("3.1.1 4.3.3-2; 5.0 4.3.3-11"), mqttwire.PUBCOMP, m.ID, stop)
			}
		}),
	scene("receive/copy", "Each copy of a message of QoS 2 is answered with PUBREC, until its PUBREL.", "3.1.1 4.3.3-2; 5.0 4.3.3-10", func(s *stage) {
		s.accept()
		m := s.message(s.subscribed(2), 2, "copy")
		s.send(m)
		s.acked(nil, mqttwire.PUBREC, m.ID, stopHere)
		m.Dup = true
		s.send(m)
		s.acked(nil, mqttwire.PUBREC, m.ID, stop)
		s.acked(nil, mqttwire.PUBCOMP, m.ID, stop)
	}),
	scene("receive/pubrel-of-nothing", "A PUBREL is answered with PUBCOMP, whatever the client knows.", "3.1.1 4.3.3-2; 5.0 4.3.3-11", func(s *stage) {
		s.accept()
		s.subscribed(0)
		s.send(&codec.Pubrel{ID: 4321})
		s.acked(nil, mqttwire.PUBCOMP, 4321, stop)
	}),
	scene("receive/order", "Acknowledgements leave in the order of the messages.", "3.1.1 4.6.0-2 4.6.0-3; 5.0 4.6.0-2 4.6.0-3", func(s *stage) {
		s.accept(prop(codec.AppendReceiveMaximum, uint16(100)))
		topic := s.subscribed(2)
		most := 12
		if n, ok := s.connect.Properties.ReceiveMaximum(); ok {
			most = min(most, int(n))
		}
		var all []codec.Packet
		for i := range most {
			all = append(all, s.message(topic, levelOf(uint8(1+i%2)), fmt.Sprint(i)))
		}
		s.send(all...)
		left := len(all)
		s.serve(s.Patience(), func(p codec.Packet) reply {
			if t := p.Type(); t == mqttwire.PUBACK || t == mqttwire.PUBCOMP {
				if left--; left == 0 {
					return stop
				}
			}
			return answer
		})
		if left > 0 {
			s.Fault(cite("3.1.1 4.5.0-2; 5.0 4.5.0-2"), "all messages acknowledged", fmt.Sprintf("%d are not", left))
		}
	}),
	scene("receive/unsubscribed", "What the client has not subscribed to is acknowledged all the same.", "3.1.1 4.5.0-2; 5.0 4.5.0-2", func(s *stage) {
		s.accept()
		s.subscribed(0)
		m := s.message([]byte("nobody/has/asked/for/this"), 1, "x")
		s.send(m)
		s.acked(nil, mqttwire.PUBACK, m.ID, stop)
	}),
	scene("receive/pieces", "Packets come byte by byte, and many at once.", "3.1.1 7.1.2-1; 5.0 4.2.0-1", func(s *stage) {
		s.accept()
		topic := s.subscribed(1)
		m := s.message(topic, 1, "in pieces")
		b, _ := m.Append(nil, s.c.To)
		for i := range b {
			s.c.Write(b[i : i+1])
			time.Sleep(2 * time.Millisecond)
		}
		s.acked(nil, mqttwire.PUBACK, m.ID, stop)
		var many []codec.Packet
		for i := range 200 {
			many = append(many, s.message(topic, 0, fmt.Sprint(i)))
		}
		m = s.message(topic, 1, "after many")
		s.send(append(many, m)...)
		s.acked(nil, mqttwire.PUBACK, m.ID, stop)
	}),
	scene("receive/large", "A payload of a megabyte, as long as no limit was announced.", "3.1.1 4.3.2-2; 5.0 4.3.2-4", func(s *stage) {
		s.accept()
		m := s.message(s.subscribed(1), 1, strings.Repeat("x", 1<<20))
		if n, ok := s.connect.Properties.MaximumPacketSize(); ok && int(n) < m.Size(s.Version) {
			s.Skip("the client takes packets of %d bytes", n)
		}
		s.send(m)
		s.acked(nil, mqttwire.PUBACK, m.ID, stop)
	}),
	scene("receive/resumed", "A message of QoS 2 that is cut off is finished on the next connection: PUBREL is answered, and a copy of the PUBLISH before.",
		"3.1.1 4.3.3-2; 5.0 4.3.3-10 4.3.3-11", func(s *stage) {
			s.accept()
			m := s.message(s.subscribed(2), 2, "cut off")
			s.send(m)
			s.acked(cite("3.1.1 4.3.3-2; 5.0 4.3.3-10"), mqttwire.PUBREC, m.ID, stopHere)
			s.cut()
			s.again()
			m.Dup = true
			s.send(m)
			s.acked(cite("3.1.1 4.3.3-2; 5.0 4.3.3-10"), mqttwire.PUBREC, m.ID, stopHere)
			s.cut()
			s.again()
			s.send(&codec.Pubrel{ID: m.ID})
			s.acked(cite("3.1.1 4.3.3-2; 5.0 4.3.3-11"), mqttwire.PUBCOMP, m.ID, stop)
		}),
	scene("receive/alias", "Topic Aliases up to the client's own maximum are taken, and given to another topic.", "5.0 3.3.2-10", func(s *stage) {
		s.accept()
		topic := s.subscribed(1)
		n, _ := s.connect.Properties.TopicAliasMaximum()
		if n == 0 {
			s.Skip("the client takes no Topic Aliases")
		}
		for _, alias := range []uint16{1, n} {
			for _, name := range [][]byte{topic, nil} {
				m := s.message(name, 1, "by alias")
				m.Properties = codec.AppendTopicAlias(m.Properties, alias)
				s.send(m)
				s.acked(nil, mqttwire.PUBACK, m.ID, stop)
			}
		}
	}),
	scene("receive/properties", "All properties of a message are taken.", "5.0 4.3.2-4", func(s *stage) {
		s.accept()
		m := s.message(s.subscribed(1), 1, "text")
		p := &m.Properties
		*p = codec.AppendPayloadFormatIndicator(*p, 1)
		*p = codec.AppendMessageExpiryInterval(*p, 60)
		*p = codec.AppendContentType(*p, "text/plain")
		*p = codec.AppendResponseTopic(*p, "a/b")
		*p = codec.AppendCorrelationData(*p, "\x00\xff")
		*p = codec.AppendUserProperty(*p, "k", "v")
		*p = codec.AppendUserProperty(*p, "k", "v")
		s.send(m)
		s.acked(nil, mqttwire.PUBACK, m.ID, stop)
	}),
	scene("receive/disconnect", "After a DISCONNECT of the server the connection is ended.", "5.0 4.13.2-1", func(s *stage) {
		s.accept()
		s.subscribed(0)
		s.send(&codec.Disconnect{Code: mqttwire.ServerShuttingDown})
		if !s.closes(s.window()) {
			s.Advise(nil, "the end of the connection", "the client waits on")
		}
	}),
}

var keeping = []check{
	check{conformance.Check{Name: "alive/ping", About: "A client that has nothing to say sends PINGREQ within its Keep Alive.",
		Clauses: conformance.Cite("3.1.1 3.1.2-23; 5.0 3.1.2-20"), Needs: conformance.Needs{Seconds: 18}}, func(s *stage) {
		s.accept()
		if s.connect.KeepAlive == 0 || s.connect.KeepAlive > 10 {
			s.Skip("the client's Keep Alive is %d s", s.connect.KeepAlive)
		}
		keep := time.Duration(s.connect.KeepAlive) * time.Second
		s.serve(keep*3/2+max(keep/10, time.Second)+500*time.Millisecond, nil) // what wirejudge gives
	}},
	check{conformance.Check{Name: "alive/server", About: "The Server Keep Alive is kept in place of the client's.",
		Clauses: conformance.Cite("5.0 3.1.2-20 3.1.2-21 3.2.2-21"), Needs: conformance.Needs{Seconds: 5}}, func(s *stage) {
		s.accept(prop(codec.AppendServerKeepAlive, uint16(2)))
		s.serve(4500*time.Millisecond, nil)
	}},
	check{conformance.Check{Name: "alive/no-pingresp", About: "A client whose PINGREQ is not answered ends the connection.", Level: conformance.Should,
		Clauses: conformance.Clauses{"3.1.1 §3.1.2.10", "5.0 §3.1.2.10"}, Needs: conformance.Needs{Seconds: 25}}, func(s *stage) {
		s.accept(prop(codec.AppendServerKeepAlive, uint16(2)))
		keep := time.Duration(s.connect.KeepAlive) * time.Second
		if s.Version == mqttwire.V50 {
			keep = 2 * time.Second
		}
		if keep == 0 || keep > 10*time.Second {
			s.Skip("the client's Keep Alive is %v", keep)
		}
		pinged := false
		_, err := s.serveToEnd(2*keep+10*time.Second, func(p codec.Packet) reply {
			pinged = pinged || p.Type() == mqttwire.PINGREQ
			return hold // nothing is answered
		})
		switch {
		case !conformance.IsTimeout(err):
		case !pinged:
			s.Skip("the client sends no PINGREQ while it publishes")
		default:
			s.Advise(nil, "the end of the connection", "the client goes on without a PINGRESP")
		}
	}},
}

// last are checks after which a client may not come again.
var last = []check{
	scene("connect/refused", "After a CONNACK that refuses, nothing is sent on that connection.",
		"3.1.1 3.1.4-5; 5.0 3.1.4-6", func(s *stage) {
			s.hello()
			s.refuse(connack.ServerUnavailable)
			stopped, _ := s.serveToEnd(s.window()/2, func(p codec.Packet) reply {
				if p.Type() == mqttwire.DISCONNECT {
					return hold
				}
				return stopHere
			})
			if stopped {
				s.Advise(nil, "nothing after a refusal", "another packet")
			}
		}),
	scene("connect/other-version", "A server that does not speak the version says so in the form of 3.1.1.",
		"5.0 3.1.2-2", func(s *stage) {
			s.hello()
			s.c.Write([]byte{0x20, 2, 0, 1})
			if !s.closes(s.window()) {
				s.Advise(nil, "the end of the connection", "the client waits on")
			}
		}),
}
