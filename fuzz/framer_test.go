package fuzz_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fixedheader"
	"github.com/mqttwire/mqttwire/fuzz"
	"github.com/mqttwire/mqttwire/varint"
)

// A frame is what a stream says in one place: a packet, or an error, which ends
// it.
type frame struct {
	Header fixedheader.Header
	Body   []byte
	Err    error
}

// errTwin stands for any error: which one the twin does not know.
const errTwin checkError = "some error"

// frames cuts a stream by the book: slowly, with its own reading of 3.1.1 §2.2
// and 5.0 §2.1.
func frames(r codec.Rules, b []byte, maxSize int) (all []frame) {
	for len(b) > 0 {
		h := fixedheader.Header{Type: mqttwire.PacketType(b[0] >> 4), Flags: b[0] & 15}
		if !firstByteAllowed(r, b[0]) {
			return append(all, frame{Err: errTwin})
		}
		n, done := 1, false
		for ; !done; n++ {
			if n == len(b) {
				return all
			}
			done = b[n] < 0x80
			if n == 4 && !done || n > 1 && b[n] == 0 && r.Version == mqttwire.V50 { // 5.0 [MQTT-1.5.5-1]
				return append(all, frame{Err: errTwin})
			}
			h.Length |= uint32(b[n]&0x7f) << (7 * h.Width)
			h.Width++
		}
		end := n + int(h.Length)
		if maxSize > 0 && end > maxSize {
			return append(all, frame{Err: errTwin})
		}
		if end > len(b) {
			return all
		}
		all = append(all, frame{Header: h, Body: b[n:end]})
		b = b[end:]
	}
	return all
}

// firstByteAllowed is 3.1 §2.1, 3.1.1 Tables 2.1 and 2.2, 5.0 Tables 2-1 and
// 2-2: the flags that each type may have, and who may send it. Without a version
// whatever is right in one is, except that a client may send nothing before
// CONNECT [MQTT-3.1.0-1].
func firstByteAllowed(r codec.Rules, b byte) bool {
	const any, publish31, publish, qos1 = "0123456789abcdef", "01234589abcd", "012345abcd", "23ab"
	flags := [16]string{"", "0", "0", publish, "0", "0", "2", "0", "2", "0", "2", "0", "0", "0", "0", ""}
	senders := [16]string{"", "c", "s", "cs", "cs", "cs", "cs", "cs", "c", "s", "c", "s", "c", "s", "c", ""}
	if r.Version == mqttwire.V31 || r.Version == 0 {
		flags = [16]string{"", any, any, publish31, any, any, qos1, any, qos1, any, qos1, any, any, any, any, ""}
	}
	switch r.Version {
	case mqttwire.V50:
		flags[15], senders[14], senders[15] = "0", "cs", "cs"
	case 0:
		flags[15], senders[14], senders[15] = "0", "cs", "cs"
		if r.From == mqttwire.Server {
			flags[14] = "0" // no other version has its DISCONNECT
		}
		if r.From == mqttwire.Client && b>>4 != byte(mqttwire.CONNECT) {
			return false
		}
	}
	from := map[mqttwire.Role]string{mqttwire.Client: "c", mqttwire.Server: "s"}[r.From]
	return strings.Contains(flags[b>>4], any[b&15:b&15+1]) && strings.Contains(senders[b>>4], from)
}

// TestFirstByte holds that Split takes the first bytes that the twin takes, in
// every version and from every sender, alone and with a Remaining Length.
func TestFirstByte(t *testing.T) {
	for _, v := range []mqttwire.Version{0, mqttwire.V31, mqttwire.V311, mqttwire.V50} {
		for from := mqttwire.Either; from <= mqttwire.Server; from++ {
			r := codec.Rules{Version: v, From: from}
			for b := range 256 {
				want := firstByteAllowed(r, byte(b))
				if _, _, _, err := codec.Split(r, []byte{byte(b)}, 0); (err == nil) != want {
					t.Errorf("%v from %v, %02x: %v", v, from, b, err)
				}
				if _, _, n, err := codec.Split(r, []byte{byte(b), 0}, 0); (n == 2) != want {
					t.Errorf("%v from %v, %02x 00: %d bytes, %v", v, from, b, n, err)
				}
			}
		}
	}
}

// mustBeFrames compares frames with the twin's, for which one error is like
// another.
func mustBeFrames(t *testing.T, how string, got, want []frame) {
	t.Helper()
	ok := slices.EqualFunc(got, want, func(a, b frame) bool {
		return (a.Err != nil) == (b.Err != nil) && (a.Err != nil || a.Header == b.Header && bytes.Equal(a.Body, b.Body))
	})
	if !ok {
		t.Fatalf("%s:\n got %v\nwant %v", how, got, want)
	}
}

