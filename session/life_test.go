package session_test

import (
	"math"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// happened pulls what a session has to say at a moment.
func happened(s *session.Session, now time.Duration) string {
	text := ""
	for {
		ev := s.Poll(now)
		if ev.Kind == session.None {
			return text
		}
		text += ev.Kind.String() + " "
	}
}

// What becomes of will and session after a connection: when, and in which order
// (3.1.1 §3.1.2.5, 5.0 §3.1.2.5, §3.1.3.2.2, §4.1).
func TestWillAndExpiry(t *testing.T) {
	type step struct {
		at   time.Duration
		want string
	}
	const normal, withWill = mqttwire.NormalDisconnection, mqttwire.DisconnectWithWillMessage
	for _, c := range []struct {
		name    string
		version mqttwire.Version
		clean   bool
		expiry  uint32
		delay   uint32
		end     any // a Reason: a DISCONNECT of the client; nil: the connection is lost
		steps   []step
		forever bool // no deadline remains
	}{
		{"3.1.1 clean session, lost", mqttwire.V311, true, 0, 0, nil, []step{{0, "will ended "}}, true},
		{"3.1.1 clean session, DISCONNECT", mqttwire.V311, true, 0, 0, normal, []step{{0, "ended "}}, true},
		{"3.1 session kept, lost", mqttwire.V31, false, 0, 0, nil, []step{{0, "will "}, {math.MaxInt64 - 1, ""}}, true},
		{"3.1.1 session kept, DISCONNECT", mqttwire.V311, false, 0, 0, normal, []step{{0, ""}, {math.MaxInt64 - 1, ""}}, true},
		{"5.0 no delay, lost [MQTT-3.1.2-8]", mqttwire.V50, true, 20, 0, nil, []step{{0, "will "}, {20*second - 1, ""}, {20 * second, "ended "}}, true},
		{"5.0 DISCONNECT 0x00 [MQTT-3.1.2-10]", mqttwire.V50, true, 20, 10, normal, []step{{0, ""}, {10 * second, ""}, {20 * second, "ended "}}, true},
		{"5.0 DISCONNECT 0x04", mqttwire.V50, true, 20, 0, withWill, []step{{0, "will "}, {20 * second, "ended "}}, true},
		{"5.0 delay", mqttwire.V50, true, 20, 10, nil, []step{{0, ""}, {10*second - 1, ""}, {10 * second, "will "}, {20 * second, "ended "}}, true},
		{"5.0 delay longer than the session", mqttwire.V50, true, 20, 30, withWill, []step{{0, ""}, {20*second - 1, ""}, {20 * second, "will ended "}}, true},
		{"5.0 delay, session ends at once", mqttwire.V50, true, 0, 30, nil, []step{{0, "will ended "}}, true},
		{"5.0 never expires", mqttwire.V50, true, session.Never, 30, nil, []step{{0, ""}, {30 * second, "will "}, {math.MaxInt64 - 1, ""}}, true},
		{"5.0 both, polled late", mqttwire.V50, true, 20, 10, nil, []step{{0, ""}, {100 * second, "will ended "}}, true},
	} {
		p := connect(c.version)
		p.CleanStart, p.WillFlag, p.Will.Topic = c.clean, true, []byte("w")
		if c.version == mqttwire.V50 {
			p.Properties = codec.AppendSessionExpiryInterval(codec.Properties{}, c.expiry)
			p.Will.Properties = codec.AppendWillDelayInterval(codec.Properties{}, c.delay)
		}
		s := connected(t, session.ServerOptions{}, p)
		if c.end != nil {
			if _, err := s.send(&codec.Disconnect{Code: c.end.(mqttwire.Reason)}); err != nil {
				t.Fatal(err)
			}
		}
		if got := happened(&s.state, 0); got != "" {
			t.Errorf("%s: %s before the connection is gone", c.name, got)
		}
		s.Close(0)
		var at time.Duration
		for _, step := range c.steps {
			// Nothing happens at a time that Deadline does not name.
			if due, ok := s.state.Deadline(); step.want != "" && (!ok || due > step.at) || step.want == "" && ok && due <= step.at {
				t.Errorf("%s: at %v the deadline is %v, %v", c.name, step.at, due, ok)
			}
			if got := happened(&s.state, step.at); got != step.want {
				t.Errorf("%s: at %v %q, want %q", c.name, step.at, got, step.want)
			}
			at = step.at
		}
		if due, ok := s.state.Deadline(); ok == c.forever {
			t.Errorf("%s: after %v the deadline is %v, %v", c.name, at, due, ok)
		}
	}
}

// A new connection ends the wait for a will: without a word where the session
// goes on [MQTT-3.1.3-9], with the will where it does not (5.0 §3.1.4).
func TestWillAndNewConnection(t *testing.T) {
	for _, c := range []struct {
		name  string
		clean bool
		at    time.Duration
		want  string
	}{
		{"resumed in time", false, 9 * second, ""},
		{"resumed after the delay", false, 10 * second, "will "},
		{"clean start", true, 9 * second, "will ended "},
		{"the session has expired", false, 20 * second, "will ended "},
	} {
		p := connect(mqttwire.V50)
		p.WillFlag, p.Will.Topic = true, []byte("w")
		p.Properties = codec.AppendSessionExpiryInterval(codec.Properties{}, 20)
		p.Will.Properties = codec.AppendWillDelayInterval(codec.Properties{}, 10)
		s := connected(t, session.ServerOptions{}, p)
		s.Close(0)
		s.now = c.at
		s.Open(&s.options, s.now)
		p.CleanStart = c.clean
		s.connect(p)
		ack := s.accept(&codec.Connack{})
		if want := c.want == "" || c.want == "will "; ack.SessionPresent != want {
			t.Errorf("%s: session present %v", c.name, ack.SessionPresent)
		}
		if got := happened(&s.state, s.now); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		// The new connection has a will of its own, the one after that none.
		s.Close(s.now)
		if got := happened(&s.state, s.now+10*second); got != "will " {
			t.Errorf("%s: then %q", c.name, got)
		}
		s.again(p)
		happened(&s.state, s.now)
		without := *p
		without.WillFlag, without.Will, without.CleanStart = false, codec.Will{}, false
		s.again(&without)
		if got := happened(&s.state, s.now); got != "" {
			t.Errorf("%s: resumed without a will: %q", c.name, got)
		}
		s.Close(s.now)
		if got := happened(&s.state, s.now+10*second); got != "" {
			t.Errorf("%s: a connection without a will: %q", c.name, got)
		}
	}
}

// A server takes a session over from a connection that still has it
// [MQTT-3.1.4-3; 3.1.1 MQTT-3.1.4-2].
func TestTakeover(t *testing.T) {
	for _, v := range versions {
		p := kept(v)
		p.WillFlag, p.Will.Topic = true, []byte("w")
		s := connected(t, session.ServerOptions{}, p)
		if _, _, err := s.Publish(nil, publish(1, 0), 3, 0); err != nil {
			t.Fatal(err)
		}
		next := asked(t, session.ServerOptions{}, p)
		if _, _, err := next.Accept(nil, &s.state, nil, 0); err != mqttwire.ErrSessionInUse || next.Phase() != session.Connecting {
			t.Errorf("%v: %v", v, err)
		}
		if !s.state.Connected() || s.Session() != &s.state {
			t.Errorf("%v: the session is gone", v)
		}
		out, err := s.Disconnect(nil, mqttwire.SessionTakenOver, codec.Properties{})
		if err != nil {
			t.Fatal(err)
		}
		want := ""
		if v == mqttwire.V50 {
			want = "e0018e"
		}
		is(t, v.String(), out, want)
		s.Close(0)
		if got := happened(&s.state, 0); got != "will " {
			t.Errorf("%v: %q", v, got)
		}
		if _, _, err := next.Accept(nil, &s.state, nil, 0); err != nil || next.Session() != &s.state {
			t.Errorf("%v: %v", v, err)
		}
		if _, ev, ok := next.NextResend(nil, 0); !ok || ev.Token != 3 {
			t.Errorf("%v: %v, %v", v, ev, ok)
		}
		if x := next.Session().Find(qos.Sent, 1); x.Await == 0 || x.Token != 3 {
			t.Errorf("%v: %+v", v, x)
		}
	}
}

func TestEnd(t *testing.T) {
	s := connected(t, session.ServerOptions{}, kept(mqttwire.V50))
	s.Publish(nil, publish(1, 0), 3, 0)
	s.state.End()
	if got := happened(&s.state, 0); got != "" || !s.state.Exists() {
		t.Errorf("End on a connection: %q", got)
	}
	s.Close(0)
	s.state.End()
	if got := happened(&s.state, 0); got != "ended " || s.state.Exists() {
		t.Errorf("%q", got)
	}
	if d, ok := s.state.NextDropped(); !ok || d.Token != 3 {
		t.Errorf("dropped %+v, %v", d, ok)
	}
	s.state.Compact()
}

// The Session Expiry Interval in force (5.0 §3.2.2.3.2), and what it is before
// 5.0.
func TestSessionExpiry(t *testing.T) {
	for _, c := range []struct {
		version  mqttwire.Version
		clean    bool
		asked    uint32
		maximum  uint32
		want     uint32
		told     bool
		byCaller bool
	}{
		{mqttwire.V311, true, 0, 0, 0, false, false},
		{mqttwire.V311, false, 0, 0, session.Never, false, false},
		{mqttwire.V31, false, 0, 600, 600, false, false},
		{mqttwire.V50, true, 0, 600, 0, false, false},
		{mqttwire.V50, true, 100, 600, 100, false, false},
		{mqttwire.V50, false, session.Never, 600, 600, true, false},
		{mqttwire.V50, false, session.Never, 0, session.Never, false, false},
		{mqttwire.V50, false, 100, 600, 700, true, true},
	} {
		p := connect(c.version)
		p.CleanStart = c.clean
		if c.version == mqttwire.V50 {
			p.Properties = codec.AppendSessionExpiryInterval(codec.Properties{}, c.asked)
		}
		s := asked(t, session.ServerOptions{MaximumSessionExpiry: c.maximum}, p)
		var ack codec.Connack
		if c.byCaller {
			ack.Properties = codec.AppendSessionExpiryInterval(ack.Properties, 700)
		}
		got := s.accept(&ack)
		if v, ok := got.Properties.SessionExpiryInterval(); ok != c.told || ok && v != c.want {
			t.Errorf("%+v: told %d, %v", c, v, ok)
		}
		if s.state.Expiry() != c.want {
			t.Errorf("%+v: %d", c, s.state.Expiry())
		}
		client := accepted(t, p, got)
		if c.version == mqttwire.V50 && client.state.Expiry() != c.want {
			t.Errorf("%+v: the client has %d", c, client.state.Expiry())
		}
	}
}

// What a client makes of Session Present (3.1.1 §3.2.2.2, 5.0 §3.2.2.1.1).
func TestSessionPresent(t *testing.T) {
	for _, v := range []mqttwire.Version{mqttwire.V311, mqttwire.V50} {
		c := dialled(t, kept(v))
		out, err := c.send(&codec.Connack{SessionPresent: true})
		if err != mqttwire.ErrSessionUnknown { // [MQTT-3.2.2-4]
			t.Errorf("%v: %v", v, err)
		}
		want := ""
		if v == mqttwire.V50 {
			want = "e00182"
		}
		is(t, v.String(), out, want)
		// Neither where it has asked for a new one, nor where its own has expired.
		c = accepted(t, kept(v), &codec.Connack{})
		c.Close(0)
		again := kept(v)
		again.CleanStart = true
		c.dial(again)
		if _, err := c.send(&codec.Connack{SessionPresent: true}); err != mqttwire.ErrSessionUnknown {
			t.Errorf("%v: %v after a clean start", v, err)
		}
		if v == mqttwire.V50 {
			c = accepted(t, with(sessionExpiry(20)), &codec.Connack{})
			c.Close(0)
			c.now = 20 * second
			c.dial(kept(v))
			if _, err := c.send(&codec.Connack{SessionPresent: true}); err != mqttwire.ErrSessionUnknown {
				t.Errorf("%v: %v after the session has expired", v, err)
			}
		}
		c = accepted(t, kept(v), &codec.Connack{})
		c.Publish(nil, publish(1, 0), 4, 0)
		c.Close(0)
		c.dial(kept(v))
		if _, err := c.send(&codec.Connack{}); err != nil || c.last.Kind != session.Accepted { // [MQTT-3.2.2-5]
			t.Errorf("%v: %v, %v", v, c.last, err)
		}
		if got := happened(&c.state, 0); got != "ended " {
			t.Errorf("%v: %q", v, got)
		}
		if d, ok := c.state.NextDropped(); !ok || d.Token != 4 {
			t.Errorf("%v: dropped %+v, %v", v, d, ok)
		}
	}
}

func TestConnectTimeout(t *testing.T) {
	o := session.ServerOptions{ConnectTimeout: 10 * second}
	late := asked(t, o, connect(mqttwire.V50))
	for _, s := range []*server{opened(t, o), late} {
		if at, ok := s.Deadline(); !ok || at != 10*second {
			t.Errorf("deadline %v, %v", at, ok)
		}
		if _, _, err := s.Poll(nil, 10*second-1); err != nil {
			t.Error(err)
		}
		if out, _, err := s.Poll(nil, 10*second); err != mqttwire.ErrConnectTimeout || len(out) != 0 || s.Phase() != session.Closing {
			t.Errorf("% x, %v", out, err)
		}
	}
	c := &client{t: t, options: session.ClientOptions{ConnectTimeout: 5 * second}}
	c.dial(connect(mqttwire.V311))
	if at, ok := c.Deadline(); !ok || at != 5*second {
		t.Errorf("deadline %v, %v", at, ok)
	}
	if out, _, err := c.Poll(nil, 5*second); err != mqttwire.ErrConnectTimeout || len(out) != 0 {
		t.Errorf("% x, %v", out, err)
	}
	if _, ok := c.Deadline(); ok {
		t.Error("a deadline after the end")
	}
}

func TestClientKeepAlive(t *testing.T) {
	ack := &codec.Connack{Properties: codec.AppendServerKeepAlive(codec.Properties{}, 40)}
	c := accepted(t, connect(mqttwire.V50), ack) // asked for 10 s [MQTT-3.1.2-21]
	if at, ok := c.Deadline(); !ok || at != 30*second {
		t.Errorf("deadline %v, %v", at, ok)
	}
	// Both directions count.
	c.now = 3 * second
	c.Publish(nil, publish(0, 0), 0, 5*second)
	c.send(publish(0, 0))
	if at, _ := c.Deadline(); at != 33*second {
		t.Errorf("deadline %v", at)
	}
	out, _, err := c.Poll(nil, 33*second)
	if err != nil {
		t.Fatal(err)
	}
	is(t, "PINGREQ", out, "c000")
	c.now = 34 * second
	if _, err := c.send(&codec.Pingresp{}); err != nil {
		t.Fatal(err)
	}
	if out, err = c.Ping(nil, 35*second); err != nil || len(out) != 2 {
		t.Errorf("% x, %v", out, err)
	}
	if _, _, err := c.Poll(nil, 300*second); err != mqttwire.ErrKeepAliveTimeout || c.Phase() != session.Closing {
		t.Errorf("%v, %v", err, c.Phase())
	}
	if _, err = c.Ping(nil, 301*second); err != mqttwire.ErrNotConnected {
		t.Error(err)
	}
}

// Before 5.0 messages can be sent again on the same connection, and are asked
// for by Poll.
func TestRetry(t *testing.T) {
	o := session.ServerOptions{Limits: session.Limits{Retry: 5 * second}}
	p := connect(mqttwire.V31)
	p.KeepAlive = 0
	s := connected(t, o, p)
	s.Publish(nil, publish(2, 0), 1, 0)
	s.Publish(nil, publish(2, 0), 2, second)
	s.now = second
	s.send(&codec.Pubrec{ID: 1})
	if at, ok := s.Deadline(); !ok || at != 6*second {
		t.Errorf("deadline %v, %v", at, ok)
	}
	out, ev, err := s.Poll(nil, 6*second)
	if err != nil || ev.Kind != session.Resend || ev.Token != 2 || len(out) != 0 {
		t.Fatalf("%v, % x, %v", ev, out, err)
	}
	if out, _, err = s.Resend(nil, ev, publish(0, 0), 0); err != nil {
		t.Fatal(err)
	}
	is(t, "PUBLISH", out, "3c06 000174 0002 70")
	if out, ev, _ = s.Poll(nil, 6*second); ev.Kind != session.None {
		t.Errorf("%v", ev)
	}
	is(t, "PUBREL", out, "6a020001")
	if _, _, err := s.Resend(nil, session.Event{ID: 1, Token: 1}, publish(0, 0), 0); err != mqttwire.ErrStaleTicket {
		t.Errorf("a message past its PUBREC: %v", err)
	}
	if _, _, err := s.Resend(nil, session.Event{ID: 2, Token: 2}, nil, 0); err != mqttwire.ErrAwaitingAck {
		t.Errorf("a message that this connection has carried: %v", err)
	}
	if sent, _ := s.state.InFlight(); sent != 2 {
		t.Errorf("%d in flight", sent)
	}
}

// What a caller can do wrong changes nothing.
func TestCallers(t *testing.T) {
	s := connected(t, session.ServerOptions{}, connect(mqttwire.V311))
	bad := publish(1, 0)
	bad.Topic = []byte("a/#")
	if out, _, err := s.Publish(nil, bad, 0, 0); err != mqttwire.ErrTopicWildcard || len(out) != 0 {
		t.Errorf("% x, %v", out, err)
	}
	if _, _, err := s.Publish(nil, publish(3, 0), 0, 0); err != mqttwire.ErrQoS {
		t.Error(err)
	}
	if sent, _ := s.state.InFlight(); sent != 0 {
		t.Errorf("%d in flight", sent)
	}
	if a, err := s.Reserve(1, true, 100, 8, 0); err != nil || a.ID != 1 {
		t.Errorf("%+v, %v", a, err)
	}
	if a, err := s.Reserve(0, true, 100, 8, 0); err != nil || a.ID != 0 {
		t.Errorf("%+v, %v", a, err)
	}
	q := asked(t, session.ServerOptions{}, connect(mqttwire.V50))
	for _, code := range []connack.Code{0, 0x40} {
		if _, err := q.Refuse(nil, code, codec.Properties{}); err != mqttwire.ErrConnackCode {
			t.Errorf("%v: %v", code, err)
		}
	}
	if _, err := q.Refuse(nil, connack.Banned, codec.AppendContentType(codec.Properties{}, "x")); err != mqttwire.ErrPropertyMisplaced {
		t.Error(err)
	}
	if _, _, err := q.Accept(nil, &q.state, &codec.Connack{Properties: codec.AppendContentType(codec.Properties{}, "x")}, 0); err != mqttwire.ErrPropertyMisplaced || q.Phase() != session.Connecting {
		t.Error(err)
	}
	var c client
	if _, err := c.Disconnect(nil, 0, codec.Properties{}); err != mqttwire.ErrPhase {
		t.Error(err)
	}
	if _, _, err := c.Receive(nil, &c.d, fixedHeaderOf(0xd0), nil, 0); err != mqttwire.ErrPhase {
		t.Error(err)
	}
	if _, err := c.Connect(nil, &s.state, connect(mqttwire.V311), &c.options, 0); err != mqttwire.ErrSessionInUse {
		t.Error(err)
	}
	if _, err := c.Connect(nil, &c.state, &codec.Connect{Version: mqttwire.V311}, &c.options, 0); err != mqttwire.ErrClientIDEmpty || c.Phase() != session.Idle {
		t.Error(err)
	}
	// Before 5.0 a client that wants its will published just goes.
	old := accepted(t, connect(mqttwire.V311), &codec.Connack{})
	if out, err := old.Disconnect(nil, mqttwire.DisconnectWithWillMessage, codec.Properties{}); err != nil || len(out) != 0 || old.Phase() != session.Closing {
		t.Errorf("% x, %v", out, err)
	}
	old = accepted(t, connect(mqttwire.V311), &codec.Connack{})
	out, err := old.Disconnect(nil, 0, codec.Properties{})
	if err != nil {
		t.Fatal(err)
	}
	is(t, "DISCONNECT", out, "e000")
}

// A message that could not be sent for want of an identifier has taught the
// server no alias.
func TestAliasOfMessageNotSent(t *testing.T) {
	c := &client{t: t, options: session.ClientOptions{Limits: session.Limits{TopicAliases: 1}}}
	c.dial(connect(mqttwire.V50))
	if _, err := c.send(&codec.Connack{Properties: topicAliasMaximum(1)(codec.Properties{})}); err != nil {
		t.Fatal(err)
	}
	var p codec.Subscribe
	p.Subscriptions = p.Subscriptions.Append(codec.Subscription{Filter: []byte("a")})
	var dst []byte
	for range 65535 {
		if _, _, err := c.Subscribe(dst[:0], &p, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	if out, _, err := c.Publish(nil, publish(1, 0), 0, 0); err != mqttwire.ErrPacketIDsExhausted || len(out) != 0 {
		t.Fatalf("% x, %v", out, err)
	}
	if _, err := c.send(&codec.Suback{ID: 1, Codes: codec.ReasonCodes{}.Append(0)}); err != nil {
		t.Fatal(err)
	}
	out, _, err := c.Publish(nil, publish(1, 0), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	is(t, "PUBLISH", out, "320a 000174 0001 03230001 70")
	if c.Quota() != 65534 {
		t.Errorf("quota %d", c.Quota())
	}
}
