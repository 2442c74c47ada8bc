package fuzz_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/fixedheader"
	"github.com/mqttwire/mqttwire/fuzz"
)

// FuzzDecode decodes any bytes by any rules. What is refused is refused with a
// reason; what is accepted is what Append writes, except for the documented
// leniencies.
func FuzzDecode(f *testing.F) {
	addSeeds(func(b []byte, version, from byte) { f.Add(b, version, from) })
	f.Fuzz(func(t *testing.T, b []byte, version, from byte) {
		r := rules(version, from)
		original := slices.Clone(b)
		checkLenient(t, r, b)
		h, body, n, err := codec.Split(r, b, 0)
		if err != nil {
			mustBeTyped(t, err, r.Version)
			return
		}
		if n == 0 {
			// Take it for whole to reach Decode all the same.
			if h, n, err = fixedheader.Consume(b); n == 0 || err != nil {
				return
			}
			body = b[n:]
			h.Length = uint32(len(body))
		}
		var d codec.Decoder
		p, err := d.Decode(r, h, body)
		if !bytes.Equal(b, original) {
			t.Fatal("Decode changed its input")
		}
		if err != nil {
			checkRefused(t, r, p, err)
			return
		}
		checkAccepted(t, r, h, body, p)
		checkSenders(t, r, h, body, p)
		checkLength(t, r, h, body, p)
		extend(p)
		if !bytes.Equal(b, original) {
			t.Fatalf("appending to a field of %v changed the bytes it was decoded from", p)
		}
	})
}

// excuses are the errors that each leniency overlooks.
var excuses = map[codec.Leniencies][]mqttwire.Error{
	codec.LongClientID:            {mqttwire.ErrClientIDTooLong},
	codec.PasswordWithoutUserName: {mqttwire.ErrPasswordWithoutUserName},
	codec.ReservedFlags: {mqttwire.ErrFlags, mqttwire.ErrPubrelFlags, mqttwire.ErrSubscribeFlags, mqttwire.ErrUnsubscribeFlags,
		mqttwire.ErrDisconnectFlags, mqttwire.ErrAuthFlags},
	codec.DupQoS0:          {mqttwire.ErrDupQoS0},
	codec.RepeatWithoutDup: nil,
	codec.MaximumQoS2:      {mqttwire.ErrMaximumQoSValue},
	codec.EmptyAuth:        {mqttwire.ErrAuthMethodMissing},
	codec.BadFilter: {mqttwire.ErrTopicEmpty, mqttwire.ErrMultiLevelWildcard, mqttwire.ErrSingleWildcard, mqttwire.ErrShareName,
		mqttwire.ErrShareWildcard, mqttwire.ErrShareFilter},
}

// checkLenient holds that leniencies change nothing about what is right, that
// each takes what is wrong in its way alone, and that Append does not write that.
func checkLenient(t *testing.T, r codec.Rules, b []byte) {
	p, strict := decode(r, b)
	lenient := r
	lenient.Lenient = codec.AllLeniencies
	q, err := decode(lenient, b)
	switch {
	case strict == nil && err != nil:
		t.Fatalf("refused by leniency: %v\n% x", err, b)
	case strict == nil:
		mustEqual(t, "leniently", q, p)
		return
	case err != nil:
		if err != errIncomplete && err != errMore && err != mqttwire.ErrVersion {
			mustBeTyped(t, err, r.Version)
		}
		return
	}
	excused := codec.Leniencies(0)
	for l, errors := range excuses {
		for _, e := range errors {
			if e == strict {
				excused = l
			}
		}
	}
	lenient.Lenient &^= excused
	if _, err := decode(lenient, b); err == nil || excused == 0 {
		t.Fatalf("%v, which %v excuses, is taken without it\n% x", strict, excused, b)
	}
	if c, ok := q.(*codec.Connect); ok {
		r.Version = c.Version
	}
	if b, err := q.Append(nil, r); err == nil {
		if _, err := decode(r, b); err != nil {
			t.Fatalf("%v: Append wrote % x: %v", q, b, err)
		}
	} else {
		mustBeTyped(t, err, r.Version)
	}
	r.Unchecked = true
	if b, err := q.Append(nil, r); err != nil || len(b) != q.Size(r.Version) {
		t.Fatalf("%v: unchecked Append wrote % x, %v; Size %d", q, b, err, q.Size(r.Version))
	}
	_ = q.String()
}

