package brokers

import (
	"fmt"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/qos"
)

var willChecks = []conformance.Check{
	{
		Name:    "will/published",
		About:   "A will is published when its client is lost, once, at its QoS, and kept where it says so.",
		Clauses: cite("3.1.1 3.1.2-8 3.1.2-16 3.1.2-17; 5.0 3.1.2-8 3.1.2-14 3.1.2-15"),
		Func: on(func(b *bench) {
			v := b.Version
			b.levels(func(b *bench, level qos.Level) {
				for _, retain := range []bool{false, true} {
					watcher := b.mourner(v)
					p := b.mortal(v, "c", "gone")
					p.Will.QoS, p.Will.Retain = level, retain
					b.join(p).lose()
					watcher.take(b.msg("will", "gone", level))
					watcher.ping()
					watcher.disconnect()
					later := b.clean(v, "later")
					later.subscribe("will", 2)
					if retain {
						later.take(retained(b.msg("will", "gone", level)))
					}
					later.ping() // and no more
					later.publish(retained(b.msg("unheard", "", 0)))
					later.disconnect()
					b.clean(v, "publisher").publish(retained(b.msg("will", "", 0)))
				}
			})
		}),
	},
	{
		Name:    "will/ending",
		About:   "How a connection ends decides whether its will is published.",
		Clauses: cite("3.1.1 3.1.2-8 3.14.4-3 3.1.2-10; 5.0 3.1.2-8 3.14.4-3 3.1.2-10 E-3.14/1"),
		Func: on(func(b *bench) {
			v := b.Version
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
				{"second CONNECT", func(c *client) { c.write([]byte(encode(c.version(), b.mortal(v, "c", "other")))) }, true, false},
				{"DISCONNECT 0x04", func(c *client) { c.leave(&codec.Disconnect{Code: mqttwire.DisconnectWithWillMessage}) }, true, true},
				{"DISCONNECT 0x80", func(c *client) { c.leave(&codec.Disconnect{Code: mqttwire.UnspecifiedError}) }, true, true},
				{"DISCONNECT 0x00 with a reason", func(c *client) {
					c.leave(&codec.Disconnect{Properties: codec.AppendReasonString(codec.Properties{}, "tired")})
				}, false, true},
			} {
				if tt.only5 && v != mqttwire.V50 {
					continue
				}
				b.each(tt.name, func(b *bench) {
					watcher := b.mourner(v)
					c := b.join(b.mortal(v, "c", "gone"))
					tt.end(c)
					if tt.published {
						watcher.take(b.msg("will", "gone", 0))
					}
					// Neither now nor when the client comes again.
					b.clean(v, "c").disconnect()
					b.clean(v, "c").lose()
					b.clean(v, "c").ping()
					watcher.ping()
				})
			}
		}),
	},
	{
		Name:    "will/none",
		About:   "A client without a will has none when it is lost, whatever it had before.",
		Clauses: cite("3.1.1 3.1.2-12 3.1.2-10; 5.0 3.1.2-10"),
		Func: on(func(b *bench) {
			v := b.Version
			watcher := b.mourner(v)
			p := b.keep(v, "c")
			p.WillFlag, p.Will = true, codec.Will{Topic: []byte(b.topic("will")), Payload: []byte("gone")}
			b.join(p).disconnect()
			for range 2 {
				b.kept(v, "c", true).lose()
				b.kept(v, "c", true).disconnect()
				watcher.ping()
			}
			b.join(p).lose()
			watcher.take(b.msg("will", "gone", 0))
			for range 2 {
				b.kept(v, "c", true).lose()
				b.kept(v, "c", true).disconnect()
				watcher.ping()
			}
		}),
	},
	{
		Name:    "will/empty",
		About:   "A will may be empty. It clears a retained message then.",
		Clauses: cite("3.1.1 3.1.2-8 3.1.2-17; 5.0 3.1.2-8 3.1.2-15"),
		Func: on(func(b *bench) {
			v := b.Version
			watcher := b.mourner(v)
			p := b.mortal(v, "c", "")
			b.join(p).lose()
			watcher.take(b.msg("will", "", 0))
			b.clean(v, "publisher").publish(retained(b.msg("will", "kept", 1)))
			watcher.take(b.msg("will", "kept", 1))
			p.Will.Retain = true
			b.join(p).lose()
			watcher.take(b.msg("will", "", 0))
			watcher.subscribe("will", 1)
			watcher.ping()
		}),
	},
	{
		Name:    "will/queued",
		About:   "A will waits for a client that is away.",
		Clauses: cite("3.1.1 4.5.0-1; 5.0 4.5.0-1"),
		Func: on(func(b *bench) {
			v := b.Version
			watcher := b.mourner(v)
			away := b.kept(v, "away", false)
			away.subscribe("will", 1)
			away.disconnect()
			p := b.mortal(v, "c", "gone")
			p.Will.QoS = 2
			b.join(p).lose()
			watcher.take(b.msg("will", "gone", 2))
			away = b.kept(v, "away", true)
			away.take(b.msg("will", "gone", 1))
			away.ping()
		}),
	},
	{
		Name:    "will/takeover",
		About:   "Being taken over is being lost. Where the session goes on a broker may think otherwise.",
		Clauses: cite("3.1.1 3.1.2-8; 5.0 3.1.2-8"),
		Func: on(func(b *bench) {
			v := b.Version
			for _, before := range []bool{false, true} {
				for _, after := range []bool{false, true} {
					b.each(fmt.Sprintf("clean %v, then %v", before, after), func(b *bench) {
						watcher := b.mourner(v)
						p := b.keep(v, "c")
						p.WillFlag, p.Will = true, codec.Will{Topic: []byte(b.topic("will")), Payload: []byte("taken over")}
						if before {
							p.CleanStart, p.Properties = true, codec.Properties{}
						}
						old := b.join(p)
						q := b.keep(v, "c")
						q.CleanStart = after
						c := b.join(q)
						old.ended(nil, mqttwire.SessionTakenOver)
						c.publish(b.msg("will", "alive", 0))
						got := receive[*codec.Publish](watcher)
						if string(got.Payload) == "taken over" {
							watcher.take(b.msg("will", "alive", 0))
						} else if before || after {
							b.Fault(nil, "the will", fmt.Sprint(got))
						}
						watcher.ping()
						b.clean(v, "c").disconnect()
						watcher.ping()
					})
				}
			}
		}),
	},
	{
		Name:     "will/of-refused-connect",
		About:    "The will of a CONNECT that is refused is never published.",
		Clauses:  cite("3.1.1 3.1.2-8; 5.0 3.1.2-8"),
		Versions: versions[1:],
		Func: on(func(b *bench) {
			watcher := b.mourner(mqttwire.V50)
			bad := b.mortal(b.Version, "c", "wrong")
			if b.Version == mqttwire.V50 {
				bad.Properties = codec.AppendAuthenticationMethod(codec.Properties{}, unknownMethod)
			}
			refused := []byte(encode(b.Version, bad))
			if b.Version == mqttwire.V311 {
				refused[9] |= 1 // reserved
			}
			c := b.dial(b.Version)
			c.write(refused)
			c.end()
			c.lose()
			b.clean(b.Version, "another").ping()
			watcher.ping()
		}),
	},
	{
		Name:    "will/delay",
		About:   "A will waits for its delay or for the end of its session, whichever comes first, and belongs to the session until then.",
		Clauses: cite("5.0 3.1.2-7 3.1.2-8"),
		Needs:   needs{Seconds: 3},
		Func: on(func(b *bench) {
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
				b.each(fmt.Sprintf("delay %d, expiry %d", tt.delay, tt.expiry), func(b *bench) {
					watcher := b.mourner(mqttwire.V50)
					c := b.join(b.willAfter("c", "gone", tt.delay, tt.expiry))
					begin := time.Now()
					c.lose()
					watcher.take(b.msg("will", "gone", 0))
					// A clock may tick in whole seconds.
					if waited := time.Since(begin); waited < tt.after-100*time.Millisecond || waited > tt.after+b.Patience() {
						b.Faultf(nil, fmt.Sprintf("the will after %v", tt.after), "it after %v", waited)
					}
					watcher.ping()
				})
			}
		}),
	},
	{
		Name:    "will/delay-after-disconnect",
		About:   "DISCONNECT 0x04 has the will published, after its delay.",
		Clauses: cite("5.0 3.1.2-8"),
		Needs:   needs{Seconds: 3},
		Func: on(func(b *bench) {
			for _, ends := range []bool{false, true} {
				b.each(fmt.Sprintf("session ends: %v", ends), func(b *bench) {
					watcher := b.mourner(mqttwire.V50)
					p := &codec.Disconnect{Code: mqttwire.DisconnectWithWillMessage}
					want := time.Second
					if ends {
						p.Properties = codec.AppendSessionExpiryInterval(codec.Properties{}, 0)
						want = 0
					}
					c := b.join(b.willAfter("c", "gone", 1, 60))
					begin := time.Now()
					c.leave(p)
					watcher.take(b.msg("will", "gone", 0))
					if waited := time.Since(begin); waited < want-100*time.Millisecond || waited > want+b.Patience() {
						b.Faultf(nil, fmt.Sprintf("the will after %v", want), "it after %v", waited)
					}
				})
			}
		}),
	},
	{
		Name:    "will/delay-reconnect",
		About:   "A client that comes back to its session within the delay has its will withdrawn, and none that it does not bring along.",
		Clauses: cite("5.0 3.1.3-9 3.1.2-10"),
		Needs:   needs{Seconds: 2},
		Func: on(func(b *bench) {
			watcher := b.mourner(mqttwire.V50)
			b.join(b.willAfter("c", "gone", 1, 60)).lose()
			c := b.kept(b.Version, "c", true)
			b.Sleep(1500 * time.Millisecond)
			watcher.ping()
			c.lose()
			b.kept(b.Version, "c", true).disconnect()
			watcher.ping()
		}),
	},
	{
		Name:    "will/delay-clean-start",
		About:   "A Clean Start ends the old session, and with that the delay of its will.",
		Clauses: cite("5.0 3.1.2-8"),
		Func: on(func(b *bench) {
			watcher := b.mourner(mqttwire.V50)
			b.join(b.willAfter("c", "first", 60, 60)).lose()
			c := b.join(b.willAfter("c", "second", 60, 60))
			watcher.take(b.msg("will", "first", 0))
			watcher.ping()
			d := b.clean(b.Version, "c") // which takes over as well
			c.ended(nil, mqttwire.SessionTakenOver)
			watcher.take(b.msg("will", "second", 0))
			d.lose()
			b.clean(b.Version, "c").ping()
			watcher.ping()
		}),
	},
	{
		Name:    "will/properties",
		About:   "The properties of a will are those of its message, but for the delay; User Properties keep their order.",
		Clauses: cite("5.0 3.1.3-10"),
		Needs:   needs{Retain: true},
		Func: on(func(b *bench) {
			watcher := b.mourner(mqttwire.V50)
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
						p := b.mortal(b.Version, "c", "gone")
						p.Will.Retain = retain
						p.Will.Properties = properties.Clone()
						if delay {
							p.Will.Properties = codec.AppendWillDelayInterval(p.Will.Properties, 0)
						}
						b.join(p).lose()
						want := with(properties, b.msg("will", "gone", 0))
						watcher.take(want)
						if retain {
							c := b.clean(b.Version, fmt.Sprint(i))
							c.subscribe("will", 2)
							c.take(retained(want))
						}
					}
				}
			}
			watcher.ping()
		}),
	},
	{
		Name:    "will/expiry",
		About:   "The Message Expiry Interval of a will counts from when it is published.",
		Clauses: cite("5.0 3.3.2-5 3.3.2-6"),
		Needs:   needs{Seconds: 3},
		Func: on(func(b *bench) {
			watcher := b.mourner(mqttwire.V50)
			away := b.kept(b.Version, "away", false)
			away.subscribe("will", 1)
			away.disconnect()
			p := b.willAfter("c", "gone", 1, 60)
			p.Will.QoS = 1
			p.Will.Properties = codec.AppendMessageExpiryInterval(p.Will.Properties, 1)
			b.join(p).lose()
			got := receive[*codec.Publish](watcher)
			if left, ok := got.Properties.MessageExpiryInterval(); !ok || left > 1 {
				b.Faultf(cExpiry, "a Message Expiry Interval of 1 at most", "%v", got)
			}
			watcher.send(&codec.Puback{ID: got.ID})
			b.Sleep(1500 * time.Millisecond)
			b.kept(b.Version, "away", true).ping()
		}),
	},
}

// mortal is the CONNECT of a client with a will of this payload on topic
// "will".
func (b *bench) mortal(v mqttwire.Version, name, payload string) *codec.Connect {
	return &codec.Connect{Version: v, CleanStart: true, ClientID: []byte(b.id(name)), WillFlag: true, Will: codec.Will{Topic: []byte(b.topic("will")), Payload: []byte(payload)}}
}

// mourner is a client that has subscribed to that topic.
func (b *bench) mourner(v mqttwire.Version) *client {
	c := b.clean(v, "mourner")
	c.subscribe("will", 2)
	return c
}

// willAfter is mortal with a Will Delay Interval and a Session Expiry Interval.
func (b *bench) willAfter(name, payload string, delay, expiry uint32) *codec.Connect {
	p := b.mortal(mqttwire.V50, name, payload)
	p.Will.Properties = codec.AppendWillDelayInterval(codec.Properties{}, delay)
	p.Properties = codec.AppendSessionExpiryInterval(codec.Properties{}, expiry)
	return p
}
