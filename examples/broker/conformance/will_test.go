package conformance

import (
	"fmt"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// mortal is the CONNECT of a client with a will of this payload on topic
// "will".
func mortal(v mqttwire.Version, id, payload string) *codec.Connect {
	return &codec.Connect{Version: v, CleanStart: true, ClientID: []byte(id), WillFlag: true, Will: codec.Will{Topic: []byte("will"), Payload: []byte(payload)}}
}

// mourner is a client that has subscribed to that topic.
func mourner(b *broker, v mqttwire.Version) *client {
	b.t.Helper()
	c := b.clean(v, "mourner")
	c.subscribe("will", 2)
	return c
}

// A will is published when its client is lost, once, at its QoS, and kept
// where it says so (3.1.1 [MQTT-3.1.2-8], [MQTT-3.1.2-16], [MQTT-3.1.2-17],
// 5.0 [MQTT-3.1.2-8], [MQTT-3.1.2-14], [MQTT-3.1.2-15]).
func TestWill(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		levels(t, func(t *testing.T, level qos.Level) {
			for _, retain := range []bool{false, true} {
				b := b.on(t)
				watcher := mourner(b, v)
				p := mortal(v, "c", "gone")
				p.Will.QoS, p.Will.Retain = level, retain
				b.join(p).lose()
				watcher.take(msg("will", "gone", level))
				watcher.ping()
				watcher.disconnect()
				later := b.clean(v, "later")
				later.subscribe("will", 2)
				if retain {
					later.take(retained(msg("will", "gone", level)))
				}
				later.publish(retained(msg("unheard", "", 0)))
				later.disconnect()
				b.clean(v, "publisher").publish(retained(msg("will", "", 0)))
			}
		})
	})
}

// How a connection ends decides whether its will is published (3.1.1
// [MQTT-3.1.2-8], [MQTT-3.1.2-10], [MQTT-3.14.4-3], 5.0 [MQTT-3.1.2-8],
// [MQTT-3.1.2-10], [MQTT-3.14.4-3], E-3.14/1).
func TestWillAndEnding(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		for _, tt := range []struct {
			name      string
			end       func(c *client)
			published bool
			only5     bool
		}{
			{"DISCONNECT", func(c *client) { c.disconnect() }, false, false},
			{"lost", func(c *client) { c.lose() }, true, false},
			{"half a packet", func(c *client) { c.write([]byte{0x30, 0x20, 0x00}); c.lose() }, true, false},
			{"packet that is not allowed", func(c *client) { c.write([]byte{0x90, 0}) }, true, false},
			{"second CONNECT", func(c *client) { c.write([]byte(encode(c.t, c.to, mortal(v, "c", "other")))) }, true, false},
			{"DISCONNECT 0x04", func(c *client) { c.leave(&codec.Disconnect{Code: mqttwire.DisconnectWithWillMessage}) }, true, true},
			{"DISCONNECT 0x80", func(c *client) { c.leave(&codec.Disconnect{Code: mqttwire.UnspecifiedError}) }, true, true},
			{"DISCONNECT 0x00 with a reason", func(c *client) {
				c.leave(&codec.Disconnect{Properties: codec.AppendReasonString(codec.Properties{}, "tired")})
			}, false, true},
		} {
			if tt.only5 && v != mqttwire.V50 {
				continue
			}
			t.Run(tt.name, func(t *testing.T) {
				b := b.on(t)
				watcher := mourner(b, v)
				c := b.join(mortal(v, "c", "gone"))
				tt.end(c)
				if tt.published {
					watcher.take(msg("will", "gone", 0))
				}
				// Neither now nor when the client comes again.
				b.clean(v, "c").disconnect()
				b.clean(v, "c").lose()
				b.clean(v, "c").ping()
				watcher.ping()
			})
		}
	})
}

// A client without a will has none when it is lost, whatever it had before
// (3.1.1 [MQTT-3.1.2-10], [MQTT-3.1.2-12], 5.0 [MQTT-3.1.2-10]).
func TestNoWill(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		watcher := mourner(b, v)
		p := keep(v, "c")
		p.WillFlag, p.Will = true, codec.Will{Topic: []byte("will"), Payload: []byte("gone")}
		b.join(p).disconnect()
		for range 2 {
			b.kept(v, "c", true).lose()
			b.kept(v, "c", true).disconnect()
			watcher.ping()
		}
		b.join(p).lose()
		watcher.take(msg("will", "gone", 0))
		for range 2 {
			b.kept(v, "c", true).lose()
			b.kept(v, "c", true).disconnect()
			watcher.ping()
		}
	})
}

