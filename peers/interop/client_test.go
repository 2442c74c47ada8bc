package interop

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/mqttwire/mqttwire"
)

// A flavor is a library of MQTT clients in one version of the protocol.
type flavor struct {
	name    string
	version mqttwire.Version
	missing func() error // why the library cannot be used here, nil if it can
	open    func(c *client, address string, o options) error
}

const (
	v31  = mqttwire.V31
	v311 = mqttwire.V311
	v50  = mqttwire.V50
)

var flavors = []flavor{
	{"paho-3.1", v31, nil, openPaho3},
	{"paho-3.1.1", v311, nil, openPaho3},
	{"paho-5.0", v50, nil, openPaho5},
	{"mosquitto-3.1", v31, missingMosquitto, openMosquitto},
	{"mosquitto-3.1.1", v311, missingMosquitto, openMosquitto},
	{"mosquitto-5.0", v50, missingMosquitto, openMosquitto},
	{"mqttjs-3.1", v31, missingNode, openMQTTjs},
	{"mqttjs-3.1.1", v311, missingNode, openMQTTjs},
	{"mqttjs-5.0", v50, missingNode, openMQTTjs},
}

// here returns the flavors that can be used, of some versions or all.
func here(t *testing.T, versions ...mqttwire.Version) (usable []flavor) {
	t.Helper()
	for _, f := range flavors {
		if len(versions) > 0 && !slices.Contains(versions, f.version) {
			continue
		}
		if f.missing != nil {
			if err := f.missing(); err != nil {
				skipped(t, err)
				continue
			}
		}
		usable = append(usable, f)
	}
	return usable
}

// find returns a flavor by name, or skips the test.
func find(t *testing.T, name string) flavor {
	t.Helper()
	i := slices.IndexFunc(flavors, func(f flavor) bool { return f.name == name })
	if f := flavors[i]; f.missing != nil {
		require(t, f.missing)
	}
	return flavors[i]
}

// each runs a test with each flavor of some versions, or of all.
func each(t *testing.T, test func(t *testing.T, f flavor), versions ...mqttwire.Version) {
	t.Helper()
	for _, f := range here(t, versions...) {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			test(t, f)
		})
	}
}

// next returns the flavor that follows one in a list, the first after the last.
func next(f flavor, list []flavor) flavor {
	i := slices.IndexFunc(list, func(g flavor) bool { return g.name == f.name })
	return list[(i+1)%len(list)]
}

// options say how a client connects. What 5.0 has brought, only clients of 5.0
// heed.
type options struct {
	id string // "" where the server is to assign it
	// user and password are those of clients of Paho for 3.1 and 3.1.1, and of
	// MQTT.js.
	user, password string
	resume         bool   // Clean Session or Clean Start is 0
	expiry         uint32 // Session Expiry Interval, an hour where it resumes and this is 0
	// subscribe is what is subscribed to at once. The mosquitto clients have
	// one QoS for all of these.
	subscribe      []subscription
	will           *message
	willDelay      uint32
	keepAlive      uint16 // 60 if 0
	receiveMaximum uint16
	maximumPacket  uint32
	topicAliases   uint16 // Topic Alias Maximum
	giveAliases    bool   // the client gives Topic Aliases itself
	through        *link  // nil: a link of its own
	reconnect      bool   // the library is to reconnect by itself
}

func (o *options) sessionExpiry() uint32 {
	if o.resume && o.expiry == 0 {
		return 3600
	}
	return o.expiry
}

func (o *options) keep() uint16 {
	if o.keepAlive == 0 {
		return 60
	}
	return o.keepAlive
}

type subscription struct {
	filter      string
	qos         byte
	id          int // Subscription Identifier
	noLocal     bool
	asPublished bool // Retain As Published
	handling    byte // Retain Handling
}

type message struct {
	topic, payload string
	qos            byte
	retain, dup    bool
	properties
}

// properties are those of a PUBLISH, or a will.
type properties struct {
	format        byte
	expiry        uint32
	contentType   string
	responseTopic string
	correlation   string
	user          []pair
	ids           []int // Subscription Identifiers
}

type pair struct{ name, value string }

// same reports whether two messages are the same, but for DUP.
func (m message) same(other message) bool {
	m.dup = other.dup
	return reflect.DeepEqual(m, other)
}

func (m message) String() string {
	return fmt.Sprintf("%s %.60q (%d bytes) QoS %d retain %v DUP %v %+v",
		m.topic, m.payload, len(m.payload), m.qos, m.retain, m.dup, m.properties)
}

