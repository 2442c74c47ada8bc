package session_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// script is bytes that decide what a hostile peer and its victim do. It is 0
// for ever once it is used up.
type script []byte

func (s *script) next() int {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return int(b)
}

func (s *script) under(n int) int { return s.next() % n }
func (s *script) yes() bool       { return s.next()&1 != 0 }

// properties draws properties, most of them out of place somewhere.
func (s *script) properties() (p codec.Properties) {
	for n := s.under(4); n > 0; n-- {
		x := codec.Property{ID: codec.PropertyID(s.under(0x2b)), Number: uint32(s.under(40)), Value: []byte("m"), Key: []byte("k")}
		if x.ID.Defined() {
			p = p.Append(x)
		}
	}
	return p
}

// packet draws a packet of any type, from whomever.
func (s *script) packet(v mqttwire.Version) codec.Packet {
	id, code := uint16(s.under(6)), mqttwire.Reason(0)
	if s.under(4) == 0 {
		code = mqttwire.Reason(s.next())
	}
	var props codec.Properties
	if v == mqttwire.V50 && s.under(3) == 0 {
		props = s.properties()
	}
	filter := []string{"a", "a/#", "$share/g/a", "+", ""}[s.under(5)]
	switch mqttwire.PacketType(s.under(16)) {
	case mqttwire.CONNECT:
		p := &codec.Connect{Version: []mqttwire.Version{v, v, v, 3, 4, 5}[s.under(6)], CleanStart: s.yes(), KeepAlive: uint16(s.under(3))}
		p.ClientID = []byte("c")[:s.under(2)]
		if p.Version == mqttwire.V50 {
			p.Properties = props
			if s.yes() {
				p.Properties = codec.AppendSessionExpiryInterval(codec.Properties{}, uint32(s.under(3))*20)
				p.Properties = codec.AppendTopicAliasMaximum(p.Properties, uint16(s.under(3)))
				p.Properties = codec.AppendMaximumPacketSize(p.Properties, uint32(1+s.under(60)))
				p.Properties = codec.AppendReceiveMaximum(p.Properties, uint16(1+s.under(3)))
				p.Properties = codec.AppendAuthenticationMethod(p.Properties, "m")
			}
		}
		if s.yes() {
			p.WillFlag, p.Will = true, codec.Will{Topic: []byte("w"), QoS: qos.Level(s.under(3)), Retain: s.yes()}
		}
		return p
	case mqttwire.CONNACK:
		p := &codec.Connack{SessionPresent: s.yes(), Properties: props}
		if s.under(4) == 0 {
			p.Code = connack.Code(s.next())
		}
		return p
	case mqttwire.PUBACK:
		return &codec.Puback{ID: id, Code: code, Properties: props}
	case mqttwire.PUBREC:
		return &codec.Pubrec{ID: id, Code: code, Properties: props}
	case mqttwire.PUBREL:
		return &codec.Pubrel{ID: id, Code: code, Properties: props}
	case mqttwire.PUBCOMP:
		return &codec.Pubcomp{ID: id, Code: code, Properties: props}
	case mqttwire.SUBSCRIBE:
		p := &codec.Subscribe{ID: id, Properties: props}
		p.Subscriptions = p.Subscriptions.Append(codec.Subscription{Filter: []byte(filter), Options: codec.SubscriptionOptions(s.under(4))})
		return p
	case mqttwire.SUBACK:
		return &codec.Suback{ID: id, Properties: props, Codes: codec.ReasonCodes{}.Append(code)}
	case mqttwire.UNSUBSCRIBE:
		p := &codec.Unsubscribe{ID: id, Properties: props}
		p.Filters = p.Filters.Append([]byte(filter))
		return p
	case mqttwire.UNSUBACK:
		p := &codec.Unsuback{ID: id, Properties: props}
		if v == mqttwire.V50 {
			p.Codes = p.Codes.Append(code)
		}
		return p
	case mqttwire.PINGREQ:
		return &codec.Pingreq{}
	case mqttwire.PINGRESP:
		return &codec.Pingresp{}
	case mqttwire.DISCONNECT:
		return &codec.Disconnect{Code: code, Properties: props}
	case mqttwire.AUTH:
		a := &codec.Auth{Code: []mqttwire.Reason{0, 0x18, 0x19, code}[s.under(4)], Properties: props}
		if s.yes() {
			a.Properties = codec.AppendAuthenticationMethod(codec.Properties{}, "m")
		}
		return a
	}
	p := publish(qos.Level(s.under(4)), id)
	p.Dup, p.Retain = s.yes(), s.under(8) == 0
	p.Properties = props
	if v == mqttwire.V50 && s.yes() {
		p.Properties = codec.AppendTopicAlias(codec.Properties{}, uint16(s.under(4)))
		p.Topic = p.Topic[:s.under(2)]
	}
	return p
}

