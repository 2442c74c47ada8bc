package session_test

import (
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// Faults that were seen at the joints of the parts, each by the bytes that
// showed it.

// pair is a client and a server that speak to each other.
type pair struct {
	t       *testing.T
	version mqttwire.Version
	client  client
	server  server
}

func newPair(t *testing.T, v mqttwire.Version, window uint16) *pair {
	p := &pair{t: t, version: v}
	p.client.t, p.server.t = t, t
	p.server.options.InboundWindow = window
	p.dial()
	return p
}

// dial loses the connection, and makes another that resumes the session.
func (p *pair) dial() {
	p.t.Helper()
	p.client.Close(0)
	p.server.Close(0)
	p.server.Open(&p.server.options, 0)
	b, err := p.client.Connect(nil, &p.client.state, kept(p.version), &p.client.options, 0)
	if err != nil {
		p.t.Fatal(err)
	}
	p.toServer(b)
	p.toClient(encode(p.t, p.version, mqttwire.Server, p.server.accept(&codec.Connack{})))
}

func (p *pair) toServer(b []byte) []byte {
	p.t.Helper()
	out, err := p.server.feed(b)
	if err != nil {
		p.t.Fatalf("%v: the server: %v", p.version, err)
	}
	return out
}

func (p *pair) toClient(b []byte) []byte {
	p.t.Helper()
	p.client.last = session.Event{}
	out, err := feed(&p.client.Client, &p.client.d, 0, b, func(ev session.Event) { p.client.last = ev })
	if err != nil {
		p.t.Fatalf("%v: the client: %v", p.version, err)
	}
	return out
}

// exchange publishes at QoS 2 to the end, and reports whether it was delivered.
func (p *pair) exchange(token uint64) (id uint16, delivered bool) {
	p.t.Helper()
	b, a, err := p.client.Publish(nil, publish(2, 0), token, 0)
	if err != nil {
		p.t.Fatal(err)
	}
	p.toServer(b)
	delivered = p.server.last.Kind == session.Deliver
	ack := []byte{}
	if delivered {
		if ack, _, err = p.server.Ack(nil, p.server.last.Ticket(), 0, codec.Properties{}, 0); err != nil {
			p.t.Fatal(err)
		}
	}
	p.toClient(p.toServer(p.toClient(ack)))
	if p.client.last.Kind != session.Completed {
		p.t.Fatalf("%v: %v", p.version, p.client.last.Kind)
	}
	return a.ID, delivered
}

// giveUp has the server take a message over whose PUBREC is lost, and the client
// give the message up on the next connection.
func (p *pair) giveUp(token uint64) uint16 {
	p.t.Helper()
	b, a, err := p.client.Publish(nil, publish(2, 0), token, 0)
	if err != nil {
		p.t.Fatal(err)
	}
	p.toServer(b)
	if _, _, err := p.server.Ack(nil, p.server.last.Ticket(), 0, codec.Properties{}, 0); err != nil {
		p.t.Fatal(err)
	}
	p.dial()
	out, ev, ok := p.client.NextResend(nil, 0)
	if !ok || ev.Kind != session.Resend || ev.Token != token || len(out) != 0 {
		p.t.Fatalf("%v: %+v, %v, % x", p.version, ev, ok, out)
	}
	out, gone, err := p.client.Resend(nil, ev, nil, 0)
	want := qos.Record{Token: token, ID: a.ID, Change: qos.Release.Of(qos.Sent, qos.ExactlyOnce)}
	if err != nil || gone.Kind != session.GivenUp || gone.Record() != want {
		p.t.Fatalf("%v: %+v, %v", p.version, gone, err)
	}
	p.toClient(p.toServer(out))
	want.Change = qos.Forget.Of(qos.Sent, qos.ExactlyOnce)
	if ev := p.client.last; ev.Kind != session.Completed || ev.Record() != want {
		p.t.Fatalf("%v: %+v", p.version, ev)
	}
	return a.ID
}

// Fault 1: a message given up frees its Packet Identifier at both ends.
func TestGivenUpFreesIdentifier(t *testing.T) {
	for _, v := range versions {
		p := newPair(t, v, 0)
		held := p.giveUp(1)
		for n := range 65535 {
			id, delivered := p.exchange(2)
			if !delivered {
				t.Fatalf("%v: message %d with id %d is lost", v, n, id)
			}
			if id == held {
				return
			}
			if testing.Short() && n == 100 {
				return
			}
		}
		t.Errorf("%v: id %d never came back", v, held)
	}
}

func TestGivenUpFreesWindow(t *testing.T) {
	for _, v := range versions {
		p := newPair(t, v, 8)
		for n := range 20 {
			p.giveUp(uint64(n) + 1)
		}
		if _, received := p.server.state.InFlight(); received != 0 {
			t.Errorf("%v: %d identifiers are held", v, received)
		}
	}
}

// Fault 2: a message that cannot be sent again as it is keeps its turn, and
// properties are left out before 5.0.
func TestResendKeepsItsTurn(t *testing.T) {
	p := connect(mqttwire.V50)
	p.CleanStart, p.Properties = false, codec.AppendSessionExpiryInterval(codec.Properties{}, 100)
	s := connected(t, session.ServerOptions{}, p)
	m := publish(1, 0)
	m.Properties = codec.AppendContentType(codec.Properties{}, "x")
	if _, _, err := s.Publish(nil, m, 1, 0); err != nil {
		t.Fatal(err)
	}
	s.Close(0)
	s.again(kept(mqttwire.V311))
	bad := publish(1, 0)
	bad.Topic = []byte("#")
	for range 2 {
		_, ev, ok := s.NextResend(nil, 0)
		if !ok || ev.Kind != session.Resend || ev.Token != 1 {
			t.Fatalf("%+v, %v", ev, ok)
		}
		if out, gone, err := s.Resend(nil, ev, bad, 0); err != mqttwire.ErrTopicWildcard || len(out) != 0 || gone != (session.Event{}) {
			t.Fatalf("% x, %+v, %v", out, gone, err)
		}
		if _, _, err := s.Publish(nil, publish(1, 0), 2, 0); err != mqttwire.ErrResuming {
			t.Fatalf("a new message overtakes: %v", err)
		}
	}
	_, ev, _ := s.NextResend(nil, 0)
	out, gone, err := s.Resend(nil, ev, m, 0)
	if err != nil || gone != (session.Event{}) {
		t.Fatalf("%+v, %v", gone, err)
	}
	is(t, "PUBLISH", out, "3a06 000174 0001 70")
	if _, _, ok := s.NextResend(nil, 0); ok {
		t.Error("there is more")
	}
}

// Fault 3: a client without state takes up a session of 3.1.1 if it says so; in
// 5.0 it says so beforehand.
func TestSessionPresentWithoutState(t *testing.T) {
	present := []byte{0x20, 2, 1, 0}
	for _, clean := range []bool{false, true} {
		for _, adopt := range []bool{false, true} {
			p := kept(mqttwire.V311)
			p.CleanStart = clean
			c := &client{t: t, options: session.ClientOptions{AdoptSession: adopt}}
			c.dial(p)
			ev := session.Event{}
			_, err := feed(&c.Client, &c.d, 0, present, func(x session.Event) { ev = x })
			if adopt && (err != nil || ev.Kind != session.Accepted || !c.state.Exists()) || !adopt && err != mqttwire.ErrSessionUnknown {
				t.Errorf("clean %v, adopt %v: %v, %v", clean, adopt, ev.Kind, err)
			}
		}
	}
	for _, resumed := range []bool{false, true} {
		p := connect(mqttwire.V50)
		p.CleanStart = false
		c := &client{t: t, options: session.ClientOptions{AdoptSession: true}}
		if resumed {
			if err := c.state.Resume(session.State{Exists: true, Expiry: session.Never}, 0); err != nil {
				t.Fatal(err)
			}
		}
		c.dial(p)
		_, err := c.send(&codec.Connack{SessionPresent: true})
		if resumed && (err != nil || c.last.Kind != session.Accepted) || !resumed && err != mqttwire.ErrSessionUnknown {
			t.Errorf("5.0, resumed %v: %v, %v", resumed, c.last.Kind, err)
		}
	}
}

// A Clean Start whose CONNACK is lost has ended the session: what the server
// has then may be a new one.
func TestCleanStartWithoutAnswer(t *testing.T) {
	p := newPair(t, mqttwire.V50, 0)
	if _, _, err := p.client.Publish(nil, publish(2, 0), 7, 0); err != nil {
		t.Fatal(err)
	}
	p.client.Close(0)
	clean := kept(mqttwire.V50)
	clean.CleanStart = true
	p.client.dial(clean)
	if ev := p.client.state.Poll(0); ev.Kind != session.Ended || ev.Record().Op() != qos.Clear || !ev.State {
		t.Errorf("%+v", ev)
	}
	if d, ok := p.client.state.NextDropped(); !ok || d.Token != 7 {
		t.Errorf("%+v, %v", d, ok)
	}
	p.client.Close(0)
	p.client.dial(kept(mqttwire.V50))
	if _, err := p.client.send(&codec.Connack{SessionPresent: true}); err != mqttwire.ErrSessionUnknown {
		t.Error(err)
	}
}

// Fault 4: a server of 3.1.1 refuses a CONNECT of 5.0.
func TestRefusedBefore5(t *testing.T) {
	for code := byte(0); code < 8; code++ {
		c := dialled(t, connect(mqttwire.V50))
		h, body, n, err := codec.Split(c.Rules(), []byte{0x20, 2, 0, code}, c.MaxSize())
		if err != nil || n != 4 {
			t.Fatal(n, err)
		}
		_, ev, err := c.Receive(nil, &c.d, h, body, 0)
		if code < 1 || code > 5 {
			if err == nil {
				t.Errorf("code %d: %v", code, ev.Kind)
			}
			continue
		}
		ack, ok := ev.Packet.(*codec.Connack)
		if err != nil || ev.Kind != session.Refused || ev.Reason != mqttwire.UnsupportedProtocolVersion || c.Phase() != session.Closing ||
			!ok || ack.Code != connack.Code(code) {
			t.Errorf("code %d: %+v, %v", code, ev, err)
		}
	}
}

// Fault 5: a SUBACK has as many codes as its SUBSCRIBE had filters.
func TestAckCount(t *testing.T) {
	subs := codec.Subscriptions{}
	filters := codec.Filters{}
	for _, f := range []string{"a", "b", "c"} {
		subs = subs.Append(codec.Subscription{Filter: []byte(f), Options: 1})
		filters = filters.Append([]byte(f))
	}
	for _, v := range versions {
		for n := 1; n < 6; n++ {
			codes := codec.ReasonCodes{}
			for range n {
				codes = codes.Append(1)
			}
			c := accepted(t, connect(v), &codec.Connack{})
			if _, _, err := c.Subscribe(nil, &codec.Subscribe{Subscriptions: subs}, 9, 0); err != nil {
				t.Fatal(err)
			}
			_, err := c.send(&codec.Suback{ID: 1, Codes: codes})
			if n == 3 && (err != nil || c.last.Kind != session.Subscribed) || n != 3 && err != mqttwire.ErrAckCount {
				t.Errorf("%v: the client, %d codes: %v, %v", v, n, c.last.Kind, err)
			}
			if n != 3 {
				c.Close(0)
				if d, ok := c.state.NextDropped(); !ok || d.Token != 9 {
					t.Errorf("%v: dropped %+v, %v", v, d, ok)
				}
			}

			s := connected(t, session.ServerOptions{}, connect(v))
			if _, err := s.send(&codec.Subscribe{ID: 5, Subscriptions: subs}); err != nil {
				t.Fatal(err)
			}
			r := s.last.Request()
			if r.ID() != 5 || r.Filters() != 3 {
				t.Errorf("%v: %d, %d", v, r.ID(), r.Filters())
			}
			out, err := s.Suback(nil, r, &codec.Suback{Codes: codes})
			if n == 3 && (err != nil || len(out) == 0) || n != 3 && (err != mqttwire.ErrAckCount || len(out) != 0) {
				t.Errorf("%v: the server, %d codes: %v", v, n, err)
			}
			for _, r := range []session.Request{0, r, s.last.Request()} {
				if out, err := s.Unsuback(nil, r, &codec.Unsuback{Codes: codes}); err != mqttwire.ErrStaleTicket || len(out) != 0 {
					t.Errorf("%v: UNSUBACK of a SUBSCRIBE: %v", v, err)
				}
			}
			if v != mqttwire.V50 {
				continue // an UNSUBACK has no codes
			}
			codes = codec.ReasonCodes{}
			for range n {
				codes = codes.Append(0)
			}
			c = accepted(t, connect(v), &codec.Connack{})
			if _, _, err := c.Unsubscribe(nil, &codec.Unsubscribe{Filters: filters}, 9, 0); err != nil {
				t.Fatal(err)
			}
			_, err = c.send(&codec.Unsuback{ID: 1, Codes: codes})
			if n == 3 && (err != nil || c.last.Kind != session.Unsubscribed) || n != 3 && err != mqttwire.ErrAckCount {
				t.Errorf("the client, UNSUBACK with %d codes: %v, %v", n, c.last.Kind, err)
			}
			s.send(&codec.Unsubscribe{ID: 6, Filters: filters})
			out, err = s.Unsuback(nil, s.last.Request(), &codec.Unsuback{Codes: codes})
			if n == 3 && (err != nil || len(out) == 0) || n != 3 && (err != mqttwire.ErrAckCount || len(out) != 0) {
				t.Errorf("the server, UNSUBACK with %d codes: %v", n, err)
			}
		}
	}
	s := connected(t, session.ServerOptions{}, connect(mqttwire.V50))
	s.send(&codec.Subscribe{ID: 5, Subscriptions: subs})
	r, codes := s.last.Request(), codec.ReasonCodes{}.Append(0, 0, 0)
	for i, want := range []error{nil, mqttwire.ErrStaleTicket} {
		if _, err := s.Suback(nil, r, &codec.Suback{Codes: codes}); err != want {
			t.Errorf("answer %d: %v", i+1, err)
		}
	}
}

// Fault 6: before CONNECT nothing else is framed, and a CONNECT has a limit.
func TestBeforeConnect(t *testing.T) {
	tests := []struct {
		in    string
		limit uint32
		err   error
	}{
		{"GET / HTTP/1.1\r\n", 0, mqttwire.ErrConnectFirst},
		{"G", 0, mqttwire.ErrConnectFirst},
		{"\x82\x90\x4e", 0, mqttwire.ErrConnectFirst},
		{"\x00", 0, mqttwire.ErrConnectFirst},
		{"\x10", 0, nil},
		{"\x10\xfd\xff\x03", 0, nil}, // 65,537 bytes with its header: one too many is refused below
		{"\x10\xff\xff\x03", 0, mqttwire.ErrPacketTooLarge},
		{"\x10\x50", 60, mqttwire.ErrPacketTooLarge},
		{"\x10\x3a", 60, nil},
	}
	tests[5].in = "\x10\xfc\xff\x03" // 65,536 bytes
	for _, tt := range tests {
		s := opened(t, session.ServerOptions{MaximumConnectSize: tt.limit, MaximumPacketSize: 1 << 20})
		f := codec.Framer{}
		f.Filled(copy(f.Buffer(), tt.in))
		out, ev, ok, err := s.Next(nil, &f, &s.d, 0)
		if err != tt.err || ok || ev.Kind != session.None || len(out) != 0 {
			t.Errorf("% x: % x, %v, %v, %v", tt.in, out, ev.Kind, ok, err)
		}
		if (err != nil) != (s.Phase() == session.Closing) {
			t.Errorf("% x: %v", tt.in, s.Phase())
		}
	}
}

// Fault 7: an Authentication Method that nobody has heard of is refused by the
// machine itself.
func TestAuthenticationMethods(t *testing.T) {
	for _, methods := range [][]string{{}, {"other"}, {"m", "other"}} {
		s := opened(t, session.ServerOptions{AuthenticationMethods: methods})
		out, err := s.send50(with(authMethod("m")))
		if len(methods) == 2 {
			if err != nil || s.last.Kind != session.Connect {
				t.Errorf("%v: %v, %v", methods, s.last.Kind, err)
			}
			continue
		}
		if err != mqttwire.ErrAuthMethodUnsupported || s.last.Kind != session.None || s.Phase() != session.Closing {
			t.Errorf("%v: %v, %v", methods, s.last.Kind, err)
		}
		is(t, "CONNACK", out, "2003 008c00")
	}
}

func (s *server) send50(p codec.Packet) ([]byte, error) {
	return s.feed(encode(s.t, mqttwire.V50, mqttwire.Client, p))
}

// Fault 8: 0x10 in PUBACK and PUBREC is success, from either role.
func TestNoMatchingSubscribersFromClient(t *testing.T) {
	s := connected(t, session.ServerOptions{}, connect(mqttwire.V50))
	s.Publish(nil, publish(1, 0), 1, 0)
	s.Publish(nil, publish(2, 0), 2, 0)
	if out, err := s.feed([]byte{0x40, 3, 0, 1, 0x10}); err != nil || len(out) != 0 || s.last.Kind != session.Completed || s.last.Token != 1 {
		t.Errorf("PUBACK: %+v, %v", s.last, err)
	}
	out, err := s.feed([]byte{0x50, 3, 0, 2, 0x10})
	if err != nil || s.last.Kind != session.Released || s.last.Token != 2 {
		t.Errorf("PUBREC: %+v, %v", s.last, err)
	}
	is(t, "PUBREL", out, "62020002")
}

// Fault 9: every step that appends counts as sent: with traffic each second and
// a Keep Alive of 60 only silence of the server asks for a PINGREQ.
func TestEveryStepCountsAsSent(t *testing.T) {
	subs := codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte("a")})
	filters := codec.Filters{}.Append([]byte("a"))
	explain := codec.Properties{}
	steps := map[string]func(c *client) ([]byte, error){
		"Publish at QoS 0": func(c *client) ([]byte, error) {
			b, _, err := c.Publish(nil, publish(0, 0), 0, c.now)
			return b, err
		},
		"Publish": func(c *client) ([]byte, error) {
			b, _, err := c.Publish(nil, publish(1, 0), 0, c.now)
			return b, err
		},
		"Reserve": func(c *client) ([]byte, error) {
			_, err := c.Reserve(1, false, 10, 0, c.now)
			return []byte{1}, err
		},
		"Subscribe": func(c *client) ([]byte, error) {
			b, _, err := c.Subscribe(nil, &codec.Subscribe{Subscriptions: subs}, 0, c.now)
			return b, err
		},
		"Unsubscribe": func(c *client) ([]byte, error) {
			b, _, err := c.Unsubscribe(nil, &codec.Unsubscribe{Filters: filters}, 0, c.now)
			return b, err
		},
		"Ack": func(c *client) ([]byte, error) {
			if _, err := c.send(publish(1, 1)); err != nil {
				return nil, err
			}
			b, _, err := c.Ack(nil, c.last.Ticket(), 0, codec.Properties{}, c.now)
			return b, err
		},
		"Ack with properties": func(c *client) ([]byte, error) {
			if _, err := c.send(publish(1, 1)); err != nil {
				return nil, err
			}
			if c.Version() == mqttwire.V50 {
				explain = explained(3)
			}
			b, _, err := c.Ack(nil, c.last.Ticket(), 0, explain, c.now)
			return b, err
		},
		"PUBCOMP": func(c *client) ([]byte, error) { return c.send(&codec.Pubrel{ID: 9}) },
		"PUBREL":  func(c *client) ([]byte, error) { return c.send(&codec.Pubrec{ID: 9}) },
		"Ping":    func(c *client) ([]byte, error) { return c.Ping(nil, c.now) },
	}
	for _, v := range versions {
		for name, step := range steps {
			p := connect(v)
			p.KeepAlive = 60
			c := accepted(t, p, &codec.Connack{})
			pings := 0
			for c.now = second; c.now <= 200*second; c.now += second {
				out, err := step(c)
				if err != nil || len(out) == 0 {
					t.Fatalf("%v: %s: % x, %v", v, name, out, err)
				}
				// The server is not silent either.
				if _, err := c.send(&codec.Pingresp{}); err != nil {
					t.Fatal(err)
				}
				if out, _, err = c.Poll(nil, c.now); err != nil {
					t.Fatal(err)
				}
				if len(out) != 0 {
					pings++
				}
			}
			if pings != 0 {
				t.Errorf("%v: %s: %d PINGREQs", v, name, pings)
			}
		}
	}
}

