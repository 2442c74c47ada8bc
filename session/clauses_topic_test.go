package session_test

import (
	"slices"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

func testAliasesGiven(t *testing.T) {
	topics := []string{"one", "two", "three", "one", "three", "two"}
	for maximum, want := range map[uint16][]string{
		0: {"one 0", "two 0", "three 0", "one 0", "three 0", "two 0"},
		1: {"one 1", "two 0", "three 0", " 1", "three 0", "two 0"},
		2: {"one 1", "two 2", "three 0", " 1", "three 0", " 2"},
		9: {"one 1", "two 2", "three 3", " 1", " 3", " 2"},
	} {
		hello := with(topicAliasMaximum(maximum), sessionExpiry(9))
		if maximum == 0 {
			hello = connect(mqttwire.V50)
		}
		s := connected(t, session.ServerOptions{Limits: session.Limits{TopicAliases: 5}}, hello)
		for round := range 2 { // the second connection starts anew [MQTT-3.3.2-7]
			var got []string
			for i, topic := range topics {
				p := &codec.Publish{Topic: []byte(topic), Payload: []byte("x"), QoS: qos.Level(i % 3)}
				out, _, err := s.Publish(nil, p, 0, 0)
				if err != nil {
					t.Fatal(err)
				}
				q := decodeAll(t, mqttwire.V50, mqttwire.Server, out)[0].(*codec.Publish)
				alias, _ := q.Properties.TopicAlias()
				got = append(got, string(q.Topic)+" "+string(rune('0'+alias)))
				if string(q.Payload) != "x" || q.QoS != p.QoS || (q.ID == 0) != (p.QoS == 0) {
					t.Errorf("%v became %v", p, q)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("maximum %d, connection %d: %q, want %q", maximum, round, got, want)
			}
			s.again(hello)
		}
		// One that the caller has chosen.
		p := publish(0, 0)
		p.Properties = codec.AppendTopicAlias(codec.Properties{}, 3)
		_, _, err := s.Publish(nil, p, 0, 0)
		if ok := maximum >= 3; (err == nil) != ok {
			t.Errorf("maximum %d, alias 3: %v", maximum, err)
		}
	}
}

func testAliasesReceived(t *testing.T) {
	aliased := func(topic string, alias uint16) *codec.Publish {
		return &codec.Publish{Topic: []byte(topic), Properties: codec.AppendTopicAlias(codec.Properties{}, alias)}
	}
	s := connected(t, session.ServerOptions{TopicAliasMaximum: 3}, with(sessionExpiry(9)))
	for _, c := range []struct {
		topic string
		alias uint16
		want  string
	}{{"a", 3, "a"}, {"", 3, "a"}, {"bb", 1, "bb"}, {"ccc", 3, "ccc"}, {"", 3, "ccc"}, {"", 1, "bb"}} {
		if _, err := s.send(aliased(c.topic, c.alias)); err != nil {
			t.Fatal(err)
		}
		if got := s.last.Packet.(*codec.Publish).Topic; string(got) != c.want {
			t.Errorf("%q, alias %d: %q", c.topic, c.alias, got)
		}
	}
	breaks(t, s, mqttwire.ErrTopicAliasUnknown, "e00182", aliased("", 2))
	q := with(sessionExpiry(9))
	q.CleanStart = false
	s.again(q)
	breaks(t, s, mqttwire.ErrTopicAliasUnknown, "e00182", aliased("", 3)) // [MQTT-3.3.2-7]
	s.again(q)
	breaks(t, s, mqttwire.ErrTopicAliasRange, "e00194", aliased("a", 4))
	s = connected(t, session.ServerOptions{}, connect(mqttwire.V50))
	breaks(t, s, mqttwire.ErrTopicAliasRange, "e00194", aliased("a", 1))
}

func testFeatures(t *testing.T) {
	subscribe := func(filter string, id uint32) *codec.Subscribe {
		p := &codec.Subscribe{ID: 1}
		p.Subscriptions = p.Subscriptions.Append(codec.Subscription{Filter: []byte(filter), Options: codec.SubscriptionOptions(2)})
		if id != 0 {
			p.Properties = codec.AppendSubscriptionIdentifier(p.Properties, id)
		}
		return p
	}
	retained := publish(0, 0)
	retained.Retain = true
	for _, c := range []struct {
		options session.ServerOptions
		packet  codec.Packet
		err     error
		answer  string
		has     func(codec.Properties) (uint8, bool)
		value   uint8
	}{
		{session.ServerOptions{NoQoS1: true}, publish(1, 1), mqttwire.ErrQoSNotSupported, "e0019b", codec.Properties.MaximumQoS, 0},
		{session.ServerOptions{NoQoS2: true}, publish(2, 1), mqttwire.ErrQoSNotSupported, "e0019b", codec.Properties.MaximumQoS, 1},
		{session.ServerOptions{NoRetain: true}, retained, mqttwire.ErrRetainNotSupported, "e0019a", codec.Properties.RetainAvailable, 0},
		{session.ServerOptions{NoWildcard: true}, subscribe("a/#", 0), mqttwire.ErrWildcardNotSupported, "e001a2", codec.Properties.WildcardSubscriptionAvailable, 0},
		{session.ServerOptions{NoShared: true}, subscribe("$share/g/a", 0), mqttwire.ErrSharedNotSupported, "e0019e", codec.Properties.SharedSubscriptionAvailable, 0},
		{session.ServerOptions{NoSubscriptionID: true}, subscribe("a", 5), mqttwire.ErrSubscriptionIDNotSupported, "e001a1", codec.Properties.SubscriptionIdentifierAvailable, 0},
	} {
		s := asked(t, c.options, connect(mqttwire.V50))
		ack := s.accept(&codec.Connack{})
		if v, ok := c.has(ack.Properties); !ok || v != c.value {
			t.Errorf("%v: announced %d, %v", c.err, v, ok)
		}
		if _, err := s.send(subscribe("a", 0)); err != nil || s.last.Kind != session.Subscribe {
			t.Errorf("a plain SUBSCRIBE of QoS 2: %v", err)
		}
		breaks(t, s, c.err, c.answer, c.packet)
		// A client keeps to it without being told.
		client := accepted(t, connect(mqttwire.V50), ack)
		var err error
		switch p := c.packet.(type) {
		case *codec.Publish:
			_, _, err = client.Publish(nil, p, 0, 0)
		case *codec.Subscribe:
			_, _, err = client.Subscribe(nil, p, 0, 0)
		}
		if err != c.err {
			t.Errorf("client: %v, want %v", err, c.err)
		}
		// Before 5.0 nobody can be told.
		old := connected(t, c.options, connect(mqttwire.V311))
		if p, ok := c.packet.(*codec.Publish); ok {
			if _, err := old.send(p); err != nil {
				t.Errorf("3.1.1: %v", err)
			}
		}
	}
	o := session.ServerOptions{NoQoS2: true, NoWildcard: true, NoShared: true}
	for filter, want := range map[string]mqttwire.Reason{"a": 1, "a/+": 0xa2, "#": 0xa2, "$share/g/a": 0x9e} {
		if got := o.Grant(codec.Subscription{Filter: []byte(filter), Options: codec.SubscriptionOptions(2)}); got != want {
			t.Errorf("%s: %v", filter, got)
		}
	}
}

func testWillNotSupported(t *testing.T) {
	for _, c := range []struct {
		options session.ServerOptions
		will    codec.Will
		err     error
		answer  string
	}{
		{session.ServerOptions{NoQoS1: true}, codec.Will{QoS: 1}, mqttwire.ErrQoSNotSupported, "2003009b00"},
		{session.ServerOptions{NoQoS2: true}, codec.Will{QoS: 2}, mqttwire.ErrQoSNotSupported, "2003009b00"},
		{session.ServerOptions{NoRetain: true}, codec.Will{Retain: true}, mqttwire.ErrRetainNotSupported, "2003009a00"},
	} {
		p := connect(mqttwire.V50)
		p.WillFlag, p.Will = true, c.will
		p.Will.Topic = []byte("w")
		s := opened(t, c.options)
		out, err := s.feed(encode(t, mqttwire.V50, mqttwire.Client, p))
		if err != c.err || s.Phase() != session.Closing {
			t.Errorf("%+v: %v", c.will, err)
		}
		is(t, c.err.Error(), out, c.answer)
	}
	// What is announced to one client only.
	p := connect(mqttwire.V50)
	p.WillFlag, p.Will = true, codec.Will{QoS: 1, Topic: []byte("w")}
	s := asked(t, session.ServerOptions{}, p)
	out, _, err := s.Accept(nil, &s.state, &codec.Connack{Properties: codec.AppendMaximumQoS(codec.Properties{}, 0)}, 0)
	if err != mqttwire.ErrQoSNotSupported || s.state.Exists() {
		t.Errorf("%v", err)
	}
	is(t, "CONNACK", out, "2003009b00")
}

func testSubscribe(t *testing.T) {
	var p codec.Subscribe
	for _, f := range []string{"a", "b/#", "c"} {
		p.Subscriptions = p.Subscriptions.Append(codec.Subscription{Filter: []byte(f), Options: codec.SubscriptionOptions(1)})
	}
	var u codec.Unsubscribe
	u.Filters = u.Filters.Append([]byte("a"))
	u.Filters = u.Filters.Append([]byte("never"))
	for _, v := range versions {
		s := connected(t, session.ServerOptions{}, connect(v))
		p.ID, u.ID = 0x1234, 0x1235
		if _, err := s.send(&p); err != nil || s.last.Kind != session.Subscribe || s.last.ID != 0x1234 {
			t.Fatalf("%v: %v, %v", v, s.last, err)
		}
		codes := codec.ReasonCodes{}.Append(1, mqttwire.NotAuthorized, 0)
		if v == mqttwire.V31 {
			codes = codec.ReasonCodes{}.Append(1, 0, 0)
		}
		out, err := s.suback(&codec.Suback{Codes: codes})
		if err != nil {
			t.Fatal(err)
		}
		is(t, v.String(), out, map[mqttwire.Version]string{mqttwire.V31: "9005 1234 010000", mqttwire.V311: "9005 1234 018000", mqttwire.V50: "9006 1234 00 018700"}[v])
		if _, err := s.send(&u); err != nil || s.last.Kind != session.Unsubscribe || s.last.ID != 0x1235 {
			t.Fatalf("%v: %v, %v", v, s.last, err)
		}
		out, err = s.unsuback(&codec.Unsuback{Codes: codec.ReasonCodes{}.Append(0, mqttwire.NoSubscriptionExisted)})
		if err != nil {
			t.Fatal(err)
		}
		is(t, v.String(), out, map[mqttwire.Version]string{mqttwire.V31: "b002 1235", mqttwire.V311: "b002 1235", mqttwire.V50: "b005 1235 00 0011"}[v])
		// And at the client.
		c := accepted(t, connect(v), &codec.Connack{})
		_, id, err := c.Subscribe(nil, &p, 77, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.send(&codec.Suback{ID: id, Codes: codec.ReasonCodes{}.Append(1, 0, 0)}); err != nil || c.last.Kind != session.Subscribed || c.last.Token != 77 {
			t.Errorf("%v: %v, %v", v, c.last, err)
		}
		_, id, _ = c.Unsubscribe(nil, &u, 78, 0)
		ack := &codec.Unsuback{ID: id}
		if v == mqttwire.V50 {
			ack.Codes = ack.Codes.Append(0, 0)
		}
		if _, err := c.send(ack); err != nil || c.last.Kind != session.Unsubscribed || c.last.Token != 78 {
			t.Errorf("%v: %v, %v", v, c.last, err)
		}
		// One that is never answered goes with its connection.
		c.Subscribe(nil, &p, 79, 0)
		c.Close(0)
		if d, ok := c.state.NextDropped(); !ok || d.Token != 79 || d.Await != qos.AwaitSuback {
			t.Errorf("%v: dropped %+v, %v", v, d, ok)
		}
	}
}
