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
	"github.com/mqttwire/mqttwire/qos"
)

// FuzzInspect inspects any bytes by any rules. Its twin is Decode: what that
// takes has no fault and the same fields, what that refuses has at least its
// error. Framing is that of the fixed header, whatever else is wrong.
func FuzzInspect(f *testing.F) {
	addSeeds(func(b []byte, version, from byte) { f.Add(b, version, from) })
	// A CONNECT of 3.1, the flags of its header wrong by the rules of 5.0.
	f.Add([]byte("\x16\x30\x00\x00\x03"), byte(0), byte(0))
	f.Add([]byte("\x10\x8d\x00\x00\x04MQTT\x04\x02\x00\x3c\x00\x01c"), byte(0), byte(0))
	f.Fuzz(func(t *testing.T, b []byte, version, from byte) {
		r := rules(version, from)
		original := slices.Clone(b)
		in := codec.Inspect(r, b)
		checkFraming(t, b, in)
		checkFields(t, b, in)
		checkFaults(t, r, b, in)
		checkTwin(t, r, b, in)
		r.Lenient = codec.AllLeniencies
		checkTwin(t, r, b, codec.Inspect(r, b))
		r.Lenient = 0
		checkVersions(t, r, b, in)
		for _, n := range [...]int{len(b) / 2, len(b) - 1} {
			checkBeginning(t, codec.Rules{Version: in.Version, From: r.From}, b, max(n, 0))
		}
		if !bytes.Equal(b, original) {
			t.Fatal("Inspect changed its input")
		}
	})
}

// TestInspectSeeds holds what is known of the seeds, the vectors of package
// testdata among them: a valid packet has no fault, an invalid one has.
func TestInspectSeeds(t *testing.T) {
	for _, s := range seeds() {
		in := codec.Inspect(s.Rules, s.Packet)
		faults := slices.Collect(in.Faults())
		switch s.Verdict {
		case fuzz.Valid:
			if len(faults) > 0 || in.Size != len(s.Packet) || !in.Clean.Has(in.Version) || in.Guessed {
				t.Errorf("%s, %+v: % x: %v, %v", s.Name, s.Rules, s.Packet, in, faults)
			}
		case fuzz.Invalid:
			if len(faults) == 0 && in.Size == len(s.Packet) || in.Size > 0 && in.Clean.Has(in.Version) && in.Size == len(s.Packet) {
				t.Errorf("%s, %+v: % x: %v, no fault", s.Name, s.Rules, s.Packet, in)
			}
		case fuzz.Incomplete:
			if len(faults) > 0 || in.Size != 0 || in.Lost {
				t.Errorf("%s, %+v: % x: %v, %v", s.Name, s.Rules, s.Packet, in, faults)
			}
		}
		checkTwin(t, s.Rules, s.Packet, in)
		lenient := s.Rules
		lenient.Lenient = codec.AllLeniencies
		checkTwin(t, lenient, s.Packet, codec.Inspect(lenient, s.Packet))
		for n := range min(len(s.Packet), 200) {
			checkBeginning(t, s.Rules, s.Packet, n)
		}
	}
}

// checkFraming holds that the size is what the fixed header says, or that the
// Remaining Length cannot be read.
func checkFraming(t *testing.T, b []byte, in codec.Inspection) {
	h, n, err := fixedheader.Consume(b)
	total := n + int(h.Length)
	switch {
	case err != nil:
		if !in.Lost || in.Size != 0 || in.Total() != 0 {
			t.Fatalf("% x: %v, not lost", b, in)
		}
	case in.Lost:
		t.Fatalf("% x: %v, lost", b, in)
	case n == 0:
		if in.Size != 0 || in.Total() != 0 {
			t.Fatalf("% x: %v", b, in)
		}
	case in.Header != h || in.Total() != total:
		t.Fatalf("% x: header %+v, %d bytes, want %+v, %d", b, in.Header, in.Total(), h, total)
	case total <= len(b) && in.Size != total || total > len(b) && in.Size != 0:
		t.Fatalf("% x: size %d, want %d", b, in.Size, total)
	}
	if in.Size > 0 {
		if again, err := codec.AppendRaw(nil, in.Header, b[n:total]); err != nil || !bytes.Equal(again, b[:total]) {
			t.Fatalf("% x: appended again % x, %v", b[:total], again, err)
		}
	}
}

// checkFields holds that the fields are the bytes that are there, each bit once
// and in order.
func checkFields(t *testing.T, b []byte, in codec.Inspection) {
	there := in.Bytes()
	at, masks, n := 0, uint8(0), 0
	for f := range in.Fields() {
		n++
		_ = f.String()
		switch {
		case f.Mask != 0:
			if f.Offset != at || f.Size != 1 || masks&f.Mask != 0 {
				t.Fatalf("% x: %v at %d, mask %08b after %08b, byte %d", b, f, f.Offset, f.Mask, masks, at)
			}
			if masks |= f.Mask; masks == 0xff {
				at, masks = at+1, 0
			}
		case f.Offset != at || masks != 0 || f.Size < 0 || f.Name == "" || f.Size == 0 && f.Name != "Payload":
			t.Fatalf("% x: %q at %d, %d bytes, want it at %d; mask %08b", b, f.Name, f.Offset, f.Size, at, masks)
		default:
			at += f.Size
		}
	}
	if (at != len(there) || masks != 0) && !in.Lost {
		t.Fatalf("% x: fields up to %d, mask %08b", there, at, masks)
	}
	// A walk ends where its caller ends it.
	for stop := range min(n, 20) {
		i := 0
		for range in.Fields() {
			if i == stop {
				break
			}
			i++
		}
		if i != stop {
			t.Fatalf("% x: walk stopped after %d fields, not %d", b, i, stop)
		}
	}
}

