package server

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/examples/broker/hub"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// What a server lacks it says, and holds clients of 5.0 to it; others get what
// there is.
func TestLacks(t *testing.T) {
	shared := []byte("$share/g/a")
	tests := []struct {
		name   string
		lack   func(o *session.ServerOptions)
		told   func(p codec.Properties) (uint8, bool)
		packet func(t *testing.T) codec.Packet
		code   mqttwire.Reason
	}{
		{"QoS 2", func(o *session.ServerOptions) { o.NoQoS2 = true }, codec.Properties.MaximumQoS,
			func(*testing.T) codec.Packet { return publicationAt("a", "", qos.ExactlyOnce, 1) }, mqttwire.QoSNotSupported},
		{"QoS 1", func(o *session.ServerOptions) { o.NoQoS1 = true }, codec.Properties.MaximumQoS,
			func(*testing.T) codec.Packet { return publicationAt("a", "", qos.AtLeastOnce, 1) }, mqttwire.QoSNotSupported},
		{"retain", func(o *session.ServerOptions) { o.NoRetain = true }, codec.Properties.RetainAvailable,
			func(*testing.T) codec.Packet { return retainedPublication("a", "") }, mqttwire.RetainNotSupported},
		{"wildcards", func(o *session.ServerOptions) { o.NoWildcard = true }, codec.Properties.WildcardSubscriptionAvailable,
			func(t *testing.T) codec.Packet { return subscribeTo(t, "a", "b/+") }, mqttwire.WildcardSubscriptionsNotSupported},
		{"shares", func(o *session.ServerOptions) { o.NoShared = true }, codec.Properties.SharedSubscriptionAvailable,
			func(t *testing.T) codec.Packet { return subscribeTo(t, string(shared)) }, mqttwire.SharedSubscriptionsNotSupported},
		{"identifiers", func(o *session.ServerOptions) { o.NoSubscriptionID = true }, codec.Properties.SubscriptionIdentifierAvailable,
			func(t *testing.T) codec.Packet {
				p := subscribeTo(t, "a")
				p.Properties = identifier(1)
				return p
			}, mqttwire.SubscriptionIdentifiersNotSupported},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			simulate(t, withOptions(tt.lack), func(t *testing.T, s *Server) {
				p := pipe(t, s, mqttwire.V50)
				p.send(&codec.Connect{CleanStart: true, ClientID: []byte("c")})
				if v, ok := tt.told(p.receive().(*codec.Connack).Properties); !ok || v > 1 {
					t.Error("it is not announced")
				}
				p.send(tt.packet(t))
				p.expectEnd(tt.code)
			})
		})
	}
	t.Run("3.1.1", func(t *testing.T) {
		simulate(t, withOptions(func(o *session.ServerOptions) { o.NoQoS2, o.NoWildcard, o.NoShared = true, true, true }), func(t *testing.T, s *Server) {
			p := connected(t, s, mqttwire.V311, "c")
			sub := subscribeTo(t, "a/#", "$share/g/a")
			list := sub.Subscriptions.Append(codec.Subscription{Filter: []byte("a"), Options: codec.SubscriptionOptions(qos.ExactlyOnce)})
			sub.Subscriptions = list
			p.send(sub)
			p.expect(&codec.Suback{ID: 1, Codes: codec.ReasonCodesOf([]byte{0x80, 0x80, 1})})
		})
	})
}

func TestReceiveMaximum(t *testing.T) {
	simulate(t, withOptions(func(o *session.ServerOptions) { o.ReceiveMaximum = 2 }), func(t *testing.T, s *Server) {
		p := connected(t, s, mqttwire.V50, "c")
		none := mqttwire.NoMatchingSubscribers
		for id := uint16(1); id <= 2; id++ {
			p.send(publicationAt("a", "", qos.ExactlyOnce, id))
			p.expect(&codec.Pubrec{ID: id, Code: none})
		}
		p.send(&codec.Pubrel{ID: 1})
		p.expect(&codec.Pubcomp{ID: 1})
		p.send(publicationAt("a", "", qos.AtLeastOnce, 3))
		p.expect(&codec.Puback{ID: 3, Code: none})
		p.send(publicationAt("a", "", qos.ExactlyOnce, 4))
		p.expect(&codec.Pubrec{ID: 4, Code: none})
		p.send(publicationAt("a", "", qos.AtLeastOnce, 5))
		p.expectEnd(mqttwire.ReceiveMaximumExceeded)
	})
}