// fitting draws a packet that a peer may well send now.
func (s *script) fitting(v *victim, version mqttwire.Version) codec.Packet {
	id := uint16(1 + s.under(4))
	var explain codec.Properties
	if version == mqttwire.V50 && s.under(4) == 0 {
		explain = explained(s.under(30))
	}
	auth := &codec.Auth{Code: mqttwire.Reason(0x18), Properties: codec.AppendAuthenticationMethod(codec.Properties{}, "m")}
	if v.m.Phase() != session.Connected {
		switch {
		case version == mqttwire.V50 && s.under(3) == 0:
			return auth
		case v.role == mqttwire.Server:
			p := &codec.Connect{Version: version, CleanStart: s.under(4) == 0, ClientID: []byte("c"), KeepAlive: uint16(s.under(2) * 10)}
			if version == mqttwire.V50 {
				p.Properties = codec.AppendSessionExpiryInterval(codec.Properties{}, uint32(s.under(3))*20)
				p.Properties = codec.AppendTopicAliasMaximum(p.Properties, uint16(s.under(3)))
				p.Properties = codec.AppendMaximumPacketSize(p.Properties, uint32(5+s.under(100)))
				p.Properties = codec.AppendRequestProblemInformation(p.Properties, uint8(s.under(2)))
				if s.yes() {
					p.Properties = codec.AppendAuthenticationMethod(p.Properties, "m")
				}
			}
			if s.yes() {
				p.WillFlag, p.Will.Topic = true, []byte("w")
				if version == mqttwire.V50 {
					p.Will.Properties = codec.AppendWillDelayInterval(codec.Properties{}, uint32(s.under(3))*10)
				}
			}
			return p
		}
		p := &codec.Connack{SessionPresent: v.state.Exists() && version != mqttwire.V31}
		if version == mqttwire.V50 {
			if v.method {
				p.Properties = codec.AppendAuthenticationMethod(p.Properties, "m")
			}
			p.Properties = codec.AppendTopicAliasMaximum(p.Properties, uint16(s.under(3)))
			p.Properties = codec.AppendMaximumPacketSize(p.Properties, uint32(5+s.under(100)))
			p.Properties = codec.AppendServerKeepAlive(p.Properties, uint16(s.under(20)))
		}
		return p
	}
	switch phase := v.state.Find(qos.Sent, id).Await; {
	case s.yes():
	case phase == qos.AwaitPuback:
		return &codec.Puback{ID: id, Properties: explain}
	case phase == qos.AwaitPubrec:
		return &codec.Pubrec{ID: id, Properties: explain}
	case phase == qos.AwaitPubcomp:
		return &codec.Pubcomp{ID: id, Properties: explain}
	case phase == qos.AwaitSuback:
		return &codec.Suback{ID: id, Codes: codec.ReasonCodes{}.Append(0), Properties: explain}
	}
	switch s.under(8) {
	case 0:
		return &codec.Pubrel{ID: id}
	case 1:
		auth.Code = []mqttwire.Reason{0x19, 0x18, 0}[s.under(3)]
		if version == mqttwire.V50 && (auth.Code != 0 || v.role == mqttwire.Client) {
			return auth
		}
		fallthrough
	case 2:
		if v.role == mqttwire.Client {
			return &codec.Pingresp{}
		}
		p := &codec.Subscribe{ID: id}
		p.Subscriptions = p.Subscriptions.Append(codec.Subscription{Filter: []byte([]string{"a", "b/+", "$share/g/c"}[s.under(3)])})
		return p
	case 3:
		if v.role == mqttwire.Client || s.under(4) != 0 {
			break
		}
		p := &codec.Disconnect{}
		if version == mqttwire.V50 && s.yes() {
			p.Code = mqttwire.DisconnectWithWillMessage
			p.Properties = codec.AppendSessionExpiryInterval(codec.Properties{}, uint32(s.under(3))*20)
		}
		return p
	}
	p := publish(qos.Level(s.under(3)), 0)
	if p.QoS != 0 {
		p.ID, p.Dup = id, s.yes()
	}
	if version == mqttwire.V50 && s.under(3) == 0 {
		p.Properties = codec.AppendTopicAlias(codec.Properties{}, uint16(1+s.under(2)))
		if s.under(4) == 0 {
			p.Topic = nil
		}
	}
	return p
}