// FuzzFramer cuts a stream into packets in every way there is: whole or glued
// from any pieces, the packets and the error are the same, and each is there
// with the byte that completes or proves it, not before and not after.
func FuzzFramer(f *testing.F) {
	for i, s := range seeds() {
		maxSize := [...]int{0, len(s.Packet), len(s.Packet) - 1}[i%3]
		f.Add(s.Packet, []byte{byte(i), 1, 7}, version(s.Rules), from(s.Rules), uint16(maxSize))
	}
	for seed := range uint64(200) {
		src := fuzz.Random(seed, 300)
		r := fuzz.Rules(&src)
		f.Add(fuzz.Stream(&src, r), src.Bytes(5), version(r), from(r), uint16(0))
	}
	f.Add([]byte("0"), []byte(nil), byte(3), byte(mqttwire.Client), uint16(0))  // no CONNECT
	f.Add([]byte{0xf1}, []byte(nil), byte(3), byte(mqttwire.Either), uint16(0)) // an AUTH of no version
	f.Add([]byte{0xe9}, []byte(nil), byte(3), byte(mqttwire.Server), uint16(0)) // a DISCONNECT of none
	f.Fuzz(func(t *testing.T, b, cuts []byte, version, from byte, maxSize uint16) {
		if len(b) > 1<<17 || len(cuts) > 100 {
			return
		}
		r := rules(version, from)
		want := frames(r, b, int(maxSize))
		whole, rest := splitAll(r, b, int(maxSize))
		mustBeFrames(t, "Split", whole, want)
		checkPrefix(t, r, rest, int(maxSize), len(b))
		checkGlued(t, r, b, cuts, int(maxSize), whole)
		checkStreamed(t, r, b, cuts, int(maxSize), whole)
	})
}

// splitAll cuts b with Split and returns what is left.
func splitAll(r codec.Rules, b []byte, maxSize int) (all []frame, rest []byte) {
	all = []frame{}
	for {
		h, body, n, err := codec.Split(r, b, maxSize)
		switch {
		case err != nil:
			return append(all, frame{Header: h, Err: err}), b
		case n == 0:
			return all, b
		}
		all = append(all, frame{h, body, nil})
		b = b[n:]
	}
}

// checkPrefix holds that Split agrees with the twin on every prefix of b: an
// error is there with the byte that proves it.
func checkPrefix(t *testing.T, r codec.Rules, b []byte, maxSize, total int) {
	for n := range min(len(b), 20) {
		want := frames(r, b[:n], maxSize)
		got, _ := splitAll(r, b[:n:n], maxSize)
		mustBeFrames(t, "Split of a prefix", got, want)
		h, size, err := codec.SplitHeader(r, b[:n:n], maxSize)
		if (err != nil) != (len(want) > 0 && want[0].Err != nil) || err != nil && size != 0 {
			t.Fatalf("SplitHeader of % x: %v, %d, %v", b[:n], h, size, err)
		}
	}
}

// A feeder gives a stream to a Framer in pieces.
type feeder struct {
	framer codec.Framer
	b      []byte // all of the stream
	fed    int
	cuts   fuzz.Source
	most   int // the most bytes that were ever buffered
}

// feed gives the framer a piece and reports whether there was one.
func (f *feeder) feed(t *testing.T) bool {
	if f.fed == len(f.b) {
		return false
	}
	if f.framer.Buffered() == 0 && f.cuts.OneIn(8) {
		if old := f.framer.Release(); f.cuts.Bool() {
			f.framer.Use(old)
		}
	}
	buf := f.framer.Buffer()
	f.most = max(f.most, f.framer.Buffered())
	if len(buf) < 512 || len(buf) > 8192+4*f.most && len(buf) > 64<<10 {
		t.Fatalf("Buffer has %d bytes, with %d buffered at most", len(buf), f.most)
	}
	for i := range buf[:min(len(buf), 64)] {
		buf[i] = 0x10 // looks like the rest of something
	}
	n := 1 + int(f.cuts.Byte())
	if len(f.cuts) == 0 {
		n = 1 + f.fed/4
	}
	n = copy(buf, f.b[f.fed:min(len(f.b), f.fed+n)])
	f.framer.Filled(n)
	f.fed += n
	return true
}

