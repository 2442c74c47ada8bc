package server

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/session"
)

// What is answered to a first packet that is no CONNECT the server accepts.
func TestRefusals(t *testing.T) {
	tests := []struct {
		name    string
		connect []byte
		version mqttwire.Version // of the answer
		code    connack.Code     // 0: none
	}{
		{"another packet", []byte{0xc0, 0}, mqttwire.V311, 0},
		{"another packet begun", []byte{0x30}, mqttwire.V311, 0},
		{"not MQTT", []byte("GET / HTTP/1.1\r\n"), mqttwire.V311, 0},
		{"another protocol name", []byte("\x10\x0c\x00\x04MQTX\x04\x02\x00\x00\x00\x00"), mqttwire.V311, 0},
		{"an unknown level", []byte("\x10\x0c\x00\x04MQTT\x06\x02\x00\x00\x00\x00"), mqttwire.V311, connack.RefusedProtocolVersion},
		{"a reserved bit, 3.1.1", []byte("\x10\x0c\x00\x04MQTT\x04\x03\x00\x00\x00\x00"), mqttwire.V311, 0},
		{"a reserved bit, 5.0", []byte("\x10\x0d\x00\x04MQTT\x05\x03\x00\x00\x00\x00\x00"), mqttwire.V50, connack.MalformedPacket},
		{"no client id, 3.1", []byte("\x10\x0e\x00\x06MQIsdp\x03\x02\x00\x00\x00\x00"), mqttwire.V31, connack.RefusedIdentifier},
		{"no client id and no clean session, 3.1.1", []byte("\x10\x0c\x00\x04MQTT\x04\x00\x00\x00\x00\x00"), mqttwire.V311, connack.RefusedIdentifier},
		{"an authentication method", encode(t, mqttwire.V50, &codec.Connect{Properties: codec.AppendAuthenticationMethod(codec.Properties{}, "X")}),
			mqttwire.V50, connack.BadAuthenticationMethod},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			simulate(t, Config{}, func(t *testing.T, s *Server) {
				p := pipe(t, s, tt.version)
				go p.conn.Write(tt.connect) // which may be cut short
				if tt.code != 0 {
					if ack, ok := p.receive().(*codec.Connack); !ok || ack.Code != tt.code {
						t.Errorf("got %v, want a CONNACK of 0x%02x", ack, uint8(tt.code))
					}
				}
				p.expectClosed()
			})
		})
	}
}

