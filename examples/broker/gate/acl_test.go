package gate

import (
	"testing"
	"testing/synctest"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/qos"
)

// expectNoAccess has a topic refused for publishing, at all levels: with a code
// where there is one, as if it were taken where there is none, and the client
// stays.
func (p *peer) expectNoAccess(topic string) {
	p.t.Helper()
	code := mqttwire.Reason(0)
	if p.is5() {
		code = mqttwire.NotAuthorized
	}
	p.send(publication(topic, "refused"))
	p.send(publicationAt(topic, "refused", qos.AtLeastOnce, 11))
	p.expect(&codec.Puback{ID: 11, Code: code})
	p.send(publicationAt(topic, "refused", qos.ExactlyOnce, 12))
	p.expect(&codec.Pubrec{ID: 12, Code: code})
	if !p.is5() {
		p.send(&codec.Pubrel{ID: 12})
		p.expect(&codec.Pubcomp{ID: 12})
	}
	p.expectNothing()
}

const rules = `topic read public/#
pattern readwrite home/%u/#
pattern readwrite client/%c
user alice
topic write public/#
topic deny public/secret/#
user root
topic readwrite #
topic read $SYS/#
`

var people = userLine("alice", "secret of alice") + userLine("bob", "secret of bob") + userLine("root", "secret of root")

func (b *bench) alice(v mqttwire.Version) *peer {
	b.t.Helper()
	return b.join(b.as(v, "ca", "alice", "secret of alice"))
}

func (b *bench) bob(v mqttwire.Version) *peer {
	b.t.Helper()
	return b.join(b.as(v, "cb", "bob", "secret of bob"))
}

func (b *bench) root(v mqttwire.Version) *peer {
	b.t.Helper()
	p := b.join(b.as(v, "cr", "root", "secret of root"))
	p.subscribe("#", qos.AtMostOnce)
	return p
}

func TestACLPublish(t *testing.T) {
	simulateEach(t, content{users: people, acl: rules}, func(b *bench, v mqttwire.Version) {
		root, alice, bob := b.root(v), b.alice(v), b.bob(v)
		for _, topic := range []string{"public/x", "home/alice/x", "client/ca"} {
			alice.publish(topic, "1")
			root.expect(publication(topic, "1"))
		}
		for _, topic := range []string{"public/secret", "public/secret/x", "home/bob/x", "client/cb", "elsewhere"} {
			alice.expectNoAccess(topic)
		}
		bob.expectNoAccess("public/x")
		bob.publish("home/bob/x", "2")
		root.expect(publication("home/bob/x", "2"))
		root.expectNothing()
	})
}

// A will is judged as its client connects.
func TestACLWill(t *testing.T) {
	simulateEach(t, content{users: people, acl: rules}, func(b *bench, v mqttwire.Version) {
		root := b.root(v)
		with := func(topic string) *codec.Connect {
			c := b.as(v, "ca", "alice", "secret of alice")
			c.WillFlag, c.Will = true, codec.Will{Topic: []byte(topic), Payload: []byte("gone")}
			return c
		}
		b.refused(with("home/bob/will"), connack.NotAuthorized)
		b.refused(with("public/secret/will"), connack.NotAuthorized)
		b.join(with("home/alice/will")).conn.Close()
		root.expect(publication("home/alice/will", "gone"))
		root.expectNothing()
	})
}

func TestACLSubscribe(t *testing.T) {
	simulateEach(t, content{users: people, acl: rules}, func(b *bench, v mqttwire.Version) {
		root, alice, bob := b.root(v), b.alice(v), b.bob(v)
		for _, filter := range []string{"public/+", "home/alice/#", "client/ca", "$share/g/home/alice/+"} {
			switch filter {
			case "public/+": // "secret" is one of them
				alice.expectRefused(filter)
				bob.subscribe(filter, qos.AtLeastOnce)
			default:
				alice.subscribe(filter, qos.AtLeastOnce)
				bob.expectRefused(filter)
			}
		}
		for _, filter := range []string{"#", "+/+", "home/+/x", "home/#", "$SYS/#", "$share/g/#", "$share/g/home/bob/x"} {
			alice.expectRefused(filter)
		}
		root.subscribe("$SYS/broker/uptime", qos.AtMostOnce)
		from := b.join(b.as(v, "from", "root", "secret of root"))
		from.publish("home/alice/x", "1") // for alice by one subscription, and by the share
		for range 2 {
			alice.expectMessage("home/alice/x", "1")
		}
		bob.expectNothing()
	})
}

// expectMessage receives a message at QoS 1 and acknowledges it.
func (p *peer) expectMessage(topic, payload string) {
	p.t.Helper()
	m, ok := p.receive().(*codec.Publish)
	if !ok || string(m.Topic) != topic || string(m.Payload) != payload || m.QoS != qos.AtLeastOnce {
		p.t.Fatalf("got %v, want %s %q at QoS 1", m, topic, payload)
	}
	p.send(&codec.Puback{ID: m.ID})
}