// victim is an end, and what holds of it whatever happens.
type victim struct {
	t       testing.TB
	m       machine
	role    mqttwire.Role
	d       codec.Decoder
	state   session.Session
	now     time.Duration
	tickets []qos.Ticket
	resend  session.Event
	request session.Request
	maximum int  // Maximum Packet Size of the peer
	method  bool // the client has sent an Authentication Method

	connacks, disconnects int

	// What a journal would have: a session of the Records, and the last State.
	twin    session.Session
	told    session.State
	refused []uint16 // ids that may be held without a Record; see crasher.held
}

const windowOfVictim = 3

// keep keeps a Record.
func (v *victim) keep(r qos.Record) {
	v.t.Helper()
	if err := v.twin.Apply(r); err != nil {
		v.t.Fatalf("%v: %v", r, err)
	}
}

// changed says that the State has changed.
func (v *victim) changed() { v.told = v.state.State() }

// note keeps what an event has to be kept.
func (v *victim) note(ev session.Event) {
	v.t.Helper()
	v.keep(ev.Record())
	if !ev.State {
		return
	}
	if v.told == v.state.State() && ev.Kind != session.Accepted {
		v.t.Fatalf("%v says that the State has changed: %+v", ev.Kind, v.told)
	}
	v.changed()
}

// pull takes what the session has to tell.
func (v *victim) pull() {
	for ev := v.state.Poll(v.now); ev.Kind != session.None; ev = v.state.Poll(v.now) {
		v.note(ev)
	}
	for {
		if _, ok := v.state.NextDropped(); !ok {
			return
		}
	}
}

// inFlight tells what outlives a process.
func (v *victim) inFlight(s *session.Session) string {
	text := ""
	for x := range s.Sent() {
		if x.Await <= qos.AwaitPubcomp {
			text += fmt.Sprintf("sent %d token %d %v, ", x.ID, x.Token, x.Await)
		}
	}
	for id := uint16(1); id < 16; id++ {
		if x := s.Find(qos.Received, id); x.Await == qos.AwaitPubrel && !slices.Contains(v.refused, id) {
			text += fmt.Sprintf("received %d, ", id)
		}
	}
	return text
}

// over is what a State comes to that Poll ends.
func (v *victim) over(s session.State) session.State {
	if s.Exists && !s.Connected && s.Expiry != session.Never && v.now >= s.Lost+time.Duration(s.Expiry)*second {
		s.Expiry, s.WillDelay = 0, 0
	}
	return s
}

// durable holds that the journal has the session.
func (v *victim) durable() {
	v.t.Helper()
	state := v.state.State()
	if v.over(state) != v.over(v.told) {
		v.t.Fatalf("the State is %+v, and was told to be %+v", state, v.told)
	}
	want := v.inFlight(&v.state)
	if got := v.inFlight(&v.twin); got != want {
		v.t.Fatalf("in flight: %s\nof the Records: %s", want, got)
	}
	var r session.Session
	if err := r.Restore(v.twin.AppendSnapshot(nil, v.now), v.now); err != nil {
		v.t.Fatal(err)
	}
	if err := r.Resume(state, v.now); err != nil {
		v.t.Fatal(err)
	}
	if state.Connected {
		state.Connected, state.Lost = false, v.now
	}
	if r.State() != state || state.Exists && v.inFlight(&r) != want || r.Exists() != state.Exists {
		v.t.Fatalf("%+v and %s, want %+v and %s", r.State(), v.inFlight(&r), state, want)
	}
}