// checkFaults holds that each fault is in the packet and names its clause, and
// that there is none exactly if the version is clean.
func checkFaults(t *testing.T, r codec.Rules, b []byte, in codec.Inspection) {
	n := 0
	for f := range in.Faults() {
		n++
		_ = f.String()
		clause, ok := f.Err.Clause(in.Version)
		if !ok && in.Header.Type == mqttwire.CONNECT {
			clause, ok = f.Err.Clause(r.Version)
		}
		if f.Offset < 0 || f.Offset > len(in.Bytes()) || f.Field == "" || !ok || f.Clause != clause {
			t.Fatalf("% x: %v of %v, clause %q", b, f, in, clause)
		}
	}
	if len(b) > 0 && (n == 0) != in.Clean.Has(in.Version) {
		t.Fatalf("% x: %v, %d faults, clean in %v", b, in, n, in.Clean)
	}
	for range in.Faults() {
		break
	}
}

// checkTwin holds that Inspect and Decode are of one mind.
func checkTwin(t *testing.T, r codec.Rules, b []byte, in codec.Inspection) {
	if r.Version == 0 && in.Header.Type != mqttwire.CONNECT || len(b) == 0 {
		return // of which Decode says nothing
	}
	h, body, n, err := codec.Split(r, b, 0)
	var p codec.Packet
	if n > 0 {
		var d codec.Decoder
		p, err = d.Decode(r, h, body)
	}
	faults := slices.Collect(in.Faults())
	switch {
	case err != nil:
		if !slices.ContainsFunc(faults, func(f codec.Fault) bool { return f.Err == err }) {
			t.Fatalf("%+v: % x: %v, want %q among %v", r, b, in, err, faults)
		}
	case p == nil:
		// Not all there. A fault in what is may be known already.
	case len(faults) > 0:
		t.Fatalf("%+v: % x: %v, which Decode takes: %v", r, b, p, faults)
	default:
		mustEqual(t, "inspected", inspected(in), p)
	}
}

// checkVersions holds that what is guessed is read as it would be if it were
// known, and that no other version has fewer faults.
func checkVersions(t *testing.T, r codec.Rules, b []byte, in codec.Inspection) {
	if len(b) == 0 {
		return
	}
	if !in.Version.Valid() {
		t.Fatalf("% x: %v", b, in)
	}
	if in.Guessed != (r.Version == 0) && in.Header.Type != mqttwire.CONNECT {
		t.Fatalf("%+v: % x: guessed: %v", r, b, in.Guessed)
	}
	if !in.Guessed || in.Header.Type == mqttwire.CONNECT || in.Header.Type == mqttwire.AUTH {
		return
	}
	least := len(slices.Collect(in.Faults()))
	for v := mqttwire.V31; v <= mqttwire.V50; v++ {
		known := codec.Inspect(codec.Rules{Version: v, From: r.From}, b)
		n := len(slices.Collect(known.Faults()))
		if n < least || in.Clean.Has(v) != (n == 0) {
			t.Fatalf("% x: %v with %d faults, clean in %v; %v has %d", b, in, least, in.Clean, v, n)
		}
	}
}

// checkBeginning holds that the beginning of a packet has no fault that the whole
// does not have.
func checkBeginning(t *testing.T, r codec.Rules, b []byte, n int) {
	if n == 0 || !r.Version.Valid() {
		return
	}
	whole := codec.Inspect(r, b)
	part := codec.Inspect(r, b[:n])
	if whole.Version != part.Version {
		return // a CONNECT that is cut before its version
	}
	faults := slices.Collect(whole.Faults())
	for f := range part.Faults() {
		if !slices.Contains(faults, f) {
			t.Fatalf("%+v: % x: first %d bytes: %v, which is none of %v", r, b, n, f, faults)
		}
	}
	fields := slices.Collect(whole.Fields())
	for f := range part.Fields() {
		if !f.Cut && f.Name != codec.Unread && !slices.ContainsFunc(fields, func(g codec.Field) bool { return same(f, g) }) {
			t.Fatalf("%+v: % x: first %d bytes: %v, which is none of %v", r, b, n, f, fields)
		}
	}
}

func same(f, g codec.Field) bool {
	ok := bytes.Equal(f.Key, g.Key) && bytes.Equal(f.Value, g.Value) || f.Name == "Payload"
	return ok && f.Name == g.Name && f.Offset == g.Offset && (f.Size == g.Size || f.Name == "Payload") && f.Mask == g.Mask &&
		f.Number == g.Number && f.Property == g.Property && f.Part == g.Part && f.Meaning == g.Meaning
}

