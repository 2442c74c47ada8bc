package clients_test

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/conformance/clients"
)

// A badness is what makes of a good client a bad one.
type badness struct {
	// out is what becomes of a packet of the client: what is sent in its place.
	out func(b []byte) []byte
	// deaf keeps from the client what is malformed.
	deaf bool
}

// A badConn is a connection of a client that is made a bad one.
type badConn struct {
	net.Conn
	bad     *badness
	version mqttwire.Version
	sent    []byte // bytes of a packet that is not all there
	framer  codec.Framer
	ready   []byte // for the client
}

func (c *badConn) Write(b []byte) (int, error) {
	c.sent = append(c.sent, b...)
	var out []byte
	for {
		_, _, n, _ := codec.Split(codec.Rules{Version: mqttwire.V311}, c.sent, 0)
		if in := codec.Inspect(codec.Rules{Version: c.version}, c.sent); n == 0 {
			n = in.Size // a CONNECT of another version
		}
		if n == 0 {
			break
		}
		p := c.sent[:n:n]
		if c.bad.out != nil {
			p = c.bad.out(slices.Clone(p))
		}
		out = append(out, p...)
		c.sent = c.sent[n:]
	}
	_, err := c.Conn.Write(out)
	return len(b), err
}

func (c *badConn) Read(b []byte) (int, error) {
	for c.bad.deaf {
		if n := copy(b, c.ready); n > 0 {
			c.ready = c.ready[n:]
			return n, nil
		}
		n, err := c.Conn.Read(c.framer.Buffer())
		c.framer.Filled(n)
		for {
			h, body, ok, _ := c.framer.Next()
			if !ok {
				break
			}
			raw, _ := codec.AppendRaw(nil, h, body)
			faulty := false
			for range codec.Inspect(codec.Rules{Version: c.version, From: mqttwire.Server}, raw).Faults() {
				faulty = true
			}
			if !faulty {
				c.ready = append(c.ready, raw...)
			}
		}
		if err != nil && len(c.ready) == 0 {
			return 0, err
		}
	}
	return c.Conn.Read(b)
}

func kindOf(b []byte) mqttwire.PacketType { return mqttwire.PacketType(b[0] >> 4) }

// without leaves out packets of a kind.
func without(kind mqttwire.PacketType) *badness {
	return &badness{out: func(b []byte) []byte {
		if kindOf(b) == kind {
			return nil
		}
		return b
	}}
}

// flags changes the first byte of each PUBLISH above QoS 0.
func flags(set, clear byte) *badness {
	return &badness{out: func(b []byte) []byte {
		if kindOf(b) == mqttwire.PUBLISH && b[0]&6 != 0 {
			b[0] = b[0]&^clear | set
		}
		return b
	}}
}

// firstByte changes that of each packet of a kind.
func firstByte(kind mqttwire.PacketType, to byte) *badness {
	return &badness{out: func(b []byte) []byte {
		if kindOf(b) == kind {
			b[0] = to
		}
		return b
	}}
}

// swapped sends a packet of a kind after the next one.
func swapped(kind mqttwire.PacketType) *badness {
	var kept []byte
	return &badness{out: func(b []byte) []byte {
		switch {
		case kindOf(b) != kind:
			return b
		case kept == nil:
			kept = b
			return nil
		}
		b = append(b, kept...)
		kept = nil
		return b
	}}
}

