package server

import (
	"context"
	"fmt"
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

// What was acknowledged to a publisher and waits for a subscriber that is slow
// still reaches it when the server is shut down; one that makes no progress is not
// waited for.
func TestShutdownDrains(t *testing.T) {
	const n = 300
	config := withOptions(func(o *session.ServerOptions) { o.OutboundWindow = 10 })
	config.MaxQueue = 1000
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		for level := qos.AtLeastOnce; level <= qos.ExactlyOnce; level++ {
			simulate(t, config, func(t *testing.T, s *Server) {
				slow, stuck, p := connected(t, s, v, "slow"), connected(t, s, v, "stuck"), connected(t, s, v, "p")
				slow.subscribeAt("a", level)
				stuck.subscribeAt("a", level)
				for i := range n {
					p.send(publicationAt("a", fmt.Sprint(i, strings.Repeat("x", 50)), level, 1))
					if level == qos.AtLeastOnce {
						p.expect(&codec.Puback{ID: 1})
						continue
					}
					p.expect(&codec.Pubrec{ID: 1})
					p.send(&codec.Pubrel{ID: 1})
					p.expect(&codec.Pubcomp{ID: 1})
				}
				done := make(chan time.Duration, 1)
				began := time.Now()
				go func() {
					s.Shutdown(context.Background())
					done <- time.Since(began)
				}()
				p.expectEnd(mqttwire.ServerShuttingDown) // for whom nothing waits
				answer := func(p codec.Packet) {         // to the last nobody listens
					b, _ := p.Append(nil, slow.rules)
					slow.conn.SetWriteDeadline(time.Now().Add(time.Millisecond))
					slow.conn.Write(b)
				}
				for i := 0; i < n; {
					time.Sleep(10 * time.Millisecond)
					x, err := slow.next()
					if err != nil {
						t.Fatal(i, level, err, time.Since(began))
					}
					switch m := x.(type) {
					case *codec.Publish:
						if want := fmt.Sprint(i); !strings.HasPrefix(string(m.Payload), want+"x") {
							t.Fatalf("got %q, want %s", m.Payload, want)
						}
						i++
						if level == qos.AtLeastOnce {
							answer(&codec.Puback{ID: m.ID})
						} else {
							answer(&codec.Pubrec{ID: m.ID})
						}
					case *codec.Pubrel:
						answer(&codec.Pubcomp{ID: m.ID})
					default:
						t.Fatal(m)
					}
				}
				if v == mqttwire.V50 {
					for {
						x, err := slow.next()
						if d, ok := x.(*codec.Disconnect); ok && d.Code == mqttwire.ServerShuttingDown {
							break
						} else if err != nil {
							t.Fatal(err)
						}
					}
				}
				go slow.drained()
				if took := <-done; took > 10*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		}
	})
}

// waiter is an Authenticator that takes its time.
type waiter struct{ release chan struct{} }

func (x waiter) Authenticate(*hub.Peer, *codec.Connect) (hub.Access, connack.Code, string) {
	<-x.release
	return nil, connack.Success, ""
}

// Shutdown returns when its context ends, whatever becomes of what it has cut.
func TestShutdownReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := waiter{make(chan struct{})}
		s := New(Config{SysInterval: -1, Authenticator: x})
		p := pipe(t, s, mqttwire.V50)
		p.send(keptConnect(mqttwire.V50, "c"))
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		began := time.Now()
		if err := s.Shutdown(ctx); err != context.DeadlineExceeded {
			t.Error(err)
		}
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("it took %v", took)
		}
		close(x.release)
		p.drained()
	})
}

// Connections that are refused hold no place: when one is free the next gets it.
func TestRefusedHoldNoPlace(t *testing.T) {
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		simulate(t, Config{MaxConnections: 3}, func(t *testing.T, s *Server) {
			first := connected(t, s, v, "1")
			connected(t, s, v, "2")
			connected(t, s, v, "3")
			for range 3 { // which say nothing
				pipe(t, s, v)
			}
			synctest.Wait()
			first.send(&codec.Disconnect{})
			first.expectClosed()
			synctest.Wait()
			connected(t, s, v, "4")
		})
	})
}
