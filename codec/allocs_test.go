package codec_test

import (
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/testdata"
)

// sink keeps what the tests look at from being optimised away.
var sink int

func look(b []byte, ok bool) {
	if ok {
		sink += len(b)
	}
}

func lookAt[N ~uint8 | ~uint16 | ~uint32](n N, ok bool) {
	if ok {
		sink += int(n)
	}
}

// lookAll walks properties in every way there is.
func lookAll(p codec.Properties) {
	lookAt(p.PayloadFormatIndicator())
	lookAt(p.MessageExpiryInterval())
	look(p.ContentType())
	look(p.ResponseTopic())
	look(p.CorrelationData())
	lookAt(p.SubscriptionIdentifier())
	lookAt(p.SessionExpiryInterval())
	look(p.AssignedClientIdentifier())
	lookAt(p.ServerKeepAlive())
	look(p.AuthenticationMethod())
	look(p.AuthenticationData())
	lookAt(p.RequestProblemInformation())
	lookAt(p.WillDelayInterval())
	lookAt(p.RequestResponseInformation())
	look(p.ResponseInformation())
	look(p.ServerReference())
	look(p.ReasonString())
	lookAt(p.ReceiveMaximum())
	lookAt(p.TopicAliasMaximum())
	lookAt(p.TopicAlias())
	lookAt(p.MaximumQoS())
	lookAt(p.RetainAvailable())
	lookAt(p.MaximumPacketSize())
	lookAt(p.WildcardSubscriptionAvailable())
	lookAt(p.SubscriptionIdentifierAvailable())
	lookAt(p.SharedSubscriptionAvailable())
	for id := range p.SubscriptionIdentifiers() {
		sink += int(id)
	}
	for name, value := range p.UserProperties() {
		sink += len(name) + len(value)
	}
	for x := range p.All() {
		sink += int(x.Number) + len(x.Key) + len(x.Value) + len(x.ID.String())
	}
	for x, rest, ok := p.Next(); ok; x, rest, ok = rest.Next() {
		sink += int(x.ID)
	}
	var found [4]codec.Property
	for _, x := range p.Find(found[:0], codec.UserProperty, codec.ContentType, codec.TopicAlias, codec.ReasonString) {
		sink += int(x.ID)
	}
	sink += p.Len()
}

func lookInto(p codec.Packet) {
	if l := p.PropertyList(); l != nil {
		lookAll(*l)
	}
	switch p := p.(type) {
	case *codec.Connect:
		lookAll(p.Will.Properties)
	case *codec.Subscribe:
		for s := range p.Subscriptions.All() {
			sink += len(s.Filter)
		}
		for s, rest, ok := p.Subscriptions.Next(); ok; s, rest, ok = rest.Next() {
			sink += int(s.Options.QoS())
		}
		sink += p.Subscriptions.Len()
	case *codec.Suback:
		lookAtCodes(p.Codes)
	case *codec.Unsubscribe:
		for f := range p.Filters.All() {
			sink += len(f)
		}
		for f, rest, ok := p.Filters.Next(); ok; f, rest, ok = rest.Next() {
			sink += len(f)
		}
		sink += p.Filters.Len()
	case *codec.Unsuback:
		lookAtCodes(p.Codes)
	}
}

func lookAtCodes(l codec.ReasonCodes) {
	for c := range l.All() {
		sink += int(c)
	}
	for c, rest, ok := l.Next(); ok; c, rest, ok = rest.Next() {
		sink += int(c)
	}
	for i := range l.Len() {
		sink += int(l.At(i))
	}
}

// received is a vector as a receiver meets it.
type received struct {
	v     *testdata.Vector
	rules codec.Rules
	wire  []byte
	valid bool
}

func allReceived(tb testing.TB) []received {
	var all []received
	list := vectors(tb)
	for i := range list {
		v := &list[i]
		for _, r := range rulesOf(v, senders(v)[0]) {
			all = append(all, received{v, r, v.Bytes(), v.Valid()})
			if v.Leniency != "" {
				r.Lenient = codec.AllLeniencies
				all = append(all, received{v, r, v.Bytes(), false})
			}
		}
	}
	return all
}

// receive does with a packet all that costs no allocation.
func (x *received) receive(d *codec.Decoder, buf []byte) {
	h, body, n, err := codec.Split(x.rules, x.wire, 0)
	var p codec.Packet
	if err == nil && n > 0 {
		if p, err = d.Decode(x.rules, h, body); err == nil {
			lookInto(p)
			// Room for the packet, and for not a byte more.
			size := p.Size(x.rules.Version)
			_, err = p.Append(buf[:0:size], x.rules)
		}
	}
	if e, ok := err.(mqttwire.Error); ok {
		clause, _ := e.Clause(x.rules.Version)
		sink += len(clause) + len(e.Error()) + int(e.Reason()) + int(e.Answer(x.rules.Version, h.Type).Code)
	}
}

