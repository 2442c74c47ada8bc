package codec_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/qos"
)

// Split cuts one packet from the front of a buffer. Nothing is copied.
func ExampleSplit() {
	rules := codec.Rules{Version: mqttwire.V311, From: mqttwire.Server}
	buf := []byte("\x30\x06\x00\x01ahi!\xd0\x00\x40")
	for {
		h, body, n, err := codec.Split(rules, buf, 0)
		if err != nil {
			fmt.Println(err)
			return
		}
		if n == 0 {
			break // the rest has not come yet
		}
		fmt.Println(h.Type, len(body))
		buf = buf[n:]
	}
	fmt.Printf("%x is left\n", buf)
	// Output:
	// PUBLISH 6
	// PINGRESP 0
	// 40 is left
}

// A packet is decoded into a struct that is used again for the next one.
func ExamplePublish_Decode() {
	rules := codec.Rules{Version: mqttwire.V50, From: mqttwire.Server}
	h, body, _, err := codec.Split(rules, []byte("\x32\x0d\x00\x03a/b\x00\x07\x03\x23\x00\x05hi"), 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	var p codec.Publish
	if err := p.Decode(rules, h, body); err != nil {
		fmt.Println(err)
		return
	}
	alias, _ := p.Properties.TopicAlias()
	fmt.Printf("%s %s %d %d %s\n", p.Topic, p.QoS, p.ID, alias, p.Payload)
	// Output: a/b QoS 1 7 5 hi
}

// A Framer owns the bytes between reads. The caller reads into it.
func ExampleFramer() {
	conn := iotest("\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01c", "\xc0\x00\xe0", "\x00")
	framer := codec.Framer{Rules: codec.Rules{From: mqttwire.Client}, MaxSize: 1 << 20}
	var decoder codec.Decoder
	for {
		n, readErr := conn.Read(framer.Buffer())
		framer.Filled(n)
		for {
			h, body, ok, err := framer.Next()
			if err != nil {
				fmt.Println(err)
				return
			}
			if !ok {
				break
			}
			p, err := decoder.Decode(framer.Rules, h, body)
			if err != nil {
				fmt.Println(err)
				return
			}
			if c, ok := p.(*codec.Connect); ok {
				framer.Rules.Version = c.Version
			}
			fmt.Println(p)
		}
		if readErr != nil {
			return
		}
	}
	// Output:
	// CONNECT version=3.1.1 client="c" keepalive=60 clean
	// PINGREQ
	// DISCONNECT code=0x00 "Normal disconnection"
}

// iotest returns a reader that gives one string at a time.
func iotest(parts ...string) io.Reader {
	var readers []io.Reader
	for _, s := range parts {
		readers = append(readers, strings.NewReader(s))
	}
	return io.MultiReader(readers...)
}

// A payload that is too large to hold is streamed: the head is decoded as soon
// as it is there, the payload taken as it comes.
func ExampleFramer_Stream() {
	rules := codec.Rules{Version: mqttwire.V311, From: mqttwire.Client}
	conn := iotest("\x30\x10\x00\x04fi", "le0123", "456789")
	framer := codec.Framer{Rules: rules}
	var p codec.Publish
	streaming := false
	for {
		n, err := conn.Read(framer.Buffer())
		framer.Filled(n)
		if err != nil {
			return
		}
		if !streaming {
			// Other packets than PUBLISH are left to Next.
			h, part, ok, err := framer.Peek()
			if ok {
				n, err = p.DecodeHead(rules, h, part)
			}
			if err != nil {
				fmt.Println(err)
				return
			}
			if !ok || n == 0 {
				continue // more is needed
			}
			fmt.Printf("%s: %d bytes\n", p.Topic, int(h.Length)-n)
			framer.Stream(n) // p is valid until the next Buffer
			streaming = true
		}
		chunk, rest := framer.Payload()
		fmt.Printf("%s, %d to come\n", chunk, rest)
		streaming = rest > 0
	}
	// Output:
	// file: 10 bytes
	// 0123, 6 to come
	// 456789, 0 to come
}

// Properties are built into memory that is used again, and judged when the
// packet is appended.
func ExamplePublish_Append() {
	var properties codec.Properties
	properties = codec.AppendMessageExpiryInterval(properties.Reset(), 3600)
	properties = codec.AppendUserProperty(properties, "unit", "°C")

	p := codec.Publish{Topic: []byte("room/temp"), Payload: []byte("21.5"), QoS: qos.AtLeastOnce, ID: 1, Properties: properties}
	rules := codec.Rules{Version: mqttwire.V50, From: mqttwire.Client}
	buf, err := p.Append(make([]byte, 0, p.Size(mqttwire.V50)), rules)
	fmt.Println(len(buf), err)

	p.Topic = []byte("room/#")
	_, err = p.Append(buf, rules)
	fmt.Println(err)
	// Output:
	// 37 <nil>
	// wildcard character in a topic name
}

// A broker sends a message on after 10 s in a queue: without the publisher's
// Topic Alias, with the subscriber's Subscription Identifier.
func ExampleEdit() {
	received := codec.AppendTopicAlias(codec.Properties{}, 3)
	received = codec.AppendMessageExpiryInterval(received, 60)
	received = codec.AppendUserProperty(received, "region", "eu")

	buf := make([]byte, 0, 64) // used again for the next message
	edit := codec.Edit{
		Without: []codec.PropertyID{codec.TopicAlias},
		Set:     []codec.Property{{ID: codec.SubscriptionIdentifier, Number: 7}},
		Waited:  10,
	}
	for x := range edit.Append(codec.PropertiesOf(buf), received).All() {
		fmt.Printf("%v %d %q\n", x.ID, x.Number, x.Value)
	}
	// Output:
	// Message Expiry Interval 50 ""
	// User Property 0 "eu"
	// Subscription Identifier 7 ""
}

// The head of a large message is appended alone; the payload is written from
// where it is, for example with net.Buffers.
func ExamplePublish_AppendHead() {
	payload := strings.NewReader("a file of any length")
	p := codec.Publish{Topic: []byte("file")}
	head, err := p.AppendHead(nil, codec.Rules{Version: mqttwire.V311, From: mqttwire.Client}, payload.Len())
	if err != nil {
		fmt.Println(err)
		return
	}
	var conn bytes.Buffer
	conn.Write(head)
	payload.WriteTo(&conn)
	fmt.Printf("%q\n", conn.String())
	// Output: "0\x1a\x00\x04filea file of any length"
}

// The list of a SUBSCRIBE is walked without an allocation.
func ExampleSubscribe() {
	var list codec.Subscriptions
	for _, filter := range []string{"a/+", "$share/group/b/#"} {
		list = list.Append(codec.Subscription{Filter: []byte(filter), Options: codec.SubscriptionOptions(qos.AtLeastOnce)})
	}
	p := codec.Subscribe{ID: 10, Subscriptions: list}
	wire, err := p.Append(nil, codec.Rules{Version: mqttwire.V50, From: mqttwire.Client})
	fmt.Printf("%d bytes, %v\n", len(wire), err)

	suback := codec.Suback{ID: p.ID}
	for s := range p.Subscriptions.All() {
		fmt.Printf("%s, %s\n", s.Filter, s.Options.QoS())
		suback.Codes = suback.Codes.Append(mqttwire.Reason(s.Options.QoS()))
	}
	wire, err = suback.Append(nil, codec.Rules{Version: mqttwire.V50, From: mqttwire.Server})
	fmt.Printf("%x %v\n", wire, err)
	// Output:
	// 30 bytes, <nil>
	// a/+, QoS 1
	// $share/group/b/#, QoS 1
	// 9005000a000101 <nil>
}

// An error knows the rule that was broken, and what to answer before the
// connection is closed.
func ExampleDecoder_Decode() {
	rules := codec.Rules{Version: mqttwire.V50, From: mqttwire.Client}
	h, body, _, err := codec.Split(rules, []byte("\x30\x06\x00\x03a/#\x00"), 0)
	var decoder codec.Decoder
	if err == nil {
		_, err = decoder.Decode(rules, h, body)
	}
	var e mqttwire.Error
	if !errors.As(err, &e) {
		return
	}
	clause, _ := e.Clause(rules.Version)
	fmt.Printf("%v: %v [%s]\n", h.Type, e, clause)

	var reply []byte
	switch answer := e.Answer(rules.Version, h.Type); answer.Packet {
	case mqttwire.DISCONNECT:
		p := codec.Disconnect{Code: answer.Code}
		reply, err = p.Append(nil, codec.Rules{Version: answer.Version, From: mqttwire.Server})
	case mqttwire.CONNACK:
		p := codec.Connack{Code: connack.Code(answer.Code)}
		reply, err = p.Append(nil, codec.Rules{Version: answer.Version, From: mqttwire.Server})
	}
	fmt.Printf("%x %v\n", reply, err)
	// Output:
	// PUBLISH: wildcard character in a topic name [MQTT-3.3.2-2]
	// e00181 <nil>
}

// A bridge that takes a message from 5.0 to 3.1.1 says what it gives up.
func ExamplePublish_Downgrade() {
	p := codec.Publish{Topic: []byte("a"), Payload: []byte("hi"), Properties: codec.AppendContentType(codec.Properties{}, "text/plain")}
	rules := codec.Rules{Version: mqttwire.V311, From: mqttwire.Client}
	_, err := p.Append(nil, rules)
	fmt.Println(err)

	if err := p.Downgrade(rules.Version); err != nil {
		fmt.Println(err)
		return
	}
	wire, err := p.Append(nil, rules)
	fmt.Printf("%x %v\n", wire, err)
	// Output:
	// field does not exist in this protocol version
	// 30050001616869 <nil>
}

// Unchecked writes what the standard forbids, for tests of other programs.
func ExampleRules_unchecked() {
	p := codec.Publish{Topic: []byte("a/#"), QoS: 1}
	wire, err := p.Append(nil, codec.Rules{Version: mqttwire.V311, Unchecked: true})
	fmt.Printf("%x %v\n", wire, err)
	// Output: 32070003612f230000 <nil>
}
