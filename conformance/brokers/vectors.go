package brokers

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/testdata"
)

// vectorChecks are a check for each rule that the bytes of one packet of a client
// can break: every vector that breaks it is sent, before or after CONNECT as its
// type wants it, and must end the connection.
func vectorChecks() []conformance.Check {
	type group struct {
		clause  conformance.Clause
		also    conformance.Clauses
		vectors []*testdata.Vector
	}
	var groups []*group
	by := map[conformance.Clause]*group{}
	for i, v := range vectors() {
		if v.Valid() || v.From == "server" {
			continue
		}
		c := blame(&v)
		g := by[c]
		if g == nil {
			g = &group{clause: c, also: conformance.Clauses{c}}
			by[c], groups = g, append(groups, g)
		}
		for _, id := range v.Clauses {
			if other := conformance.Clause(v.Version + " " + id); !slices.Contains(g.also, other) {
				g.also = append(g.also, other)
			}
		}
		g.vectors = append(g.vectors, &vectors()[i])
	}
	var all []conformance.Check
	for _, g := range groups {
		rule, _ := g.clause.Rule()
		version, level := versionOf(g.clause.Version()), conformance.Must
		if version == mqttwire.V31 {
			level = conformance.May // 3.1 does not say that a server closes
		}
		all = append(all, conformance.Check{
			Name:     "malformed/" + strings.ReplaceAll(strings.TrimPrefix(g.clause.ID(), "MQTT-"), "/", "."),
			About:    "A packet that breaks this ends the connection: " + rule.Text + ".",
			Level:    level,
			Clauses:  g.also,
			Versions: []mqttwire.Version{version},
			Func:     on(func(b *bench) { b.refuses(g.vectors) }),
		})
	}
	return merge(all)
}

// placedChecks are about every malformed packet where it must not be: one that is no
// CONNECT before CONNECT, and a CONNECT after it. Either ends the connection whatever
// else is wrong with it.
var placedChecks = []conformance.Check{
	placed("malformed/before-connect", "A malformed packet before CONNECT ends the connection, whatever it is.", "3.1.1 3.1.0-1; 5.0 3.1.0-1", false),
	placed("malformed/second-connect", "A malformed CONNECT after CONNECT ends the connection.", "3.1.1 3.1.0-2; 5.0 3.1.0-2", true),
}

func placed(name, about, clauses string, connects bool) conformance.Check {
	return conformance.Check{Name: name, About: about, Clauses: cite(clauses), Func: on(func(b *bench) {
		var list []*testdata.Vector
		for i, v := range vectors() {
			if !v.Valid() && v.From != "server" && v.Version == b.Version.String() && strings.HasPrefix(v.Name, "connect/") == connects {
				list = append(list, &vectors()[i])
			}
		}
		b.meanwhile(list, func(b *bench, v *testdata.Vector) {
			var c *client
			if connects {
				c = b.entrant(v.Name)
			} else {
				c = b.dialAs(v.Name, b.Version)
				c.Unjudged = true // nobody has said which version it is
			}
			c.write(v.Bytes())
			const bad = "the end of the connection"
			for {
				p, err := c.end()
				switch p := p.(type) {
				case *codec.Connack:
					if connects || p.Code == 0 {
						b.Fatalf(nil, bad, "%v", p)
					}
					b.Note("CONNACK with %v", p.Code)
				case *codec.Disconnect:
					b.Note("DISCONNECT with %v", p.Code)
				case nil:
					if conformance.IsTimeout(err) {
						b.Fatal(nil, bad, "nothing")
					}
					return
				default:
					b.Fatalf(nil, bad, "%v", p)
				}
			}
		})
	})}
}

// rarity is how many vectors that a client may send cite a clause.
var rarity = sync.OnceValue(func() map[conformance.Clause]int {
	n := map[conformance.Clause]int{}
	for _, v := range vectors() {
		if !v.Valid() && v.From != "server" {
			for _, id := range v.Clauses {
				n[conformance.Clause(v.Version+" "+id)]++
			}
		}
	}
	return n
})

// merge makes one check of those of one name in several versions.
func merge(checks []conformance.Check) []conformance.Check {
	var all []conformance.Check
	at := map[string]int{}
	for _, c := range checks {
		i, ok := at[c.Name]
		if !ok || all[i].Level != c.Level {
			if ok {
				c.Name += "-" + c.Versions[0].String()
			}
			at[c.Name] = len(all)
			all = append(all, c)
			continue
		}
		first, second, v := all[i].Func, c.Func, c.Versions[0]
		all[i].Clauses = append(all[i].Clauses, c.Clauses...)
		all[i].Versions = append(all[i].Versions, v)
		all[i].Func = func(t *conformance.T) {
			if t.Version == v {
				second(t)
				return
			}
			first(t)
		}
	}
	return all
}

var vectors = sync.OnceValue(func() []testdata.Vector {
	all, err := testdata.Vectors()
	if err != nil {
		panic(err)
	}
	return all
})

func versionOf(name string) mqttwire.Version {
	i := slices.IndexFunc(versions, func(v mqttwire.Version) bool { return v.String() == name })
	return versions[i]
}