// TestNotices makes of our client a bad one, and holds that the check of what it
// does wrong fails, by its clause.
func TestNotices(t *testing.T) {
	const v311, v50 = mqttwire.V311, mqttwire.V50
	for _, x := range []struct {
		name    string
		version mqttwire.Version
		check   string
		clause  string
		bad     *badness
	}{
		{"no DUP", v311, "send/resend-qos-1", "3.1.1 MQTT-3.3.1-1", flags(0, 8)},
		{"no DUP", v50, "send/resend-qos-2", "5.0 MQTT-3.3.1-1", flags(0, 8)},
		{"DUP at first", v50, "connect/right", "5.0 MQTT-4.3.2-2", flags(8, 0)},
		{"nothing again", v50, "send/resend-qos-1", "5.0 MQTT-4.4.0-1", &badness{out: func(b []byte) []byte {
			if kindOf(b) == mqttwire.PUBLISH && b[0]&8 != 0 {
				return nil
			}
			return b
		}}},
		{"all twice", v50, "send/slow", "5.0 MQTT-4.4.0-1", &badness{out: func(b []byte) []byte {
			if kindOf(b) == mqttwire.PUBLISH && b[0]&6 == 2 {
				again := slices.Clone(b)
				again[0] |= 8
				b = append(b, again...)
			}
			return b
		}}},
		{"no PUBACK", v311, "receive/qos-1", "3.1.1 MQTT-3.3.4-1", without(mqttwire.PUBACK)},
		{"no PUBREC", v50, "receive/qos-2", "5.0 MQTT-4.3.3-8", without(mqttwire.PUBREC)},
		{"no PUBCOMP", v50, "receive/qos-2", "5.0 MQTT-4.3.3-11", without(mqttwire.PUBCOMP)},
		{"no PUBCOMP", v311, "receive/pubrel-of-nothing", "3.1.1 MQTT-4.3.3-2", without(mqttwire.PUBCOMP)},
		{"no PUBREL", v50, "send/qos-2", "5.0 MQTT-4.3.3-4", without(mqttwire.PUBREL)},
		{"PUBACKs in disorder", v50, "receive/order", "5.0 MQTT-4.6.0-2", swapped(mqttwire.PUBACK)},
		{"no PINGREQ", v311, "alive/ping", "3.1.1 MQTT-3.1.2-23", &badness{out: func(b []byte) []byte {
			if k := kindOf(b); k == mqttwire.CONNECT {
				return b
			}
			return nil
		}}},
		{"RETAIN always", v50, "send/no-retain", "5.0 MQTT-3.2.2-14", flags(1, 0)},
		{"SUBSCRIBE without its flag", v311, "form/subscribe", "3.1.1 MQTT-3.8.1-1", firstByte(mqttwire.SUBSCRIBE, 0x80)},
		{"PUBREL without its flag", v311, "form/acknowledgement", "3.1.1 MQTT-3.6.1-1", firstByte(mqttwire.PUBREL, 0x60)},
		{"a reserved flag of CONNECT", v311, "form/connect", "3.1.1 MQTT-3.1.2-3", &badness{out: func(b []byte) []byte {
			if kindOf(b) == mqttwire.CONNECT {
				b[9] |= 1
			}
			return b
		}}},
		{"flags of CONNECT", v50, "form/connect", "5.0 MQTT-2.1.3-1", firstByte(mqttwire.CONNECT, 0x13)},
		{"PUBACK of QoS 0", v50, "receive/qos-0", "5.0 MQTT-3.3.4-1", &badness{out: func(b []byte) []byte {
			if kindOf(b) == mqttwire.SUBSCRIBE {
				b = append(b, "\x40\x02\x00\x07"...)
			}
			return b
		}}},
		{"deaf", v311, "hostile/publish/qos3-flags-0110", "3.1.1 MQTT-4.8.0-1", &badness{deaf: true}},
	} {
		t.Run(x.version.String()+"/"+x.name+"/"+strings.ReplaceAll(x.check, "/", "-"), func(t *testing.T) {
			t.Parallel()
			l := listen(t)
			drive(t, l.Addr().String(), x.version, false, x.bad)
			report := clients.Run(t.Context(), l, conformance.Runner{Patience: 2 * time.Second, Select: func(name string) bool { return name == x.check }})
			if len(report.Results) != 1 {
				t.Fatalf("%d results: %s", len(report.Results), report.Unusable)
			}
			r := report.Results[0]
			if !slices.ContainsFunc(r.Faults, func(f conformance.Fault) bool { return string(f.Clause) == x.clause }) || r.State != conformance.Failed {
				t.Errorf("%s, %s: %v %v, not of %s", r.State, r.Cause, r.Faults, r.Findings, x.clause)
			}
		})
	}
}
