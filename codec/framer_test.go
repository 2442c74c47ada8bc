package codec_test

import (
	"bytes"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/varint"
)

// feed gives a framer the first bytes of b, at most n and what its Buffer
// holds, and returns the rest.
func feed(f *codec.Framer, b []byte, n int) []byte {
	n = copy(f.Buffer(), b[:min(n, len(b))])
	f.Filled(n)
	return b[n:]
}

// whole puts a packet together again.
func whole(tb testing.TB, f *codec.Framer) (wire []byte, ok bool) {
	tb.Helper()
	h, body, ok, err := f.Next()
	if err != nil {
		tb.Fatal(err)
	}
	if !ok {
		return nil, false
	}
	return append(must(h.Append(nil))(tb), body...), true
}

func TestFramerCutsAnywhere(t *testing.T) {
	stream := publishStream(t)
	// A large one among them makes the buffer move and grow.
	large := codec.Publish{Topic: []byte("large"), Payload: bytes.Repeat([]byte("x"), 20000)}
	stream = append(append(stream, encode(t, &large, v50)...), stream...)
	random := rand.New(rand.NewPCG(1, 2))
	for name, size := range map[string]func() int{
		"a byte at a time": func() int { return 1 },
		"all at once":      func() int { return len(stream) },
		"at random":        func() int { return 1 + random.IntN(40) },
		"at random, large": func() int { return 1 + random.IntN(3000) },
		"nothing now and then": func() int {
			return max(0, random.IntN(200)-100)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := codec.Framer{Rules: v50}
			var got []byte
			for rest := stream; len(rest) > 0; {
				rest = feed(&f, rest, size())
				// All bodies of a read are valid at once, until Buffer.
				var bodies, copies [][]byte
				for {
					h, body, ok, err := f.Next()
					if err != nil {
						t.Fatal(err)
					}
					if !ok {
						break
					}
					bodies, copies = append(bodies, body), append(copies, bytes.Clone(body))
					got = append(must(h.Append(got))(t), body...)
				}
				for i := range bodies {
					if !bytes.Equal(bodies[i], copies[i]) {
						t.Fatal("a body changed before Buffer was called")
					}
				}
			}
			if !bytes.Equal(got, stream) || f.Buffered() != 0 {
				t.Errorf("%d bytes came out of %d, %d are left", len(got), len(stream), f.Buffered())
			}
		})
	}
}

// TestFramerBodiesDoNotReachFurther holds that appending to a body does not
// write into the next packet.
func TestFramerBodiesDoNotReachFurther(t *testing.T) {
	f := codec.Framer{Rules: v311}
	feed(&f, []byte{0x40, 2, 0, 1, 0x40, 2, 0, 2}, 8)
	_, body, _, _ := f.Next()
	_ = append(body, "overwrites"...)
	if _, body, ok, err := f.Next(); !ok || err != nil || !bytes.Equal(body, []byte{0, 2}) {
		t.Errorf("next body: %x, %v, %v", body, ok, err)
	}
	feed(&f, []byte{0x30, 4, 0, 1, 'a', 'x', 0x30, 4, 0, 1, 'b', 'y', 0xc0, 0}, 14)
	_, body, _, _ = f.Next()
	f.Stream(3)
	chunk, rest := f.Payload()
	if cap(body) != len(body) || cap(chunk) != 1 || rest != 0 {
		t.Errorf("a body of %d bytes reaches to %d, a chunk of %d to %d", len(body), cap(body), len(chunk), cap(chunk))
	}
}

// TestFramerMemory holds that memory follows the bytes that have come, not the
// length that is announced.
func TestFramerMemory(t *testing.T) {
	f := codec.Framer{Rules: v311}
	feed(&f, []byte{0x30, 0xff, 0xff, 0xff, 0x7f, 0, 1, 'a', 'x', 'y'}, 10)
	if _, _, ok, err := f.Next(); ok || err != nil {
		t.Fatalf("Next: %v, %v", ok, err)
	}
	chunk := make([]byte, 1000)
	for came := 10; came < 1<<20; came += len(chunk) {
		if size := cap(f.Buffer()) + f.Buffered(); size > max(4<<10, 3*came) {
			t.Fatalf("%d bytes came, the buffer is %d", came, size)
		}
		if len(f.Buffer()) < 512 {
			t.Fatalf("Buffer offers %d bytes", len(f.Buffer()))
		}
		for rest := chunk; len(rest) > 0; {
			rest = feed(&f, rest, len(rest))
		}
		if _, _, ok, err := f.Next(); ok || err != nil {
			t.Fatalf("Next: %v, %v", ok, err)
		}
	}
}

