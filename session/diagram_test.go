package session_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/internal/mermaid"
	"github.com/mqttwire/mqttwire/session"
)

func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// arrow draws one transition, as the diagrams do.
func arrow(from, to, input string, outputs ...string) string {
	outputs = slices.DeleteFunc(outputs, func(s string) bool { return s == "" || s == "none" })
	line := title(from) + " --> " + title(to) + ": " + input
	if len(outputs) > 0 {
		line += " / " + strings.Join(outputs, ", ")
	}
	return line
}

// input is something that can happen to an end.
type input[E any] struct {
	name string
	do   func(E) []byte
}

// outOfTurn is an AUTH that nobody waits for.
var outOfTurn = &codec.Auth{Code: mqttwire.ContinueAuthentication, Properties: codec.AppendAuthenticationMethod(codec.Properties{}, "n")}

// compare draws what each input does in each phase.
func compare[E any](t *testing.T, heading string, ways []func() E, inputs []input[E], look func(E) (session.Phase, session.Event)) {
	var got []string
	for _, way := range ways {
		for _, in := range inputs {
			e := way()
			from, _ := look(e)
			out := in.do(e)
			to, ev := look(e)
			written := ""
			if len(out) > 0 {
				written = mqttwire.PacketType(out[0] >> 4).String()
			}
			if from != to {
				got = append(got, arrow(from.String(), to.String(), in.name, written, ev.Kind.String()))
			}
		}
	}
	slices.Sort(got)
	if d := cmp.Diff(mermaid.Arrows(t, heading), got); d != "" {
		t.Errorf("%s: diagram (-) and code (+):\n%s", heading, d)
	}
}

func TestServerDiagram(t *testing.T) {
	o := session.ServerOptions{ConnectTimeout: 100 * second}
	hello := with(authMethod("m"), sessionExpiry(10))
	ways := []func() *server{
		func() *server { return &server{t: t} },
		func() *server { return opened(t, o) },
		func() *server { return asked(t, o, hello) },
		func() *server { return connected(t, o, hello) },
		func() *server {
			s := connected(t, o, hello)
			s.Disconnect(nil, mqttwire.ServerShuttingDown, codec.Properties{})
			return s
		},
	}
	send := func(p codec.Packet) func(*server) []byte {
		return func(s *server) []byte {
			s.last = session.Event{}
			out, _ := s.feed(encode(t, mqttwire.V50, mqttwire.Client, p))
			return out
		}
	}
	quiet := func(f func(s *server) []byte) func(*server) []byte {
		return func(s *server) []byte { s.last = session.Event{}; return f(s) }
	}
	compare(t, "Server", ways, []input[*server]{
		{"Open", quiet(func(s *server) []byte {
			if s.Phase() == session.Idle { // else it would be a new connection
				s.Open(&s.options, 0)
			}
			return nil
		})},
		{"CONNECT", send(hello)},
		{"CONNECT, malformed", quiet(func(s *server) []byte {
			out, _ := s.feed([]byte("\x10\x0d\x00\x04MQTT\x05\x03\x00\x00\x00\x00\x00"))
			return out
		})},
		{"another packet", quiet(func(s *server) []byte {
			if s.Phase() == session.Opened {
				return send(publish(0, 0))(s)
			}
			return send(&codec.Pingreq{})(s)
		})},
		{"AUTH, out of turn", quiet(func(s *server) []byte {
			if s.Phase() == session.Opened {
				return nil // another packet
			}
			return send(outOfTurn)(s)
		})},
		{"DISCONNECT", quiet(func(s *server) []byte {
			if s.Phase() == session.Opened {
				return nil // another packet
			}
			return send(&codec.Disconnect{})(s)
		})},
		{"Accept", quiet(func(s *server) []byte { out, _, _ := s.Accept(nil, &s.state, nil, 0); return out })},
		{"Refuse", quiet(func(s *server) []byte { out, _ := s.Refuse(nil, connack.Banned, codec.Properties{}); return out })},
		{"Disconnect", quiet(func(s *server) []byte {
			out, _ := s.Disconnect(nil, mqttwire.ServerBusy, codec.Properties{})
			return out
		})},
		{"Poll, too late", quiet(func(s *server) []byte { out, _, _ := s.Poll(nil, 1000*second); return out })},
		{"Close", quiet(func(s *server) []byte { s.Close(0); return nil })},
	}, func(s *server) (session.Phase, session.Event) { return s.Phase(), s.last })
}

