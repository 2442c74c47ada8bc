package wirejudge_test

import (
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance/wirejudge"
	"github.com/mqttwire/mqttwire/qos"
)

// A world is a judge, a connection of it, and what it has found.
type world struct {
	t       *testing.T
	version mqttwire.Version
	judge   *wirejudge.Judge
	conn    *wirejudge.Conn
	other   *wirejudge.Conn // the connection before
	now     time.Duration
	found   []wirejudge.Finding
}

// A step is something that happens in a world.
type step func(*world)

func play(t *testing.T, v mqttwire.Version, j *wirejudge.Judge, steps ...step) []wirejudge.Finding {
	w := &world{t: t, version: v, judge: j}
	j.OnFinding = func(f wirejudge.Finding) { w.found = append(w.found, f) }
	w.conn = j.Open(0)
	for _, s := range steps {
		s(w)
	}
	return w.found
}

type opt func(codec.Packet)

func prop[T any](f func(codec.Properties, T) codec.Properties, v T) opt {
	return func(p codec.Packet) { l := p.PropertyList(); *l = f(*l, v) }
}

func send(from mqttwire.Role, p codec.Packet, opts ...opt) step {
	return func(w *world) {
		for _, o := range opts {
			o(p)
		}
		if c, ok := p.(*codec.Connect); ok {
			c.Version = w.version
		}
		if w.version != mqttwire.V50 {
			if l := p.PropertyList(); l != nil {
				*l = codec.Properties{}
			}
		}
		b, err := p.Append(nil, codec.Rules{Version: w.version, From: from, Unchecked: true})
		if err != nil {
			w.t.Fatalf("%v: %v", p, err)
		}
		w.conn.Bytes(from, b, w.now)
	}
}

const (
	client = mqttwire.Client
	server = mqttwire.Server
)

// The packets, by who sends them.
func hi(opts ...opt) step                      { return send(client, &codec.Connect{ClientID: []byte("c")}, opts...) }
func ok(opts ...opt) step                      { return send(server, &codec.Connack{}, opts...) }
func bye(from mqttwire.Role, opts ...opt) step { return send(from, &codec.Disconnect{}, opts...) }
func pub(from mqttwire.Role, id uint16, q qos.Level, payload string, opts ...opt) step {
	return send(from, &codec.Publish{ID: id, QoS: q, Topic: []byte("t"), Payload: []byte(payload)}, opts...)
}
func puback(from mqttwire.Role, id uint16, opts ...opt) step {
	return send(from, &codec.Puback{ID: id}, opts...)
}
func pubrec(from mqttwire.Role, id uint16) step  { return send(from, &codec.Pubrec{ID: id}) }
func pubrel(from mqttwire.Role, id uint16) step  { return send(from, &codec.Pubrel{ID: id}) }
func pubcomp(from mqttwire.Role, id uint16) step { return send(from, &codec.Pubcomp{ID: id}) }
func sub(id uint16, filter string, o codec.SubscriptionOptions, opts ...opt) step {
	list := codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte(filter), Options: o})
	return send(client, &codec.Subscribe{ID: id, Subscriptions: list}, opts...)
}
func suback(id uint16, codes ...mqttwire.Reason) step {
	return send(server, &codec.Suback{ID: id, Codes: codec.ReasonCodes{}.Append(codes...)})
}
func unsub(id uint16, filter string) step {
	return send(client, &codec.Unsubscribe{ID: id, Filters: codec.Filters{}.Append([]byte(filter))})
}
func unsuback(id uint16, codes ...mqttwire.Reason) step {
	return func(w *world) {
		p := &codec.Unsuback{ID: id}
		if w.version == mqttwire.V50 {
			p.Codes = p.Codes.Append(codes...)
		}
		send(server, p)(w)
	}
}
func auth(from mqttwire.Role, code mqttwire.Reason, method string) step {
	return send(from, &codec.Auth{Code: code}, prop(codec.AppendAuthenticationMethod[string], method))
}

// What is special about one.
func clean(p codec.Packet)   { p.(*codec.Connect).CleanStart = true }
func dup(p codec.Packet)     { p.(*codec.Publish).Dup = true }
func retain(p codec.Packet)  { p.(*codec.Publish).Retain = true }
func present(p codec.Packet) { p.(*codec.Connack).SessionPresent = true }
func as(id string) opt       { return func(p codec.Packet) { p.(*codec.Connect).ClientID = []byte(id) } }
func alive(seconds uint16) opt {
	return func(p codec.Packet) { p.(*codec.Connect).KeepAlive = seconds }
}
func code(n uint8) opt {
	return func(p codec.Packet) {
		switch p := p.(type) {
		case *codec.Connack:
			p.Code = connackCode(n)
		case *codec.Puback:
			p.Code = mqttwire.Reason(n)
		case *codec.Disconnect:
			p.Code = mqttwire.Reason(n)
		}
	}
}
func topic(s string) opt { return func(p codec.Packet) { p.(*codec.Publish).Topic = []byte(s) } }
func will(q qos.Level, retain bool) opt {
	return func(p codec.Packet) {
		c := p.(*codec.Connect)
		c.WillFlag, c.Will = true, codec.Will{Topic: []byte("will"), QoS: q, Retain: retain}
	}
}
func method(s string) opt { return prop(codec.AppendAuthenticationMethod[string], s) }

var (
	expiry         = func(n uint32) opt { return prop(codec.AppendSessionExpiryInterval, n) }
	messageExpiry  = func(n uint32) opt { return prop(codec.AppendMessageExpiryInterval, n) }
	aliasMaximum   = func(n uint16) opt { return prop(codec.AppendTopicAliasMaximum, n) }
	alias          = func(n uint16) opt { return prop(codec.AppendTopicAlias, n) }
	receiveMaximum = func(n uint16) opt { return prop(codec.AppendReceiveMaximum, n) }
	packetSize     = func(n uint32) opt { return prop(codec.AppendMaximumPacketSize, n) }
	subscriptionID = func(n uint32) opt { return prop(codec.AppendSubscriptionIdentifier, n) }
)

// What else can happen.
func wait(d time.Duration) step {
	return func(w *world) {
		for end := w.now + d; w.now < end; {
			w.now = min(end, w.now+100*time.Millisecond)
			w.conn.Poll(w.now)
			if w.other != nil {
				w.other.Poll(w.now)
			}
		}
	}
}

// cut ends the connection and opens another.
func cut(by mqttwire.Role) step {
	return func(w *world) {
		w.conn.Close(by, w.now)
		w.conn = w.judge.Open(w.now)
	}
}

// another opens a connection beside the one there is.
func another(w *world) { w.other, w.conn = w.conn, w.judge.Open(w.now) }

// back goes to the connection before.
func back(w *world) { w.other, w.conn = w.conn, w.other }

func raw(from mqttwire.Role, s string) step {
	return func(w *world) { w.conn.Bytes(from, []byte(s), w.now) }
}