// inspected makes the packet of its fields.
func inspected(in codec.Inspection) codec.Packet {
	p := zero(in.Header.Type)
	for f := range in.Fields() {
		switch {
		case f.Property != 0:
			list := p.PropertyList()
			if c, ok := p.(*codec.Connect); ok && f.Part == codec.Payload {
				list = &c.Will.Properties
			}
			*list = list.Append(codec.Property{ID: f.Property, Number: f.Number, Key: f.Key, Value: f.Value})
		default:
			setField(p, f)
		}
	}
	if c, ok := p.(*codec.Connect); ok {
		c.Version = in.Version
		if !c.WillFlag { // what 3.1 disregards
			c.Will = codec.Will{}
		}
	}
	return p
}

func setField(p codec.Packet, f codec.Field) {
	id, code := uint16(f.Number), mqttwire.Reason(f.Number)
	switch p := p.(type) {
	case *codec.Connect:
		setConnectField(p, f)
	case *codec.Connack:
		switch f.Name {
		case "Session Present":
			p.SessionPresent = f.Number != 0
		case "Connect Return code", "Connect Reason Code":
			p.Code = connack.Code(f.Number)
		}
	case *codec.Publish:
		switch f.Name {
		case "DUP":
			p.Dup = f.Number != 0
		case "QoS":
			p.QoS = qos.Level(f.Number)
		case "RETAIN":
			p.Retain = f.Number != 0
		case "Topic Name":
			p.Topic = f.Value
		case "Packet Identifier":
			p.ID = id
		case "Payload":
			p.Payload = f.Value
		}
	case *codec.Puback:
		set(f, "PUBACK Reason Code", &p.ID, &p.Code)
	case *codec.Pubrec:
		set(f, "PUBREC Reason Code", &p.ID, &p.Code)
	case *codec.Pubrel:
		set(f, "PUBREL Reason Code", &p.ID, &p.Code)
	case *codec.Pubcomp:
		set(f, "PUBCOMP Reason Code", &p.ID, &p.Code)
	case *codec.Subscribe:
		setSubscribeField(p, f)
	case *codec.Suback:
		switch f.Name {
		case "Packet Identifier":
			p.ID = id
		case "Return Code", "Reason Code", "Granted QoS":
			p.Codes = p.Codes.Append(code)
		}
	case *codec.Unsubscribe:
		switch f.Name {
		case "Packet Identifier":
			p.ID = id
		case "Topic Filter":
			p.Filters = p.Filters.Append(f.Value)
		}
	case *codec.Unsuback:
		switch f.Name {
		case "Packet Identifier":
			p.ID = id
		case "Reason Code":
			p.Codes = p.Codes.Append(code)
		}
	case *codec.Disconnect:
		set(f, "Disconnect Reason Code", new(uint16), &p.Code)
	case *codec.Auth:
		set(f, "Authenticate Reason Code", new(uint16), &p.Code)
	}
}

func set(f codec.Field, name string, id *uint16, code *mqttwire.Reason) {
	switch f.Name {
	case "Packet Identifier":
		*id = uint16(f.Number)
	case name:
		*code = mqttwire.Reason(f.Number)
	}
}

func setConnectField(p *codec.Connect, f codec.Field) {
	switch f.Name {
	case "Bridge":
		p.Bridge = f.Number != 0
	case "Will Retain":
		p.Will.Retain = f.Number != 0
	case "Will QoS":
		p.Will.QoS = qos.Level(f.Number)
	case "Will Flag":
		p.WillFlag = f.Number != 0
	case "Clean Session", "Clean Start":
		p.CleanStart = f.Number != 0
	case "Keep Alive":
		p.KeepAlive = uint16(f.Number)
	case "Client Identifier":
		p.ClientID = f.Value
	case "Will Topic":
		p.Will.Topic = f.Value
	case "Will Message", "Will Payload":
		p.Will.Payload = f.Value
	case "User Name":
		p.UserName, p.UserNameFlag = f.Value, true
	case "Password":
		p.Password, p.PasswordFlag = f.Value, true
	}
}

// setSubscribeField adds a subscription when its last field comes.
func setSubscribeField(p *codec.Subscribe, f codec.Field) {
	var last codec.Subscription
	b := p.Subscriptions.Bytes()
	if f.Name == "Topic Filter" {
		last.Filter = f.Value
		p.Subscriptions = p.Subscriptions.Append(last)
		return
	}
	switch f.Name {
	case "Packet Identifier":
		p.ID = uint16(f.Number)
	case "Retain Handling":
		b[len(b)-1] |= byte(f.Number << 4)
	case "Retain As Published":
		b[len(b)-1] |= byte(f.Number << 3)
	case "No Local":
		b[len(b)-1] |= byte(f.Number << 2)
	case "Maximum QoS", "Requested QoS":
		b[len(b)-1] |= byte(f.Number)
	}
}