func TestMaxSubscriptions(t *testing.T) {
	codes := map[mqttwire.Version]byte{mqttwire.V311: 0x80, mqttwire.V50: 0x97}
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		simulate(t, Config{MaxSubscriptions: 2}, func(t *testing.T, s *Server) {
			p := connected(t, s, v, "c")
			if v == mqttwire.V31 { // cannot be told
				p.send(subscribeTo(t, "a", "b", "a"), subscribeTo(t, "c"))
				p.expect(&codec.Suback{ID: 1, Codes: codec.ReasonCodesOf([]byte{0, 0, 0})})
				p.expectClosed()
				return
			}
			p.send(subscribeTo(t, "a", "b", "c", "a"))
			p.expect(&codec.Suback{ID: 1, Codes: codec.ReasonCodesOf([]byte{0, 0, codes[v], 0})})
			p.send(publication("c", ""))
			p.expectNothing()
			connected(t, s, v, "other").subscribe("c") // a limit of each
		})
	})
}

// refusedWith connects and expects to be refused.
func refusedWith(t *testing.T, s *Server, c *codec.Connect, code connack.Code) {
	t.Helper()
	p := pipe(t, s, c.Version)
	p.send(c)
	want, _ := code.In(c.Version)
	if ack, ok := p.receive().(*codec.Connack); !ok || ack.Code != want {
		t.Fatalf("got %v, want a CONNACK of 0x%02x", ack, uint8(want))
	}
	p.expectClosed()
}

func TestMaxConnections(t *testing.T) {
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		simulate(t, Config{MaxConnections: 2}, func(t *testing.T, s *Server) {
			a := connected(t, s, v, "a")
			connected(t, s, v, "b")
			refusedWith(t, s, &codec.Connect{Version: v, CleanStart: true, ClientID: []byte("c")}, connack.ServerBusy)
			a.send(&codec.Disconnect{})
			a.expectClosed()
			synctest.Wait()
			connected(t, s, v, "c")
		})
	})
}

func TestConnectRate(t *testing.T) {
	simulate(t, Config{ConnectRate: 2}, func(t *testing.T, s *Server) {
		connect := &codec.Connect{Version: mqttwire.V50, CleanStart: true, ClientID: []byte("c")}
		for i := range 4 { // a burst of twice as many
			connected(t, s, mqttwire.V50, fmt.Sprint("c", i))
		}
		refusedWith(t, s, connect, connack.ConnectionRateExceeded)
		time.Sleep(time.Second)
		connected(t, s, mqttwire.V50, "c5")
		connected(t, s, mqttwire.V50, "c6")
		refusedWith(t, s, connect, connack.ConnectionRateExceeded)
	})
}

// nobody knows any password.
type nobody struct{}

func (nobody) Authenticate(_ *hub.Peer, p *codec.Connect) (hub.Access, connack.Code, string) {
	if p.PasswordFlag {
		return nil, connack.BadUserNameOrPassword, "no"
	}
	return nil, connack.Success, ""
}

// An address that guesses passwords, or sends what is malformed, is banned for a
// while; so is a client for what it has sent, and no client for what was said in
// its name.
func TestBans(t *testing.T) {
	bans := hub.Bans{Credentials: 3, Malformed: 2, Window: time.Minute, For: 10 * time.Minute}
	guess := &codec.Connect{Version: mqttwire.V50, CleanStart: true, ClientID: []byte("guesses"), UserNameFlag: true, PasswordFlag: true}
	honest := &codec.Connect{Version: mqttwire.V50, CleanStart: true, ClientID: []byte("honest")}
	simulate(t, Config{Bans: bans, Authenticator: nobody{}}, func(t *testing.T, s *Server) {
		for range 2 {
			refusedWith(t, s, guess, connack.BadUserNameOrPassword)
		}
		time.Sleep(2 * time.Minute) // they count no more
		for range 3 {
			refusedWith(t, s, guess, connack.BadUserNameOrPassword)
		}
		refusedWith(t, s, honest, connack.Code(mqttwire.Banned)) // of the same address
		time.Sleep(11 * time.Minute)
		p := join(t, s, honest)
		for i := range 2 {
			p.write([]byte{0xc1, 0})
			p.expectEnd(mqttwire.MalformedPacket)
			if p = pipe(t, s, mqttwire.V50); i == 0 {
				p.send(honest)
				p.receive()
			}
		}
		refusedWith(t, s, honest, connack.Code(mqttwire.Banned))
	})
}

