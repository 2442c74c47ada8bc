package brokers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/connack"
)

// unknownMethod is an Authentication Method that no broker has.
const unknownMethod = "no such method"

// A refusal is a CONNECT, or what should be one, that is refused.
type refusal struct {
	name, about string
	level       conformance.Level // of the close
	clauses     string
	bytes       string
	form        mqttwire.Version // of the answer
	codes       []connack.Code   // that an answer may have; none: nothing is sent
	must        bool             // the answer has to come
}

var refusals = []refusal{
	{"protocol-name-3.1.1", "Another Protocol Name is not served as MQTT.", conformance.Must, "3.1.1 3.1.2-1",
		"\x10\x0d\x00\x02hj\x04\x02\x00\x00\x00\x03abc", mqttwire.V311, []connack.Code{connack.RefusedProtocolVersion}, false},
	{"protocol-name-5.0", "Another Protocol Name may be answered with 0x84, and is not served as MQTT.", conformance.Must, "5.0 3.1.2-1 E-3.1.2.1/1",
		"\x10\x0e\x00\x02hj\x05\x02\x00\x00\x00\x00\x03abc", mqttwire.V50, []connack.Code{connack.UnsupportedProtocolVersion, connack.MalformedPacket, connack.ProtocolError}, false},
	{"protocol-level", "A Protocol Level that no standard has is answered with 0x01.", conformance.Must, "3.1.1 3.1.2-2 3.2.2-5 3.2.2-4",
		"\x10\x0f\x00\x04MQTT\x00\x02\x00\x00\x00\x03abc", mqttwire.V311, []connack.Code{connack.RefusedProtocolVersion}, true},
	{"protocol-version", "A Protocol Version that no standard has may be answered with 0x01 or 0x84, and ends the connection.", conformance.Must, "5.0 3.1.2-2 E-3.1.2.2/1",
		"\x10\x10\x00\x04MQTT\x06\x02\x00\x00\x00\x00\x03abc", 0, nil, false},
	{"no-id-3.1", "3.1 has no empty Client Identifier.", conformance.Should, "3.1 V31-2",
		"\x10\x0e\x00\x06MQIsdp\x03\x02\x00\x00\x00\x00", mqttwire.V31, []connack.Code{connack.RefusedIdentifier}, true},
	{"long-id-3.1", "3.1 has no Client Identifier of 24 characters.", conformance.Should, "3.1 V31-2",
		"\x10\x26\x00\x06MQIsdp\x03\x02\x00\x00\x00\x18" + strings.Repeat("x", 24), mqttwire.V31, []connack.Code{connack.RefusedIdentifier}, true},
	{"no-id-kept", "No Client Identifier with Clean Session 0 is answered with 0x02.", conformance.Must, "3.1.1 3.1.3-8 3.1.3-9 3.2.2-5 3.2.2-4 3.1.4-5",
		"\x10\x0c\x00\x04MQTT\x04\x00\x00\x00\x00\x00", mqttwire.V311, []connack.Code{connack.RefusedIdentifier}, true},
	{"reserved-flag-3.1.1", "A reserved Connect Flag ends the connection, without CONNACK.", conformance.Must, "3.1.1 3.1.2-3 3.1.4-1 3.2.2-6",
		"\x10\x0f\x00\x04MQTT\x04\x03\x00\x00\x00\x03abc", mqttwire.V311, nil, false},
	{"reserved-flag-5.0", "A reserved Connect Flag ends the connection.", conformance.Must, "5.0 3.1.2-3 3.1.4-1 E-3.1.2.3/1",
		"\x10\x10\x00\x04MQTT\x05\x03\x00\x00\x00\x00\x03abc", mqttwire.V50, []connack.Code{connack.MalformedPacket, connack.ProtocolError}, false},
	{"unknown-method", "An Authentication Method that the server lacks may be answered with 0x8C or 0x87, and ends the connection.", conformance.Must,
		"5.0 4.12.0-1 3.1.4-2 3.2.2-7 E-4.12/1 E-4.12/4 4.12.0-4 3.2.2-6 3.1.4-6 4.13.2-1 E-4.13.2/4", "\x10\x21\x00\x04MQTT\x05\x02\x00\x00\x11\x15\x00\x0eno such method\x00\x03abc", mqttwire.V50,
		[]connack.Code{connack.BadAuthenticationMethod, connack.NotAuthorized}, false},
	{"subscribe-first", "A client opens with CONNECT, not SUBSCRIBE.", conformance.Must, "3.1.1 3.1.0-1; 5.0 3.1.0-1 3.14.0-1", "\x82\x06\x00\x01\x00\x01a\x00", 0, nil, false},
	{"publish-first", "A client opens with CONNECT, not PUBLISH.", conformance.Must, "3.1.1 3.1.0-1; 5.0 3.1.0-1 3.14.0-1", "\x30\x04\x00\x01ax", 0, nil, false},
	{"pingreq-first", "A client opens with CONNECT, not PINGREQ.", conformance.Must, "3.1.1 3.1.0-1; 5.0 3.1.0-1 3.14.0-1", "\xc0\x00", 0, nil, false},
	{"disconnect-first", "A client opens with CONNECT, not DISCONNECT.", conformance.Must, "3.1.1 3.1.0-1; 5.0 3.1.0-1 3.14.0-1", "\xe0\x00", 0, nil, false},
	{"auth-first", "A client opens with CONNECT, not AUTH.", conformance.Must, "5.0 3.1.0-1 3.14.0-1", "\xf0\x00", 0, nil, false},
	{"connack-first", "A client does not open with CONNACK.", conformance.Must, "3.1.1 3.1.0-1; 5.0 3.1.0-1 3.14.0-1", "\x20\x02\x00\x00", 0, nil, false},
	{"reserved-type-first", "A client does not open with packet type 0.", conformance.Must, "3.1.1 3.1.0-1; 5.0 3.1.0-1 3.14.0-1", "\x00\x00", 0, nil, false},
	{"http", "HTTP is not served as MQTT.", conformance.Must, "3.1.1 3.1.0-1; 5.0 3.1.0-1 3.14.0-1", "GET / HTTP/1.1\r\n\r\n", 0, nil, false},
	{"tls", "TLS is not served as MQTT.", conformance.Must, "3.1.1 3.1.0-1; 5.0 3.1.0-1 3.14.0-1", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 0, nil, false},
}

