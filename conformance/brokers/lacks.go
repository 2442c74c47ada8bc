package brokers

import (
	"fmt"
	"slices"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/qos"
)

// lacksChecks are about a broker of 5.0 that lacks something, and has said so in
// its CONNACK: what asks for it is refused. They are skipped where it is there.
var lacksChecks = []conformance.Check{
	lacks("lacks/qos-subscribe", "A server takes SUBSCRIBEs of any QoS, whatever its Maximum QoS.", "5.0 3.2.2-10 3.2.2-9",
		func(f *conformance.Facts) bool { return f.MaximumQoS < 2 }, func(b *bench) {
			c := b.clean(b.Version, "c")
			c.send(&codec.Subscribe{ID: 1, Subscriptions: codec.Subscriptions{}.Append(b.sub("a", 2))})
			if ack := receive[*codec.Suback](c); ack.Codes.Len() != 1 || ack.Codes.At(0) > 2 {
				b.Faultf(nil, "a granted QoS", "%v", ack)
			}
		}),
	lacks("lacks/qos-publish", "A PUBLISH above the Maximum QoS ends the connection.", "5.0 E-3.2.2.3.4/2",
		func(f *conformance.Facts) bool { return f.MaximumQoS < 2 }, func(b *bench) {
			c := b.clean(b.Version, "c")
			m := b.msg("a", "x", qos.Level(b.Facts().MaximumQoS+1))
			m.ID = 1
			c.send(m)
			c.ended(nil, mqttwire.QoSNotSupported)
		}),
	lacks("lacks/qos-will", "A will above the Maximum QoS is refused.", "5.0 3.2.2-12 E-3.2.2.3.4/4",
		func(f *conformance.Facts) bool { return f.MaximumQoS < 2 }, func(b *bench) {
			p := b.mortal(b.Version, "c", "gone")
			p.Will.QoS = qos.Level(b.Facts().MaximumQoS + 1)
			b.refusesWill(p, connack.QoSNotSupported)
		}),
	lacks("lacks/retain-publish", "A PUBLISH with RETAIN ends the connection.", "5.0 E-3.2.2.3.5/3 E-3.3.1.3/1",
		func(f *conformance.Facts) bool { return !f.Retain }, func(b *bench) {
			c := b.clean(b.Version, "c")
			c.send(retained(b.msg("a", "x", 0)))
			c.ended(nil, mqttwire.RetainNotSupported)
		}),
	lacks("lacks/retain-will", "A retained will is refused.", "5.0 3.2.2-13 E-3.2.2.3.5/2",
		func(f *conformance.Facts) bool { return !f.Retain }, func(b *bench) {
			p := b.mortal(b.Version, "c", "gone")
			p.Will.Retain = true
			b.refusesWill(p, connack.RetainNotSupported)
		}),
	lacks("lacks/wildcard", "A wildcard is refused.", "5.0 E-3.2.2.3.11/2",
		func(f *conformance.Facts) bool { return !f.Wildcard }, func(b *bench) {
			b.refusesFilter(codec.Properties{}, "a/+", mqttwire.WildcardSubscriptionsNotSupported)
		}),
	lacks("lacks/subscription-identifier", "A Subscription Identifier is refused.", "5.0 E-3.2.2.3.12/2",
		func(f *conformance.Facts) bool { return !f.SubscriptionIdentifiers }, func(b *bench) {
			b.refusesFilter(identified(1), "a", mqttwire.SubscriptionIdentifiersNotSupported)
		}),
	lacks("lacks/shared", "A shared subscription is refused.", "5.0 E-3.2.2.3.13/2",
		func(f *conformance.Facts) bool { return !f.Shared }, func(b *bench) {
			b.refusesFilter(codec.Properties{}, "$share/g/a", mqttwire.SharedSubscriptionsNotSupported)
		}),
}

func lacks(name, about, clauses string, lacks func(*conformance.Facts) bool, f func(b *bench)) conformance.Check {
	return conformance.Check{Name: name, About: about, Clauses: cite(clauses), Func: on(func(b *bench) {
		if !lacks(b.Facts()) {
			b.Skip("the broker lacks nothing here")
		}
		f(b)
	})}
}

// refusesWill connects with a will that must be refused.
func (b *bench) refusesWill(p *codec.Connect, want connack.Code) {
	c := b.dial(b.Version)
	c.send(b.login(p))
	switch ack, err := c.end(); ack := ack.(type) {
	case *codec.Connack:
		if ack.Code == 0 {
			b.Fatalf(nil, fmt.Sprintf("CONNACK with %v", want), "%v", ack)
		}
		if ack.Code != want {
			b.Advise(nil, fmt.Sprintf("CONNACK with %v", want), fmt.Sprint(ack))
		}
		c.closed(nil)
	default:
		if ack != nil || conformance.IsTimeout(err) {
			b.Fatalf(nil, fmt.Sprintf("CONNACK with %v, or the end of the connection", want), "%v, %v", ack, err)
		}
	}
}

// refusesFilter subscribes as the broker does not support it: SUBACK refuses, or
// the connection ends.
func (b *bench) refusesFilter(properties codec.Properties, filter string, want mqttwire.Reason) {
	c := b.clean(b.Version, "c")
	c.send(&codec.Subscribe{ID: 1, Properties: properties, Subscriptions: codec.Subscriptions{}.Append(b.sub(filter, 0))})
	p, err := c.end()
	if ack, ok := p.(*codec.Suback); ok {
		if codes := slices.Collect(ack.Codes.All()); len(codes) != 1 || codes[0] < 0x80 {
			b.Fatalf(nil, "a refusal", "%v", ack)
		} else if codes[0] != want {
			b.Advise(nil, fmt.Sprintf("SUBACK with %v", want), fmt.Sprint(ack))
		}
		return
	}
	if d, ok := p.(*codec.Disconnect); ok {
		if d.Code != want {
			b.Advise(nil, fmt.Sprintf("DISCONNECT with %v", want), fmt.Sprint(d))
		}
		c.closed(nil)
		return
	}
	if p != nil || conformance.IsTimeout(err) {
		b.Fatalf(nil, fmt.Sprintf("a refusal with %v", want), "%v, %v", p, err)
	}
}