// A will may be empty. It clears a retained message then.
func TestEmptyWill(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		watcher := mourner(b, v)
		p := mortal(v, "c", "")
		b.join(p).lose()
		watcher.take(msg("will", "", 0))
		b.clean(v, "publisher").publish(retained(msg("will", "kept", 1)))
		watcher.take(msg("will", "kept", 1))
		p.Will.Retain = true
		b.join(p).lose()
		watcher.take(msg("will", "", 0))
		watcher.subscribe("will", 1)
		watcher.ping()
	})
}

// A will waits for a client that is away.
func TestWillQueued(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		watcher := mourner(b, v)
		away := b.kept(v, "away", false)
		away.subscribe("will", 1)
		away.disconnect()
		p := mortal(v, "c", "gone")
		p.Will.QoS = 2
		b.join(p).lose()
		watcher.take(msg("will", "gone", 2))
		away = b.kept(v, "away", true)
		away.take(msg("will", "gone", 1))
		away.ping()
	})
}

// Being taken over is being lost (3.1.1 [MQTT-3.1.2-8], 5.0 [MQTT-3.1.2-8]).
// Where the session goes on a broker may think otherwise.
func TestWillOnTakeover(t *testing.T) {
	eachVersion(t, func(t *testing.T, b *broker, v mqttwire.Version) {
		for _, before := range []bool{false, true} {
			for _, after := range []bool{false, true} {
				t.Run(fmt.Sprintf("clean %v, then %v", before, after), func(t *testing.T) {
					b := b.on(t)
					watcher := mourner(b, v)
					p := keep(v, "c")
					p.WillFlag, p.Will = true, codec.Will{Topic: []byte("will"), Payload: []byte("taken over")}
					if before {
						p.CleanStart, p.Properties = true, codec.Properties{}
					}
					old := b.join(p)
					q := keep(v, "c")
					q.CleanStart = after
					c := b.join(q)
					old.ended(mqttwire.SessionTakenOver)
					c.publish(msg("will", "alive", 0))
					got := receive[*codec.Publish](watcher)
					if string(got.Payload) == "taken over" {
						watcher.take(msg("will", "alive", 0))
					} else if before || after {
						t.Errorf("got %v, want the will", got)
					}
					watcher.ping()
					b.clean(v, "c").disconnect()
					watcher.ping()
				})
			}
		}
	})
}

// The will of a CONNECT that is refused is never published.
func TestWillOfRefusedConnect(t *testing.T) {
	t.Parallel()
	b := start(t)
	watcher := mourner(b, mqttwire.V50)
	for _, refused := range []string{
		"\x10\x19\x00\x04MQTT\x04\x04\x00\x00\x00\x00\x00\x04will\x00\x05wrong", // no identifier, Clean Session 0
		"\x10\x23\x00\x04MQTT\x05\x06\x00\x00\x04\x15\x00\x01x\x00\x01c\x00\x00\x04will\x00\x05wrong\x00\x00\x00\x00",
		"\x10\x1a\x00\x04MQTT\x04\x07\x00\x00\x00\x01c\x00\x04will\x00\x05wrong", // reserved flag
	} {
		c := b.dial(mqttwire.V50)
		c.tryWrite([]byte(refused))
		c.lose()
	}
	b.clean(mqttwire.V50, "another").ping()
	watcher.ping()
}

// willAfter is mortal with a Will Delay Interval and a Session Expiry Interval.
func willAfter(id, payload string, delay, expiry uint32) *codec.Connect {
	p := mortal(mqttwire.V50, id, payload)
	p.Will.Properties = codec.AppendWillDelayInterval(codec.Properties{}, delay)
	p.Properties = codec.AppendSessionExpiryInterval(codec.Properties{}, expiry)
	return p
}

// A will waits for its delay or for the end of its session, whichever comes
// first, and belongs to the session until then (5.0 [MQTT-3.1.2-7],
// [MQTT-3.1.2-8]).
func TestWillDelay(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		delay, expiry uint32
		after         time.Duration
	}{
		{0, 60, 0},
		{1, 60, time.Second},
		{60, 1, time.Second},
		{60, 0, 0},
		{1, 0xffffffff, time.Second},
	} {
		t.Run(fmt.Sprintf("delay %d, expiry %d", tt.delay, tt.expiry), func(t *testing.T) {
			t.Parallel()
			b := start(t)
			watcher := mourner(b, mqttwire.V50)
			c := b.join(willAfter("c", "gone", tt.delay, tt.expiry))
			begin := time.Now()
			c.lose()
			watcher.take(msg("will", "gone", 0))
			// A clock may tick in whole seconds.
			if waited := time.Since(begin); waited < tt.after-100*time.Millisecond || waited > tt.after+2*time.Second {
				t.Errorf("published after %v, want %v", waited, tt.after)
			}
			watcher.ping()
		})
	}
}