// checkLength holds that a body of another length than the header says is
// refused, and so is a header of another type.
func checkLength(t *testing.T, r codec.Rules, h fixedheader.Header, body []byte, p codec.Packet) {
	q := zero(p.Type())
	longer, shorter, other := h, h, h
	longer.Length++
	shorter.Length--
	other.Type = other.Type%15 + 1
	if err := q.Decode(r, longer, body); err == nil {
		t.Fatalf("%v: decoded from less than its Remaining Length", q)
	}
	if err := q.Decode(r, shorter, body); err == nil && h.Length > 0 {
		t.Fatalf("%v: decoded from more than its Remaining Length", q)
	}
	if err := q.Decode(r, other, body); err != mqttwire.ErrWrongPacket {
		t.Fatalf("%v from the header of a %v: %v", q.Type(), other.Type, err)
	}
}

// extend appends to whatever can be appended to in a decoded packet.
func extend(p codec.Packet) {
	for _, block := range blocks(p) {
		codec.AppendUserProperty(block, "more", "of it")
	}
	more := []byte("more of it")
	switch p := p.(type) {
	case *codec.Connect:
		for _, b := range [][]byte{p.ClientID, p.UserName, p.Password, p.Will.Topic, p.Will.Payload} {
			_ = append(b, more...)
		}
	case *codec.Publish:
		_, _ = append(p.Topic, more...), append(p.Payload, more...)
	case *codec.Subscribe:
		for s := range p.Subscriptions.All() {
			_ = append(s.Filter, more...)
		}
		p.Subscriptions.Append(codec.Subscription{Filter: more})
	case *codec.Unsubscribe:
		for f := range p.Filters.All() {
			_ = append(f, more...)
		}
		p.Filters.Append(more)
	case *codec.Suback:
		p.Codes.Append(1, 2)
	case *codec.Unsuback:
		p.Codes.Append(1, 2)
	}
}

// checkRefused holds that an error is typed and leaves nothing behind but what
// a Connect says of its version.
func checkRefused(t *testing.T, r codec.Rules, p codec.Packet, err error) {
	v := r.Version
	if c, ok := p.(*codec.Connect); ok {
		if c.Version != 0 {
			v = c.Version
		}
		mustEqual(t, "refused CONNECT", c, &codec.Connect{Version: c.Version, Bridge: c.Bridge})
	} else if p != nil {
		mustEqual(t, "refused packet", p, zero(p.Type()))
	}
	if err == mqttwire.ErrVersion && r.Version == 0 {
		return
	}
	mustBeTyped(t, err, v)
	mustBeAnswerable(t, r, err.(mqttwire.Error), v, p)
}

// mustBeAnswerable holds that the answer to an error is a packet that the other
// end may send.
func mustBeAnswerable(t *testing.T, r codec.Rules, e mqttwire.Error, v mqttwire.Version, to codec.Packet) {
	if to == nil {
		return
	}
	a := e.Answer(v, to.Type())
	r = codec.Rules{Version: a.Version, From: [...]mqttwire.Role{mqttwire.Either, mqttwire.Server, mqttwire.Client}[r.From]}
	var answer codec.Packet
	switch a.Packet {
	case 0:
		return
	case mqttwire.CONNACK:
		answer = &codec.Connack{Code: connack.Code(a.Code)}
	case mqttwire.DISCONNECT:
		answer = &codec.Disconnect{Code: a.Code}
	default:
		t.Fatalf("%v: answer %+v", e, a)
	}
	if _, err := answer.Append(nil, r); err != nil || !a.Code.IsError() && a.Version == mqttwire.V50 || a.Code == 0 {
		t.Fatalf("%v in %v: answer %+v: %v", e, to.Type(), a, err)
	}
}