// blame is the rule that a vector breaks: of several the one that says most, for
// the fewest vectors break it.
func blame(v *testdata.Vector) conformance.Clause {
	var best conformance.Clause
	for _, id := range v.Clauses {
		if c := conformance.Clause(v.Version + " " + id); best == "" || rarity()[c] < rarity()[best] {
			best = c
		}
	}
	switch {
	case best != "":
		return best
	case v.Version == "3.1":
		return "3.1 V31-13"
	case v.Version == "3.1.1":
		return "3.1.1 MQTT-4.8.0-1"
	}
	return "5.0 MQTT-4.13.1-1"
}

// vectorsAtOnce is how many connections a check of vectors has open.
const vectorsAtOnce = 8

// refuses sends each vector on a connection of its own: the connection has to
// end, with what the vector says, and another client is served meanwhile.
func (b *bench) refuses(list []*testdata.Vector) { b.meanwhile(list, (*bench).refusesOne) }

// meanwhile has f see to vectors, several at once, and another client served
// meanwhile.
func (b *bench) meanwhile(list []*testdata.Vector, f func(*bench, *testdata.Vector)) {
	bystander := b.clean(b.Version, "bystander")
	bystander.subscribe("a", 0)
	for part := range slices.Chunk(list, vectorsAtOnce) {
		b.together(len(part), func(i int) string { return part[i].Name }, func(b *bench, i int) { f(b, part[i]) })
		bystander.publish(b.msg("a", "x", 0))
		bystander.take(b.msg("a", "x", 0))
	}
}

func (b *bench) refusesOne(v *testdata.Vector) {
	first := strings.HasPrefix(v.Name, "connect/")
	var c *client
	if first {
		c = b.dialAs(v.Name, b.Version)
		c.Unjudged = askedVersion(v.Bytes()) != b.Version
	} else {
		c = b.entrant(v.Name)
	}
	c.write(v.Bytes())
	p, err := c.end()
	bad := "the end of the connection, on " + v.Error
	of := conformance.Clauses{blame(v)}
	switch p := p.(type) {
	case *codec.Connack:
		if !first || p.Code == 0 {
			b.Fatalf(of, bad, "%v", p)
		}
		b.answered(v, "CONNACK", uint8(p.Code), fmt.Sprint(p))
	case *codec.Disconnect:
		if first || !c.is5() {
			b.Fatalf(of, bad, "%v", p)
		}
		b.answered(v, "DISCONNECT", uint8(p.Code), fmt.Sprint(p))
	case nil:
		if _, unread := err.(*conformance.Malformed); !unread || !c.Unjudged {
			if conformance.IsTimeout(err) {
				b.Fatal(of, bad, "nothing")
			}
			if v.Answer != nil && v.Answer.Packet == "DISCONNECT" {
				b.Advise(cDisconnects, fmt.Sprintf("DISCONNECT %v before the end", v.Answer.Code), "the end alone")
			}
			return
		}
	default:
		b.Fatalf(of, bad, "%v", p)
	}
	if q, err := c.end(); q != nil {
		b.Fatalf(of, bad, "%v, then %v", p, q)
	} else if conformance.IsTimeout(err) {
		b.Fatalf(of, bad, "%v alone", p)
	}
}

// entrant is a client that the broker has accepted. These are many, one after the
// other, so a connection that ends before its CONNACK is made once more: that
// connections are accepted is for other checks to judge.
func (b *bench) entrant(name string) *client {
	p := &codec.Connect{Version: b.Version, CleanStart: true, ClientID: []byte(b.id("c"))}
	c := b.dialAs(name, b.Version)
	c.send(b.login(p))
	if q, err := c.next(b.Patience()); err == nil {
		if ack, ok := q.(*codec.Connack); ok && ack.Code == 0 {
			c.connack = ack.Clone()
			return c
		}
	}
	b.Note("%s: a connection ended before its CONNACK", name)
	c.Close()
	return b.joinAs(name, p)
}

// answered compares an answer with the one that a standard recommends.
func (b *bench) answered(v *testdata.Vector, packet string, code uint8, got string) {
	switch {
	case v.Answer == nil && packet == "CONNACK" && b.Version != mqttwire.V50:
		b.Advise(cite("3.1.1 3.1.4-1"), "the end of the connection without CONNACK", got)
	case v.Answer != nil && (v.Answer.Packet != packet || uint8(v.Answer.Code) != code) && code != uint8(mqttwire.MalformedPacket) && code != uint8(mqttwire.ProtocolError):
		b.Advise(cDisconnects, fmt.Sprintf("%s %v", v.Answer.Packet, v.Answer.Code), got)
	}
}

// askedVersion returns the version that a CONNECT asks for, 0 where it is cut
// before that or asks for one that does not exist.
func askedVersion(b []byte) mqttwire.Version {
	rules := codec.Rules{From: mqttwire.Client}
	h, body, n, _ := codec.Split(rules, b, 0)
	if n == 0 {
		return 0
	}
	var p codec.Connect
	p.Decode(rules, h, body)
	return p.Version
}

