package brokers

import (
	"fmt"
	"strings"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
)

// reasonable is how many seconds without a CONNECT connect/never takes for a
// reasonable time at most, and thrice the Patience. The standards give no number.
const reasonable = 15

var connectChecks = []conformance.Check{
	{
		Name:    "connect/again",
		About:   "A client comes, leaves, and comes again.",
		Clauses: cite("3.1.1 3.1.4-4 3.2.2-1; 5.0 3.1.4-5 3.2.0-2 3.2.2-2"),
		Func: on(func(b *bench) {
			v := b.Version
			for range 3 {
				c := b.clean(v, "a client")
				c.ping()
				c.disconnect()
			}
		}),
	},
	{
		Name:     "connect/never",
		About:    "A connection on which no CONNECT comes, or not all of one, is closed within a reasonable time.",
		Level:    conformance.Should,
		Clauses:  conformance.Clauses{"3.1.1 §3.1.4", "5.0 §3.1.4"},
		Versions: []mqttwire.Version{mqttwire.V311, mqttwire.V50},
		Needs:    needs{Seconds: reasonable},
		Func: on(func(b *bench) {
			within := min(reasonable*time.Second, 3*b.Patience())
			connect := encode(b.Version, b.login(&codec.Connect{Version: b.Version, CleanStart: true, ClientID: []byte(b.id("c"))}))
			b.together(2, func(i int) string { return []string{"no byte", "a byte a second"}[i] }, func(b *bench, i int) {
				c, end := b.dial(b.Version), time.Now().Add(within)
				for sent := 0; time.Now().Before(end); sent++ {
					if i == 1 && sent < len(connect)-1 {
						c.write([]byte(connect[sent : sent+1]))
					}
					if p, err := c.next(time.Second); p != nil || !conformance.IsTimeout(err) {
						return
					}
				}
				b.Fault(nil, fmt.Sprintf("the end of the connection within %v", within), "nothing")
			})
		}),
	},
	{
		Name:    "connect/kinds",
		About:   "A CONNECT of every kind that a client may send is accepted.",
		Clauses: cite("3.1.1 3.1.3-5; 5.0 3.1.3-5 4.12.0-6"),
		Needs:   needs{Anonymous: true},
		Func: on(func(b *bench) {
			v := b.Version
			own := func(fill string, n int) []byte { return []byte((b.id("") + strings.Repeat(fill, n))[:n]) }
			c := func(p codec.Connect) codec.Connect { p.ClientID = []byte(b.id("c")); return p }
			tests := []struct {
				name string
				p    codec.Connect
				only mqttwire.Version // 0: all
				may  bool             // be refused
			}{
				{"one character", codec.Connect{ClientID: []byte{'0' + byte(v)}}, 0, false},
				{"23 characters", codec.Connect{ClientID: own("X", 23)}, 0, false},
				{"letters and digits", codec.Connect{ClientID: own("0123456789ABCDEFGabcdef", 23)}, 0, false},
				{"a space", codec.Connect{ClientID: append([]byte("a "), own("x", 12)...)}, 0, true},
				{"not ASCII", codec.Connect{ClientID: append([]byte("клиент"), own("x", 12)...)}, 0, true},
				{"wildcards and slashes", codec.Connect{ClientID: append([]byte("a/+/#/$"), own("x", 12)...)}, 0, true},
				{"a long one", codec.Connect{ClientID: own("x", 1000)}, v, v == mqttwire.V31},
				{"name and password", c(codec.Connect{UserNameFlag: true, UserName: []byte("someone"), PasswordFlag: true, Password: []byte{0, 0xff}}), 0, true},
				{"empty name", c(codec.Connect{UserNameFlag: true}), 0, true},
				{"password alone", c(codec.Connect{PasswordFlag: true, Password: []byte("secret")}), mqttwire.V50, true},
				{"will", c(codec.Connect{WillFlag: true, Will: codec.Will{Topic: []byte(b.topic("w")), QoS: 1}}), 0, false},
				{"longest keep alive", c(codec.Connect{KeepAlive: 65535}), 0, false},
				{"properties", c(codec.Connect{Properties: codec.AppendRequestResponseInformation(
					codec.AppendRequestProblemInformation(codec.AppendTopicAliasMaximum(codec.AppendReceiveMaximum(user("a", "1", "a", "2"), 1), 65535), 0), 1)}), mqttwire.V50, false},
				{"many User Properties", c(codec.Connect{Properties: user(strings.Split(strings.Repeat("key,value,", 2000)+"key,value", ",")...)}), mqttwire.V50, true},
			}
			for _, tt := range tests {
				if tt.only != 0 && tt.only != v || v == mqttwire.V31 && len(tt.p.ClientID) > 23 {
					continue
				}
				b.each(tt.name, func(b *bench) {
					tt.p.Version, tt.p.CleanStart = v, true
					c := b.dial(v)
					c.send(&tt.p)
					p, err := c.next(b.Patience())
					ack, ok := p.(*codec.Connack)
					switch {
					case ok && ack.Code == 0:
					case tt.may:
						b.Note("%s: refused", tt.name)
						return
					default:
						b.Fatalf(nil, "CONNACK that accepts", "%v, %v", p, err)
					}
					if method, ok := ack.Properties.AuthenticationMethod(); ok {
						b.Faultf(cite("5.0 4.12.0-6"), "no Authentication Method in CONNACK", "%q", method)
					}
					c.ping()
					c.disconnect()
				})
			}
		}),
	},
	{
		Name:    "connect/stream",
		About:   "Packets may come in pieces, many at once, and before the CONNACK is read.",
		Clauses: cite("3.1.1 7.1.1-1; 5.0 4.2.0-1"),
		Func: on(func(b *bench) {
			v := b.Version
			list := codec.Subscriptions{}.Append(b.sub("a", 0))
			packets := []codec.Packet{
				&codec.Connect{Version: v, CleanStart: true, ClientID: []byte(b.id("c"))},
				&codec.Subscribe{ID: 1, Subscriptions: list},
				b.msg("a", "1", 0),
				&codec.Pingreq{},
			}
			answers := func(c *client) {
				receive[*codec.Connack](c)
				receive[*codec.Suback](c)
				c.take(b.msg("a", "1", 0))
				receive[*codec.Pingresp](c)
			}
			b.each("at once", func(b *bench) {
				c := b.dial(v)
				c.send(packets...)
				answers(c)
				c.disconnect()
			})
			b.each("byte by byte", func(b *bench) {
				c := b.dial(v)
				for _, p := range packets {
					for _, x := range []byte(encode(c.version(), p)) {
						c.write([]byte{x})
					}
				}
				answers(c)
			})
		}),
	},
	{
		Name:    "login/wrong",
		About:   "A wrong password is refused, with a code that says so, and the connection ends.",
		Clauses: cite("3.1.1 3.2.2-5 3.2.2-4; 5.0 3.1.4-2 3.2.2-7"),
		Needs:   needs{Login: true},
		Func: on(func(b *bench) {
			c := b.dial(b.Version)
			c.send(&codec.Connect{Version: b.Version, CleanStart: true, ClientID: []byte(b.id("c")), UserNameFlag: true,
				UserName: []byte(b.Login().UserName), PasswordFlag: true, Password: append([]byte("not "), b.Login().Password...)})
			p, err := c.end()
			ack, ok := p.(*codec.Connack)
			switch {
			case ok && ack.Code == 0:
				b.Skip("the broker takes any password")
			case ok:
				b.Choose("the answer to a wrong password in "+b.Version.String(), fmt.Sprint(ack.Code))
				c.closed(nil)
			case p != nil || conformance.IsTimeout(err):
				b.Fatalf(nil, "CONNACK that refuses, or the end of the connection", "%v, %v", p, err)
			}
		}),
	},
	{
		Name:    "connect/second",
		About:   "A second CONNECT ends the connection.",
		Clauses: cite("3.1.1 3.1.0-2; 5.0 3.1.0-2 E-3.1/1 3.14.4-2"),
		Func: on(func(b *bench) {
			v := b.Version
			for _, id := range []string{"c", "another"} {
				c := b.clean(v, "c")
				c.send(&codec.Connect{Version: v, CleanStart: true, ClientID: []byte(id)})
				c.ended(nil, mqttwire.ProtocolError)
			}
		}),
	},
	{
		Name:     "connect/no-id",
		About:    "Clients without an identifier are told apart.",
		Clauses:  cite("3.1.1 3.1.3-6; 5.0 3.1.3-6"),
		Versions: versions[1:],
		Func: on(func(b *bench) {
			var clients []*client
			for i := range 3 {
				c := b.join(&codec.Connect{Version: b.Version, CleanStart: true})
				c.expectPresent(false)
				c.subscribe(fmt.Sprint(i), 0)
				clients = append(clients, c)
			}
			b.clean(b.Version, "publisher").publish(b.msg("0", "x", 0), b.msg("1", "x", 0), b.msg("2", "x", 0))
			for i, c := range clients {
				c.take(b.msg(fmt.Sprint(i), "x", 0))
				c.ping()
			}
		}),
	},
	{
		Name:    "connect/assigned-id",
		About:   "A client of 5.0 without an identifier is told which one it has got. With that it can come back to its session.",
		Clauses: cite("5.0 3.2.2-16 3.1.3-7 3.1.3-6"),
		Func: on(func(b *bench) {
			seen := map[string]bool{}
			for _, clean := range []bool{false, true} {
				p := &codec.Connect{Version: b.Version, CleanStart: clean, Properties: codec.AppendSessionExpiryInterval(codec.Properties{}, 60)}
				c := b.join(p)
				c.expectPresent(false)
				id, ok := c.connack.Properties.AssignedClientIdentifier()
				if !ok || len(id) == 0 {
					b.Fatalf(nil, "an Assigned Client Identifier in CONNACK", "%v", &c.connack)
				}
				if seen[string(id)] {
					b.Faultf(nil, "another identifier each time", "%q twice", id)
				}
				seen[string(id)] = true
				c.subscribe("a", 1)
				c.disconnect()
				b.clean(b.Version, "publisher").publish(b.msg("a", "x", 1))
				c = b.join(b.keepID(b.Version, string(id)))
				c.expectPresent(true)
				if _, ok := c.connack.Properties.AssignedClientIdentifier(); ok {
					b.Fault(nil, "no Assigned Client Identifier for a client that has one", fmt.Sprint(&c.connack))
				}
				c.take(b.msg("a", "x", 1))
			}
			if _, ok := b.clean(b.Version, "mine").connack.Properties.AssignedClientIdentifier(); ok {
				b.Fault(nil, "no Assigned Client Identifier for a client that has one", "one")
			}
		}),
	},
	{
		Name:    "connect/refused-changes-nothing",
		About:   "A CONNECT that is refused neither ends the client's other connection nor its session, whatever it says of a Clean Session.",
		Clauses: cite("3.1.1 3.1.4-3; 5.0 3.1.4-4"),
		Func: on(func(b *bench) {
			good := encode(b.Version, &codec.Connect{Version: b.Version, CleanStart: true, ClientID: []byte(b.id("c"))})
			reserved := []byte(good)
			reserved[9] |= 1
			refused := []string{string(reserved)}
			if b.Version == mqttwire.V50 {
				refused = append(refused, encode(b.Version, &codec.Connect{Version: b.Version, CleanStart: true, ClientID: []byte(b.id("c")),
					Properties: codec.AppendAuthenticationMethod(codec.Properties{}, unknownMethod)}))
			}
			for _, bad := range refused {
				c := b.kept(b.Version, "c", false)
				c.subscribe("a", 1)
				intruder := b.dialAs("intruder", b.Version)
				intruder.write([]byte(bad))
				if p, err := intruder.end(); err == nil {
					if ack, ok := p.(*codec.Connack); !ok || ack.Code == 0 {
						b.Block("a CONNECT that breaks a rule is not refused: %v", p)
					}
				}
				c.ping()
				b.clean(b.Version, "publisher").publish(b.msg("a", "1", 1))
				c.take(b.msg("a", "1", 1))
				c.disconnect()
				b.dialAs("intruder", b.Version).write([]byte(bad))
				b.kept(b.Version, "c", true).ping()
				b.clean(b.Version, "c").ping() // which is accepted, and ends it
				b.kept(b.Version, "c", false).ping()
				b.clean(b.Version, "c").disconnect()
			}
		}),
	},
	{
		Name:    "disconnect/last",
		About:   "DISCONNECT is answered by closing, and nothing that comes after it counts.",
		Clauses: cite("3.1.1 3.14.4-2; 5.0 3.14.4-1"),
		Func: on(func(b *bench) {
			v := b.Version
			watcher := b.clean(v, "watcher")
			watcher.subscribe("a", 0)
			c := b.clean(v, "c")
			c.send(b.msg("a", "before", 0), &codec.Disconnect{}, b.msg("a", "after", 0))
			c.closed(nil)
			watcher.take(b.msg("a", "before", 0))
			b.clean(v, "c").publish(b.msg("a", "last", 0))
			watcher.take(b.msg("a", "last", 0))
		}),
	},
	{
		Name:    "auth/unasked",
		About:   "An AUTH that nothing has led to ends the connection.",
		Clauses: cite("5.0 E-3.15/1 4.12.0-7"),
		Func: on(func(b *bench) {
			c := b.clean(b.Version, "c")
			c.send(&codec.Auth{Code: mqttwire.ReAuthenticate, Properties: codec.AppendAuthenticationMethod(codec.Properties{}, "x")})
			c.ended(nil, mqttwire.ProtocolError, mqttwire.BadAuthenticationMethod)
		}),
	},
	{
		Name:    "connect/information-unasked",
		About:   "A client that asks not to be told more than a code is not.",
		Clauses: cite("5.0 3.1.2-29 3.1.2-28 E-3.1.2.11.7/2"),
		Func: on(func(b *bench) {
			c := b.join(&codec.Connect{Version: b.Version, CleanStart: true, ClientID: []byte(b.id("c")),
				Properties: codec.AppendRequestResponseInformation(codec.AppendRequestProblemInformation(codec.Properties{}, 0), 0)})
			if _, ok := c.connack.Properties.ResponseInformation(); ok {
				b.Fault(cite("5.0 3.1.2-28"), "no Response Information for a client that asked not to get any", "some")
			}
			if _, ok := b.clean(b.Version, "d").connack.Properties.ResponseInformation(); ok {
				b.Fault(cite("5.0 3.1.2-28"), "no Response Information for a client that did not ask", "some")
			}
			bare := func(p codec.Packet, properties codec.Properties) {
				for x := range properties.All() {
					if x.ID == codec.ReasonString || x.ID == codec.UserProperty {
						b.Faultf(cite("5.0 3.1.2-29"), "no Reason String and no User Property", "%v", p)
					}
				}
			}
			m := b.msg("nobody", "", 1)
			m.ID = 1
			c.send(m)
			ack := receive[*codec.Puback](c)
			bare(ack, ack.Properties)
			m = b.msg("nobody", "", 2)
			m.ID = 2
			c.send(m)
			rec := receive[*codec.Pubrec](c)
			bare(rec, rec.Properties)
			c.send(&codec.Pubrel{ID: 77}) // of nothing
			comp := receive[*codec.Pubcomp](c)
			bare(comp, comp.Properties)
			filters := codec.Filters{}.Append([]byte("nothing"))
			c.send(&codec.Unsubscribe{ID: 3, Filters: filters})
			un := receive[*codec.Unsuback](c)
			bare(un, un.Properties)
		}),
	},
}