// TestFramerGivesUpALargeBuffer holds that a stream of large packets has one
// buffer, and that the first small packet after them gives it up.
func TestFramerGivesUpALargeBuffer(t *testing.T) {
	f := codec.Framer{Rules: v311}
	take := func(payload int) (buffer int) {
		t.Helper()
		p := codec.Publish{Topic: []byte("a"), Payload: make([]byte, payload)}
		for rest := encode(t, &p, v311); len(rest) > 0; {
			rest = feed(&f, rest, len(rest))
		}
		if _, ok := whole(t, &f); !ok {
			t.Fatal("no packet")
		}
		return cap(f.Buffer())
	}
	first := take(1 << 20)
	for range 5 {
		if n := take(1 << 20); n != first {
			t.Errorf("a second large packet makes a buffer of %d bytes out of one of %d", n, first)
		}
	}
	if n := take(100); n > 64<<10 {
		t.Errorf("after a small packet the buffer is %d bytes", n)
	}
}

// TestFramerErrorsEarly holds that nothing more is waited for, or buffered,
// than what proves the error, and that it stays.
func TestFramerErrorsEarly(t *testing.T) {
	client := func(v mqttwire.Version) codec.Rules { return codec.Rules{Version: v, From: mqttwire.Client} }
	for _, c := range []struct {
		name  string
		rules codec.Rules
		limit int
		wire  []byte
		at    int // how many bytes prove it
		err   mqttwire.Error
	}{
		{"type 0", client(mqttwire.V50), 0, []byte{0x00, 0}, 1, mqttwire.ErrPacketType},
		{"type 0 before CONNECT", client(0), 0, []byte{0x00, 0}, 1, mqttwire.ErrConnectFirst},
		{"HTTP before CONNECT", client(0), 0, []byte("GET / HTTP/1.1\r\n"), 1, mqttwire.ErrConnectFirst},
		{"SUBSCRIBE of 10,000 bytes before CONNECT", client(0), 0, append([]byte{0x82, 0x90, 0x4e}, make([]byte, 9000)...), 1, mqttwire.ErrConnectFirst},
		{"PUBLISH before CONNECT", client(0), 0, []byte{0x30, 4, 0, 1, 'a', 'x'}, 1, mqttwire.ErrConnectFirst},
		{"AUTH in 3.1.1", client(mqttwire.V311), 0, []byte{0xf0, 0}, 1, mqttwire.ErrPacketType},
		{"CONNACK from a client", client(mqttwire.V311), 0, []byte{0x20, 2}, 1, mqttwire.ErrDirection},
		{"CONNACK before CONNECT", client(0), 0, []byte{0x20, 2}, 1, mqttwire.ErrConnectFirst},
		{"flags", client(mqttwire.V50), 0, []byte{0x80, 5}, 1, mqttwire.ErrSubscribeFlags},
		{"QoS 3", client(mqttwire.V50), 0, []byte{0x36, 5}, 1, mqttwire.ErrQoS},
		{"DUP without QoS", client(mqttwire.V50), 0, []byte{0x38, 5}, 1, mqttwire.ErrDupQoS0},
		{"100,000 x 0x80", client(mqttwire.V50), 0, bytes.Repeat([]byte{0x80}, 100_000), 1, mqttwire.ErrSubscribeFlags},
		{"PUBLISH and 0x80", client(mqttwire.V50), 0, append([]byte{0x30}, bytes.Repeat([]byte{0x80}, 100_000)...), 5, mqttwire.ErrVarintTooLong},
		{"over the limit, short", client(mqttwire.V50), 100, []byte{0x30, 99}, 2, mqttwire.ErrPacketTooLarge},
		{"over the limit, long", client(mqttwire.V50), 1000, []byte{0x30, 0xff, 0xff, 0xff, 0x7f}, 5, mqttwire.ErrPacketTooLarge},
		{"not minimal", client(mqttwire.V50), 0, []byte{0x30, 0x85, 0x00}, 3, mqttwire.ErrVarintNotMin},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := codec.Framer{Rules: c.rules, MaxSize: c.limit}
			rest := feed(&f, c.wire, c.at-1)
			if _, _, ok, err := f.Next(); ok || err != nil {
				t.Fatalf("Next before the byte that proves it: %v, %v", ok, err)
			}
			rest = feed(&f, rest, 1)
			for range 3 {
				h, _, ok, err := f.Next()
				if ok || err != c.err {
					t.Fatalf("Next: %v, %v, want %v", ok, err, c.err)
				}
				if h.Type != mqttwire.PacketType(c.wire[0]>>4) {
					t.Errorf("header of type %v", h.Type)
				}
				if _, _, ok, err := f.Peek(); ok || err != c.err {
					t.Errorf("Peek: %v, %v, want %v", ok, err, c.err)
				}
				rest = feed(&f, rest, 1000)
			}
		})
	}
	// One byte less is not too large.
	f := codec.Framer{Rules: v311, MaxSize: 8}
	feed(&f, []byte{0x30, 6, 0, 1, 'a', 1, 2, 3}, 8)
	if _, ok := whole(t, &f); !ok {
		t.Error("a packet of exactly MaxSize is refused")
	}
}

