package conformance

import (
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/testdata"
)

// Every packet that a client may not send ends its connection, after the
// answer that the version wants, and disturbs nobody else (3.1.1
// [MQTT-4.8.0-1], 5.0 [MQTT-4.13.1-1], [MQTT-4.13.2-1], [MQTT-3.14.4-1],
// [MQTT-3.14.4-2]).
func TestMalformed(t *testing.T) {
	vectors, err := testdata.Vectors()
	if err != nil {
		t.Fatal(err)
	}
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		bystander := b.clean(v, "bystander")
		bystander.subscribe("#", 0)
		for _, vector := range vectors {
			if vector.Valid() || vector.From == "server" || vector.Version != v.String() {
				continue
			}
			first := strings.HasPrefix(vector.Name, "connect/")
			if first && askedVersion(vector.Bytes()) == 0 {
				continue // TestConnectRefused has those
			}
			t.Run(vector.Name, func(t *testing.T) {
				b := b.on(t)
				c := b.dial(v)
				if !first {
					c = b.clean(v, "c")
				}
				c.tryWrite(vector.Bytes())
				if vector.Answer != nil {
					switch p := c.packet().(type) {
					case *codec.Connack:
						if !first || vector.Answer.Packet != "CONNACK" || p.Code != connack.Code(vector.Answer.Code) {
							t.Errorf("got %v, want %v", p, *vector.Answer)
						}
					case *codec.Disconnect:
						if first || vector.Answer.Packet != "DISCONNECT" || p.Code != mqttwire.Reason(vector.Answer.Code) {
							t.Errorf("got %v, want %v", p, *vector.Answer)
						}
					default:
						t.Errorf("got %v, want %v", p, *vector.Answer)
					}
				}
				c.closed()
			})
		}
		bystander.ping()
		b.clean(v, "publisher").publish(msg("a", "x", 1))
		bystander.take(msg("a", "x", 0))
	})
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

// Nothing that stands before a bad packet is lost, and nothing after it is
// read.
func TestBeforeAndAfterMalformed(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		watcher := b.clean(v, "watcher")
		watcher.subscribe("#", 0)
		c := b.clean(v, "c")
		c.write([]byte(encode(t, c.to, msg("a", "before", 0)) + "\x90\x00" + encode(t, c.to, msg("a", "after", 0))))
		c.ended(mqttwire.ProtocolError, mqttwire.MalformedPacket)
		watcher.take(msg("a", "before", 0))
		b.clean(v, "c").ping()
		watcher.ping()
	})
}

// A packet that announces a length of a quarter of a gigabyte, of whatever
// type and before any CONNECT, is not waited for.
func TestHugeFirstPacket(t *testing.T) {
	t.Parallel()
	b := start(t)
	for first := byte(0x20); first != 0; first += 0x10 {
		c := b.dial(mqttwire.V311)
		c.tryWrite([]byte{first, 0xff, 0xff, 0xff, 0x7f, 1, 1, 1, 1})
		c.closed()
	}
	b.clean(mqttwire.V311, "c").ping()
}
