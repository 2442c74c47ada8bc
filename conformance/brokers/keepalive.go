package brokers

import (
	"fmt"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
)

var keepaliveChecks = []conformance.Check{
	{
		Name:    "keepalive/silent",
		About:   "A client that says nothing for one and a half times its Keep Alive is lost, with its will, also while messages go to it.",
		Clauses: cite("3.1.1 3.1.2-24; 5.0 3.1.2-22 3.2.2-22"),
		Needs:   needs{Seconds: 10},
		Func: on(func(b *bench) {
			v := b.Version
			watcher := b.mourner(v)
			p := b.mortal(v, "c", "silent")
			p.KeepAlive = 1
			c := b.join(p)
			begin := time.Now()
			c.subscribe("a", 0)
			publisher := b.clean(v, "publisher")
			done := make(chan time.Duration)
			go func() {
				for {
					q, err := c.next(11 * time.Second)
					if _, ok := q.(*codec.Publish); err != nil || !ok {
						done <- time.Since(begin)
						return
					}
				}
			}()
			var waited time.Duration
			for waited == 0 {
				publisher.publish(b.msg("a", "x", 0))
				select {
				case waited = <-done:
				case <-time.After(100 * time.Millisecond):
				}
				if time.Since(begin) > 10*time.Second {
					b.Fatal(nil, "the end of the connection", "nothing for 10 s, with a Keep Alive of 1 s")
				}
			}
			const about = "the end of the connection after one and a half times the Keep Alive of 1 s"
			switch {
			case waited < 1400*time.Millisecond:
				b.Faultf(nil, about, "it after %v", waited)
			case waited > 5*time.Second: // brokers look once in a while
				b.Advise(nil, about, fmt.Sprintf("it after %v", waited))
			}
			watcher.take(b.msg("will", "silent", 0))
			watcher.ping()
		}),
	},
	{
		Name:    "keepalive/reason",
		About:   "In 5.0 the client is told why.",
		Clauses: cite("5.0 3.1.2-22"),
		Level:   conformance.Should, Needs: needs{Seconds: 10},
		Func: on(func(b *bench) {
			c := b.join(&codec.Connect{Version: b.Version, CleanStart: true, ClientID: []byte(b.id("c")), KeepAlive: 1})
			switch p, err := c.next(10 * time.Second); p := p.(type) {
			case *codec.Disconnect:
				if p.Code != mqttwire.KeepAliveTimeout {
					b.Faultf(nil, "DISCONNECT with Keep Alive timeout", "%v", p)
				}
			default:
				b.Faultf(nil, "DISCONNECT with Keep Alive timeout", "%v, %v", p, err)
			}
		}),
	},
	{
		Name:    "keepalive/kept",
		About:   "Any packet keeps a client, and a Keep Alive of 0 does without.",
		Clauses: cite("3.1.1 3.1.2-24; 5.0 3.1.2-22"),
		Needs:   needs{Seconds: 8},
		Func: on(func(b *bench) {
			v := b.Version
			b.Retry(func(late func()) {
				begin := time.Now()
				pings := b.join(&codec.Connect{Version: v, CleanStart: true, ClientID: []byte(b.id("c")), KeepAlive: 2})
				publishes := b.join(&codec.Connect{Version: v, CleanStart: true, ClientID: []byte(b.id("d")), KeepAlive: 2})
				silent := b.clean(v, "silent")
				for range 2 {
					b.Sleep(time.Until(begin.Add(1800 * time.Millisecond)))
					pings.send(&codec.Pingreq{})
					publishes.send(b.msg("a", "x", 0))
					if time.Since(begin) > 2500*time.Millisecond {
						late()
					}
					begin = time.Now()
				}
				publishes.send(&codec.Pingreq{})
				pings.packet(nil, "the connection to last")
				pings.packet(nil, "the connection to last")
				publishes.packet(nil, "the connection to last")
				silent.ping()
			})
		}),
	},
	{
		Name:    "keepalive/needs-packets",
		About:   "A packet that is begun and not finished does not count.",
		Clauses: cite("5.0 3.1.2-22"),
		Level:   conformance.Should, Needs: needs{Seconds: 10},
		Func: on(func(b *bench) {
			c := b.join(&codec.Connect{Version: b.Version, CleanStart: true, ClientID: []byte(b.id("c")), KeepAlive: 1})
			begin := time.Now()
			c.write([]byte{0x30, 100, 0, 1})
			for time.Since(begin) < 10*time.Second && c.Write([]byte{'a'}) == nil {
				if p, err := c.next(200 * time.Millisecond); err == nil {
					if d, ok := p.(*codec.Disconnect); !ok || d.Code != mqttwire.KeepAliveTimeout {
						b.Fatalf(nil, "DISCONNECT with Keep Alive timeout", "%v", p)
					}
					return
				}
			}
			if time.Since(begin) >= 10*time.Second {
				b.Fault(nil, "the end of the connection", "nothing")
			}
		}),
	},
}
