package server

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/keep"
)

// slowRouter takes its time with what it is given.
type slowRouter struct{ at, most, all atomic.Int32 }

func (r *slowRouter) Publish(keep.Message) {
	r.most.Store(max(r.most.Load(), r.at.Add(1)))
	time.Sleep(5 * time.Second)
	r.at.Add(-1)
	r.all.Add(1)
}

func (r *slowRouter) Interest(string, bool) {}

// What is due by time is done one after the other, however much is due while the first
// goes on: all of it does not take the processor from connections.
func TestAlarmsTakeTurns(t *testing.T) {
	var r slowRouter
	simulate(t, Config{Router: &r}, func(t *testing.T, s *Server) {
		const wills = 20
		for i := range wills {
			p := pipe(t, s, mqttwire.V50)
			c := &codec.Connect{Version: mqttwire.V50, ClientID: fmt.Append(nil, i), WillFlag: true, Will: codec.Will{Topic: []byte("will")}}
			c.Will.Properties = codec.AppendWillDelayInterval(codec.Properties{}, 1)
			c.Properties = codec.AppendSessionExpiryInterval(codec.Properties{}, 600)
			p.send(c)
			p.receive()
			p.conn.Close()
			synctest.Wait()
			time.Sleep(2 * time.Second) // each is due while one before goes on
		}
		time.Sleep(2 * time.Minute)
		if r.all.Load() != wills || r.most.Load() != 1 {
			t.Errorf("%d wills of %d, %d at a time", r.all.Load(), wills, r.most.Load())
		}
	})
}
