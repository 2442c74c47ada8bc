package session_test

import (
	"slices"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
	"github.com/mqttwire/mqttwire/testdata"
)

// TestConversations has both ends hold the conversations of package testdata.
func TestConversations(t *testing.T) {
	for _, c := range conversations(t) {
		t.Run(c.Version+"/"+c.Name, func(t *testing.T) {
			if err := c.Play(newTalker(t, &c).step); err != nil {
				t.Error(err)
			}
		})
	}
}

func conversations(t *testing.T) []testdata.Conversation {
	t.Helper()
	all, err := testdata.Conversations()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 100 {
		t.Fatalf("%d conversations", len(all))
	}
	return all
}

// TestConversationOfEveryRule holds that each rule of layer state has a
// conversation that shows it, or a line that says why there is none.
func TestConversationOfEveryRule(t *testing.T) {
	shown := map[string]bool{}
	for _, c := range conversations(t) {
		for _, id := range c.Clauses {
			shown[c.Version+" "+id] = true
		}
	}
	excused := map[string]bool{}
	lines, err := testdata.NoConversation()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range lines {
		excused[n.Version+" "+n.ID] = true
	}
	known := map[string]bool{}
	look := func(version, id, layer string) {
		key := version + " " + id
		known[key] = true
		switch {
		case layer == testdata.LayerState && !shown[key] && !excused[key]:
			t.Errorf("%s has no conversation", key)
		case shown[key] && excused[key]:
			t.Errorf("%s has a conversation, and a line that says why not", key)
		}
	}
	for _, v := range []string{"3.1.1", "5.0"} {
		clauses, err := testdata.Clauses(v)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range clauses {
			look(v, c.ID, c.Layer)
		}
	}
	rules, err := testdata.ErrorRules()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		look("5.0", r.ID, r.Layer)
	}
	for key := range shown {
		if !known[key] {
			t.Errorf("there is no rule %s", key)
		}
	}
}

// TestConversationsNotice plays conversations with machines that break them: a
// step that is left out, and an end that forgets its session.
func TestConversationsNotice(t *testing.T) {
	for _, c := range conversations(t) {
		for i := range c.Steps {
			n := 0
			talk := newTalker(t, &c)
			err := c.Play(func(s *testdata.Step) testdata.Said {
				if n++; n == i+1 && (len(s.Out) != 0 || len(s.Tell) != 0 || s.Denied || s.Closes) {
					return testdata.Said{}
				}
				return talk.step(s)
			})
			s := c.Steps[i]
			if silent := s.Out == "" && len(s.Tell) == 0 && !s.Denied && !s.Closes; (err == nil) != silent {
				t.Errorf("%s %s without step %d: %v", c.Version, c.Name, i+1, err)
			}
		}
	}
}

// talker plays the application of one end, and tells what the end did.
type talker struct {
	t       *testing.T
	version mqttwire.Version
	server  *session.Server // nil for a client
	client  *session.Client
	machine // the one of both that is there

	serverOptions session.ServerOptions
	clientOptions session.ClientOptions
	framer        codec.Framer
	decoder       codec.Decoder
	state         session.Session
	now           time.Duration

	messages []*codec.Publish // by token
	tickets  map[uint16]qos.Ticket
	requests map[uint16]session.Request
	said     testdata.Said
}

func newTalker(t *testing.T, c *testdata.Conversation) *talker {
	x := &talker{t: t, tickets: map[uint16]qos.Ticket{}, requests: map[uint16]session.Request{}}
	x.version = map[string]mqttwire.Version{"3.1": mqttwire.V31, "3.1.1": mqttwire.V311, "5.0": mqttwire.V50}[c.Version]
	o, limits := &c.Options, session.Limits{TopicAliases: c.Options.Aliases}
	if c.Leniency != "" {
		var ok bool
		if limits.Lenient, ok = codec.LeniencyNamed(c.Leniency); !ok {
			t.Fatalf("no leniency %q", c.Leniency)
		}
	}
	if c.End == "client" {
		x.clientOptions.Limits = limits
		x.client = new(session.Client)
		x.machine = x.client
		return x
	}
	lacks := func(what string) bool { return slices.Contains(o.Lacks, what) }
	x.serverOptions = session.ServerOptions{
		Limits:                limits,
		MaximumPacketSize:     o.MaximumPacketSize,
		MaximumKeepAlive:      o.MaximumKeepAlive,
		ReceiveMaximum:        o.ReceiveMaximum,
		TopicAliasMaximum:     o.TopicAliasMaximum,
		AuthenticationMethods: o.AuthenticationMethods,
		NoQoS1:                lacks("qos1"),
		NoQoS2:                lacks("qos2"),
		NoRetain:              lacks("retain"),
		NoWildcard:            lacks("wildcard"),
		NoShared:              lacks("shared"),
		NoSubscriptionID:      lacks("subscriptionIdentifier"),
	}
	x.server = new(session.Server)
	x.machine = x.server
	x.server.Open(&x.serverOptions, 0)
	return x
}