// wrote checks what the end has written in one step.
func (v *victim) wrote(out []byte, err error, before session.Phase) {
	if len(out) == 0 {
		return
	}
	version := v.m.Version()
	for _, p := range decodeAll(v.t, version, v.role, out) {
		if v.maximum != 0 && p.Size(version) > v.maximum {
			v.t.Fatalf("%v of %d bytes, the maximum is %d", p, p.Size(version), v.maximum)
		}
		switch {
		case v.disconnects != 0:
			v.t.Fatalf("%v after DISCONNECT", p)
		case before == session.Closing || before == session.Idle:
			v.t.Fatalf("%v in phase %v", p, before)
		case v.role == mqttwire.Server && v.connacks == 0 && p.Type() != mqttwire.CONNACK && p.Type() != mqttwire.AUTH:
			v.t.Fatalf("%v before CONNACK", p)
		}
		switch p.Type() {
		case mqttwire.CONNACK:
			if v.connacks++; v.connacks > 1 {
				v.t.Fatal("two CONNACKs")
			}
		case mqttwire.DISCONNECT:
			v.disconnects++
			if v.m.Phase() != session.Closing {
				v.t.Fatalf("%v, and the phase is %v", p, v.m.Phase())
			}
		}
	}
	if err != nil && v.m.Phase() != session.Closing {
		v.t.Fatalf("%v, answered with % x, and the phase is %v", err, out, v.m.Phase())
	}
	if err != nil && v.disconnects+v.connacks == 0 {
		v.t.Fatalf("%v answered with % x", err, out)
	}
}

// bounded checks what the end holds.
func (v *victim) bounded() {
	sent, received := v.state.InFlight()
	if sent > windowOfVictim || received > windowOfVictim {
		v.t.Fatalf("%d and %d in flight", sent, received)
	}
	if phase := v.m.Phase(); (phase == session.Connected) && !v.state.Connected() || phase == session.Idle && v.state.Connected() {
		v.t.Fatalf("phase %v, session connected %v", phase, v.state.Connected())
	}
}

