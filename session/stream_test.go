package session_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// above is a StreamAbove for tests.
const above = 100

// payloadAt is the byte of a test's payload at an offset.
func payloadAt(i int) byte { return byte(i ^ i>>8 ^ i>>16) }

func payloadOf(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = payloadAt(i)
	}
	return b
}

// A reader is an end that takes what comes through a Framer, and puts payloads
// that stream together again. It acknowledges each when it is all there.
type reader struct {
	t      testing.TB
	m      machine
	framer codec.Framer
	d      codec.Decoder
	now    time.Duration
	leave  bool // deliveries are not acknowledged

	events  []session.Event
	message codec.Publish // that streams
	ticket  qos.Ticket
	got     []codec.Publish
	out     []byte
}

func serverReader(s *server) *reader { return &reader{t: s.t, m: &s.Server} }
func clientReader(c *client) *reader { return &reader{t: c.t, m: &c.Client} }

func (r *reader) deliver(p codec.Publish) {
	r.got = append(r.got, p)
	if r.leave {
		return
	}
	var err error
	if r.out, _, err = r.m.Ack(r.out, r.ticket, 0, codec.Properties{}, r.now); err != nil {
		r.t.Errorf("Ack: %v", err)
	}
}

// read takes bytes in pieces of at most so many, 0 for what the Framer offers.
func (r *reader) read(in []byte, most int) error {
	for len(in) > 0 {
		b := r.framer.Buffer()
		if most > 0 {
			b = b[:min(most, len(b))]
		}
		n := copy(b, in)
		r.framer.Filled(n)
		in = in[n:]
		if err := r.take(); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) take() error {
	for {
		var ev session.Event
		var ok bool
		var err error
		r.out, ev, ok, err = r.m.Next(r.out, &r.framer, &r.d, r.now)
		if !ok {
			return err
		}
		if ev.Kind != session.Streaming {
			r.events = append(r.events, ev)
		}
		switch ev.Kind {
		case session.Deliver:
			r.ticket = ev.Ticket()
			r.deliver(ev.Packet.(*codec.Publish).Clone())
		case session.Head:
			r.ticket, r.message = ev.Ticket(), ev.Packet.(*codec.Publish).Clone()
			if len(r.message.Payload) != 0 || r.m.Incoming() == 0 {
				r.t.Errorf("a head with %d bytes of payload, %d to come", len(r.message.Payload), r.m.Incoming())
			}
		case session.Streaming:
			was := r.m.Incoming()
			chunk, rest := r.m.Payload(&r.framer, r.now)
			if len(chunk) == 0 || was-len(chunk) != rest || rest != r.m.Incoming() {
				r.t.Errorf("%d bytes of %d, then %d, %d", len(chunk), was, rest, r.m.Incoming())
			}
			r.message.Payload = append(r.message.Payload, chunk...)
			if last := r.kind(); rest == 0 && last == session.Head {
				r.deliver(r.message)
			}
		}
	}
}

// kind is that of the last event.
func (r *reader) kind() session.Kind {
	if len(r.events) == 0 {
		return session.None
	}
	return r.events[len(r.events)-1].Kind
}

func streaming() session.ServerOptions {
	return session.ServerOptions{Limits: session.Limits{StreamAbove: above}}
}

// 200 MB go from a client to a server, and on to another client, through buffers
// of 64 KiB: written from where they are, read as they come, in all versions and
// at every QoS.
func TestStreamAllocatesNoPayload(t *testing.T) {
	for _, v := range versions {
		for level := qos.AtMostOnce; level <= qos.ExactlyOnce; level++ {
			size := 4 << 20
			if v == mqttwire.V50 && level == qos.AtLeastOnce {
				size = 200e6
			}
			t.Run(fmt.Sprintf("%v QoS %d", v, level), func(t *testing.T) { testStreamAllocates(t, v, level, size) })
		}
	}
}

func testStreamAllocates(t *testing.T, v mqttwire.Version, level qos.Level, size int) {
	p := connect(v)
	s := connected(t, streaming(), p)
	c := accepted(t, p, &codec.Connack{})
	chunk, buffer := make([]byte, 64<<10), make([]byte, 64<<10)
	var framer codec.Framer
	framer.Use(buffer)
	out, answer := make([]byte, 0, 1<<10), make([]byte, 0, 1<<10)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)

	out, _, err := c.PublishHead(out, &codec.Publish{Topic: []byte("file"), QoS: level}, size, 1, c.now)
	if err != nil {
		t.Fatal(err)
	}
	received, heads := 0, 0
	var ticket qos.Ticket
	for written := 0; ; {
		for rest := out; len(rest) > 0; {
			n := copy(framer.Buffer(), rest)
			framer.Filled(n)
			rest = rest[n:]
			for ok := true; ok; {
				var ev session.Event
				answer, ev, ok, err = s.Next(answer, &framer, &s.d, s.now)
				switch {
				case err != nil:
					t.Fatal(err)
				case ev.Kind == session.Head:
					heads, ticket = heads+1, ev.Ticket()
				case ev.Kind == session.Streaming:
					b, more := s.Payload(&framer, s.now)
					for _, x := range b {
						if x != payloadAt(received) {
							t.Fatalf("byte %d is %x", received, x)
						}
						received++
					}
					if (more == 0) != (received == size) || len(answer) != 0 {
						t.Fatalf("%d of %d, %d to come, %d bytes of answer", received, size, more, len(answer))
					}
				}
			}
		}
		if c.Outgoing() == 0 {
			break
		}
		out = chunk[:min(len(chunk), c.Outgoing())]
		for i := range out {
			out[i] = payloadAt(written)
			written++
		}
		c.PayloadSent(len(out), c.now)
	}
	if answer, _, err = s.Ack(answer, ticket, 0, codec.Properties{}, s.now); err != nil || heads != 1 || received != size {
		t.Fatal(err, heads, received)
	}

	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<10 {
		t.Errorf("%d bytes were allocated", n)
	}
	if level > 0 {
		if _, err := feed(&c.Client, &c.d, c.now, answer, func(ev session.Event) { c.last = ev }); err != nil {
			t.Fatal(err)
		}
		if want := [...]session.Kind{1: session.Completed, 2: session.Released}[level]; c.last.Kind != want {
			t.Errorf("the client has %v", c.last.Kind)
		}
	}
}