func TestReceivingAllocatesNothing(t *testing.T) {
	all := allReceived(t)
	var d codec.Decoder
	buf := make([]byte, 1<<21)
	if testing.AllocsPerRun(1, func() {
		for i := range all {
			all[i].receive(&d, buf)
		}
	}) == 0 {
		return
	}
	for i := range all {
		x := &all[i]
		if n := testing.AllocsPerRun(1, func() { x.receive(&d, buf) }); n != 0 {
			t.Errorf("%s %s: %v allocations", x.v.Version, x.v.Name, n)
		}
	}
}

func TestFramerAllocatesNothing(t *testing.T) {
	stream, r := publishStream(t), codec.Rules{Version: mqttwire.V50}
	f := codec.Framer{Rules: r}
	var d codec.Decoder
	packets := 0
	run := func() {
		for rest := stream; len(rest) > 0; {
			n := copy(f.Buffer(), rest)
			f.Filled(n)
			rest = rest[n:]
			for {
				h, body, ok, err := f.Next()
				if err != nil {
					t.Fatal(err)
				}
				if !ok {
					break
				}
				if _, err := d.Decode(r, h, body); err != nil {
					t.Fatal(err)
				}
				packets++
			}
		}
	}
	if n := testing.AllocsPerRun(20, run); n != 0 || packets == 0 {
		t.Errorf("%v allocations a run, %d packets", n, packets)
	}
}

// publishStream is every valid vector of 5.0 that is not a CONNECT and not
// large, one after the other.
func publishStream(tb testing.TB) []byte {
	var stream []byte
	for _, v := range vectors(tb) {
		if wire := v.Bytes(); v.Version == "5.0" && v.Valid() && len(wire) < 1000 && mqttwire.PacketType(wire[0]>>4) != mqttwire.CONNECT {
			stream = append(stream, wire...)
		}
	}
	if len(stream) < 10000 {
		tb.Fatalf("only %d bytes", len(stream))
	}
	return stream
}

func TestBuildingAllocatesNothing(t *testing.T) {
	var (
		props         codec.Properties
		subscriptions codec.Subscriptions
		codes         codec.ReasonCodes
		filters       codec.Filters
		name, value   = []byte("name"), []byte("value")
		out           = make([]byte, 0, 1024)
	)
	build := func() {
		props = codec.AppendSubscriptionIdentifier(props.Reset(), 300)
		props = codec.AppendUserProperty(props, "name", "value")
		props = codec.AppendUserProperty(props, name, value)
		props = props.Append(codec.Property{ID: codec.UserProperty, Key: name, Value: value})
		subscriptions = subscriptions.Reset()
		for range 3 {
			subscriptions = subscriptions.Append(codec.Subscription{Filter: name, Options: 1 | codec.NoLocal})
		}
		subscribe := codec.Subscribe{ID: 1, Properties: props, Subscriptions: subscriptions}
		b, err := subscribe.Append(out, v50)
		if err != nil {
			t.Fatal(err)
		}
		filters = filters.Reset().Append(name, value)
		unsubscribe := codec.Unsubscribe{ID: 2, Filters: filters}
		if b, err = unsubscribe.Append(b, v50); err != nil {
			t.Fatal(err)
		}
		codes = codes.Reset().Append(mqttwire.Success, mqttwire.NotAuthorized)
		suback := codec.Suback{ID: 3, Codes: codes}
		if b, err = suback.Append(b, v50); err != nil {
			t.Fatal(err)
		}
		// What is refused costs nothing either.
		bad := codec.Publish{Topic: name, Properties: codec.AppendTopicAlias(props.Reset(), 0)}
		if _, err := bad.Append(b, v50); err != mqttwire.ErrTopicAliasZero {
			t.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(100, build); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestAppendNeedsNoMoreRoom holds that Size is all the room that Append needs,
// also of AppendHead.
func TestAppendNeedsNoMoreRoom(t *testing.T) {
	p := codec.Publish{Topic: []byte("a/b"), Payload: make([]byte, 200), Properties: benchProperties(t)}
	buf := make([]byte, p.Size(mqttwire.V50))
	b, err := p.Append(buf[:0], v50)
	if err != nil || &b[0] != &buf[0] || len(b) != len(buf) {
		t.Errorf("Append moved to other memory, or wrote %d bytes for a Size of %d; err = %v", len(b), len(buf), err)
	}
	head := buf[: 0 : len(buf)-len(p.Payload)]
	if b, err = p.AppendHead(head, v50, len(p.Payload)); err != nil || &b[0] != &buf[0] {
		t.Errorf("AppendHead moved to other memory, or err = %v", err)
	}
}