// hostile runs a script against an end.
func hostile(t testing.TB, data []byte) {
	s := script(data)
	v := &victim{t: t, role: mqttwire.Client}
	version := versions[s.under(3)]
	server, client := new(session.Server), new(session.Client)
	limits := session.Limits{InboundWindow: windowOfVictim, OutboundWindow: windowOfVictim, TopicAliases: 2}
	if s.under(4) == 0 {
		limits.Retry = 3 * second
	}
	if s.yes() {
		limits.StreamAbove = 12
	}
	so := session.ServerOptions{Limits: limits, TopicAliasMaximum: 2, MaximumPacketSize: 100, ConnectTimeout: 50 * second,
		ReceiveMaximum: uint16(s.under(3)), NoRetain: s.yes(), NoShared: s.yes(), NoQoS2: s.under(4) == 0, MaximumKeepAlive: 20}
	co := session.ClientOptions{Limits: limits, ConnectTimeout: 50 * second}
	v.m = client
	if s.yes() {
		v.m, v.role = server, mqttwire.Server
	}
	for len(s) > 0 {
		before := v.m.Phase()
		var out []byte
		var err error
		switch op := s.under(64); {
		case before == session.Idle:
			v.connacks, v.disconnects, v.maximum, v.tickets = 0, 0, 0, nil
			if v.role == mqttwire.Server {
				server.Open(&so, v.now)
				continue
			}
			hello := &codec.Connect{Version: version, ClientID: []byte("c"), CleanStart: s.yes(), KeepAlive: 10}
			if version == mqttwire.V50 {
				hello.Properties = codec.AppendSessionExpiryInterval(codec.Properties{}, 100)
				hello.Properties = codec.AppendTopicAliasMaximum(hello.Properties, 2)
				hello.Properties = codec.AppendReceiveMaximum(hello.Properties, 2)
				if v.method = s.yes(); v.method {
					hello.Properties = codec.AppendAuthenticationMethod(hello.Properties, "m")
				}
				if s.under(3) == 0 {
					hello.Properties = codec.AppendRequestProblemInformation(hello.Properties, 0)
				}
			}
			if _, err := client.Connect(nil, &v.state, hello, &co, v.now); err != nil {
				t.Fatal(err)
			}
			v.changed()
			v.pull()
			continue
		case op < 32: // the peer sends something
			wild := s.under(16) == 0
			p := s.fitting(v, version)
			if wild {
				p = s.packet(version)
			}
			var b []byte
			if b, err = p.Append(nil, codec.Rules{Version: version, Unchecked: true}); err != nil {
				continue
			}
			if wild && s.yes() {
				b[s.under(len(b))] ^= byte(1 << s.under(8))
			}
			var ev session.Event
			if op&1 == 0 {
				var f codec.Framer
				var ok bool
				f.Filled(copy(f.Buffer(), b))
				if out, ev, ok, err = v.m.Next(nil, &f, &v.d, v.now); !ok && err == nil {
					if len(out) != 0 || f.Buffered() != len(b) || v.m.Phase() != before {
						t.Fatalf("nothing is taken, and % x, %d bytes left of %d", out, f.Buffered(), len(b))
					}
					continue
				}
				if n := v.m.Incoming(); n > 0 && err == nil {
					if len(out) != 0 || n < f.Buffered() {
						t.Fatalf("%v at a head: % x, %d bytes to come, %d there", ev.Kind, out, n, f.Buffered())
					}
					if ev.Kind == session.Head {
						if _, _, err := v.m.Ack(nil, ev.Ticket(), 0, codec.Properties{}, v.now); ev.Ticket() != 0 && err != mqttwire.ErrNotYet {
							t.Fatalf("Ack before the last byte: %v", err)
						}
						ev.Kind = session.Deliver
					}
					for v.m.Incoming() > 0 {
						v.m.Payload(&f, v.now)
						f.Filled(min(v.m.Incoming(), len(f.Buffer())))
					}
					out, _, _, err = v.m.Next(nil, &f, &v.d, v.now)
				}
			} else {
				h, body, n, frameErr := codec.Split(v.m.Rules(), b, v.m.MaxSize())
				switch {
				case frameErr != nil:
					out, err = v.m.Fail(nil, h.Type, frameErr), frameErr
				case n != 0:
					out, ev, err = v.m.Receive(nil, &v.d, h, body, v.now)
				default:
					continue
				}
			}
			if err == mqttwire.ErrNotYet || err == mqttwire.ErrPhase {
				if len(out) != 0 || v.m.Phase() != before {
					t.Fatalf("%v, and % x", err, out)
				}
				continue
			}
			if err != nil && ev.Kind != session.None {
				t.Fatalf("%v and an event %v", err, ev.Kind)
			}
			v.heard(ev)
		case op < 36:
			v.now += time.Duration(s.under(8)) * second
			var ev session.Event
			if out, ev, err = v.m.Poll(nil, v.now); ev.Kind == session.Resend {
				v.resend = ev
			}
		case op < 42:
			var properties codec.Properties
			if version == mqttwire.V50 && s.yes() {
				properties = explained(s.under(30))
			}
			if len(v.tickets) == 0 {
				continue
			}
			i := s.under(len(v.tickets))
			var bad error
			var r qos.Record
			reason := mqttwire.Reason(s.under(2) * 0x97)
			switch s.under(8) {
			case 0:
				r, bad = v.state.Finish(v.tickets[i], reason)
			case 1:
				r, bad = v.state.Abandon(v.tickets[i])
			default:
				out, r, bad = v.m.Ack(nil, v.tickets[i], reason, properties, v.now)
			}
			if v.keep(r); reason.IsError() {
				v.refused = append(v.refused, v.tickets[i].ID())
			}
			if bad == nil {
				v.tickets = append(v.tickets[:i], v.tickets[i+1:]...)
			}
		case op < 48:
			p := publish(qos.Level(s.under(3)), 0)
			p.Payload = make([]byte, s.under(60))
			var a qos.Action
			out, a, _ = v.m.Publish(nil, p, uint64(s.next()), v.now)
			v.keep(a.Record())
		case op < 53:
			if v.resend.Kind == session.Resend {
				p := publish(0, 0)
				p.Payload = make([]byte, s.under(60))
				var ev session.Event
				out, ev, _ = v.m.Resend(nil, v.resend, p, v.now)
				v.note(ev)
				v.resend = session.Event{}
				break
			}
			var ok bool
			if out, v.resend, ok = v.m.NextResend(nil, v.now); !ok {
				v.resend = session.Event{}
			}
		case op < 60:
			out = v.decide(&s, version, server, client)
		case op < 62:
			switch s.under(12) {
			case 0:
				properties := explained(s.under(60))
				if v.role == mqttwire.Client && s.yes() {
					properties = codec.AppendSessionExpiryInterval(properties, uint32(s.under(100)))
				}
				was := v.state.State()
				if out, _ = v.m.Disconnect(nil, []mqttwire.Reason{0, 0x8e, 0x98}[s.under(3)], properties); v.state.State() != was {
					v.changed()
				}
			case 1:
				v.state.End()
				v.changed()
				v.pull()
			case 3, 4:
				var ev session.Event
				id := uint16(1 + s.under(6))
				if v.m.Phase() == session.Connected {
					out, ev, _ = v.m.GiveUp(nil, id, v.now)
				} else {
					ev, _ = v.state.GiveUp(id)
				}
				v.note(ev)
			case 2:
				b := v.state.AppendSnapshot(nil, v.now)
				var r session.Session
				if err := r.Restore(b, v.now); err != nil {
					t.Fatal(err)
				}
			default:
				out, _ = v.m.Auth(nil, []mqttwire.Reason{0, 0x18, 0x19}[s.under(3)], []byte("d"), explained(s.under(20)), 0)
			}
		default:
			was := v.state.Connected()
			if v.m.Close(v.now); was {
				v.changed()
			}
			v.resend = session.Event{}
			v.pull()
		}
		if v.role == mqttwire.Server && before == session.Opened && v.m.Phase() == session.Opened && err != nil {
			t.Fatalf("%v, and the server still waits for a CONNECT", err)
		}
		if len(out) == 0 || v.m.Phase() != session.Idle {
			v.wrote(out, err, before)
		}
		v.bounded()
		v.durable()
		v.m.Deadline()
		v.state.Deadline()
	}
}