// However the bytes are cut, what streams is what is delivered whole, in its
// order, and what is answered is the same, byte for byte.
func TestStreamAgreesWithWhole(t *testing.T) {
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 1))
		v := versions[seed%3]
		var in []byte
		for id := uint16(1); id < 12; id++ {
			p := &codec.Publish{Topic: []byte("a/b"), Payload: payloadOf(random.IntN(3 * above)), QoS: qos.Level(random.IntN(3))}
			if p.QoS > 0 {
				p.ID = id
			}
			if v == mqttwire.V50 && random.IntN(2) == 0 {
				p.Properties = codec.AppendUserProperty(codec.AppendTopicAlias(p.Properties, 1), "k", strings.Repeat("x", random.IntN(2*above)))
			}
			in = append(in, encode(t, v, mqttwire.Client, p)...)
			if p.QoS == qos.ExactlyOnce && random.IntN(2) == 0 {
				p.Dup = true
				in = append(in, encode(t, v, mqttwire.Client, p, &codec.Pubrel{ID: id})...)
			}
			if random.IntN(3) == 0 {
				in = append(in, 0xc0, 0)
			}
		}
		run := func(o session.ServerOptions, cut func() int) *reader {
			o.TopicAliasMaximum = 1
			r := serverReader(connected(t, o, connect(v)))
			for rest := in; len(rest) > 0; {
				n := min(cut(), len(rest))
				if err := r.read(rest[:n], 0); err != nil {
					t.Fatal(seed, err)
				}
				rest = rest[n:]
			}
			return r
		}
		whole := run(session.ServerOptions{}, func() int { return len(in) })
		for _, most := range []int{1, 7, 150, 5000} {
			got := run(streaming(), func() int { return 1 + random.IntN(most) })
			if !bytes.Equal(got.out, whole.out) {
				t.Errorf("%d: answers % x, whole % x", seed, got.out, whole.out)
			}
			if d := cmp.Diff(content(whole.got), content(got.got)); d != "" {
				t.Errorf("%d: %s", seed, d)
			}
			for i, ev := range got.events {
				w := whole.events[i]
				if ev.Kind == session.Head {
					ev.Kind = session.Deliver
				}
				if ev.Kind != w.Kind || ev.ID != w.ID || ev.Token != w.Token {
					t.Errorf("%d: event %d is %v %d, whole %v %d", seed, i, ev.Kind, ev.ID, w.Kind, w.ID)
				}
			}
		}
	}
}