func TestFramerReleaseAndUse(t *testing.T) {
	var f codec.Framer
	if f.Release() != nil {
		t.Error("a new framer has a buffer to release")
	}
	mine := make([]byte, 0, 100_000) // more than a framer keeps of its own
	if !f.Use(mine) {
		t.Error("a framer without a buffer does not Use one")
	}
	if f.Use(make([]byte, 10)) {
		t.Error("a framer with a buffer uses another")
	}
	f.Rules = v311
	for range 2 {
		if b := f.Buffer(); len(b) != cap(mine) || &b[0] != &mine[:1][0] {
			t.Fatal("the framer does not read into what it was given")
		}
		rest := feed(&f, []byte{0x40, 2, 0, 1}, 3)
		if f.Release() != nil {
			t.Error("a framer with bytes in it gives up its buffer")
		}
		feed(&f, rest, 1)
		if _, ok := whole(t, &f); !ok {
			t.Fatal("no packet")
		}
	}
	if b := f.Release(); cap(b) != cap(mine) || &b[:1][0] != &mine[:1][0] {
		t.Error("Release returned another buffer")
	}
	if f.Release() != nil {
		t.Error("released twice")
	}
	if f.Use(nil) || f.Use([]byte{}) {
		t.Error("a framer uses nothing as a buffer")
	}
	if len(f.Buffer()) < 512 {
		t.Error("no buffer after Release")
	}
	// One that is too small is used as far as it goes.
	f.Release()
	if !f.Use(make([]byte, 600)) || len(f.Buffer()) != 600 {
		t.Error("a small buffer is not used")
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

func TestFramerMisuse(t *testing.T) {
	var f codec.Framer
	mustPanic(t, "Filled without Buffer", func() { f.Filled(1) })
	n := len(f.Buffer())
	mustPanic(t, "Filled with more than Buffer had", func() { f.Filled(n + 1) })
	mustPanic(t, "Filled with less than nothing", func() { f.Filled(-1) })
	mustPanic(t, "Stream of nothing", func() { f.Stream(0) })
	f.Rules = v311
	feed(&f, []byte{0x30, 10, 0, 1, 'a', 'b'}, 6)
	mustPanic(t, "Stream of more than came", func() { f.Stream(5) })
	mustPanic(t, "Stream of less than nothing", func() { f.Stream(-1) })
	f.Stream(3)
	mustPanic(t, "Next in a payload", func() { f.Next() })
	mustPanic(t, "Peek in a payload", func() { f.Peek() })
	mustPanic(t, "Stream in a payload", func() { f.Stream(0) })
	if chunk, rest := f.Payload(); string(chunk) != "b" || rest != 6 {
		t.Errorf("Payload: %q, %d", chunk, rest)
	}
}

// TestFramerStreams streams a payload of 200 MB through a buffer of 64 KiB.
func TestFramerStreams(t *testing.T) {
	size := 200 << 20
	if testing.Short() {
		size = 20 << 20
	}
	block := make([]byte, 32<<10)
	random := rand.New(rand.NewPCG(3, 4))
	for i := range block {
		block[i] = byte(random.Uint32())
	}
	head := codec.Publish{Topic: []byte("firmware/image"), QoS: 1, ID: 9, Properties: benchProperties(t)}
	// What a peer writes: the head, the payload, and a PINGREQ behind it.
	pending := must(head.AppendHead(nil, v50, size))(t)
	left, want := size, uint32(0)
	next := func() {
		switch {
		case left > 0:
			n := min(left, len(block))
			pending, left = block[:n], left-n
			want = crc32.Update(want, castagnoli, pending)
		default:
			pending, left = []byte{0xc0, 0}, -1
		}
	}
	var (
		f        = codec.Framer{Rules: v50}
		p        codec.Publish
		got      uint32
		total    int
		largest  int
		decoded  bool
		ping     bool
		streamed bool
	)
	for !ping {
		largest = max(largest, len(f.Buffer())+f.Buffered())
		if len(pending) == 0 {
			if left < 0 {
				t.Fatal("all has been written, and no PINGREQ came out")
			}
			next()
		}
		step := len(pending)
		if !decoded {
			step = 1 // the head comes a byte at a time
		}
		pending = feed(&f, pending, step)
		switch {
		case !decoded:
			h, part, ok, err := f.Peek()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			n, err := p.DecodeHead(v50, h, part)
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				break
			}
			if int(h.Length)-n != size || string(p.Topic) != "firmware/image" || p.ID != 9 || !bytes.Equal(p.Properties.Bytes(), head.Properties.Bytes()) {
				t.Fatalf("head of %d bytes before the payload: %v", n, &p)
			}
			f.Stream(n)
			decoded = true
		case !streamed:
			chunk, rest := f.Payload()
			got, total = crc32.Update(got, castagnoli, chunk), total+len(chunk)
			streamed = rest == 0
		}
		if streamed {
			h, _, ok, err := f.Next()
			if err != nil {
				t.Fatal(err)
			}
			ping = ok && h.Type == mqttwire.PINGREQ
		}
	}
	if total != size || got != want {
		t.Errorf("%d bytes with sum %#x came out, want %d with %#x", total, got, size, want)
	}
	if largest > 64<<10 {
		t.Errorf("the buffer grew to %d bytes", largest)
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// TestDecodeHeadCutAnywhere holds that DecodeHead wants more bytes until it has
// all it needs, says no more than Decode, and nothing else.
func TestDecodeHeadCutAnywhere(t *testing.T) {
	for _, v := range vectors(t) {
		wire := v.Bytes()
		if mqttwire.PacketType(wire[0]>>4) != mqttwire.PUBLISH || len(wire) > 4096 {
			continue
		}
		r := rulesOf(&v, senders(&v)[0])[0]
		h, body, n, err := codec.Split(r, wire, 0)
		if err != nil || n != len(wire) {
			continue // what Split refuses
		}
		var all, p codec.Publish
		wantErr := all.Decode(r, h, body)
		wantHead := len(body) - len(all.Payload)
		for cut := range len(body) + 1 {
			n, err := p.DecodeHead(r, h, body[:cut])
			switch {
			case err != nil && err != wantErr, err == nil && cut == len(body) && wantErr != nil:
				t.Errorf("%s %s: cut at %d: %v, want %v", v.Version, v.Name, cut, err, wantErr)
			case err != nil && n != 0, wantErr == nil && n != wantHead && (n != 0 || cut >= wantHead):
				t.Errorf("%s %s: cut at %d: n = %d, the payload starts at %d", v.Version, v.Name, cut, n, wantHead)
			case n > 0 && (!bytes.Equal(p.Topic, all.Topic) || p.ID != all.ID || p.Payload != nil || !bytes.Equal(p.Properties.Bytes(), all.Properties.Bytes())):
				t.Errorf("%s %s: cut at %d: %v, want %v", v.Version, v.Name, cut, &p, &all)
			}
		}
		// More than the body: what is left belongs to the next packet.
		if n, err := p.DecodeHead(r, h, append(bytes.Clone(body), 0xc0, 0)); err != wantErr || err == nil && n != wantHead {
			t.Errorf("%s %s: more than the body: %d, %v", v.Version, v.Name, n, err)
		}
	}
}

// TestAppendHead holds that head and payload, written one after the other, are
// what Append writes.
func TestAppendHead(t *testing.T) {
	for _, size := range []int{0, 1, 100, 127, 128, 16383, 16384, 100_000} {
		p := codec.Publish{Topic: []byte("a/b"), Payload: bytes.Repeat([]byte("p"), size), QoS: 2, ID: 5, Properties: benchProperties(t)}
		want := encode(t, &p, v50)
		head := must(p.AppendHead([]byte("x"), v50, size))(t)
		if got := append(head[1:len(head):len(head)], p.Payload...); !bytes.Equal(got, want) {
			t.Errorf("payload of %d bytes: AppendHead and payload differ from Append", size)
		}
	}
	p := codec.Publish{Topic: []byte("a/#")}
	mustPanic(t, "AppendHead of less than nothing", func() { _, _ = (&codec.Publish{Topic: []byte("a")}).AppendHead(nil, v50, -1) })
	if b, err := p.AppendHead([]byte("x"), v50, 1); err != mqttwire.ErrTopicWildcard || string(b) != "x" {
		t.Errorf("AppendHead of a wildcard: %q, %v", b, err)
	}
}

// TestAppendHeadOfTooMuch holds that no length is written for a payload that no
// packet can hold, also where the length of the packet is more than an int.
func TestAppendHeadOfTooMuch(t *testing.T) {
	p := codec.Publish{Topic: []byte("a/b"), QoS: 2, ID: 5, Properties: benchProperties(t)}
	all := []int{varint.Max, varint.Max + 1, math.MaxInt32, math.MaxInt - 1<<20}
	for less := range 1000 {
		all = append(all, math.MaxInt-less)
	}
	for _, n := range all {
		for _, r := range []codec.Rules{v50, unchecked(v50)} {
			if b, err := p.AppendHead([]byte("x"), r, n); err != mqttwire.ErrVarintTooLong || string(b) != "x" {
				t.Fatalf("payload of %d bytes: %q, %v", n, b, err)
			}
		}
	}
}

// A framer that waits for the rest of a packet gives the buffer back that it was
// given, keeps what is in it, and holds no more than that.
func TestFramerDetach(t *testing.T) {
	first := encode(t, &codec.Publish{Topic: []byte("a"), Payload: []byte("first")}, v50)
	second := encode(t, &codec.Publish{Topic: []byte("b"), Payload: bytes.Repeat([]byte("x"), 3000)}, v50)
	stream := append(bytes.Clone(first), second...)
	for cut := range len(stream) {
		lent := make([]byte, 8192)
		f := codec.Framer{Rules: v50}
		f.Detach() // has nothing to give back
		if !f.Use(lent) {
			t.Fatal("a framer without a buffer takes none")
		}
		rest := feed(&f, stream, cut)
		var got []byte
		if b, ok := whole(t, &f); ok {
			got = append(got, b...)
		}
		pending := f.Buffered()
		f.Detach()
		clear(lent) // is the caller's again
		if f.Buffered() != pending {
			t.Fatalf("cut at %d: %d bytes pending, %d after Detach", cut, pending, f.Buffered())
		}
		f.Detach() // has been given back
		for len(rest) > 0 {
			rest = feed(&f, rest, 1000)
		}
		for b, ok := whole(t, &f); ok; b, ok = whole(t, &f) {
			got = append(got, b...)
		}
		if !bytes.Equal(got, stream) {
			t.Fatalf("cut at %d: the stream is not what it was", cut)
		}
	}
}