func zero(of mqttwire.PacketType) codec.Packet {
	return map[mqttwire.PacketType]codec.Packet{
		mqttwire.CONNECT: &codec.Connect{}, mqttwire.CONNACK: &codec.Connack{}, mqttwire.PUBLISH: &codec.Publish{},
		mqttwire.PUBACK: &codec.Puback{}, mqttwire.PUBREC: &codec.Pubrec{}, mqttwire.PUBREL: &codec.Pubrel{},
		mqttwire.PUBCOMP: &codec.Pubcomp{}, mqttwire.SUBSCRIBE: &codec.Subscribe{}, mqttwire.SUBACK: &codec.Suback{},
		mqttwire.UNSUBSCRIBE: &codec.Unsubscribe{}, mqttwire.UNSUBACK: &codec.Unsuback{}, mqttwire.PINGREQ: &codec.Pingreq{},
		mqttwire.PINGRESP: &codec.Pingresp{}, mqttwire.DISCONNECT: &codec.Disconnect{}, mqttwire.AUTH: &codec.Auth{},
	}[of]
}

// checkAccepted holds that what was accepted can be appended, to the same bytes
// but for the leniencies.
func checkAccepted(t *testing.T, r codec.Rules, h fixedheader.Header, body []byte, p codec.Packet) {
	if c, ok := p.(*codec.Connect); ok {
		r.Version = c.Version
	}
	if onlyToBeRead(r, p) {
		b, err := p.Append(nil, r)
		if err != mqttwire.ErrPubackCode && err != mqttwire.ErrPubrecCode {
			t.Fatalf("%v from a client: Append wrote % x, %v", p, b, err)
		}
		r.From = mqttwire.Either
	}
	b := mustRoundTrip(t, r, p)
	first, n, err := fixedheader.Consume(b)
	if err != nil {
		t.Fatal(err)
	}
	same := bytes.Equal(b[n:], body) && first.Flags == h.Flags
	switch r.Version {
	case mqttwire.V311: // only the Remaining Length may be longer than needed
		if !same {
			t.Fatalf("accepted % x, which Append writes % x", body, b)
		}
	case mqttwire.V50: // short forms
		if !same && !(shortForm(p.Type()) && len(b)-n < len(body) && first.Flags == h.Flags) {
			t.Fatalf("accepted % x, which Append writes % x", body, b)
		}
	default: // 3.1 ignores bits, and reads flags that promise what is not there
		if len(b)-n != len(body) {
			t.Fatalf("accepted % x, which Append writes % x", body, b)
		}
	}
	_ = p.String()
}

// onlyToBeRead reports whether p is what Decode takes and Append does not write:
// Reason Code 0x10 from a client, in PUBACK and PUBREC.
func onlyToBeRead(r codec.Rules, p codec.Packet) bool {
	if r.Version != mqttwire.V50 || r.From != mqttwire.Client {
		return false
	}
	switch p := p.(type) {
	case *codec.Puback:
		return p.Code == mqttwire.NoMatchingSubscribers
	case *codec.Pubrec:
		return p.Code == mqttwire.NoMatchingSubscribers
	}
	return false
}

// shortForm reports whether 5.0 lets code and properties of the type be left
// out.
func shortForm(of mqttwire.PacketType) bool {
	switch of {
	case mqttwire.PUBACK, mqttwire.PUBREC, mqttwire.PUBREL, mqttwire.PUBCOMP, mqttwire.DISCONNECT, mqttwire.AUTH:
		return true
	}
	return false
}

// checkSenders holds that what one sender may send either may, that it says the
// same, that a decoder which has been used before reads it no differently, and
// that a CONNECT is the same whether or not its version was expected.
func checkSenders(t *testing.T, r codec.Rules, h fixedheader.Header, body []byte, p codec.Packet) {
	r.From = mqttwire.Either
	if c, ok := p.(*codec.Connect); ok {
		if r.Version = 0; h.Length%2 == 0 {
			r.Version = c.Version
		}
	}
	q, err := used(p).Decode(r, h, body)
	if err != nil {
		t.Fatalf("accepted from one sender, but not from either: %v", err)
	}
	mustEqual(t, "from either", q, p)
}

// used returns a decoder that holds another packet of the type of p, with every
// field set.
func used(p codec.Packet) *codec.Decoder {
	var d codec.Decoder
	r := codec.Rules{Version: mqttwire.V50}
	b, ok := full[p.Type()]
	if ok {
		h, body, _, _ := codec.Split(r, b, 0)
		d.Decode(r, h, body)
	}
	return &d
}

