package session_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// large is a PUBLISH that streams.
func large(level qos.Level, id uint16, dup bool) *codec.Publish {
	return &codec.Publish{Topic: []byte("t"), Payload: payloadOf(above), QoS: level, ID: id, Dup: dup}
}

func largeBytes(t testing.TB, v mqttwire.Version, level qos.Level, id uint16, dup bool) []byte {
	return encode(t, v, mqttwire.Client, large(level, id, dup))
}

// A PUBLISH of just StreamAbove bytes is told whole, one of a byte more by its
// head, and one without a payload whole however large it is.
func TestStreamAbove(t *testing.T) {
	for _, c := range []struct {
		p    codec.Publish
		want session.Kind
	}{
		{codec.Publish{Topic: []byte("t"), Payload: make([]byte, above-2-3-1)}, session.Deliver},
		{codec.Publish{Topic: []byte("t"), Payload: make([]byte, above-2-3)}, session.Head},
		{codec.Publish{Topic: []byte("t"), Properties: codec.AppendUserProperty(codec.Properties{}, "k", string(make([]byte, above)))}, session.Deliver},
	} {
		if c.p.Properties.Size() > 0 {
			c.p.Properties = codec.AppendUserProperty(codec.Properties{}, "k", string(bytes.Repeat([]byte("x"), above)))
		}
		r := serverReader(connected(t, streaming(), connect(mqttwire.V50)))
		if err := r.read(encode(t, mqttwire.V50, mqttwire.Client, &c.p), 0); err != nil || r.kind() != c.want || len(r.got) != 1 {
			t.Errorf("%d bytes: %v, %v, want %v", c.p.Size(mqttwire.V50), r.kind(), err, c.want)
		}
	}
	// A client streams too.
	c := &client{t: t}
	c.options.StreamAbove = above
	c.dial(connect(mqttwire.V50))
	if _, err := c.send(&codec.Connack{}); err != nil {
		t.Fatal(err)
	}
	r := clientReader(c)
	if err := r.read(encode(t, mqttwire.V50, mqttwire.Server, large(2, 9, false)), 10); err != nil || r.kind() != session.Head || len(r.got) != 1 || !bytes.Equal(r.out, []byte{0x50, 2, 0, 9}) {
		t.Errorf("%v, %v, % x", r.kind(), err, r.out)
	}
}

// A Duplicate is told at its head. Its PUBREC leaves when the last byte is there,
// and not for one whose exchange has ended meanwhile.
func TestStreamDuplicate(t *testing.T) {
	v := mqttwire.V50
	first := largeBytes(t, v, 2, 5, false)
	again := largeBytes(t, v, 2, 5, true)
	for name, c := range map[string]struct {
		decide func(t *testing.T, s *server, ticket qos.Ticket) // between head and last byte
		before bool                                             // or before the connection is lost
		want   []byte
	}{
		"known before":      {before: true, want: []byte{0x50, 2, 0, 5}},
		"undecided":         {want: nil},
		"decided meanwhile": {decide: func(t *testing.T, s *server, ticket qos.Ticket) { ack(t, s, ticket, 0) }, want: []byte{0x50, 2, 0, 5}},
		"refused meanwhile": {decide: func(t *testing.T, s *server, ticket qos.Ticket) { ack(t, s, ticket, mqttwire.QuotaExceeded) }, want: []byte{0x50, 3, 0, 5, 0x97}},
	} {
		t.Run(name, func(t *testing.T) {
			s := connected(t, streaming(), kept(v))
			r := serverReader(s)
			r.leave = !c.before
			if err := r.read(first, 0); err != nil || len(r.got) != 1 {
				t.Fatal(err, len(r.got))
			}
			ticket := r.ticket
			s.again(kept(v))
			r = serverReader(s)
			for i := range again {
				if err := r.read(again[i:i+1], 0); err != nil || len(r.out) != 0 {
					t.Fatalf("byte %d: %v, % x", i, err, r.out)
				}
				if r.kind() == session.Duplicate && c.decide != nil && i == len(again)-10 {
					c.decide(t, s, ticket)
				}
				if i == len(again)-2 && r.kind() != session.Duplicate {
					t.Fatalf("the head is %v", r.kind())
				}
				if i == len(again)-2 {
					break
				}
			}
			if err := r.read(again[len(again)-1:], 0); err != nil || len(r.got) != 0 || s.Incoming() != 0 {
				t.Fatal(err, len(r.got), s.Incoming())
			}
			if !bytes.Equal(r.out, c.want) {
				t.Errorf("% x, want % x", r.out, c.want)
			}
			if c.decide == nil && !c.before { // decided later
				if out := ack(t, s, ticket, 0); !bytes.Equal(out, []byte{0x50, 2, 0, 5}) {
					t.Errorf("% x", out)
				}
			}
		})
	}
}