// heard notes what an event brings.
func (v *victim) heard(ev session.Event) {
	v.note(ev)
	switch p := ev.Packet.(type) {
	case *codec.Connect:
		size, _ := p.Properties.MaximumPacketSize()
		v.maximum = int(size)
	case *codec.Connack:
		size, _ := p.Properties.MaximumPacketSize()
		v.maximum = int(size)
	case *codec.Publish:
		if len(p.Topic) == 0 {
			v.t.Fatalf("%v without a topic", p)
		}
	}
	if ev.Kind == session.Subscribe || ev.Kind == session.Unsubscribe {
		v.request = ev.Request()
	}
	if ev.Kind == session.Deliver && ev.Ticket() != 0 {
		v.tickets = append(v.tickets, ev.Ticket())
	}
}

// decide answers a CONNECT, or sends a request.
func (v *victim) decide(s *script, version mqttwire.Version, server *session.Server, client *session.Client) (out []byte) {
	if v.role == mqttwire.Client {
		p := s.packet(version)
		switch p := p.(type) {
		case *codec.Subscribe:
			out, _, _ = client.Subscribe(nil, p, 0, v.now)
		case *codec.Unsubscribe:
			out, _, _ = client.Unsubscribe(nil, p, 0, v.now)
		default:
			out, _ = client.Ping(nil, v.now)
		}
		return out
	}
	switch s.under(8) {
	case 0:
		out, _ = server.Refuse(nil, connack.Code(s.next()), explained(s.under(30)))
	case 1:
		out, _ = server.Suback(nil, v.request, &codec.Suback{Codes: codec.ReasonCodes{}.Append(0)})
	case 2:
		out, _ = server.Unsuback(nil, v.request, &codec.Unsuback{Codes: codec.ReasonCodes{}.Append(0)})
	default:
		var ack codec.Connack
		if s.under(4) == 0 && version == mqttwire.V50 {
			ack.Properties = explained(s.under(30))
		}
		var r qos.Record
		var err error
		out, r, err = server.Accept(nil, &v.state, &ack, v.now)
		if v.keep(r); err == nil {
			v.changed()
		}
		if s.yes() {
			v.pull()
		}
	}
	return out
}

// FuzzHostile runs scripts of a hostile peer, and of its victim's caller,
// against either end.
func FuzzHostile(f *testing.F) {
	rng := rand.New(rand.NewPCG(3, 9))
	for range 30 {
		b := make([]byte, 300)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4000 {
			return
		}
		hostile(t, data)
	})
}

// TestHostile runs many scripts.
func TestHostile(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 600)
	for range 1500 {
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		hostile(t, b)
	}
}
