package server

import (
	"context"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

func TestWill(t *testing.T) {
	tests := []struct {
		name      string
		end       func(p *peer)
		published bool
	}{
		{"DISCONNECT", func(p *peer) { p.send(&codec.Disconnect{}) }, false},
		{"lost", func(p *peer) { p.conn.Close() }, true},
		{"violation", func(p *peer) { p.write([]byte{0xc1, 0}) }, true},
		{"keep alive", func(p *peer) {}, true},
		{"DISCONNECT with will", func(p *peer) {
			if p.rules.Version != mqttwire.V50 {
				p.conn.Close() // which says the same
				return
			}
			p.send(&codec.Disconnect{Code: mqttwire.DisconnectWithWillMessage})
		}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			eachVersion(t, func(t *testing.T, v mqttwire.Version) {
				simulate(t, Config{}, func(t *testing.T, s *Server) {
					watcher := connected(t, s, v, "watcher")
					watcher.subscribe("will")
					connect := &codec.Connect{Version: v, CleanStart: true, ClientID: []byte("c"), WillFlag: true, KeepAlive: 10,
						Will: codec.Will{Topic: []byte("will"), Payload: []byte("gone"), Retain: true}}
					want := publication("will", "gone")
					if v == mqttwire.V50 {
						want.Properties = codec.AppendPayloadFormatIndicator(codec.Properties{}, 1)
						connect.Will.Properties = codec.AppendPayloadFormatIndicator(codec.AppendWillDelayInterval(codec.Properties{}, 60), 1)
					} else {
						connect.Will.QoS = 2
					}
					p := join(t, s, connect)
					tt.end(p)
					if tt.published {
						watcher.expect(want)
					} else {
						p.expectClosed()
					}
					watcher.expectNothing()
					watcher.subscribe("+")
					if tt.published {
						want.Retain = true
						watcher.expect(want)
					}
					watcher.expectNothing()
				})
			})
		})
	}
}

// A server that goes leaves the wills alone: its clients are well.
func TestNoWillAtShutdown(t *testing.T) {
	simulate(t, Config{}, func(t *testing.T, s *Server) {
		p := join(t, s, &codec.Connect{Version: mqttwire.V50, ClientID: []byte("c"), WillFlag: true,
			Will: codec.Will{Topic: []byte("will"), Payload: []byte("gone"), Retain: true}})
		go s.Shutdown(context.Background())
		p.expectEnd(mqttwire.ServerShuttingDown)
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if s.Stats().Retained != 0 {
			t.Error("the will was published")
		}
	})
}