func (x *talker) step(s *testdata.Step) testdata.Said {
	x.now = time.Duration(s.At) * time.Millisecond
	x.said = testdata.Said{}
	before := x.Phase()
	switch {
	case s.In != "":
		x.fill(s.In.Bytes())
	case s.Do != "":
		x.said.Denied = x.do(s) != nil
	default:
		x.poll()
	}
	x.receive()
	x.tellSession()
	x.resend()
	x.said.Closes = x.Phase() == session.Closing && before != session.Closing
	return x.said
}

func (x *talker) fill(b []byte) {
	for len(b) > 0 {
		n := copy(x.framer.Buffer(), b)
		x.framer.Filled(n)
		b = b[n:]
	}
}

// receive takes what has come, as far as the phase allows.
func (x *talker) receive() {
	for {
		var ev session.Event
		var ok bool
		var err error
		x.said.Out, ev, ok, err = x.Next(x.said.Out, &x.framer, &x.decoder, x.now)
		switch {
		case err != nil:
			x.said.Error = err.Error()
			return
		case !ok:
			return
		}
		x.tell(ev)
		x.tellSession()
		x.resend()
	}
}

// resend has the end send again what it owes, from the application's storage.
func (x *talker) resend() {
	for {
		out, ev, ok := x.NextResend(x.said.Out, x.now)
		if !ok {
			return
		}
		x.said.Out = out
		if ev.Kind == session.Resend {
			var err error
			if x.said.Out, _, err = x.Resend(out, ev, x.messages[ev.Token], x.now); err != nil {
				x.t.Fatal(err)
			}
		}
	}
}

func (x *talker) poll() {
	out, _, err := x.Poll(x.said.Out, x.now)
	x.said.Out = out
	if err != nil {
		x.said.Error = err.Error()
	}
}

// tell keeps what an application keeps, and notes what it was told.
func (x *talker) tell(ev session.Event) {
	told := testdata.Told{Event: ev.Kind.String(), PacketID: ev.ID}
	switch ev.Kind {
	case session.Deliver:
		p := ev.Packet.(*codec.Publish)
		told.PacketID, told.QoS, told.Topic, told.Payload = p.ID, uint8(p.QoS), string(p.Topic), hexOf(p.Payload)
		x.tickets[p.ID] = ev.Ticket()
	case session.Subscribe, session.Unsubscribe:
		x.requests[ev.ID] = ev.Request()
	case session.Refused:
		told.Code = testdata.Code(ev.Packet.(*codec.Connack).Code)
	case session.Rejected, session.Disconnect, session.Auth:
		told.Code = testdata.Code(ev.Reason)
	}
	if testdata.Must(told.Event) {
		x.said.Tell = append(x.said.Tell, told)
	}
}

// tellSession notes what the session has to tell.
func (x *talker) tellSession() {
	for {
		ev := x.state.Poll(x.now)
		if ev.Kind == session.None {
			break
		}
		x.tell(ev)
	}
	for {
		d, ok := x.state.NextDropped()
		if !ok {
			return
		}
		x.said.Tell = append(x.said.Tell, testdata.Told{Event: "dropped", PacketID: d.ID})
	}
}