// checkGlued holds that a Framer makes of the pieces what Split made of the
// whole, each as soon as it can.
func checkGlued(t *testing.T, r codec.Rules, b, cuts []byte, maxSize int, want []frame) {
	f := feeder{framer: codec.Framer{Rules: r, MaxSize: maxSize}, b: b, cuts: cuts}
	got := []frame{}
	for f.feed(t) {
		for {
			h, body, ok, err := f.framer.Next()
			if err != nil {
				if ok {
					t.Fatalf("Next: ok and %v", err)
				}
				if len(got) > 0 && got[len(got)-1].Err != nil {
					if got[len(got)-1].Err != err {
						t.Fatalf("Next: %v after %v", err, got[len(got)-1].Err)
					}
					break
				}
				got = append(got, frame{Header: h, Err: err})
				break
			}
			if !ok {
				break
			}
			got = append(got, frame{h, slices.Clone(body), nil})
		}
		if n := len(frames(r, b[:f.fed], maxSize)); n != len(got) {
			t.Fatalf("%d frames after %d bytes, want %d", len(got), f.fed, n)
		}
	}
	mustEqual(t, "Framer", got, want)
}

// checkStreamed holds that Peek, Stream and Payload give the same packets in
// pieces.
func checkStreamed(t *testing.T, r codec.Rules, b, cuts []byte, maxSize int, want []frame) {
	f := feeder{framer: codec.Framer{Rules: r, MaxSize: maxSize}, b: b, cuts: cuts}
	got, open := []frame{}, false
	for f.feed(t) {
		for {
			if open {
				chunk, rest := f.framer.Payload()
				last := &got[len(got)-1]
				last.Body = append(last.Body, chunk...)
				if len(last.Body)+rest != int(last.Header.Length) {
					t.Fatalf("%d bytes of a body of %d, %d to come", len(last.Body), last.Header.Length, rest)
				}
				if open = rest > 0; open {
					break
				}
			}
			h, part, ok, err := f.framer.Peek()
			if err != nil {
				if n := len(got); n == 0 || got[n-1].Err == nil {
					got = append(got, frame{Header: h, Err: err})
				}
				break
			}
			if !ok {
				break
			}
			take := f.cuts.Intn(len(part) + 1)
			got = append(got, frame{h, slices.Clone(part[:take]), nil})
			f.framer.Stream(take)
			open = true
		}
	}
	if open {
		got = got[:len(got)-1] // not all there
	}
	mustEqual(t, "Peek, Stream and Payload", got, want)
}

// FuzzHead decodes a PUBLISH from the first bytes of it: what DecodeHead finds
// it finds with the byte that completes the head, and agrees with Decode.
func FuzzHead(f *testing.F) {
	addSeeds(func(b []byte, version, from byte) {
		if len(b) > 0 && b[0]>>4 == byte(mqttwire.PUBLISH) {
			f.Add(b, version, from)
		}
	})
	f.Fuzz(func(t *testing.T, b []byte, version, from byte) {
		r := rules(version, from)
		h, n, err := codec.SplitHeader(r, b, 0)
		if err != nil || n == 0 || h.Type != mqttwire.PUBLISH {
			return
		}
		b = b[n:]
		if len(b) < int(h.Length) {
			h.Length = uint32(len(b)) // take what is there for all
			h.Width = uint8(len(lengthOf(len(b))))
		}
		body := b[:h.Length]
		var p codec.Publish
		whole := p.Decode(r, h, body)
		head := int(h.Length) - len(p.Payload)
		var seen error
		for n := 0; n <= len(body); n++ {
			if n > 300 && n < len(body)-3 && n != head {
				continue
			}
			var q codec.Publish
			got, err := q.DecodeHead(r, h, body[:n:n])
			switch {
			case err != nil && got != 0 || seen != nil && err != seen || n == len(body) && err != whole:
				t.Fatalf("DecodeHead of %d bytes: %d, %v; before: %v, Decode: %v", n, got, err, seen, whole)
			case err == nil && whole == nil && (got != 0) != (n >= head), got != 0 && got != head && whole == nil:
				t.Fatalf("DecodeHead of %d bytes: %d, head is %d", n, got, head)
			case got != 0 && whole == nil:
				want := p
				want.Payload = nil
				mustEqual(t, "DecodeHead", q, want)
			}
			seen = err
		}
		if whole != nil {
			return
		}
		all, err := p.Append(nil, r)
		if err != nil {
			t.Fatal(err)
		}
		first, err := p.AppendHead(nil, r, len(p.Payload))
		if err != nil || !bytes.Equal(append(first, p.Payload...), all) {
			t.Fatalf("AppendHead: % x, %v, want % x", first, err, all)
		}
		if _, err := p.AppendHead(nil, r, varint.Max-head); err != nil {
			t.Fatalf("AppendHead of the largest packet: %v", err)
		}
		if _, err := p.AppendHead(nil, r, varint.Max-head+1); err != mqttwire.ErrVarintTooLong {
			t.Fatalf("AppendHead of a larger packet: %v", err)
		}
	})
}

// lengthOf is a Remaining Length of n.
func lengthOf(n int) []byte {
	b, _ := fixedheader.Header{Length: uint32(n)}.Append(nil)
	return b[1:]
}
