package brokers

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
)

// A bench is where a check is made: a T, with clients of the broker. A check may
// have parts.
type bench struct {
	*conformance.T
	part string // what faults are told with
	own  string // what sets identifiers and topics apart
	// expires says that the check has sent a Message Expiry Interval. It is that of all
	// its parts.
	expires *atomic.Bool
}

func newBench(t *conformance.T) *bench { return &bench{T: t, expires: new(atomic.Bool)} }

// branch returns a part of the bench.
func (b *bench) branch(part, own string) *bench {
	inner := *b
	inner.part, inner.own = part, own
	return &inner
}

// on makes the Func of a Check.
func on(f func(b *bench)) func(*conformance.T) {
	return func(t *conformance.T) { f(newBench(t)) }
}

// each runs the parts of a check one after the other. One that cannot go on does
// not keep the others from it.
func (b *bench) each(name string, f func(b *bench)) {
	var done sync.WaitGroup
	done.Go(func() { f(b.branch(b.under(name), b.own)) })
	done.Wait()
}

// apart is each with identifiers and topics of the part's own.
func (b *bench) apart(name string, f func(b *bench)) {
	b.each(name, func(inner *bench) { f(inner.branch(inner.part, name)) })
}

// together runs n parts at once, each with identifiers and topics of its own.
func (b *bench) together(n int, name func(i int) string, f func(b *bench, i int)) {
	var done sync.WaitGroup
	for i := range n {
		done.Go(func() { f(b.branch(b.under(name(i)), name(i)), i) })
	}
	done.Wait()
}

func (b *bench) under(name string) string {
	if b.part == "" {
		return name
	}
	return b.part + ", " + name
}

func (b *bench) in(expected string) string {
	if b.part == "" {
		return expected
	}
	return b.part + ": " + expected
}

// Fault, Fatal and Advise are those of T and name the part.
func (b *bench) Fault(of conformance.Clauses, expected, got string) {
	b.T.Fault(of, b.in(expected), got)
}

// Faultf is Fault with a format.
func (b *bench) Faultf(of conformance.Clauses, expected, format string, args ...any) {
	b.Fault(of, expected, fmt.Sprintf(format, args...))
}

// Fatal ends the part.
func (b *bench) Fatal(of conformance.Clauses, expected, got string) {
	b.T.Fatal(of, b.in(expected), got)
}

// Fatalf is Fatal with a format.
func (b *bench) Fatalf(of conformance.Clauses, expected, format string, args ...any) {
	b.Fatal(of, expected, fmt.Sprintf(format, args...))
}

// Advise names the part.
func (b *bench) Advise(of conformance.Clauses, expected, got string) {
	b.T.Advise(of, b.in(expected), got)
}

// id is a Client Identifier of the check's own.
func (b *bench) id(name string) string { return b.ID(name + b.own) }

// root is a topic level of the check's own.
func (b *bench) root() string {
	if b.own == "" {
		return b.Root()
	}
	return b.Root() + "/" + strings.Map(func(c rune) rune {
		switch c {
		case '/', '+', '#', '$':
			return '_'
		}
		return c
	}, b.own)
}

// topic is a Topic Name or a Topic Filter of the check's own. A shared one has
// the filter below, one that begins with $ its first level made its own.
func (b *bench) topic(name string) string {
	if rest, ok := strings.CutPrefix(name, "$share/"); ok {
		group, filter, _ := strings.Cut(rest, "/")
		return "$share/" + group + "/" + b.root() + "/" + filter
	}
	if rest, ok := strings.CutPrefix(name, "$"); ok {
		return "$" + b.Root() + rest
	}
	return b.root() + "/" + name
}

// dial returns a client that has not said anything yet.
func (b *bench) dial(v mqttwire.Version) *client { return b.dialAs("c", v) }

func (b *bench) dialAs(name string, v mqttwire.Version) *client {
	return &client{Conn: b.Open(name, mqttwire.Client, v), b: b}
}

// join returns a client that the broker has accepted with this CONNECT.
func (b *bench) join(p *codec.Connect) *client { return b.joinAs("c", p) }

func (b *bench) joinAs(name string, p *codec.Connect) *client {
	c := b.dialAs(name, p.Version)
	if n, ok := p.Properties.MaximumPacketSize(); ok {
		c.SetLimit(int(n)) // nothing larger may come (5.0 [MQTT-3.1.2-24])
	}
	c.send(b.login(p))
	ack := receive[*codec.Connack](c)
	if ack.Code != 0 {
		b.Fatal(cConnected, "CONNACK that accepts", fmt.Sprint(ack))
	}
	c.connack, c.cleanStart = ack.Clone(), p.CleanStart
	c.aliasMax, _ = p.Properties.TopicAliasMaximum()
	c.quota = 65535
	if n, ok := p.Properties.ReceiveMaximum(); ok {
		c.quota = int(n)
	}
	return c
}

// login is p with who the run connects as.
func (b *bench) login(p *codec.Connect) *codec.Connect {
	l := b.Login()
	if l == nil || p.UserNameFlag || p.PasswordFlag {
		return p
	}
	q := *p
	q.UserNameFlag, q.UserName = true, []byte(l.UserName)
	if l.Password != nil {
		q.PasswordFlag, q.Password = true, l.Password
	}
	return &q
}

// clean returns a client whose session begins and ends with its connection.
func (b *bench) clean(v mqttwire.Version, name string) *client {
	c := b.joinAs(name, &codec.Connect{Version: v, CleanStart: true, ClientID: []byte(b.id(name))})
	c.expectPresent(false)
	return c
}

// kept returns a client that resumes a session or begins one, to be kept, and
// says so where present is not whether there was one.
func (b *bench) kept(v mqttwire.Version, name string, present bool) *client {
	c := b.joinAs(name, b.keep(v, name))
	c.expectPresent(present)
	return c
}

// keep is the CONNECT that kept sends.
func (b *bench) keep(v mqttwire.Version, name string) *codec.Connect {
	p := b.keepID(v, b.id(name))
	return p
}

func (b *bench) keepID(v mqttwire.Version, id string) *codec.Connect {
	b.forget(v, id)
	p := &codec.Connect{Version: v, ClientID: []byte(id)}
	if v == mqttwire.V50 {
		p.Properties = codec.AppendSessionExpiryInterval(p.Properties, 3600)
	}
	return p
}

// forget has the session of a client ended when the check has.
func (b *bench) forget(v mqttwire.Version, id string) {
	b.Cleanup("session "+id, func(t *conformance.T) {
		after := newBench(t)
		after.join(&codec.Connect{Version: v, CleanStart: true, ClientID: []byte(id)}).send(&codec.Disconnect{})
	})
}

// unretain has the retained message of a topic cleared when the check has ended.
func (b *bench) unretain(topic []byte) {
	if len(topic) == 0 {
		return
	}
	t := string(topic)
	b.Cleanup("retained "+t, func(t2 *conformance.T) {
		after := newBench(t2)
		c := after.join(&codec.Connect{Version: b.Version, CleanStart: true, ClientID: []byte(after.ID("cleanup"))})
		c.send(&codec.Publish{Topic: []byte(t), Retain: true})
		c.send(&codec.Disconnect{})
		c.Next(b.Patience() / 5)
	})
}

var versions = []mqttwire.Version{mqttwire.V31, mqttwire.V311, mqttwire.V50}

// spoken are the versions that the broker speaks.
func (b *bench) spoken() []mqttwire.Version {
	var all []mqttwire.Version
	for _, v := range versions {
		if b.Facts().Speaks[v.String()] == "" {
			all = append(all, v)
		}
	}
	return all
}