func encode(t *testing.T, v mqttwire.Version, p codec.Packet) []byte {
	t.Helper()
	b, err := p.Append(nil, codec.Rules{Version: v, From: mqttwire.Client})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAnnouncement(t *testing.T) {
	simulate(t, withOptions(func(o *session.ServerOptions) { o.MaximumPacketSize = 1234 }), func(t *testing.T, s *Server) {
		p := pipe(t, s, mqttwire.V50)
		p.send(&codec.Connect{Properties: codec.AppendSessionExpiryInterval(codec.Properties{}, 60)})
		ack := p.receive().(*codec.Connack)
		if id, ok := ack.Properties.AssignedClientIdentifier(); !ok || len(id) < 10 {
			t.Errorf("Assigned Client Identifier %q", id)
		}
		if _, ok := ack.Properties.MaximumQoS(); ok {
			t.Error("a Maximum QoS is announced")
		}
		if v, _ := ack.Properties.ServerKeepAlive(); v != 60 {
			t.Error("Server Keep Alive", v)
		}
		if v, _ := ack.Properties.ReceiveMaximum(); v != 1024 {
			t.Error("Receive Maximum", v)
		}
		if v, _ := ack.Properties.TopicAliasMaximum(); v != 32 {
			t.Error("Topic Alias Maximum", v)
		}
		if v, _ := ack.Properties.MaximumPacketSize(); v != 1234 {
			t.Error("Maximum Packet Size", v)
		}
	})
}

// A client that takes no packet of the size of the CONNACK gets none.
func TestTinyMaximumPacketSize(t *testing.T) {
	simulate(t, Config{}, func(t *testing.T, s *Server) {
		p := pipe(t, s, mqttwire.V50)
		p.send(&codec.Connect{Properties: codec.AppendMaximumPacketSize(codec.Properties{}, 5)})
		p.expectClosed()
	})
}

func TestNoClientID(t *testing.T) {
	simulate(t, Config{}, func(t *testing.T, s *Server) {
		a, b := connected(t, s, mqttwire.V311, ""), connected(t, s, mqttwire.V311, "")
		a.expectNothing()
		b.expectNothing()
	})
}

func TestConnectTimeout(t *testing.T) {
	simulate(t, withOptions(func(o *session.ServerOptions) { o.ConnectTimeout = time.Minute }), func(t *testing.T, s *Server) {
		p := pipe(t, s, mqttwire.V50)
		start := time.Now()
		p.write([]byte{0x10, 0x20, 0x00}) // a CONNECT that stops
		p.conn.SetReadDeadline(time.Time{})
		if n, err := p.conn.Read(make([]byte, 1)); err == nil {
			t.Error("an answer of", n, "bytes")
		}
		if waited := time.Since(start); waited != time.Minute+glance {
			t.Error("closed after", waited)
		}
	})
}

// A packet every now and then keeps the connection, bytes without a packet do
// not (3.1.1 [MQTT-3.1.2-24]).
func TestKeepAlive(t *testing.T) {
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		simulate(t, Config{}, func(t *testing.T, s *Server) {
			p := join(t, s, &codec.Connect{Version: v, CleanStart: true, ClientID: []byte("c"), KeepAlive: 10})
			for range 5 {
				time.Sleep(14 * time.Second)
				p.expectNothing()
			}
			start := time.Now()
			time.Sleep(7 * time.Second)
			p.write([]byte{0xc0})
			p.expectEnd(mqttwire.KeepAliveTimeout)
			if waited := time.Since(start); waited != 15*time.Second+glance {
				t.Error("closed after", waited)
			}
		})
	})
}

func TestTakeover(t *testing.T) {
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		simulate(t, Config{}, func(t *testing.T, s *Server) {
			watcher := connected(t, s, v, "watcher")
			watcher.subscribe("gone")
			old := join(t, s, &codec.Connect{Version: v, CleanStart: true, ClientID: []byte("c"), WillFlag: true,
				Will: codec.Will{Topic: []byte("gone"), Payload: []byte("taken over")}})
			old.subscribe("a")
			c := connected(t, s, v, "c")
			watcher.expect(publication("gone", "taken over"))
			old.expectEnd(mqttwire.SessionTakenOver)
			// The subscriptions were the old one's, and its end is not c's.
			watcher.send(publication("a", "1"))
			watcher.expectNothing()
			c.expectNothing()
			c.subscribe("a")
			watcher.send(publication("a", "2"))
			c.expect(publication("a", "2"))
		})
	})
}

// Many clients with one identifier: one remains, and nothing of the others.
func TestTakeovers(t *testing.T) {
	simulate(t, Config{}, func(t *testing.T, s *Server) {
		const n = 50
		ended := make(chan mqttwire.Reason, n)
		for range n {
			p := pipe(t, s, mqttwire.V50)
			go func() {
				p.send(&codec.Connect{ClientID: []byte("c")})
				for x, err := p.next(); err == nil; x, err = p.next() {
					if d, ok := x.(*codec.Disconnect); ok {
						ended <- d.Code
					}
				}
			}()
		}
		for range n - 1 {
			if code := <-ended; code != mqttwire.SessionTakenOver {
				t.Errorf("ended with 0x%02x", uint8(code))
			}
		}
		synctest.Wait()
		if s.Stats().Clients != 1 || s.Stats().Subscriptions != 0 {
			t.Errorf("%d clients and %d subscriptions are left", s.Stats().Clients, s.Stats().Subscriptions)
		}
	})
}
