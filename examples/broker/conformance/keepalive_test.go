package conformance

import (
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// A client that says nothing for one and a half times its Keep Alive is lost,
// with its will, also while messages go to it (3.1.1 [MQTT-3.1.2-24],
// [MQTT-3.1.2-8], 5.0 [MQTT-3.1.2-22], [MQTT-3.2.2-22], [MQTT-3.1.2-8]).
func TestKeepAlive(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		watcher := mourner(b, v)
		p := mortal(v, "c", "silent")
		p.KeepAlive = 1
		c := b.join(p)
		begin := time.Now()
		c.subscribe("a", 0)
		publisher := b.clean(v, "publisher")
		done := make(chan time.Duration)
		go func() {
			for {
				q, err := c.next(patience)
				if _, ok := q.(*codec.Publish); err != nil || !ok {
					done <- time.Since(begin)
					return
				}
			}
		}()
		var waited time.Duration
		for waited == 0 {
			publisher.publish(msg("a", "x", 0))
			select {
			case waited = <-done:
			case <-time.After(100 * time.Millisecond):
			}
			if time.Since(begin) > patience {
				t.Fatal("the client is there still")
			}
		}
		// Brokers look once in a while.
		if waited < 1400*time.Millisecond || waited > 4*time.Second {
			t.Errorf("ended after %v", waited)
		}
		watcher.take(msg("will", "silent", 0))
		watcher.ping()
	})
}

// In 5.0 the client is told why (5.0 §4.13, §3.14.2.1).
func TestKeepAliveReason(t *testing.T) {
	t.Parallel()
	b := start(t)
	c := b.join(&codec.Connect{Version: mqttwire.V50, CleanStart: true, ClientID: []byte("c"), KeepAlive: 1})
	c.ended(mqttwire.KeepAliveTimeout)
}

// Any packet keeps a client, and a Keep Alive of 0 does without (3.1.1
// [MQTT-3.1.2-24], 5.0 [MQTT-3.1.2-22]).
func TestKeptAlive(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		pings := b.join(&codec.Connect{Version: v, CleanStart: true, ClientID: []byte("c"), KeepAlive: 2})
		publishes := b.join(&codec.Connect{Version: v, CleanStart: true, ClientID: []byte("d"), KeepAlive: 2})
		silent := b.clean(v, "silent")
		for range 2 {
			time.Sleep(1800 * time.Millisecond)
			pings.ping()
			publishes.send(msg("a", "x", 0))
		}
		publishes.ping()
		silent.ping()
	})
}

// A packet that is begun and not finished does not count.
func TestKeepAliveNeedsPackets(t *testing.T) {
	t.Parallel()
	b := start(t)
	c := b.join(&codec.Connect{Version: mqttwire.V50, CleanStart: true, ClientID: []byte("c"), KeepAlive: 1})
	begin := time.Now()
	c.write([]byte{0x30, 100, 0, 1})
	for time.Since(begin) < 4*time.Second && c.tryWrite([]byte{'a'}) == nil {
		if p, err := c.next(200 * time.Millisecond); err == nil {
			if d, ok := p.(*codec.Disconnect); !ok || d.Code != mqttwire.KeepAliveTimeout {
				t.Fatalf("got %v", p)
			}
			return
		}
	}
	if time.Since(begin) >= 4*time.Second {
		t.Error("the client is there still")
	}
}