func TestClientDiagram(t *testing.T) {
	hello := with(authMethod("m"), sessionExpiry(10))
	yes := &codec.Connack{Properties: codec.AppendAuthenticationMethod(codec.Properties{}, "m")}
	dial := func() *client {
		c := &client{t: t, options: session.ClientOptions{ConnectTimeout: 100 * second}}
		c.dial(hello)
		return c
	}
	up := func() *client {
		c := dial()
		if _, err := c.send(yes); err != nil {
			t.Fatal(err)
		}
		return c
	}
	ways := []func() *client{
		func() *client { return &client{t: t} },
		dial,
		up,
		func() *client {
			c := up()
			c.Disconnect(nil, 0, codec.Properties{})
			return c
		},
	}
	send := func(p codec.Packet) func(*client) []byte {
		return func(c *client) []byte {
			c.last = session.Event{}
			if c.Phase() == session.Idle {
				return nil // no version to frame by
			}
			out, _ := c.send(p)
			return out
		}
	}
	quiet := func(f func(*client) []byte) func(*client) []byte {
		return func(c *client) []byte { c.last = session.Event{}; return f(c) }
	}
	compare(t, "Client", ways, []input[*client]{
		{"Connect", quiet(func(c *client) []byte { out, _ := c.Connect(nil, &c.state, hello, &c.options, 0); return out })},
		{"CONNACK", send(yes)},
		{"CONNACK, refused", send(&codec.Connack{Code: connack.Banned})},
		{"another packet", send(&codec.Pingresp{})},
		{"AUTH, out of turn", send(outOfTurn)},
		{"DISCONNECT", send(&codec.Disconnect{Code: mqttwire.ServerBusy})},
		{"Disconnect", quiet(func(c *client) []byte { out, _ := c.Disconnect(nil, 0, codec.Properties{}); return out })},
		{"Poll, too late", quiet(func(c *client) []byte {
			c.Poll(nil, 500*second)
			out, _, _ := c.Poll(nil, 1000*second)
			return out
		})},
		{"Close", quiet(func(c *client) []byte { c.Close(0); return nil })},
	}, func(c *client) (session.Phase, session.Event) { return c.Phase(), c.last })
}

func TestSessionDiagram(t *testing.T) {
	hello := func(expiry uint32, clean bool) *codec.Connect {
		p := with(sessionExpiry(expiry))
		p.CleanStart, p.WillFlag, p.Will.Topic = clean, true, []byte("w")
		p.Will.Properties = codec.AppendWillDelayInterval(codec.Properties{}, 10)
		return p
	}
	state := func(s *server) string {
		switch {
		case s.state.Connected():
			return "online"
		case s.state.Exists():
			return "offline"
		}
		return "absent"
	}
	absent := func(uint32) *server { return opened(t, session.ServerOptions{}) }
	online := func(expiry uint32) *server { return connected(t, session.ServerOptions{}, hello(expiry, false)) }
	offline := func(expiry uint32) *server { s := online(expiry); s.Close(0); return s }
	accept := func(clean bool) func(*server) {
		return func(s *server) {
			if s.Phase() == session.Idle {
				s.Open(&s.options, 0)
			}
			if s.Phase() == session.Opened {
				s.connect(hello(20, clean))
				s.accept(&codec.Connack{})
			}
		}
	}
	var got []string
	for _, in := range []struct {
		name   string
		expiry uint32
		do     func(*server)
		at     time.Duration
	}{
		{"Accept", 20, accept(false), 0},
		{"Accept, clean start", 20, accept(true), 0},
		{"Close", 20, func(s *server) { s.Close(0) }, 0},
		{"Close, expiry 0", 0, func(s *server) { s.Close(0) }, 0},
		{"Poll, too early", 20, func(*server) {}, 9 * second},
		{"Poll, will delay over", 20, func(*server) {}, 10 * second},
		{"Poll, expired", 20, func(*server) {}, 20 * second},
		{"End", 20, func(s *server) { s.state.End() }, 0},
	} {
		for _, way := range []func(uint32) *server{absent, online, offline} {
			s := way(in.expiry)
			happened(&s.state, 0)
			from := state(s)
			in.do(s)
			told := strings.Fields(happened(&s.state, in.at))
			if to := state(s); from != to || len(told) > 0 {
				if in.name == "Close, expiry 0" && from == "offline" {
					continue
				}
				got = append(got, arrow(from, to, in.name, told...))
			}
		}
	}
	slices.Sort(got)
	if d := cmp.Diff(mermaid.Arrows(t, "Session"), got); d != "" {
		t.Errorf("diagram (-) and code (+):\n%s", d)
	}
}
