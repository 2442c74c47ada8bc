package server

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// A session ends when the server has said, and no sooner.
func TestSessionExpiryToTheSecond(t *testing.T) {
	config := withOptions(func(o *session.ServerOptions) { o.MaximumSessionExpiry = 50 })
	for _, tt := range []struct {
		asked uint32
		told  uint32 // 0: nothing
	}{{10, 0}, {50, 0}, {51, 50}, {session.Never, 50}} {
		t.Run(fmt.Sprint(tt.asked), func(t *testing.T) {
			simulate(t, config, func(t *testing.T, s *Server) {
				p := pipe(t, s, mqttwire.V50)
				p.send(lasting(mqttwire.V50, "c", tt.asked))
				if v, ok := p.receive().(*codec.Connack).Properties.SessionExpiryInterval(); v != tt.told || ok != (tt.told > 0) {
					t.Errorf("Session Expiry Interval %d, %v", v, ok)
				}
				p.conn.Close()
				synctest.Wait()
				ends := time.Duration(min(tt.asked, 50)) * time.Second
				time.Sleep(ends - time.Nanosecond)
				if synctest.Wait(); s.Stats().Clients != 1 {
					t.Error("the session has ended too early")
				}
				time.Sleep(time.Nanosecond)
				if synctest.Wait(); s.Stats().Clients != 0 {
					t.Error("the session has not ended")
				}
			})
		})
	}
	t.Run("3.1.1", func(t *testing.T) {
		simulate(t, config, func(t *testing.T, s *Server) {
			join(t, s, lasting(mqttwire.V311, "c", 0)).conn.Close()
			time.Sleep(50 * time.Second)
			if synctest.Wait(); s.Stats().Clients != 0 {
				t.Error("the session has not ended")
			}
		})
	})
}

// The Message Expiry Interval of a will begins when it is published
// (5.0 §3.1.3.2.4).
func TestWillExpiry(t *testing.T) {
	simulate(t, Config{}, func(t *testing.T, s *Server) {
		away := join(t, s, lasting(mqttwire.V50, "away", 1000))
		away.subscribeAt("w", qos.AtLeastOnce)
		away.conn.Close()
		synctest.Wait()
		c := join(t, s, &codec.Connect{Version: mqttwire.V50, ClientID: []byte("c"), WillFlag: true, Will: codec.Will{
			Topic: []byte("w"), QoS: 1, Retain: true, Properties: codec.AppendMessageExpiryInterval(codec.Properties{}, 10)}})
		for range 10 {
			time.Sleep(10 * time.Second)
			c.expectNothing()
		}
		c.conn.Close()
		time.Sleep(4 * time.Second)
		m := publicationAt("w", "", 1, 1)
		m.Properties = codec.AppendMessageExpiryInterval(codec.Properties{}, 6)
		rejoin(t, s, lasting(mqttwire.V50, "away", 1000), true).expect(m)
	})
}

// What has waited behind a write that takes its time counts, too, however it
// was encoded; what is over by then says 0 (5.0 [MQTT-3.3.2-6]).
func TestExpiryBehindASlowWrite(t *testing.T) {
	const n = 10
	expiring := func(i int, level qos.Level) *codec.Publish {
		p := publicationAt("a", fmt.Sprint(i), level, 0)
		if level > qos.AtMostOnce {
			p.ID = uint16(i + 1)
		}
		p.Properties = codec.AppendUserProperty(codec.Properties{}, []byte("k"), []byte("v"))
		p.Properties = codec.AppendMessageExpiryInterval(p.Properties, 50)
		return p
	}
	for _, level := range []qos.Level{qos.AtMostOnce, qos.AtLeastOnce} {
		for name, sub := range map[string]codec.Properties{
			"encoded for all": {},
			"for one":         codec.AppendSubscriptionIdentifier(codec.Properties{}, 5),
		} {
			for waits, want := range map[time.Duration]uint32{30 * time.Second: 20, 30*time.Second + 1: 20, 60 * time.Second: 0} {
				t.Run(fmt.Sprint(level, " ", name, " ", waits), func(t *testing.T) {
					simulate(t, Config{WriteTimeout: time.Hour}, func(t *testing.T, s *Server) {
						slow, p := connected(t, s, mqttwire.V50, "slow"), connected(t, s, mqttwire.V50, "p")
						slow.subscribeWith(codec.Subscription{Filter: []byte("a"), Options: codec.SubscriptionOptions(level)}, sub)
						for i := range n {
							p.send(expiring(i, level))
							if level > qos.AtMostOnce {
								p.receive()
							}
							synctest.Wait() // the first is being written
						}
						time.Sleep(waits)
						for i := range n {
							got, _ := slow.receive().(*codec.Publish).Properties.MessageExpiryInterval()
							if i == 0 && got != 50 || i > 0 && got != want {
								t.Errorf("message %d: Message Expiry Interval %d", i, got)
							}
						}
					})
				})
			}
		}
	}
}