// Who comes back gets of what has come by its subscriptions what it may receive then;
// its session is nobody else's.
func TestACLReceive(t *testing.T) {
	const acl = "topic write #\nuser alice\ntopic read a/#\nuser bob\ntopic read #\n"
	simulateEach(t, content{users: people, acl: acl}, func(b *bench, v mqttwire.Version) {
		alice := b.join(kept(b.as(v, "c", "alice", "secret of alice")))
		alice.subscribe("a/#", qos.AtLeastOnce)
		alice.conn.Close()
		synctest.Wait()
		from := b.join(b.as(v, "from", "root", "secret of root"))
		from.publish("a/1", "away")
		from.publish("a/b/1", "away")
		b.refused(kept(b.as(v, "c", "bob", "secret of bob")), connack.ClientIdentifierNotValid)
		b.write("acl", "topic write #\nuser alice\ntopic read a/b/#\n")
		b.reload()
		alice = b.join(kept(b.as(v, "c", "alice", "secret of alice")))
		alice.expectMessage("a/b/1", "away")
		from.publish("a/1", "back")
		from.publish("a/b/1", "back")
		alice.expectMessage("a/b/1", "back")
		alice.expectNothing()
	})
}

// Who is let in without a name has the rules for everyone, and none of %u.
func TestACLAnonymous(t *testing.T) {
	simulateEach(t, content{users: people, acl: rules}, func(b *bench, v mqttwire.Version) {
		b.gate.Anonymous = true
		root := b.root(v)
		p := b.join(b.as(v, "cx", "", ""))
		p.expectNoAccess("public/x")
		p.expectNoAccess("home//x")
		p.expectRefused("home/#", "home//#", "home/+/x")
		p.subscribe("public/#", qos.AtLeastOnce)
		p.publish("client/cx", "1")
		root.expect(publication("client/cx", "1"))
		b.alice(v).publish("public/x", "2")
		p.expectMessage("public/x", "2")
		root.expect(publication("public/x", "2"))
		root.expectNothing()
	})
}

// A list that is read again is in force for who is connected: for what they
// publish, subscribe to, and receive by the subscriptions they have.
func TestACLReload(t *testing.T) {
	const all = "topic readwrite a/#\ntopic readwrite b/#\n"
	simulateEach(t, content{users: people, acl: all}, func(b *bench, v mqttwire.Version) {
		alice, bob := b.alice(v), b.bob(v)
		alice.subscribe("a/#", qos.AtLeastOnce)
		bob.publish("a/x", "1")
		alice.expectMessage("a/x", "1")

		b.write("acl", "topic readwrite b/#\nuser bob\ntopic readwrite a/#\n")
		b.reload()
		bob.publish("a/x", "2")
		alice.expectNothing()
		alice.expectNoAccess("a/x")
		alice.expectRefused("a/#")
		alice.subscribe("b/#", qos.AtLeastOnce)
		bob.publish("b/x", "3")
		alice.expectMessage("b/x", "3")

		b.write("acl", all)
		b.reload()
		bob.publish("a/x", "4") // what was refused in the meantime has not replaced it
		alice.expectMessage("a/x", "4")
		alice.subscribe("a/#", qos.AtMostOnce)
	})
}

// What was queued for a client that is away is judged when it is back.
func TestACLQueued(t *testing.T) {
	simulateEach(t, content{users: people, acl: "topic readwrite #\n"}, func(b *bench, v mqttwire.Version) {
		hello := kept(b.as(v, "ca", "alice", "secret of alice"))
		alice := b.join(hello)
		alice.subscribe("#", qos.AtLeastOnce)
		alice.conn.Close()
		synctest.Wait()
		bob := b.bob(v)
		for _, topic := range []string{"a/1", "b/1", "a/2", "b/2"} {
			bob.publish(topic, "queued")
		}
		b.write("acl", "topic readwrite #\nuser alice\ntopic deny a/#\n")
		b.reload()
		alice = b.join(hello)
		alice.expectMessage("b/1", "queued")
		alice.expectMessage("b/2", "queued")
		alice.expectNothing()
	})
}

// Retained messages are judged like others.
func TestACLRetained(t *testing.T) {
	simulateEach(t, content{users: people, acl: "topic readwrite #\nuser alice\ntopic deny a/#\n"}, func(b *bench, v mqttwire.Version) {
		bob := b.bob(v)
		for _, topic := range []string{"a/1", "b/1"} {
			m := publication(topic, "kept")
			m.Retain = true
			bob.send(m)
		}
		bob.expectNothing()
		alice := b.alice(v)
		alice.expectRefused("#", "a/1")
		alice.subscribe("b/#", qos.AtMostOnce)
		m := publication("b/1", "kept")
		m.Retain = true
		alice.expect(m)
		alice.expectNothing()
	})
}
