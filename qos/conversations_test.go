package qos_test

import (
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/testdata"
)

// TestConversations has the two machines, with no more around them than reads
// and writes packets, hold the conversations of package testdata that are about
// delivery.
func TestConversations(t *testing.T) {
	all, err := testdata.Conversations()
	if err != nil {
		t.Fatal(err)
	}
	played := 0
	for _, c := range all {
		switch subject, _, _ := strings.Cut(c.Name, "/"); subject {
		case "sender", "receiver", "quota":
			played++
			t.Run(c.Version+"/"+c.Name, func(t *testing.T) {
				if err := c.Play(newTalker(t, &c).step); err != nil {
					t.Error(err)
				}
			})
		}
	}
	if played < 50 {
		t.Errorf("%d conversations", played)
	}
}

// talker is one end of a session, made of an Outbound and an Inbound.
type talker struct {
	t        *testing.T
	own      codec.Rules
	peer     codec.Rules
	out      qos.Outbound
	in       qos.Inbound
	decoder  codec.Decoder
	exists   bool   // there is a session
	clean    bool   // the CONNECT asks for a new one
	quota    uint16 // the peer's Receive Maximum
	window   uint16 // that of this end
	lenient  bool   // a repeated PUBLISH needs no DUP
	messages []*codec.Publish
	tickets  map[uint16]qos.Ticket
	now      time.Duration
	closed   bool
	said     testdata.Said
}

func newTalker(t *testing.T, c *testdata.Conversation) *talker {
	v := map[string]mqttwire.Version{"3.1": mqttwire.V31, "3.1.1": mqttwire.V311, "5.0": mqttwire.V50}[c.Version]
	x := &talker{t: t, own: codec.Rules{Version: v, From: mqttwire.Server}, peer: codec.Rules{Version: v, From: mqttwire.Client},
		window: c.Options.ReceiveMaximum, lenient: c.Leniency == "repeat-without-dup", tickets: map[uint16]qos.Ticket{}}
	if c.End == "client" {
		x.own, x.peer = x.peer, x.own
	}
	return x
}

func (x *talker) step(s *testdata.Step) testdata.Said {
	x.said, x.now = testdata.Said{}, time.Duration(s.At)*time.Millisecond
	if s.Do != "" {
		x.do(s)
	}
	for in := s.In.Bytes(); len(in) > 0 && !x.closed; {
		h, body, n, err := codec.Split(x.peer, in, 0)
		if err != nil || n == 0 {
			x.t.Fatalf("% x: %v", in, err)
		}
		p, err := x.decoder.Decode(x.peer, h, body)
		if err != nil {
			x.t.Fatalf("% x: %v", in, err)
		}
		in = in[n:]
		x.receive(p)
		x.resend()
	}
	return x.said
}

func (x *talker) receive(p codec.Packet) {
	switch p := p.(type) {
	case *codec.Connect:
		x.clean = p.CleanStart
		x.quota, _ = p.Properties.ReceiveMaximum()
		x.tell("connect", 0, 0)
	case *codec.Connack:
		x.quota, _ = p.Properties.ReceiveMaximum()
		x.tell("accepted", 0, 0)
		x.join(p.SessionPresent || x.own.Version == mqttwire.V31 && x.exists && !x.clean) // 3.1 does not say it
	case *codec.Pingreq:
		x.write(&codec.Pingresp{})
	case *codec.Publish:
		x.receivePublish(p)
	case *codec.Puback:
		a, err := x.out.Puback(p.ID, p.Code)
		x.acted(a, err, p.Code)
	case *codec.Pubrec:
		a, err := x.out.Pubrec(p.ID, p.Code, x.now)
		x.acted(a, err, p.Code)
	case *codec.Pubcomp:
		a, err := x.out.Pubcomp(p.ID, p.Code)
		x.acted(a, err, p.Code)
	case *codec.Pubrel:
		a, err := x.in.Pubrel(p.ID, p.Code)
		x.acted(a, err, p.Code)
	default:
		x.t.Fatalf("received %v", p)
	}
}

