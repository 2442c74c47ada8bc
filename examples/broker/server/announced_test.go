package server

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// asking is a SUBSCRIBE for one filter.
func asking(t *testing.T, filter string, o codec.SubscriptionOptions, properties codec.Properties) *codec.Subscribe {
	t.Helper()
	list := codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte(filter), Options: o})
	return &codec.Subscribe{ID: 1, Subscriptions: list, Properties: properties}
}

// A message comes at no higher level than the server knows, whoever sends it.
func TestMaximumQoSOfDelivery(t *testing.T) {
	simulate(t, withOptions(func(o *session.ServerOptions) { o.NoQoS2 = true }), func(t *testing.T, s *Server) {
		p := connected(t, s, mqttwire.V311, "c")
		p.send(asking(t, "a", 2, codec.Properties{}))
		p.expect(&codec.Suback{ID: 1, Codes: codec.ReasonCodes{}.Append(1)})
		p.send(publicationAt("a", "1", 2, 1)) // 3.1.1 cannot be told
		p.expect(publicationAt("a", "1", 1, 1), &codec.Pubrec{ID: 1})
	})
}

// The server keeps to the client's Receive Maximum, and to its own window.
func TestClientReceiveMaximum(t *testing.T) {
	simulate(t, Config{}, func(t *testing.T, s *Server) {
		p := join(t, s, &codec.Connect{Version: mqttwire.V50, ClientID: []byte("c"), Properties: codec.AppendReceiveMaximum(codec.Properties{}, 2)})
		p.subscribeAt("a", qos.AtLeastOnce)
		other := connected(t, s, mqttwire.V50, "other")
		for i := range uint16(4) {
			other.send(publicationAt("a", fmt.Sprint(i), 1, i+1))
			other.expect(&codec.Puback{ID: i + 1})
		}
		p.expect(publicationAt("a", "0", 1, 1), publicationAt("a", "1", 1, 2))
		p.expectNothing()
		p.send(&codec.Puback{ID: 1})
		p.expect(publicationAt("a", "2", 1, 3))
		p.expectNothing()
		p.send(&codec.Puback{ID: 2})
		p.expect(publicationAt("a", "3", 1, 4))
	})
}

func TestMaximumPacketSize(t *testing.T) {
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		simulate(t, withOptions(func(o *session.ServerOptions) { o.MaximumPacketSize = 64 }), func(t *testing.T, s *Server) {
			p := connected(t, s, v, "c")
			b := encode(t, v, publication("a", strings.Repeat("x", 64-5-int(v/mqttwire.V50))))
			if len(b) != 64 {
				t.Fatal(len(b))
			}
			p.write(b)
			p.expectNothing()
			go p.conn.Write(encode(t, v, publication("a", strings.Repeat("x", 60))))
			p.expectEnd(mqttwire.PacketTooLarge)
		})
	})
}

// A CONNECT has a limit of its own, which is not announced: one that keeps to it
// is taken, though it be over the Maximum Packet Size, and one that does not is
// not read to its end.
func TestMaximumConnectSize(t *testing.T) {
	connect := func(v mqttwire.Version, size int) []byte {
		c := codec.Connect{Version: v, CleanStart: true, ClientID: []byte("c"), UserNameFlag: true}
		for n := size; ; n-- {
			c.UserName = bytes.Repeat([]byte("x"), min(n, 65535))
			if b, err := c.Append(nil, codec.Rules{Version: v, From: mqttwire.Client}); err == nil && len(b) == size {
				return b
			}
		}
	}
	for _, x := range []struct{ set, want int }{{64, 64}, {0, 64 << 10}} {
		eachVersion(t, func(t *testing.T, v mqttwire.Version) {
			options := withOptions(func(o *session.ServerOptions) { o.MaximumConnectSize, o.MaximumPacketSize = uint32(x.set), 32 })
			simulate(t, options, func(t *testing.T, s *Server) {
				p := pipe(t, s, v)
				p.write(connect(v, x.want))
				if ack, ok := p.receive().(*codec.Connack); !ok || ack.Code != 0 {
					t.Error(ack)
				}
				p.expectNothing()
				p = pipe(t, s, v)
				start := time.Now()
				p.write(connect(v, x.want+1)[:4]) // with all of its Remaining Length
				p.expectClosed()
				if waited := time.Since(start); waited != 0 {
					t.Error("one that is too large is waited for", waited)
				}
			})
		})
	}
}

func TestServerKeepAlive(t *testing.T) {
	tests := []struct{ asked, told, ends uint16 }{{0, 20, 30}, {60, 20, 30}, {20, 0, 30}, {10, 0, 15}}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.asked), func(t *testing.T) {
			simulate(t, withOptions(func(o *session.ServerOptions) { o.MaximumKeepAlive = 20 }), func(t *testing.T, s *Server) {
				p := pipe(t, s, mqttwire.V50)
				p.send(&codec.Connect{ClientID: []byte("c"), KeepAlive: tt.asked})
				if v, ok := p.receive().(*codec.Connack).Properties.ServerKeepAlive(); v != tt.told || ok != (tt.told > 0) {
					t.Errorf("Server Keep Alive %d, %v", v, ok)
				}
				start := time.Now()
				p.expectEnd(mqttwire.KeepAliveTimeout)
				if waited := time.Since(start); waited != time.Duration(tt.ends)*time.Second+glance {
					t.Error("ended after", waited)
				}
			})
		})
	}
}