// content is what of messages can be compared.
func content(list []codec.Publish) (all []string) {
	for _, p := range list {
		all = append(all, fmt.Sprintf("%s %x %x %d %d %v %v", p.Topic, p.Payload, p.Properties.Bytes(), p.QoS, p.ID, p.Dup, p.Retain))
	}
	return all
}

// A connection is lost after each byte of a message that streams, and after none
// of it. Nothing was acknowledged and the delivery is void; the sender sends it
// again from its storage, and it is delivered once, with all its bytes.
func TestStreamLost(t *testing.T) {
	payload := payloadOf(above)
	for _, v := range versions {
		for level := qos.AtMostOnce; level <= qos.ExactlyOnce; level++ {
			for cut := 0; ; cut++ {
				s, c := connected(t, streaming(), kept(v)), accepted(t, kept(v), &codec.Connack{})
				message := &codec.Publish{Topic: []byte("t"), QoS: level}
				frame, a, err := c.PublishHead(nil, message, len(payload), 7, 0)
				if err != nil {
					t.Fatal(err)
				}
				frame = append(frame, payload...)
				if cut == len(frame) {
					break
				}
				r := serverReader(s)
				if err := r.read(frame[:cut], 0); err != nil || len(r.out) != 0 || len(r.got) != 0 {
					t.Fatalf("%v QoS %d, %d bytes: %v, % x, %d", v, level, cut, err, r.out, len(r.got))
				}
				ticket := r.ticket
				if ticket != 0 {
					if _, _, err := s.Ack(nil, ticket, 0, codec.Properties{}, 0); err != mqttwire.ErrNotYet {
						t.Errorf("Ack: %v", err)
					}
					if _, err := s.state.Finish(ticket, 0); err != mqttwire.ErrNotYet {
						t.Errorf("Finish: %v", err)
					}
				}
				snapshot := s.state.AppendSnapshot(nil, s.now)
				s.Close(0)
				c.Close(0)
				if ticket != 0 {
					if _, err := s.state.Finish(ticket, 0); err != mqttwire.ErrStaleTicket {
						t.Errorf("Finish on a connection that is gone: %v", err)
					}
				}
				if cut%2 == 1 { // a crash
					s.state = session.Session{}
					if err := s.state.Restore(snapshot, s.now); err != nil {
						t.Fatal(err)
					}
				}
				s.again(kept(v))
				c.dial(kept(v))
				if _, err := c.send(&codec.Connack{SessionPresent: v != mqttwire.V31}); err != nil {
					t.Fatal(err)
				}
				_, ev, ok := c.NextResend(nil, 0)
				if ok != (level > 0) {
					t.Fatalf("QoS %d: NextResend %v", level, ok)
				}
				if !ok {
					continue
				}
				if frame, ev, err = c.ResendHead(nil, ev, message, len(payload), 0); err != nil || ev.Kind != session.None || c.Outgoing() != len(payload) {
					t.Fatal(err, ev.Kind, c.Outgoing())
				}
				c.PayloadSent(len(payload), 0)
				r = serverReader(s)
				if err := r.read(append(frame, payload...), 0); err != nil || len(r.got) != 1 || !bytes.Equal(r.got[0].Payload, payload) || !r.got[0].Dup || r.got[0].ID != a.ID {
					t.Fatalf("%v QoS %d, %d bytes: %v, %d", v, level, cut, err, len(r.got))
				}
				want := encode(t, v, mqttwire.Server, &codec.Puback{ID: a.ID})
				if level == qos.ExactlyOnce {
					want = encode(t, v, mqttwire.Server, &codec.Pubrec{ID: a.ID})
				}
				if !bytes.Equal(r.out, want) {
					t.Errorf("%v QoS %d: % x", v, level, r.out)
				}
			}
		}
	}
}