// The Keep Alive counts from the CONNECT, or the AUTH after it, and not from the
// CONNACK [MQTT-3.1.2-20].
func TestKeepAliveFromConnect(t *testing.T) {
	for _, v := range versions {
		c := dialled(t, connect(v))
		c.now = 8 * second
		if _, err := c.send(&codec.Connack{}); err != nil {
			t.Fatal(err)
		}
		if at, ok := c.Deadline(); !ok || at > 10*second {
			t.Errorf("%v: a PINGREQ at %v, %v", v, at, ok)
		}
		if out, _, err := c.Poll(nil, 10*second); err != nil || string(out) != "\xc0\x00" {
			t.Errorf("%v: % x, %v", v, out, err)
		}
	}
	c := dialled(t, with(authMethod("m")))
	auth := &codec.Auth{Code: mqttwire.ContinueAuthentication, Properties: codec.AppendAuthenticationMethod(codec.Properties{}, "m")}
	c.send(auth)
	if _, err := c.Auth(nil, mqttwire.ContinueAuthentication, nil, codec.Properties{}, 6*second); err != nil {
		t.Fatal(err)
	}
	c.now = 8 * second
	c.send(&codec.Connack{Properties: auth.Properties})
	if at, ok := c.Deadline(); !ok || at <= 10*second || at > 16*second {
		t.Errorf("after AUTH: a PINGREQ at %v, %v", at, ok)
	}
}