// takenCheck is about every valid vector of the packets that a client may send at
// any time: each is answered as its type wants it, and none ends the connection.
var takenCheck = conformance.Check{
	Name:    "wellformed/taken",
	About:   "What the standard lets a client send does not end its connection, whatever it looks like.",
	Clauses: cite("3.1.1 3.1.4-4 1.5.3-3 2.3.1-5 3.1.3-1; 5.0 3.1.4-5 1.5.4-3 2.2.1-2 2.2.2-1 3.1.3-1"),
	Func: on(func(b *bench) {
		var list []*testdata.Vector
		for i, v := range vectors() {
			if !v.Valid() || v.Lenient || v.From == "server" || v.Version != b.Version.String() {
				continue
			}
			if strings.HasPrefix(v.Name, "subscribe/upper-bits") || b.Version == mqttwire.V31 && strings.HasPrefix(v.Name, "pingreq/flags") {
				continue // reserved in 3.1: v31/unused-flags is about them
			}
			kind, _, _ := strings.Cut(v.Name, "/")
			if slices.Contains([]string{"publish", "subscribe", "unsubscribe", "pingreq"}, kind) && !b.lacks(vectors()[i].Packet) && !disallowed(vectors()[i].Packet) {
				list = append(list, &vectors()[i])
			}
		}
		for part := range slices.Chunk(list, vectorsAtOnce) {
			b.together(len(part), func(i int) string { return part[i].Name }, func(b *bench, i int) {
				v := part[i]
				c := b.entrant(v.Name)
				if v.Packet.Retain {
					b.unretain([]byte(v.Packet.Topic))
				}
				c.write(v.Bytes())
				c.send(&codec.Pingreq{})
				for {
					p, err := c.next(b.Patience())
					switch p := p.(type) {
					case *codec.Pingresp:
						return
					case *codec.Disconnect:
						b.Fatalf(nil, "no end of the connection", "%v", p)
					case nil:
						b.Fatalf(nil, "PINGRESP", "%v", err)
					}
				}
			})
		}
	}),
}

// disallowed reports whether a text of the packet has control characters or
// non-characters, for which a receiver may end the connection (3.1.1 §1.5.3, 5.0
// §1.5.4).
func disallowed(p *testdata.Packet) bool {
	texts := append([]string{p.Topic, fmt.Sprint(p.Properties)}, p.Filters...)
	for _, s := range p.Subscriptions {
		texts = append(texts, s.Filter)
	}
	return strings.ContainsFunc(strings.Join(texts, ""), func(r rune) bool {
		return r < 0x20 || r >= 0x7f && r <= 0x9f || r >= 0xfdd0 && r <= 0xfdef || r&0xfffe == 0xfffe
	})
}

// lacks reports whether the packet uses what the broker does not have.
func (b *bench) lacks(p *testdata.Packet) bool {
	f := b.Facts()
	lacks := p.QoS > f.MaximumQoS || p.Retain && !f.Retain || f.MaximumPacketSize > 0 && f.MaximumPacketSize < 70_000
	for _, x := range p.Properties {
		lacks = lacks || x.ID == uint8(codec.TopicAlias) || x.ID == uint8(codec.SubscriptionIdentifier) && !f.SubscriptionIdentifiers
	}
	for _, s := range p.Subscriptions {
		wild := strings.ContainsAny(s.Filter, "+#")
		// Before 5.0 a broker may share it all the same, or refuse it.
		shared := strings.HasPrefix(s.Filter, "$share/") && (!f.Shared || b.Version != mqttwire.V50)
		lacks = lacks || wild && !f.Wildcard || shared || s.Filter == "$share"
	}
	for _, filter := range p.Filters {
		lacks = lacks || filter == "$share" // some take it for a broken shared one
	}
	return lacks
}

// wireCheck comes last, and says what was wrong with any packet that the broker
// has sent in the whole run. It is about each rule that the bytes of one packet of
// a server can break.
func wireCheck() conformance.Check {
	clauses := cite("3.1.1 2.2.2-2 3.9.3-2 3.2.2-4 4.3.1-1; 5.0 3.2.2-1 3.2.2-6 3.2.2-8 3.9.3-2 3.11.3-2 3.14.2-1 3.14.2-2 3.15.2-1 4.3.1-1")
	for _, v := range vectors() {
		if v.Valid() || v.From == "client" || v.Version == "3.1" {
			continue
		}
		for _, id := range v.Clauses {
			if c := conformance.Clause(v.Version + " " + id); !slices.Contains(clauses, c) {
				clauses = append(clauses, c)
			}
		}
	}
	return conformance.Check{
		Name:    "wellformed/sent",
		About:   "Every packet that the broker has sent in this run is as the standard has it.",
		Clauses: clauses,
		Needs:   needs{Alone: true},
		Func: on(func(b *bench) {
			n, deviations := b.Wire()
			b.Note("%d packets were read", n)
			for _, d := range deviations {
				b.Fault(conformance.Clauses{d.Clause}, "packets as the standard has them", d.Text)
			}
		}),
	}
}
