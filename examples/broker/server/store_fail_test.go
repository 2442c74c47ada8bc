package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/keep"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeptest"
	"github.com/mqttwire/mqttwire/qos"
)

// After a Sync that has failed nothing is acknowledged, not even by one that
// would succeed, and Serve says why it ends.
func TestStoreFails(t *testing.T) {
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		broken := errors.New("input/output error")
		store := new(keeptest.Recorder)
		synctest.Test(t, func(t *testing.T) {
			s := New(Config{SysInterval: -1, Store: store})
			served := make(chan error, 1)
			go func() { served <- s.Serve(idle{make(chan struct{})}) }()
			a, b := join(t, s, lasting(v, "a", 100)), join(t, s, lasting(v, "b", 100))
			subscriber := connected(t, s, mqttwire.V50, "subscriber") // is promised nothing
			store.Fail(broken)
			a.send(publicationAt("x", "1", qos.ExactlyOnce, 1))
			a.unacknowledged(t)
			store.Fail(nil)
			if err := <-served; err != broken {
				t.Errorf("Serve returned %v", err)
			}
			b.unacknowledged(t)
			bye := &codec.Disconnect{Code: mqttwire.ServerShuttingDown}
			bye.Properties = codec.AppendReasonString(bye.Properties, "the store has failed")
			subscriber.expect(bye)
			subscriber.drained()
			if err := s.Shutdown(context.Background()); err != broken {
				t.Errorf("Shutdown returned %v", err)
			}
		})
	})
}

// A Store that is full, and has written nothing, ends those alone who wait for
// it; while it is, no session that is to last begins; and all goes on once it has
// room.
func TestStoreFull(t *testing.T) {
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		store := new(keeptest.Recorder)
		simulate(t, Config{Store: store}, func(t *testing.T, s *Server) {
			p, other := join(t, s, lasting(v, "p", 100)), connected(t, s, v, "other")
			p.subscribeAt("x", qos.AtLeastOnce)
			store.Fail(fmt.Errorf("disk: %w", keep.ErrFull))
			early := pipe(t, s, v)
			early.send(lasting(v, "early", 100)) // before anybody knows that it is full
			if ack, ok := early.receive().(*codec.Connack); !ok || ack.Code != 0x88 && ack.Code != 3 {
				t.Fatalf("CONNECT is answered with %v", ack)
			}
			early.drained()
			p.send(publicationAt("x", "1", qos.AtLeastOnce, 1))
			if told := p.unacknowledged(t); v == mqttwire.V50 {
				if bye, ok := told.(*codec.Disconnect); !ok || bye.Code != mqttwire.ServerBusy {
					t.Errorf("the last is told %v", told)
				}
			} else if told != nil {
				t.Errorf("told %v", told)
			}
			other.subscribeAt("y", qos.AtLeastOnce) // what is not to be kept goes on
			other.send(publicationAt("y", "1", qos.AtLeastOnce, 1))
			other.expect(publicationAt("y", "1", qos.AtLeastOnce, 1), &codec.Puback{ID: 1})
			late := pipe(t, s, v)
			late.send(lasting(v, "late", 100))
			if ack, ok := late.receive().(*codec.Connack); !ok || ack.Code != 0x88 && ack.Code != 3 {
				t.Fatalf("CONNECT is answered with %v", ack)
			}
			late.drained()
			store.Fail(nil)
			p = rejoin(t, s, lasting(v, "p", 100), v != mqttwire.V31)
			go p.drained()
			synctest.Wait()
			if appended, synced := store.Counts(); synced != appended {
				t.Errorf("%d of %d records are durable", synced, appended)
			}
		})
	})
}

// unacknowledged reads until the connection ends, and finds no acknowledgement. It
// returns the last there was.
func (p *peer) unacknowledged(t *testing.T) (last codec.Packet) {
	t.Helper()
	for {
		x, err := p.next()
		if err != nil {
			return last
		}
		last = x
		switch x.(type) {
		case *codec.Puback, *codec.Pubrec:
			t.Errorf("%v", x)
		}
	}
}

// idle is a listener that nobody connects to.
type idle struct{ closed chan struct{} }

func (l idle) Accept() (net.Conn, error) { <-l.closed; return nil, net.ErrClosed }
func (l idle) Close() error {
	select {
	case <-l.closed:
	default:
		close(l.closed)
	}
	return nil
}
func (l idle) Addr() net.Addr { return nil }