// full is a long packet of each type.
var full = func() map[mqttwire.PacketType][]byte {
	m := make(map[mqttwire.PacketType][]byte)
	r := codec.Rules{Version: mqttwire.V50}
	for seed := range uint64(100) {
		for t := mqttwire.CONNECT; t <= mqttwire.AUTH; t++ {
			src := fuzz.Random(seed, 100)
			b, err := fuzz.PacketOf(&src, r, t).Append(nil, r)
			if err == nil && len(b) > len(m[t]) && len(b) < 500 {
				m[t] = b
			}
		}
	}
	return m
}()

// FuzzGenerated draws packets: what the generator calls valid must be accepted
// and come back the same, what it calls invalid must be refused.
func FuzzGenerated(f *testing.F) {
	for seed := range uint64(600) {
		f.Add([]byte(fuzz.Random(seed, 40+int(seed))))
	}
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		src := fuzz.Source(data)
		r := fuzz.Rules(&src)
		if src.OneIn(8) {
			r = codec.Rules{From: mqttwire.Client} // before CONNECT
		}
		switch src.Intn(5) {
		case 0:
			p := fuzz.Packet(&src, r)
			mustRoundTrip(t, r, p)
		case 1:
			b := fuzz.Wire(&src, r)
			if _, err := decode(r, b); err != nil {
				t.Fatalf("%v from %v: %v\n% x", r.Version, r.From, err, b)
			}
		case 2:
			b, verdict, name := fuzz.Almost(&src, r)
			checkVerdict(t, r, b, verdict, name)
		case 3:
			checkUnchecked(t, r, fuzz.Unchecked(&src, r))
		case 4:
			checkOtherRules(t, fuzz.Rules(&src), fuzz.Packet(&src, r))
		}
	})
}

// checkVerdict holds that codec says of b what the generator says.
func checkVerdict(t *testing.T, r codec.Rules, b []byte, verdict fuzz.Verdict, name string) {
	t.Helper()
	_, err := decode(r, b)
	ok := true
	switch verdict {
	case fuzz.Valid:
		ok = err == nil
	case fuzz.Invalid:
		ok = err != nil && err != errIncomplete && err != errMore
	case fuzz.Incomplete:
		ok = err == errIncomplete
	case fuzz.None:
		ok = false
	}
	if !ok {
		t.Fatalf("%s, %v from %v, is %v: decoded with %v\n% x", name, r.Version, r.From, verdict, err, b)
	}
}

// checkOtherRules holds that a packet is written as it is or not at all by rules
// other than its own: nothing that a version lacks is dropped.
func checkOtherRules(t *testing.T, r codec.Rules, p codec.Packet) {
	if _, err := p.Append(nil, r); err != nil {
		mustBeTyped(t, err, r.Version)
		return
	}
	mustRoundTrip(t, r, p)
}

// checkUnchecked holds that Append writes what it is told to, of exactly the
// size it says, and that unless told so it writes nothing that Decode refuses.
func checkUnchecked(t *testing.T, r codec.Rules, p codec.Packet) {
	const there = "what is there"
	b, checked := p.Append([]byte(there), r)
	if checked == nil {
		mustRoundTrip(t, r, p)
	} else {
		mustBeTyped(t, checked, r.Version)
		if string(b) != there {
			t.Fatalf("Append returned %q with %v", b, checked)
		}
	}
	r.Unchecked = true
	b, err := p.Append([]byte(there), r)
	if err != nil {
		t.Fatalf("%v: unchecked Append: %v", p, err)
	}
	if got := len(b) - len(there); got != p.Size(r.Version) {
		t.Fatalf("%v: Size %d, Append wrote %d", p, p.Size(r.Version), got)
	}
	if c, ok := p.(*codec.Connect); ok {
		r.Version = c.Version
	}
	// 3.1 reads bits that it does not write.
	if q, err := decode(r, b[len(there):]); err == nil && checked != nil && r.Version != mqttwire.V31 && !onlyToBeRead(r, q) {
		t.Fatalf("Decode accepts what Append refuses with %v: %v\n% x", checked, p, b[len(there):])
	}
}
