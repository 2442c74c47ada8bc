package server

import (
	"fmt"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// With Retry a message that another has published comes again in its time,
// whatever the Keep Alive, and whether the session is kept or not.
func TestRetry(t *testing.T) {
	config := withOptions(func(o *session.ServerOptions) { o.Retry = time.Second })
	config.MaximumKeepAlive = 0
	for _, v := range []mqttwire.Version{mqttwire.V31, mqttwire.V311} {
		for _, clean := range []bool{false, true} {
			for _, keepAlive := range []uint16{0, 2, 60} {
				for level := qos.AtLeastOnce; level <= qos.ExactlyOnce; level++ {
					t.Run(fmt.Sprint(v, clean, keepAlive, level), func(t *testing.T) {
						simulate(t, config, func(t *testing.T, s *Server) {
							p := join(t, s, &codec.Connect{Version: v, CleanStart: clean, ClientID: []byte("c"), KeepAlive: keepAlive})
							p.subscribeAt("a", level)
							publisher := connected(t, s, v, "p")
							m := publicationAt("a", "1", level, 1)
							publisher.send(m)
							p.expect(m)
							began := time.Now()
							m.Dup = true
							p.expect(m)
							p.expect(m)
							if waited := time.Since(began); waited < 2*time.Second || waited > 2*time.Second+2*glance {
								t.Errorf("twice again within %v", waited)
							}
							if n := s.Stats().MessagesDropped; n != 0 {
								t.Errorf("%d messages were given up", n)
							}
						})
					})
				}
			}
		}
	}
}