func ack(t *testing.T, s *server, ticket qos.Ticket, reason mqttwire.Reason) []byte {
	t.Helper()
	out, _, err := s.Ack(nil, ticket, reason, codec.Properties{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Before 5.0 a message of QoS 1 comes again on its connection: there is one
// PUBACK for both, whenever it leaves.
func TestStreamDuplicateQoS1(t *testing.T) {
	for _, meanwhile := range []bool{false, true} {
		s := connected(t, streaming(), connect(mqttwire.V311))
		r := serverReader(s)
		r.leave = true
		again := largeBytes(t, mqttwire.V311, 1, 5, true)
		if err := r.read(append(largeBytes(t, mqttwire.V311, 1, 5, false), again[:50]...), 0); err != nil || r.kind() != session.Duplicate {
			t.Fatal(err, r.kind())
		}
		var out []byte
		if meanwhile {
			out = ack(t, s, r.ticket, 0)
		}
		if err := r.read(again[50:], 0); err != nil || len(r.got) != 1 || len(r.out) != 0 {
			t.Fatalf("%v, %d, % x", err, len(r.got), r.out)
		}
		if !meanwhile {
			out = ack(t, s, r.ticket, 0)
		}
		if !bytes.Equal(out, []byte{0x40, 2, 0, 5}) {
			t.Errorf("% x", out)
		}
		if _, received := s.state.InFlight(); received != 0 {
			t.Errorf("%d in flight", received)
		}
	}
}

// An earlier delivery may be acknowledged while a payload streams, in its order.
func TestStreamAcksBefore(t *testing.T) {
	s := connected(t, streaming(), connect(mqttwire.V50))
	r := serverReader(s)
	r.leave = true
	if err := r.read(encode(t, mqttwire.V50, mqttwire.Client, publish(1, 1)), 0); err != nil {
		t.Fatal(err)
	}
	first := r.ticket
	in := largeBytes(t, mqttwire.V50, 1, 2, false)
	if err := r.read(in[:50], 0); err != nil || r.kind() != session.Head {
		t.Fatal(err, r.kind())
	}
	if out := ack(t, s, first, 0); !bytes.Equal(out, []byte{0x40, 2, 0, 1}) {
		t.Errorf("% x", out)
	}
	// The refusal of what streams waits too.
	if out, record, err := s.Ack(nil, r.ticket, mqttwire.QuotaExceeded, codec.Properties{}, 0); err != mqttwire.ErrNotYet || len(out) != 0 || record != (qos.Record{}) {
		t.Errorf("% x, %v, %v", out, record, err)
	}
	// So does a packet that the caller has framed by itself.
	if s.Takes(mqttwire.PINGREQ) {
		t.Error("takes a PINGREQ")
	}
	if out, ev, err := s.Receive(nil, &s.d, fixedHeaderOf(0xc0), nil, 0); err != mqttwire.ErrNotYet || len(out) != 0 || ev != (session.Event{}) {
		t.Errorf("% x, %v, %v", out, ev, err)
	}
	if err := r.read(in[50:], 0); err != nil {
		t.Fatal(err)
	}
	if out := ack(t, s, r.ticket, mqttwire.QuotaExceeded); !bytes.Equal(out, []byte{0x40, 3, 0, 2, 0x97}) {
		t.Errorf("% x", out)
	}
}

// What is wrong with a PUBLISH is told at its head, or at its fixed header: long
// before its payload has come.
func TestStreamHostile(t *testing.T) {
	const mb = "\xff\xff\xff\x7f" // 256 MiB
	o := streaming()
	o.MaximumPacketSize, o.ReceiveMaximum, o.TopicAliasMaximum, o.NoRetain = 1<<20, 1, 1, true
	huge := streaming()
	for name, c := range map[string]struct {
		o    session.ServerOptions
		in   string
		want error
		out  string
	}{
		"larger than announced":   {o, "\x30" + mb, mqttwire.ErrPacketTooLarge, "\xe0\x01\x95"},
		"of the largest length":   {huge, "\x32" + mb + "\x00\x01#\x00\x01", mqttwire.ErrTopicWildcard, "\xe0\x01\x81"},
		"no Packet Identifier":    {huge, "\x32" + mb + "\x00\x01a\x00\x00", mqttwire.ErrPacketID, "\xe0\x01\x81"},
		"length too long":         {huge, "\x30\xff\xff\xff\xff", mqttwire.ErrVarintTooLong, "\xe0\x01\x81"},
		"properties behind it":    {o, "\x30\xff\x01\x00\x01a\xff\x01", mqttwire.ErrPropertyLength, "\xe0\x01\x81"},
		"topic behind it":         {o, "\x30\xff\x01\xff\xff", mqttwire.ErrTruncated, "\xe0\x01\x81"},
		"an alias that is none":   {o, "\x30\xff\x01\x00\x00\x03\x23\x00\x01", mqttwire.ErrTopicAliasUnknown, "\xe0\x01\x82"},
		"an alias over the limit": {o, "\x30\xff\x01\x00\x01a\x03\x23\x00\x02", mqttwire.ErrTopicAliasRange, "\xe0\x01\x94"},
		"retained":                {o, "\x31\xff\x01\x00\x01a\x00", mqttwire.ErrRetainNotSupported, "\xe0\x01\x9a"},
		"one message too many":    {o, "\x32\x06\x00\x01a\x00\x01\x00\x32\xff\x01\x00\x01a\x00\x02\x00", mqttwire.ErrReceiveMaximum, "\xe0\x01\x93"},
		"an id of another QoS":    {huge, "\x32\x06\x00\x01a\x00\x01\x00\x34\xff\x01\x00\x01a\x00\x01\x00", mqttwire.ErrPacketIDInUse, "\xe0\x01\x82"},
		"an id in use":            {huge, "\x32\x06\x00\x01a\x00\x01\x00\x32\xff\x01\x00\x01a\x00\x01\x00", mqttwire.ErrPacketIDInUse, "\xe0\x01\x82"},
	} {
		for _, most := range []int{0, 1} {
			r := serverReader(connected(t, c.o, connect(mqttwire.V50)))
			r.leave = true
			if err := r.read([]byte(c.in), most); err != c.want || string(r.out) != c.out || r.m.Phase() != session.Closing {
				t.Errorf("%s: %v, want %v, answer %x, want %x", name, err, c.want, r.out, c.out)
			}
		}
	}
}

// A head that never ends is held up to a limit.
func TestStreamEndlessHead(t *testing.T) {
	property := append([]byte{0x26, 0, 1, 'k', 0xff, 0xff}, bytes.Repeat([]byte("v"), 0xffff)...)
	for above, limit := range map[uint32]int{above: 128 << 10, 1 << 20: 1 << 20} {
		r := serverReader(connected(t, session.ServerOptions{Limits: session.Limits{StreamAbove: above}}, connect(mqttwire.V50)))
		err := r.read([]byte("\x30\xff\xff\xff\x7f\x00\x01a\xf0\xff\xff\x7f"), 0)
		sent := 0
		for ; err == nil && sent < 4<<20; sent += len(property) {
			err = r.read(property, 0)
		}
		if err != mqttwire.ErrPacketTooLarge || sent > limit+2*len(property) || sent < limit-len(property) || string(r.out) != "\xe0\x01\x95" {
			t.Errorf("above %d: %v after %d bytes, limit %d, % x", above, err, sent, limit, r.out)
		}
	}
}

// The bytes of a payload keep the connection alive, and they alone.
func TestStreamKeepsAlive(t *testing.T) {
	in := largeBytes(t, mqttwire.V50, 0, 0, false)
	s := connected(t, streaming(), connect(mqttwire.V50)) // Keep Alive 10 s
	r := serverReader(s)
	for i, b := range in {
		if err := r.read([]byte{b}, 0); err != nil {
			t.Fatal(err)
		}
		if i >= 10 { // the head is there
			r.now += 14 * second
		}
		if _, _, err := s.Poll(nil, r.now); err != nil {
			t.Fatalf("byte %d: %v", i, err)
		}
	}
	if err := r.read(in[:50], 0); err != nil || len(r.got) != 1 {
		t.Fatal(err, len(r.got))
	}
	if _, _, err := s.Poll(nil, r.now+15*second); err != mqttwire.ErrKeepAliveTimeout {
		t.Error(err)
	}
}

// A client that writes a large payload sends no PINGREQ, which would wait behind
// it, does not take the silence for the end, and pings when it is done.
func TestUploadKeepsAlive(t *testing.T) {
	c := accepted(t, connect(mqttwire.V50), &codec.Connack{}) // Keep Alive 10 s
	if _, _, err := c.PublishHead(nil, publish(0, 0), 100, 0, 0); err != nil {
		t.Fatal(err)
	}
	now := second
	for ; c.Outgoing() > 0; now += 9 * second {
		c.PayloadSent(10, now)
		out, ev, err := c.Poll(nil, now+9*second)
		if at, ok := c.Deadline(); c.Outgoing() > 0 && (err != nil || len(out) != 0 || ev.Kind != session.None || ok) {
			t.Fatalf("%v: % x, %v, deadline %v", now, out, err, at)
		} else if c.Outgoing() == 0 && (err != nil || !bytes.Equal(out, []byte{0xc0, 0})) {
			t.Fatalf("% x, %v", out, err)
		}
	}
	// A PINGREQ that was sent before is still waited for.
	c = accepted(t, connect(mqttwire.V50), &codec.Connack{})
	if _, err := c.Ping(nil, 0); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.PublishHead(nil, publish(0, 0), 100, 0, 0); err != nil {
		t.Fatal(err)
	}
	at, ok := c.Deadline()
	if _, _, err := c.Poll(nil, 60*second); err != mqttwire.ErrKeepAliveTimeout || !ok || at > 60*second {
		t.Error(err, at, ok)
	}
}

// While a payload is written what would begin something waits, what answers is
// for after it, and an end is one without a word.
func TestUploadWaits(t *testing.T) {
	for _, v := range versions {
		c := &client{t: t}
		c.options.Retry = second
		c.dial(kept(v))
		if _, err := c.send(&codec.Connack{}); err != nil {
			t.Fatal(err)
		}
		out, a, err := c.PublishHead(nil, publish(1, 0), 100, 7, 0)
		if err != nil || c.Outgoing() != 100 {
			t.Fatal(err, c.Outgoing())
		}
		want := encode(t, v, mqttwire.Client, &codec.Publish{Topic: []byte("t"), Payload: make([]byte, 100), QoS: 1, ID: a.ID})
		if !bytes.Equal(append(out, make([]byte, 100)...), want) {
			t.Errorf("% x", out)
		}
		resend := session.Event{Kind: session.Resend, Token: 7, ID: a.ID}
		for name, step := range map[string]func() ([]byte, error){
			"Publish":     func() ([]byte, error) { b, _, err := c.Publish(nil, publish(0, 0), 0, 0); return b, err },
			"PublishHead": func() ([]byte, error) { b, _, err := c.PublishHead(nil, publish(0, 0), 1, 0, 0); return b, err },
			"Reserve":     func() ([]byte, error) { _, err := c.Reserve(0, false, 9, 0, 0); return nil, err },
			"Resend":      func() ([]byte, error) { b, _, err := c.Resend(nil, resend, publish(1, 0), 0); return b, err },
			"ResendHead":  func() ([]byte, error) { b, _, err := c.ResendHead(nil, resend, publish(1, 0), 1, 0); return b, err },
			"Ping":        func() ([]byte, error) { return c.Ping(nil, 0) },
			"Disconnect":  func() ([]byte, error) { return c.Disconnect(nil, 0, codec.Properties{}) },
		} {
			if b, err := step(); err != mqttwire.ErrNotYet || len(b) != 0 {
				t.Errorf("%v: %s: % x, %v", v, name, b, err)
			}
		}
		if b, ev, err := c.Poll(nil, 5*second); err != nil || ev.Kind != session.None || len(b) != 0 {
			t.Errorf("%v: Poll: % x, %v, %v", v, b, ev.Kind, err)
		}
		if at, ok := c.Deadline(); ok {
			t.Errorf("%v: Deadline %v", v, at)
		}
		mustPanic(t, "more than the payload", func() { c.PayloadSent(101, 0) })
		mustPanic(t, "less than nothing", func() { c.PayloadSent(-1, 0) })
		// A connection that fails now says nothing: it would be payload.
		if b := c.Fail(nil, mqttwire.PUBLISH, mqttwire.ErrNUL); len(b) != 0 || c.Phase() != session.Closing {
			t.Errorf("%v: Fail: % x", v, b)
		}
	}
	c := accepted(t, connect(mqttwire.V50), &codec.Connack{})
	if _, _, err := c.PublishHead(nil, publish(0, 0), 3, 0, 0); err != nil {
		t.Fatal(err)
	}
	c.PayloadSent(1, 0)
	c.PayloadSent(2, 0)
	if _, _, err := c.Publish(nil, publish(0, 0), 0, 0); err != nil {
		t.Error(err)
	}
	if _, _, err := c.PublishHead(nil, publish(0, 0), 0, 0, 0); err != nil || c.Outgoing() != 0 {
		t.Error(err, c.Outgoing())
	}
}

// A head counts with its payload against the Maximum Packet Size of the peer, and
// has an alias where Publish would give one.
func TestUploadSize(t *testing.T) {
	for size := uint32(20); size < 60; size++ {
		hello := kept(mqttwire.V50)
		hello.Properties = codec.AppendTopicAliasMaximum(codec.AppendMaximumPacketSize(hello.Properties, size), 1)
		ends := func() (*server, *server) {
			o := session.ServerOptions{Limits: session.Limits{TopicAliases: 1}}
			return connected(t, o, hello), connected(t, o, hello)
		}
		whole, head := ends()
		for range 2 {
			p := &codec.Publish{Topic: []byte("topic"), Payload: payloadOf(30), QoS: 1}
			want, a, werr := whole.Publish(nil, p, 1, 0)
			got, b, err := head.PublishHead(nil, p, 30, 1, 0)
			if err == nil {
				head.PayloadSent(30, 0)
				got = append(got, p.Payload...)
			}
			if err != werr || a != b || !bytes.Equal(got, want) {
				t.Errorf("size %d: % x, %v, whole % x, %v", size, got, err, want, werr)
			}
		}
	}
	// What is too large for the connection it is to be sent again on is given up.
	s := connected(t, session.ServerOptions{}, kept(mqttwire.V50))
	_, a, err := s.PublishHead(nil, publish(1, 0), 30, 7, 0)
	if err != nil {
		t.Fatal(err)
	}
	small := kept(mqttwire.V50)
	small.Properties = codec.AppendMaximumPacketSize(small.Properties, 30)
	s.again(small)
	_, ev, ok := s.NextResend(nil, 0)
	if !ok || ev.ID != a.ID {
		t.Fatal(ev, ok)
	}
	_, ev, err = s.ResendHead(nil, ev, publish(1, 0), 30, 0)
	if err != nil || ev.Kind != session.GivenUp || ev.Reason != mqttwire.PacketTooLarge || s.Outgoing() != 0 {
		t.Error(ev.Kind, ev.Reason, err, s.Outgoing())
	}
}

// A caller may take the payload from the Framer itself: Next notes that it is
// complete.
func TestStreamTakenFromFramer(t *testing.T) {
	s := connected(t, streaming(), connect(mqttwire.V50))
	var f codec.Framer
	f.Filled(copy(f.Buffer(), append(largeBytes(t, mqttwire.V50, 2, 5, false), 0xc0, 0)))
	_, head, _, err := s.Next(nil, &f, &s.d, 0)
	if err != nil || head.Kind != session.Head {
		t.Fatal(head.Kind, err)
	}
	f.Payload()
	if _, ev, _, err := s.Next(nil, &f, &s.d, 0); err != nil || ev.Type != mqttwire.PINGREQ || s.Incoming() != 0 {
		t.Fatal(ev.Type, err, s.Incoming())
	}
	if out := ack(t, s, head.Ticket(), 0); !bytes.Equal(out, []byte{0x50, 2, 0, 5}) {
		t.Errorf("% x", out)
	}
}

// A connection that is over takes the rest of a payload, if the caller likes, and
// the delivery is decided without it.
func TestStreamOver(t *testing.T) {
	s := connected(t, streaming(), kept(mqttwire.V50))
	var f codec.Framer
	f.Filled(copy(f.Buffer(), largeBytes(t, mqttwire.V50, 2, 5, false)))
	_, head, _, err := s.Next(nil, &f, &s.d, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.Disconnect(nil, 0, codec.Properties{})
	if _, ev, ok, err := s.Next(nil, &f, &s.d, 0); ok || err != nil || ev.Kind != session.None {
		t.Error(ev.Kind, ok, err)
	}
	if _, err := s.state.Finish(head.Ticket(), 0); err != mqttwire.ErrNotYet {
		t.Error(err)
	}
	if chunk, rest := s.Payload(&f, 0); len(chunk) != above || rest != 0 {
		t.Error(len(chunk), rest)
	}
	s.Close(0)
	if r, err := s.state.Finish(head.Ticket(), 0); err != nil || r == (qos.Record{}) {
		t.Error(r, err)
	}
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s: no panic", what)
		}
	}()
	f()
}

// A head that comes a byte at a time is looked at a few times, however long its
// topic and its properties are.
func TestHeadIsLookedAtSeldom(t *testing.T) {
	for _, v := range versions {
		for _, level := range []qos.Level{qos.AtMostOnce, qos.AtLeastOnce} {
			for _, size := range []int{1, 200, 30_000} {
				p := codec.Publish{Topic: bytes.Repeat([]byte("t"), size), QoS: level, ID: uint16(level)}
				if v == mqttwire.V50 {
					p.Properties = codec.AppendUserProperty(p.Properties, "k", strings.Repeat("v", size))
				}
				r := codec.Rules{Version: v}
				head, err := p.AppendHead(nil, r, 1000)
				if err != nil {
					t.Fatal(err)
				}
				h, n, err := codec.SplitHeader(r, head, 0)
				if err != nil {
					t.Fatal(err)
				}
				head = head[n:]
				looks, awaited := 0, 0
				for i := range len(head) + 1 {
					if i < awaited {
						continue
					}
					looks++
					q, n, err := new(codec.Decoder).DecodeHead(r, h, head[:i])
					if n == len(head) && i == n {
						break
					}
					if awaited = session.HeadSize(v, h, head[:i]); n != 0 || err != nil || awaited > len(head) {
						t.Fatalf("%v, %d of %d bytes: %v, %d, %v; %d awaited", v, i, len(head), q, n, err, awaited)
					}
				}
				if awaited != len(head) || looks > 8 {
					t.Errorf("%v, QoS %d, topic of %d bytes: %d looks, %d of %d bytes awaited", v, level, size, looks, awaited, len(head))
				}
			}
		}
	}
}
