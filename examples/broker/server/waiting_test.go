package server

import (
	"testing"
	"testing/synctest"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/hub"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeptest"
	"github.com/mqttwire/mqttwire/qos"
)

// unknown is a WaitingAccess.
type unknown struct {
	rights
	waiting bool
}

func (u *unknown) Waiting() bool { return u.waiting }

// What is for a client that is not known yet waits, live, queued and in flight,
// with a Store too; and another member of its share is asked first.
func TestWaitingAccess(t *testing.T) {
	for _, stored := range []bool{false, true} {
		eachVersion(t, func(t *testing.T, v mqttwire.Version) {
			access := &unknown{}
			config := Config{Authenticator: judge{access}, Handlers: map[string]hub.Handler{
				"$known": func(*hub.Peer, hub.Access, qos.Level, []byte) hub.Order {
					access.waiting = false
					return hub.Order{}
				},
			}}
			if stored {
				config.Store = new(keeptest.Recorder)
			}
			simulate(t, config, func(t *testing.T, s *Server) {
				p := join(t, s, lasting(v, "c", 100))
				p.subscribeAt("a", qos.AtLeastOnce)
				p.subscribeAt("$share/g/b", qos.AtLeastOnce)
				p.conn.Close()
				synctest.Wait()
				other := connected(t, s, v, "other")
				other.subscribeAt("$share/g/b", qos.AtMostOnce)

				access.waiting = true
				p = rejoin(t, s, lasting(v, "c", 100), v != mqttwire.V31)
				other.send(publication("a", "lost"), publicationAt("a", "1", qos.AtLeastOnce, 1))
				other.expect(&codec.Puback{ID: 1})
				for range 4 {
					other.send(publicationAt("b", "shared", qos.AtLeastOnce, 2))
					other.expect(publication("b", "shared"), &codec.Puback{ID: 2})
				}
				p.expectNothing()

				p.send(publication("$known", "")) // which nothing answers
				p.expect(publicationAt("a", "1", qos.AtLeastOnce, 1))
				p.send(&codec.Puback{ID: 1})
				other.send(publication("a", "2"))
				p.expect(publication("a", "2"))
			})
		})
	}
}