// refusedChecks is a check for each refusal.
func refusedChecks() []conformance.Check {
	var all []conformance.Check
	for _, r := range refusals {
		all = append(all, conformance.Check{Name: "connect/" + r.name, About: r.about, Level: r.level, Clauses: cite(r.clauses), Func: on(r.run)})
	}
	return all
}

// run sends it, and what is not to be read after it.
func (r refusal) run(b *bench) {
	watcher := b.clean(b.Version, "watcher")
	watcher.subscribe("#", 0)
	v := r.form
	if v == 0 {
		v = b.Version
	}
	c := b.dial(v)
	c.Unjudged = r.form == 0
	after := mqttwire.V311
	if b.Version == mqttwire.V50 {
		after = mqttwire.V50
	}
	c.write([]byte(r.bytes + encode(after, b.msg("a", "not to be read", 0))))
	p, err := c.end()
	if _, bad := err.(*conformance.Malformed); bad && r.form == 0 {
		p, err = c.end()
	}
	switch ack, ok := p.(*codec.Connack); {
	case p != nil && !ok:
		b.Fatal(nil, "CONNACK, or the end of the connection", fmt.Sprint(p))
	case conformance.IsTimeout(err):
		b.Fatal(nil, "the end of the connection", "nothing")
	case p == nil && r.must:
		b.Faultf(nil, fmt.Sprintf("CONNACK with one of %v", r.codes), "the end of the connection alone")
	case p == nil:
	case ack.Code == 0:
		b.Fatal(nil, "a refusal", fmt.Sprint(ack))
	case ack.SessionPresent:
		b.Faultf(cite("3.1.1 3.2.2-4; 5.0 3.2.2-6"), "Session Present 0 in a CONNACK that refuses", "%v", ack)
	case r.codes == nil && r.form != 0:
		b.Fault(nil, "the end of the connection without CONNACK", fmt.Sprint(ack))
	case r.codes == nil: // it may say what it likes
	case !slices.Contains(r.codes, ack.Code):
		if r.must {
			b.Faultf(nil, fmt.Sprintf("CONNACK with one of %v", r.codes), "%v", ack)
		} else {
			b.Advise(nil, fmt.Sprintf("CONNACK with one of %v", r.codes), fmt.Sprint(ack))
		}
	}
	if p != nil {
		c.closed(cite("3.1.1 3.2.2-5; 5.0 3.2.2-7"))
	}
	switch p, _ := watcher.next(b.Patience() / 50); p := p.(type) {
	case *codec.Publish:
		b.Fault(cite("3.1.1 3.1.4-5; 5.0 3.1.4-6"), "nothing read after a refusal", show(p))
	}
}