// A client is a client of one of the libraries. Errors end its test.
type client struct {
	driver
	t       *testing.T
	flavor  flavor
	options options
	broker  *broker
	link    *link

	granted  []byte // for the first subscriptions
	messages chan message
	ended    chan byte // the code of each DISCONNECT from the server
}

// A driver is what a library does for a client.
type driver interface {
	subscribe(...subscription) (granted []byte, err error)
	unsubscribe(filter string) error
	// publish returns once the message is acknowledged: with the Reason Code,
	// where there is one.
	publish(message) (reason byte, err error)
	// end leaves with a DISCONNECT.
	end() error
	// stop ends what the library has started. It may come more than once.
	stop()
}

// newClient returns a client that is connected, and has subscribed.
func newClient(t *testing.T, f flavor, b *broker, o options) *client {
	t.Helper()
	c := &client{t: t, flavor: f, options: o, broker: b, link: o.through,
		messages: make(chan message, 10_000), ended: make(chan byte, 100)}
	if c.link == nil {
		if c.link = startLink(t, b.address, nil); !o.reconnect {
			c.link.single()
		}
	}
	if err := f.open(c, c.link.address, o); err != nil {
		t.Fatalf("%s as %q: %v", f.name, o.id, err)
	}
	t.Cleanup(c.stop)
	if len(o.subscribe) > 0 {
		if c.granted == nil {
			var err error
			if c.granted, err = c.driver.subscribe(o.subscribe...); err != nil {
				t.Fatalf("%s subscribes to %+v: %v", f.name, o.subscribe, err)
			}
		}
		c.checkGranted(c.granted, o.subscribe)
	}
	return c
}

func (c *client) checkGranted(granted []byte, s []subscription) {
	c.t.Helper()
	ok := len(granted) == len(s)
	for i := 0; ok && i < len(s); i++ {
		ok = granted[i] == s[i].qos
	}
	if !ok {
		c.t.Fatalf("%s: %v was granted for %+v", c.flavor.name, granted, s)
	}
}

func (c *client) sub(s ...subscription) {
	c.t.Helper()
	granted, err := c.driver.subscribe(s...)
	if err != nil {
		c.t.Fatalf("%s subscribes to %+v: %v", c.flavor.name, s, err)
	}
	c.checkGranted(granted, s)
}

// pub publishes and returns the Reason Code of the acknowledgement.
func (c *client) pub(m message) byte {
	c.t.Helper()
	code, err := c.driver.publish(m)
	if err != nil {
		c.t.Fatalf("%s publishes %v: %v", c.flavor.name, m, err)
	}
	return code
}

// quit leaves with a DISCONNECT and returns when the broker is done with it.
func (c *client) quit() {
	c.t.Helper()
	if err := c.end(); err != nil {
		c.t.Fatalf("%s disconnects: %v", c.flavor.name, err)
	}
	c.link.waitOver()
	c.stop()
}

// crash cuts the connection and returns when the broker is done with it.
func (c *client) crash() {
	c.t.Helper()
	c.link.cut()
	c.stop()
}

// present returns Session Present of the latest CONNACK, which 3.1 lacks.
func (c *client) present() bool {
	c.t.Helper()
	acks := c.link.seen(of(mqttwire.CONNACK, mqttwire.Server))
	if len(acks) == 0 {
		c.t.Fatal("no CONNACK was seen")
	}
	return acks[len(acks)-1].body()[0]&1 != 0
}

func (c *client) wantPresent(want bool) {
	c.t.Helper()
	if got := c.present(); c.flavor.version != v31 && got != want {
		c.t.Errorf("%s as %q: Session Present is %v", c.flavor.name, c.options.id, got)
	}
}

// next returns the next message.
func (c *client) next() message {
	c.t.Helper()
	return receive(c.t, c.messages, "message to "+c.flavor.name+" as "+c.options.id)
}

// expect receives messages, for the first time, in this order.
func (c *client) expect(want ...message) {
	c.t.Helper()
	for i, w := range want {
		if got := c.next(); !got.same(w) || got.dup {
			c.t.Fatalf("%s as %q, message %d of %d:\ngot  %v\nwant %v", c.flavor.name, c.options.id, i+1, len(want), got, w)
		}
	}
}

// expectLast checks that nothing has been on its way to the client but a
// message that is published now.
func (c *client) expectLast(publisher *client, topic string) {
	c.t.Helper()
	m := message{topic: topic, payload: "the last one"}
	publisher.pub(m)
	c.expect(m)
}

// A leaver can say why it disconnects, in 5.0.
type leaver interface {
	// leave disconnects with a code, and a new Session Expiry Interval unless
	// nil.
	leave(code byte, expiry *uint32) error
}