// A queue has its limits: what comes on top is dropped, and its publisher told only
// if nobody else has taken it, or with RefusedByAny. What has expired makes room.
func TestQueueLimits(t *testing.T) {
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		for _, config := range []Config{{MaxQueuedMessages: 3}, {MaxQueuedBytes: 3 * (250 + 1 + 100)}, {MaxQueuedMessages: 3, RefusedByAny: true}} {
			simulate(t, config, func(t *testing.T, s *Server) {
				away := join(t, s, keptConnect(mqttwire.V311, "away"))
				away.subscribeAt("t", qos.AtLeastOnce)
				away.conn.Close()
				synctest.Wait()
				there := connected(t, s, mqttwire.V311, "there")
				there.subscribe("t")
				p := connected(t, s, v, "p")
				for i := range 5 {
					payload := strings.Repeat(fmt.Sprint(i), 100)
					p.send(publicationAt("t", payload, qos.AtLeastOnce, 1))
					ack := &codec.Puback{ID: 1}
					if i >= 3 && v == mqttwire.V50 && config.RefusedByAny {
						ack.Code = mqttwire.QuotaExceeded
					}
					p.expect(ack)
					there.expect(publication("t", payload))
				}
				away = pipe(t, s, mqttwire.V311)
				away.send(keptConnect(mqttwire.V311, "away"))
				away.receive()
				for i := range 3 {
					away.expect(publicationAt("t", strings.Repeat(fmt.Sprint(i), 100), qos.AtLeastOnce, uint16(i+1)))
				}
				away.expectNothing()
			})
		}
	})
	simulate(t, Config{MaxQueuedMessages: 2}, func(t *testing.T, s *Server) {
		away := join(t, s, keptConnect(mqttwire.V50, "away"))
		away.subscribeAt("t", qos.AtLeastOnce)
		away.conn.Close()
		synctest.Wait()
		p := connected(t, s, mqttwire.V50, "p")
		short := publicationAt("t", "short", qos.AtLeastOnce, 1)
		short.Properties = codec.AppendMessageExpiryInterval(codec.Properties{}, 10)
		p.send(short, publicationAt("t", "long", qos.AtLeastOnce, 2))
		p.expect(&codec.Puback{ID: 1}, &codec.Puback{ID: 2})
		p.send(short)
		p.expect(&codec.Puback{ID: 1, Code: mqttwire.QuotaExceeded})
		time.Sleep(10 * time.Second)
		p.send(publicationAt("t", "late", qos.AtLeastOnce, 3))
		p.expect(&codec.Puback{ID: 3})
		away = pipe(t, s, mqttwire.V50)
		away.send(keptConnect(mqttwire.V50, "away"))
		away.receive()
		away.expect(publicationAt("t", "long", qos.AtLeastOnce, 1), publicationAt("t", "late", qos.AtLeastOnce, 2))
	})
}

// A slow client is disconnected, if so configured, and finds in its session what
// there was room for.
func TestDisconnectSlow(t *testing.T) {
	simulate(t, Config{MaxQueuedMessages: 3, DisconnectSlow: true}, func(t *testing.T, s *Server) {
		slow := keptConnect(mqttwire.V50, "slow")
		slow.Properties = codec.AppendReceiveMaximum(slow.Properties, 1)
		c := join(t, s, slow)
		c.subscribeAt("t", qos.AtLeastOnce)
		p := connected(t, s, mqttwire.V50, "p")
		for i := range 5 {
			p.send(publicationAt("t", fmt.Sprint(i), qos.AtLeastOnce, 1))
			ack := &codec.Puback{ID: 1}
			if i == 4 {
				ack.Code = mqttwire.QuotaExceeded
			}
			p.expect(ack)
		}
		c.expect(publicationAt("t", "0", qos.AtLeastOnce, 1))
		c.expectEnd(mqttwire.QuotaExceeded)
		c = pipe(t, s, mqttwire.V50)
		c.send(keptConnect(mqttwire.V50, "slow"))
		c.receive()
		again := publicationAt("t", "0", qos.AtLeastOnce, 1)
		again.Dup = true
		c.expect(again)
		for i := 1; i < 4; i++ {
			c.expect(publicationAt("t", fmt.Sprint(i), qos.AtLeastOnce, uint16(i+1)))
		}
	})
}

// A client of 5.0 is told how long its session lasts, if that is not what it
// asked for, and it lasts no longer.
func TestMaximumSessionExpiry(t *testing.T) {
	simulate(t, withOptions(func(o *session.ServerOptions) { o.MaximumSessionExpiry = 60 }), func(t *testing.T, s *Server) {
		for _, v := range versions {
			c := keptConnect(v, "c"+v.String())
			p := pipe(t, s, v)
			p.send(c)
			if seconds, ok := p.receive().(*codec.Connack).Properties.SessionExpiryInterval(); v == mqttwire.V50 && (!ok || seconds != 60) {
				t.Error("told", seconds)
			}
			p.conn.Close()
		}
		time.Sleep(59 * time.Second)
		if n := s.Stats().Clients; n != 3 {
			t.Errorf("%d sessions are left", n)
		}
		time.Sleep(2 * time.Second)
		if n := s.Stats().Clients; n != 0 {
			t.Errorf("%d sessions are left", n)
		}
	})
}

// The largest limit there is does not overflow: the client is read from.
func TestLargestQueue(t *testing.T) {
	simulate(t, Config{MaxQueue: math.MaxInt}, func(t *testing.T, s *Server) {
		p := connected(t, s, mqttwire.V311, "p")
		p.write([]byte("\xc0\x00\xc0\x00\xc0\x00"))
		p.expect(&codec.Pingresp{}, &codec.Pingresp{}, &codec.Pingresp{})
	})
}
