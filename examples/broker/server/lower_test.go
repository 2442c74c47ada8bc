package server

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeptest"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// What an earlier run of the server granted, and queued, is delivered at the
// highest level that there is now, once; what that had begun to send goes on as
// it was begun.
func TestLowerMaximumQoS(t *testing.T) {
	for most := qos.AtMostOnce; most <= qos.AtLeastOnce; most++ {
		t.Run(fmt.Sprint(most), func(t *testing.T) {
			for _, v := range versions {
				t.Run(v.String(), func(t *testing.T) {
					store := new(keeptest.Recorder)
					again := func(t *testing.T, s *Server) *Server {
						synctest.Wait()
						store = store.Crashed()
						config := withOptions(func(o *session.ServerOptions) { o.NoQoS1, o.NoQoS2 = most < 1, most < 2 })
						config.SysInterval, config.Store = -1, store
						next := New(config)
						if err := next.Restore(); err != nil {
							t.Fatal(err)
						}
						return next
					}
					simulate(t, Config{Store: store}, func(t *testing.T, s *Server) {
						connect := lasting(v, "c", 1000)
						present := v != mqttwire.V31 // or it is not said
						c := join(t, s, connect)
						c.subscribeAt("t", qos.ExactlyOnce)
						p := connected(t, s, v, "p")
						publish := func(level qos.Level, payload string, id uint16) {
							t.Helper()
							p.send(publicationAt("t", payload, level, id))
							switch level {
							case qos.AtLeastOnce:
								p.expect(&codec.Puback{ID: id})
							case qos.ExactlyOnce:
								p.expect(&codec.Pubrec{ID: id})
							}
						}
						publish(2, "begun", 1)
						c.expect(publicationAt("t", "begun", 2, 1))
						c.conn.Close()
						synctest.Wait()
						publish(2, "queued", 2)
						publish(1, "queued at 1", 3)

						s = again(t, s)
						c = rejoin(t, s, connect, present)
						begun := publicationAt("t", "begun", 2, 1)
						begun.Dup = true
						c.expect(begun)
						expect := func(payload string, id uint16) {
							t.Helper()
							if most == qos.AtMostOnce {
								id = 0
							}
							c.expect(publicationAt("t", payload, most, id))
							if most == qos.AtLeastOnce {
								c.send(&codec.Puback{ID: id})
							}
						}
						expect("queued", 2)
						expect("queued at 1", 3)
						p = connected(t, s, v, "p")
						publish(most, "new", 4*uint16(most))
						expect("new", 4)
						s.Inject(keep.Message{Topic: []byte("t"), Payload: []byte("newer"), QoS: qos.ExactlyOnce})
						expect("newer", 5)
						c.send(&codec.Pubrec{ID: 1})
						c.expect(&codec.Pubrel{ID: 1})
						c.send(&codec.Pubcomp{ID: 1})
						c.expectNothing()
						c.conn.Close()

						s = again(t, s)
						c = rejoin(t, s, connect, present)
						c.expectNothing()
						if n := s.Stats().QueuedBytes; n != 0 {
							t.Errorf("%d bytes are kept", n)
						}
						c.conn.Close()
						synctest.Wait()
					})
				})
			}
		})
	}
}