// Fault 10: after a stall what has come is received before Poll.
func TestStall(t *testing.T) {
	const stall = 1000 * second
	for _, v := range versions {
		s := connected(t, session.ServerOptions{}, connect(v))
		s.now = stall
		s.send(&codec.Pingreq{})
		if _, _, err := s.Poll(nil, stall); err != nil {
			t.Errorf("%v: the server: %v", v, err)
		}
		c := accepted(t, connect(v), &codec.Connack{})
		if out, _, err := c.Poll(nil, 10*second); err != nil || len(out) == 0 {
			t.Fatal(out, err)
		}
		c.now = stall
		c.send(&codec.Pingresp{})
		if _, _, err := c.Poll(nil, stall); err != nil {
			t.Errorf("%v: the client: %v", v, err)
		}
	}
}

// Fault 11: what was decided where the standard leaves it open.
func TestDecided(t *testing.T) {
	// A server of 5.0 keeps to its own Maximum QoS, except with what the session
	// has sent before.
	s := connected(t, session.ServerOptions{}, with(sessionExpiry(100)))
	s.Publish(nil, publish(2, 0), 1, 0)
	s.Close(0)
	s.options.NoQoS2 = true
	p := with(sessionExpiry(100))
	p.CleanStart = false
	s.again(p)
	_, ev, ok := s.NextResend(nil, 0)
	if !ok {
		t.Fatal("nothing to send again")
	}
	if out, gone, err := s.Resend(nil, ev, publish(2, 0), 0); err != nil || gone.Kind != session.None || len(out) == 0 {
		t.Errorf("%+v, %v", gone, err)
	}
	for level, want := range []error{nil, nil, mqttwire.ErrQoSNotSupported, mqttwire.ErrQoS} {
		if _, _, err := s.Publish(nil, publish(qos.Level(level), 0), 2, 0); err != want {
			t.Errorf("Publish at QoS %d: %v", level, err)
		}
		if _, err := s.Reserve(qos.Level(level), false, 10, 2, 0); err != want {
			t.Errorf("Reserve at QoS %d: %v", level, err)
		}
	}

	// An Assigned Client Identifier that was not asked for is taken.
	c := dialled(t, connect(mqttwire.V50))
	ack := &codec.Connack{Properties: codec.AppendAssignedClientIdentifier(codec.Properties{}, "x")}
	if _, err := c.send(ack); err != nil || c.last.Kind != session.Accepted {
		t.Error(err)
	}

	// A dropped exchange holds its identifier until it is told.
	c = accepted(t, kept(mqttwire.V311), &codec.Connack{})
	for {
		if _, err := c.Reserve(1, false, 10, 0, 0); err == mqttwire.ErrSendQuota {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	c.Close(0)
	c.dial(kept(mqttwire.V311))
	if _, err := c.send(&codec.Connack{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Reserve(1, false, 10, 0, 0); err != mqttwire.ErrPacketIDsExhausted {
		t.Error(err)
	}
	c.state.NextDropped()
	if _, err := c.Reserve(1, false, 10, 0, 0); err != nil {
		t.Error(err)
	}
}

// Next leaves in the Framer what the server does not take yet, and what streams.
func TestNextWaits(t *testing.T) {
	s := opened(t, session.ServerOptions{})
	var f codec.Framer
	in := encode(t, mqttwire.V50, mqttwire.Client, connect(mqttwire.V50), &codec.Pingreq{}, publish(0, 0))
	f.Filled(copy(f.Buffer(), in))
	next := func(kind session.Kind, typ mqttwire.PacketType, want bool) {
		t.Helper()
		_, ev, ok, err := s.Next(nil, &f, &s.d, 0)
		if err != nil || ok != want || ev.Kind != kind || ok && ev.Type != typ {
			t.Errorf("%v %v, %v, %v, want %v %v, %v", ev.Type, ev.Kind, ok, err, typ, kind, want)
		}
	}
	next(session.Connect, mqttwire.CONNECT, true)
	next(session.None, 0, false)
	s.accept(&codec.Connack{})
	next(session.None, mqttwire.PINGREQ, true)
	h, part, ok, err := f.Peek()
	if !ok || err != nil || h.Type != mqttwire.PUBLISH {
		t.Fatal(h, ok, err)
	}
	f.Stream(len(part) - 1)
	next(session.Streaming, mqttwire.PUBLISH, true)
	f.Payload()
	next(session.None, 0, false)
	s.Disconnect(nil, 0, codec.Properties{})
	next(session.None, 0, false)
}

// A connection that is over takes nothing, be it a payload that streams.
func TestNextOverWhileStreaming(t *testing.T) {
	s := connected(t, session.ServerOptions{}, connect(mqttwire.V50))
	var f codec.Framer
	f.Filled(copy(f.Buffer(), encode(t, mqttwire.V50, mqttwire.Client, publish(0, 0))))
	f.Rules, f.MaxSize = s.Rules(), s.MaxSize()
	f.Stream(1)
	s.Disconnect(nil, 0, codec.Properties{})
	if _, ev, ok, err := s.Next(nil, &f, &s.d, 0); ok || err != nil || ev.Kind != session.None {
		t.Error(ev.Kind, ok, err)
	}
}

// A Session Expiry Interval that the server takes no packet for is not taken to
// be said.
func TestDisconnectTooSmallForExpiry(t *testing.T) {
	for size, want := range map[uint32]error{8: mqttwire.ErrPacketTooLarge, 9: nil} {
		ack := codec.Connack{Properties: codec.AppendMaximumPacketSize(codec.Properties{}, size)}
		c := accepted(t, with(sessionExpiry(100)), &ack)
		out, err := c.Disconnect(nil, 0, codec.AppendSessionExpiryInterval(explained(30), 7))
		if err != want || (len(out) == 0) != (want != nil) || (c.state.Expiry() == 7) != (want == nil) {
			t.Errorf("%d bytes: % x, %v, expiry %d", size, out, err, c.state.Expiry())
		}
	}
}

// A session without a connection gives a message up with the same event.
func TestGiveUpWithoutConnection(t *testing.T) {
	for level := qos.AtLeastOnce; level <= qos.ExactlyOnce; level++ {
		s := connected(t, session.ServerOptions{}, kept(mqttwire.V50))
		_, a, err := s.Publish(nil, publish(level, 0), 7, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.state.GiveUp(a.ID); err != mqttwire.ErrSessionInUse {
			t.Error(err)
		}
		s.Close(0)
		op := qos.Forget
		if level == qos.ExactlyOnce {
			op = qos.Release
		}
		want := session.Event{Kind: session.GivenUp, Token: 7, ID: a.ID, Reason: mqttwire.UnspecifiedError, Change: op.Of(qos.Sent, level)}
		if ev, err := s.state.GiveUp(a.ID); err != nil || ev != want {
			t.Errorf("%+v, %v, want %+v", ev, err, want)
		}
		if _, err := s.state.GiveUp(a.ID); err != mqttwire.ErrStaleTicket {
			t.Error(err)
		}
	}
}

// State says what has to be kept, and Resume takes it back.
func TestState(t *testing.T) {
	p := with(sessionExpiry(100))
	p.WillFlag, p.Will.Topic = true, []byte("w")
	p.Will.Properties = codec.AppendWillDelayInterval(codec.Properties{}, 10)
	s := connected(t, session.ServerOptions{}, p)
	online := session.State{Exists: true, Connected: true, Will: true, Expiry: 100, WillDelay: 10}
	if got := s.state.State(); got != online {
		t.Errorf("%+v", got)
	}
	s.Close(5 * second)
	offline := session.State{Exists: true, Will: true, Expiry: 100, WillDelay: 10, Lost: 5 * second}
	if got := s.state.State(); got != offline {
		t.Errorf("%+v", got)
	}
	for _, tt := range []struct {
		state session.State
		will  time.Duration
		ended time.Duration
	}{{online, 60 * second, 150 * second}, {offline, 15 * second, 105 * second}} {
		var r session.Session
		if err := r.Resume(tt.state, 50*second); err != nil {
			t.Fatal(err)
		}
		at, ok := r.Deadline()
		if !ok || at != tt.will {
			t.Errorf("%+v: %v, %v", tt.state, at, ok)
		}
		if ev := r.Poll(at); ev.Kind != session.Will || !ev.State || r.State().Will {
			t.Errorf("%+v: %+v", tt.state, ev)
		}
		if at, ok = r.Deadline(); !ok || at != tt.ended {
			t.Errorf("%+v: %v, %v", tt.state, at, ok)
		}
		if ev := r.Poll(at); ev.Kind != session.Ended || !ev.State || ev.Record().Op() != qos.Clear || r.State() != (session.State{}) {
			t.Errorf("%+v: %+v", tt.state, ev)
		}
	}
	// A DISCONNECT that changes something says so.
	for _, tt := range []struct {
		p       codec.Disconnect
		changes bool
	}{
		{codec.Disconnect{}, true}, // the will is gone
		{codec.Disconnect{Code: mqttwire.DisconnectWithWillMessage}, false},
		{codec.Disconnect{Code: mqttwire.DisconnectWithWillMessage, Properties: codec.AppendSessionExpiryInterval(codec.Properties{}, 7)}, true},
	} {
		s := connected(t, session.ServerOptions{}, p)
		if s.send(&tt.p); s.last.State != tt.changes {
			t.Errorf("%v: %v", &tt.p, s.last.State)
		}
	}
	if err := s.state.Resume(session.State{}, 0); err != nil || s.state.Exists() {
		t.Error(err)
	}
}