// do is what the application wants. An error says that the end does not do it.
func (x *talker) do(s *testdata.Step) (err error) {
	out, now := x.said.Out, x.now
	var p codec.Packet
	if s.Packet != nil {
		p = packetOf(x.version, s.Packet)
	}
	switch s.Do {
	case "lost":
		x.framer = codec.Framer{}
		x.Close(now)
		if x.server != nil {
			x.server.Open(&x.serverOptions, now)
		}
	case "connect":
		out, err = x.client.Connect(out, &x.state, p.(*codec.Connect), &x.clientOptions, now)
	case "accept":
		out, _, err = x.server.Accept(out, &x.state, p.(*codec.Connack), now)
	case "refuse":
		p := p.(*codec.Connack)
		out, err = x.server.Refuse(out, p.Code, p.Properties)
	case "publish":
		p := p.(*codec.Publish)
		x.messages = append(x.messages, p)
		out, _, err = x.Publish(out, p, uint64(len(x.messages)-1), now)
	case "ack":
		id, code, properties := s.Packet.PacketID, mqttwire.Reason(s.Packet.Code), propertiesOf(s.Packet.Properties)
		out, _, err = x.Ack(out, x.tickets[id], code, properties, now)
	case "subscribe":
		out, _, err = x.client.Subscribe(out, p.(*codec.Subscribe), 0, now)
	case "suback":
		out, err = x.server.Suback(out, x.requests[s.Packet.PacketID], p.(*codec.Suback))
	case "unsubscribe":
		out, _, err = x.client.Unsubscribe(out, p.(*codec.Unsubscribe), 0, now)
	case "unsuback":
		out, err = x.server.Unsuback(out, x.requests[s.Packet.PacketID], p.(*codec.Unsuback))
	case "auth":
		p := p.(*codec.Auth)
		data, _ := p.Properties.AuthenticationData()
		var rest codec.Properties
		for x := range p.Properties.All() {
			if x.ID != codec.AuthenticationData {
				rest = rest.Append(x)
			}
		}
		out, err = x.Auth(out, p.Code, data, rest, now)
	case "disconnect":
		p := p.(*codec.Disconnect)
		out, err = x.Disconnect(out, p.Code, p.Properties)
	default:
		x.t.Fatalf("do %q", s.Do)
	}
	x.said.Out = out
	return err
}

// packetOf puts a packet of the conversations in the form of codec.
func packetOf(v mqttwire.Version, f *testdata.Packet) codec.Packet {
	properties := propertiesOf(f.Properties)
	switch f.Type {
	case "CONNECT":
		p := &codec.Connect{Version: v, CleanStart: f.CleanStart, KeepAlive: f.KeepAlive, ClientID: []byte(f.ClientID), Properties: properties}
		if w := f.Will; w != nil {
			p.WillFlag = true
			p.Will = codec.Will{Topic: []byte(w.Topic), Payload: w.Payload.Bytes(), QoS: qos.Level(w.QoS), Retain: w.Retain, Properties: propertiesOf(w.Properties)}
		}
		return p
	case "CONNACK":
		return &codec.Connack{Code: connack.Code(f.Code), Properties: properties}
	case "PUBLISH":
		return &codec.Publish{Dup: f.Dup, QoS: qos.Level(f.QoS), Retain: f.Retain, Topic: []byte(f.Topic), Payload: f.Payload.Bytes(), Properties: properties}
	case "SUBSCRIBE":
		p := &codec.Subscribe{Properties: properties}
		for _, s := range f.Subscriptions {
			p.Subscriptions = p.Subscriptions.Append(codec.Subscription{Filter: []byte(s.Filter), Options: codec.SubscriptionOptions(s.QoS)})
		}
		return p
	case "UNSUBSCRIBE":
		p := &codec.Unsubscribe{Properties: properties}
		for _, filter := range f.Filters {
			p.Filters = p.Filters.Append([]byte(filter))
		}
		return p
	case "SUBACK":
		return &codec.Suback{Codes: codesOf(f.Codes), Properties: properties}
	case "UNSUBACK":
		return &codec.Unsuback{Codes: codesOf(f.Codes), Properties: properties}
	case "DISCONNECT":
		return &codec.Disconnect{Code: mqttwire.Reason(f.Code), Properties: properties}
	case "AUTH":
		return &codec.Auth{Code: mqttwire.Reason(f.Code), Properties: properties}
	}
	return nil
}

func codesOf(codes []testdata.Code) (list codec.ReasonCodes) {
	for _, c := range codes {
		list = list.Append(mqttwire.Reason(c))
	}
	return list
}

func propertiesOf(all []testdata.Property) (list codec.Properties) {
	for _, f := range all {
		p := codec.Property{ID: codec.PropertyID(f.ID)}
		switch v := f.Value.(type) {
		case uint32:
			p.Number = v
		case string:
			p.Value = []byte(v)
		case testdata.Hex:
			p.Value = v.Bytes()
		case [2]string:
			p.Key, p.Value = []byte(v[0]), []byte(v[1])
		}
		list = list.Append(p)
	}
	return list
}

func hexOf(b []byte) testdata.Hex {
	const digits = "0123456789abcdef"
	var s []byte
	for _, c := range b {
		s = append(s, digits[c>>4], digits[c&15])
	}
	return testdata.Hex(s)
}