// DISCONNECT 0x04 has the will published, after its delay (5.0
// [MQTT-3.1.2-8]).
func TestWillDelayAfterDisconnect(t *testing.T) {
	t.Parallel()
	for _, ends := range []bool{false, true} {
		t.Run(fmt.Sprintf("session ends: %v", ends), func(t *testing.T) {
			t.Parallel()
			b := start(t)
			watcher := mourner(b, mqttwire.V50)
			p := &codec.Disconnect{Code: mqttwire.DisconnectWithWillMessage}
			want := time.Second
			if ends {
				p.Properties = codec.AppendSessionExpiryInterval(codec.Properties{}, 0)
				want = 0
			}
			c := b.join(willAfter("c", "gone", 1, 60))
			begin := time.Now()
			c.leave(p)
			watcher.take(msg("will", "gone", 0))
			if waited := time.Since(begin); waited < want-100*time.Millisecond || waited > want+2*time.Second {
				t.Errorf("published after %v, want %v", waited, want)
			}
		})
	}
}

// A client that comes back to its session within the delay has its will
// withdrawn, and none that it does not bring along (5.0 [MQTT-3.1.3-9],
// [MQTT-3.1.2-10]).
func TestWillDelayReconnect(t *testing.T) {
	t.Parallel()
	b := start(t)
	watcher := mourner(b, mqttwire.V50)
	b.join(willAfter("c", "gone", 1, 60)).lose()
	c := b.kept(mqttwire.V50, "c", true)
	time.Sleep(1500 * time.Millisecond)
	watcher.ping()
	c.lose()
	b.kept(mqttwire.V50, "c", true).disconnect()
	watcher.ping()
}

// A Clean Start ends the old session, and with that the delay of its will
// (5.0 [MQTT-3.1.2-8]).
func TestWillDelayCleanStart(t *testing.T) {
	t.Parallel()
	b := start(t)
	watcher := mourner(b, mqttwire.V50)
	b.join(willAfter("c", "first", 60, 60)).lose()
	c := b.join(willAfter("c", "second", 60, 60))
	watcher.take(msg("will", "first", 0))
	watcher.ping()
	d := b.clean(mqttwire.V50, "c") // which takes over as well
	c.ended(mqttwire.SessionTakenOver)
	watcher.take(msg("will", "second", 0))
	d.lose()
	b.clean(mqttwire.V50, "c").ping()
	watcher.ping()
}

// The properties of a will are those of its message, but for the delay; User
// Properties keep their order (5.0 [MQTT-3.1.3-10]).
func TestWillProperties(t *testing.T) {
	t.Parallel()
	b := start(t)
	watcher := mourner(b, mqttwire.V50)
	common := user("a", "2", "c", "3", "a", "1", "", "")
	for _, delay := range []bool{false, true} {
		for _, retain := range []bool{false, true} {
			for i, properties := range []codec.Properties{
				{},
				common,
				codec.AppendPayloadFormatIndicator(codec.Properties{}, 0),
				codec.AppendContentType(codec.AppendPayloadFormatIndicator(codec.Properties{}, 1), "text/plain"),
				codec.AppendCorrelationData(codec.AppendResponseTopic(codec.Properties{}, "answer/here"), "\x00\xff"),
				codec.AppendContentType(codec.AppendCorrelationData(codec.AppendResponseTopic(codec.AppendPayloadFormatIndicator(common.Clone(), 1), "answer/here"), "x"), ""),
			} {
				p := mortal(mqttwire.V50, "c", "gone")
				p.Will.Retain = retain
				p.Will.Properties = properties.Clone()
				if delay {
					p.Will.Properties = codec.AppendWillDelayInterval(p.Will.Properties, 0)
				}
				b.join(p).lose()
				want := with(properties, msg("will", "gone", 0))
				watcher.take(want)
				if retain {
					c := b.clean(mqttwire.V50, fmt.Sprint(i))
					c.subscribe("will", 2)
					c.take(retained(want))
				}
			}
		}
	}
	watcher.ping()
}

// The Message Expiry Interval of a will counts from when it is published (5.0
// §3.1.3.2.4).
func TestWillExpiry(t *testing.T) {
	t.Parallel()
	b := start(t)
	watcher := mourner(b, mqttwire.V50)
	away := b.kept(mqttwire.V50, "away", false)
	away.subscribe("will", 1)
	away.disconnect()
	p := willAfter("c", "gone", 1, 60)
	p.Will.QoS = 1
	p.Will.Properties = codec.AppendMessageExpiryInterval(p.Will.Properties, 1)
	b.join(p).lose()
	got := receive[*codec.Publish](watcher)
	if left, ok := got.Properties.MessageExpiryInterval(); !ok || left > 1 {
		t.Errorf("got %v, want a Message Expiry Interval of 1 at most", got)
	}
	watcher.send(&codec.Puback{ID: got.ID})
	time.Sleep(1500 * time.Millisecond)
	b.kept(mqttwire.V50, "away", true).ping()
}