func (x *talker) receivePublish(p *codec.Publish) {
	if p.QoS != qos.AtMostOnce {
		a, err := x.in.Publish(p.ID, p.QoS, p.Dup)
		if x.acted(a, err, 0); err != nil || a.Event == qos.Duplicate {
			x.acks()
			return
		}
		x.tickets[p.ID] = a.Ticket()
	}
	payload := make([]byte, 0, 2*len(p.Payload))
	for _, c := range p.Payload {
		payload = append(payload, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
	}
	x.said.Tell = append(x.said.Tell, testdata.Told{Event: "deliver", PacketID: p.ID, QoS: uint8(p.QoS), Topic: string(p.Topic), Payload: testdata.Hex(payload)})
}

// acted writes and tells what an Action has to write and tell. An error ends the
// connection.
func (x *talker) acted(a qos.Action, err error, reason mqttwire.Reason) {
	if err, ok := err.(mqttwire.Error); ok {
		x.closed = true
		x.said.Error, x.said.Closes = err.Error(), true
		if x.own.Version == mqttwire.V50 {
			x.write(&codec.Disconnect{Code: err.Answer(x.own.Version, mqttwire.PUBLISH).Code})
		}
		return
	}
	x.ack(a)
	switch a.Event {
	case qos.Completed:
		x.tell("completed", a.ID, 0)
	case qos.Rejected:
		x.tell("rejected", a.ID, testdata.Code(reason))
	}
}

// ack writes the acknowledgement of an Action, if it has one.
func (x *talker) ack(a qos.Action) {
	if a.Packet == 0 {
		return
	}
	x.said.Out = append(x.said.Out, byte(a.Packet)<<4|a.Flags, 2, byte(a.ID>>8), byte(a.ID))
	if a.Reason != 0 {
		x.said.Out[len(x.said.Out)-3]++
		x.said.Out = append(x.said.Out, byte(a.Reason))
	}
}

// acks writes the acknowledgements that are due.
func (x *talker) acks() {
	for a, ok := x.in.NextAck(); ok && !x.closed; a, ok = x.in.NextAck() {
		x.ack(a)
	}
}

// resend writes what a session that is resumed has to send again.
func (x *talker) resend() {
	for a, ok := x.out.NextResend(); ok && !x.closed; a, ok = x.out.NextResend() {
		if _, err := x.out.Resend(a.ID, x.now); err != nil {
			x.t.Fatal(err)
		}
		if a.Packet == mqttwire.PUBLISH {
			x.publish(a)
		} else {
			x.ack(a)
		}
	}
}

// publish writes the PUBLISH of an Action.
func (x *talker) publish(a qos.Action) {
	p := *x.messages[a.Token]
	p.ID, p.Dup = a.ID, a.Dup()
	x.write(&p)
}

func (x *talker) write(p codec.Packet) {
	var err error
	if x.said.Out, err = p.Append(x.said.Out, x.own); err != nil {
		x.t.Fatal(err)
	}
}

func (x *talker) tell(event string, id uint16, code testdata.Code) {
	x.said.Tell = append(x.said.Tell, testdata.Told{Event: event, PacketID: id, Code: code})
}

// join puts the machines on a connection that a CONNACK has accepted.
func (x *talker) join(present bool) {
	if x.exists && !present {
		x.tell("ended", 0, 0)
	}
	x.exists = true
	if err := x.out.Connect(qos.Connection{Version: x.own.Version, Resumed: present, ReceiveMaximum: x.quota}); err != nil {
		x.t.Fatal(err)
	}
	c := qos.Connection{Version: x.own.Version, Resumed: present, ReceiveMaximum: x.window, RepeatWithoutDup: x.lenient}
	if err := x.in.Connect(c); err != nil {
		x.t.Fatal(err)
	}
	for d, ok := x.out.NextDropped(); ok; d, ok = x.out.NextDropped() {
		x.tell("dropped", d.ID, 0)
	}
}

// do is what the application wants.
func (x *talker) do(s *testdata.Step) {
	p := s.Packet
	switch s.Do {
	case "lost":
		x.out.Disconnect()
		x.in.Disconnect()
		x.closed = false
	case "connect":
		c := &codec.Connect{Version: x.own.Version, CleanStart: p.CleanStart, ClientID: []byte(p.ClientID), Properties: properties(p)}
		x.window, _ = c.Properties.ReceiveMaximum()
		x.clean = c.CleanStart
		x.write(c)
	case "accept":
		present := x.exists && !x.clean
		ack := &codec.Connack{SessionPresent: present && x.own.Version != mqttwire.V31}
		if x.window != 0 {
			ack.Properties = codec.AppendReceiveMaximum(ack.Properties, x.window)
		}
		x.write(ack)
		x.join(present)
		x.resend()
	case "publish":
		m := &codec.Publish{QoS: qos.Level(p.QoS), Topic: []byte(p.Topic), Payload: p.Payload.Bytes(), Properties: properties(p)}
		x.messages = append(x.messages, m)
		if m.QoS == qos.AtMostOnce {
			x.write(m)
			return
		}
		a, err := x.out.Publish(m.QoS, uint64(len(x.messages)-1), x.now)
		if x.said.Denied = err != nil; err == nil {
			x.publish(a)
		}
	case "ack":
		_, err := x.in.Finish(x.tickets[p.PacketID], mqttwire.Reason(p.Code))
		x.said.Denied = err != nil
		x.acks()
	case "subscribe":
		a, err := x.out.Subscribe(0)
		if err != nil {
			x.t.Fatal(err)
		}
		q := &codec.Subscribe{ID: a.ID}
		for _, s := range p.Subscriptions {
			q.Subscriptions = q.Subscriptions.Append(codec.Subscription{Filter: []byte(s.Filter), Options: codec.SubscriptionOptions(s.QoS)})
		}
		x.write(q)
	default:
		x.t.Fatalf("do %q", s.Do)
	}
}

// properties are those of a packet that have numbers.
func properties(p *testdata.Packet) (list codec.Properties) {
	for _, f := range p.Properties {
		n, _ := f.Value.(uint32)
		list = list.Append(codec.Property{ID: codec.PropertyID(f.ID), Number: n})
	}
	return list
}
