package hub

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/qos"
)

// Where clients come from.
const (
	innocent = "192.0.2.1:1883"
	guilty   = "198.51.100.7:1883"
)

// as has clients come from an address.
func (s *stage) as(from string) *stage {
	s.from = from
	return s
}

// away leaves a session behind.
func (s *stage) away(id string, filters ...string) {
	s.t.Helper()
	x := s.join(lasting(mqttwire.V50, id))
	for _, f := range filters {
		x.subscribeAt(f, qos.AtLeastOnce)
	}
	x.close()
}

// publish publishes at QoS 1 and returns the answer.
func (x *wire) publish(topic, payload string, retain bool) mqttwire.Reason {
	x.s.t.Helper()
	m := publicationAt(topic, payload, qos.AtLeastOnce, 1)
	m.Retain = retain
	x.send(m)
	ack, ok := x.next().(*codec.Puback)
	if !ok {
		x.s.t.Fatal("no PUBACK")
	}
	return ack.Code
}

// answer returns how a CONNECT is answered.
func (s *stage) answer(c *codec.Connect) connack.Code {
	s.t.Helper()
	x := s.open(c.Version)
	x.send(c)
	ack, ok := x.next().(*codec.Connack)
	if !ok {
		s.t.Fatal("no CONNACK")
	}
	return ack.Code
}

// innocentGoesOn holds that who has done nothing is refused nothing: it connects,
// subscribes, retains, and has messages wait and delivered.
func (s *stage) innocentGoesOn() {
	s.t.Helper()
	s.as(innocent).away("innocent-away", "innocent")
	p, reader := s.connected(mqttwire.V50, "innocent-p"), s.connected(mqttwire.V50, "innocent-reader")
	reader.subscribeAt("innocent/#", qos.AtLeastOnce)
	for i := range 3 {
		if code := p.publish("innocent", fmt.Sprint(i), false); code != 0 {
			s.t.Errorf("the innocent is refused with %v", code)
		}
		reader.expectPublish()
	}
	if code := p.publish("innocent/kept", "x", true); code != 0 {
		s.t.Errorf("a retained message of the innocent is refused with %v", code)
	}
	reader.expectPublish()
	p.publish("innocent/kept", "", true)
	reader.expectPublish()
	p.close()
	reader.close()
	away := s.join(lasting(mqttwire.V50, "innocent-away"))
	for range 3 {
		away.expectPublish()
	}
	away.close()
}

// expectPublish takes a PUBLISH and acknowledges it.
func (x *wire) expectPublish() {
	x.s.t.Helper()
	m, ok := x.next().(*codec.Publish)
	if !ok {
		x.s.t.Fatal("a message is lost")
	}
	x.send(&codec.Puback{ID: m.ID})
}

var mega = strings.Repeat("x", 1_000_000)

// Absent sessions of one address keep so much and no more, each message once,
// however many of them there are; others are not refused for it.
func TestFullAccountIsRefusedAlone(t *testing.T) {
	s := newStage(t, Config{MaxAccountBytes: 10 << 20, MaxTotalBytes: 100 << 20, MaxQueuedBytes: 1 << 30}).as(guilty)
	for i := range 33 {
		s.away(fmt.Sprint("c", i), "t")
	}
	p := s.connected(mqttwire.V50, "p")
	taken := 0
	for range 68 {
		if p.publish("t", mega, false) == 0 {
			taken++
		}
	}
	if taken < 8 || taken > 11 {
		t.Errorf("%d messages of 1 MB where 10 MiB may be kept: a message counts once for all sessions", taken)
	}
	if kept := s.hub.kept.Load(); kept > 11<<20 {
		t.Errorf("%d bytes", kept)
	}
	s.innocentGoesOn()
}

// Where the whole is full the heaviest gives way, its oldest message first, in
// slices; who keeps little is refused nothing.
func TestHeaviestGivesWay(t *testing.T) {
	s := newStage(t, Config{MaxAccountBytes: 6 << 20, MaxTotalBytes: 10 << 20})
	for _, from := range []string{guilty, "198.51.100.8:1"} {
		s.as(from).away(from, from)
		p := s.connected(mqttwire.V50, "p")
		for range 6000 {
			p.publish(from, mega[:1000], false)
		}
		p.close()
	}
	if s.hub.accounts.whole.Load() < 9<<20 {
		t.Fatalf("%d bytes are no full hub", s.hub.accounts.whole.Load())
	}
	for range 2000 {
		s.innocentGoesOn()
		if s.hub.accounts.whole.Load() > 10<<20+10<<20/slack {
			t.Fatalf("%d bytes", s.hub.accounts.whole.Load())
		}
		s.wait(0)
		if s.hub.stats.dropped.Load() > 0 {
			break
		}
		s.as(innocent).away(fmt.Sprint("innocent", s.hub.joined), "more") // each a little
		p := s.connected(mqttwire.V50, "innocent-q")
		if code := p.publish("more", mega[:10_000], false); code != 0 {
			t.Fatalf("refused with %v", code)
		}
		p.close()
	}
	if s.hub.stats.dropped.Load() == 0 {
		t.Error("nobody gives way")
	}
}

// Where more is kept than may be, as after a start with a lower limit, the heaviest
// gives way too, and who comes is let in.
func TestHeaviestGivesWayFromFarAbove(t *testing.T) {
	s := newStage(t, Config{})
	s.as(guilty).away("a", "x")
	p := s.connected(mqttwire.V50, "p")
	for range 100 {
		p.publish("x", mega[:1000], false)
	}
	p.close()
	s.hub.config.MaxTotalBytes = 50_000
	s.as(innocent)
	for range 3 {
		s.answer(lasting(mqttwire.V50, "new"))
		s.wait(time.Second)
	}
	if code := s.answer(lasting(mqttwire.V50, "new")); code != 0 {
		t.Errorf("one that keeps nothing is refused with %v, and %d bytes are charged", code, s.hub.accounts.whole.Load())
	}
}

// What a client does not read counts while it is being written too.
func TestWhatIsWrittenCounts(t *testing.T) {
	s := newStage(t, Config{})
	slow := s.as(guilty).connected(mqttwire.V50, "slow")
	slow.subscribeAt("t", qos.AtMostOnce)
	slow.stuck = true
	p := s.as(innocent).connected(mqttwire.V50, "p")
	p.send(publicationAt("t", mega[:200_000], qos.AtMostOnce, 0))
	before := slow.c.client.account.bytes.Load()
	if _, ok := slow.c.Take(); !ok {
		t.Fatal("nothing is to be written")
	}
	p.send(publicationAt("t", "one more", qos.AtMostOnce, 0))
	if n := slow.c.client.account.bytes.Load(); before < 180_000 || n < before {
		t.Errorf("%d bytes are charged, and once they are being written %d", before, n)
	}
}

// What is retained, subscribed to, called, willed and half sent counts too.
func TestAllIsCharged(t *testing.T) {
	for _, tt := range []struct {
		name   string
		refuse func(s *stage, i int) bool // does it, and reports whether it was refused
	}{
		{"retained", func(s *stage, i int) bool {
			p := s.connected(mqttwire.V50, "p")
			defer p.close()
			return p.publish(fmt.Sprint("t", i), mega[:100_000], true) == mqttwire.QuotaExceeded
		}},
		{"subscriptions", func(s *stage, i int) bool {
			p := s.join(lasting(mqttwire.V50, fmt.Sprint("c", i)))
			defer p.close()
			list := codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte(strings.Repeat("a/", 100) + fmt.Sprint(i))}, codec.Subscription{Filter: []byte(mega[:60_000])})
			p.send(&codec.Subscribe{ID: 1, Subscriptions: list})
			ack := p.next().(*codec.Suback)
			return strings.HasSuffix(string(ack.Codes.Bytes()), "\x97")
		}},
		{"identifiers", func(s *stage, i int) bool {
			return s.answer(lasting(mqttwire.V50, fmt.Sprint(i, mega[:60_000]))) == connack.Code(mqttwire.QuotaExceeded)
		}},
		{"wills", func(s *stage, i int) bool {
			c := &codec.Connect{Version: mqttwire.V50, CleanStart: true, ClientID: fmt.Append(nil, i), WillFlag: true, Will: codec.Will{Topic: []byte("w"), Payload: []byte(mega[:50_000])}}
			return s.answer(c) == connack.Code(mqttwire.QuotaExceeded)
		}},
		{"half a CONNECT", func(s *stage, i int) bool {
			c := &codec.Connect{Version: mqttwire.V50, ClientID: []byte(mega[:60_000])}
			x := s.open(mqttwire.V50)
			b, _ := c.Append(nil, x.rules)
			x.sent = b[:len(b)-1]
			s.settle()
			return x.gone
		}},
		{"half a PUBLISH", func(s *stage, i int) bool {
			x := s.connected(mqttwire.V50, fmt.Sprint(i))
			b, _ := publicationAt("t", mega[:500_000], 0, 0).Append(nil, x.rules)
			x.sent = b[:len(b)-1]
			s.settle()
			return x.gone
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const limit = 2 << 20
			s := newStage(t, Config{MaxAccountBytes: limit}).as(guilty)
			refused := -1
			for i := range 200 {
				if tt.refuse(s, i) {
					refused = i
					break
				}
			}
			if refused < 2 {
				t.Errorf("refused at the %dth", refused)
			}
			if n := s.hub.account("address "+Origin(guilty), false).bytes.Load(); n > limit+1<<20 {
				t.Errorf("%d bytes are charged", n)
			}
			s.innocentGoesOn()
		})
	}
}

// What is to be written to clients that do not read is their account's: at QoS 0
// the rest is dropped.
func TestReadersThatStop(t *testing.T) {
	s := newStage(t, Config{MaxAccountBytes: 4 << 20}).as(guilty)
	for i := range 30 {
		x := s.connected(mqttwire.V311, fmt.Sprint("c", i))
		x.subscribeAt("t", qos.AtMostOnce)
		x.stuck = true
	}
	s.as(innocent)
	reader := s.connected(mqttwire.V311, "reader")
	reader.subscribeAt("t", qos.AtMostOnce)
	p := s.connected(mqttwire.V311, "p")
	for range 20 {
		p.send(publicationAt("t", mega[:60_000], qos.AtMostOnce, 0))
		if reader.next() == nil {
			t.Fatal("who reads has lost a message")
		}
	}
	if n := s.hub.accounts.whole.Load(); n > 8<<20 {
		t.Errorf("%d bytes for readers that have stopped", n)
	}
}

// Connections are limited by address, of IPv6 by what one who has an address has;
// one that is exempt is not. Nobody who has none is kept out.
func TestConnectionsOfAnAddress(t *testing.T) {
	exempt := func(address string) bool { return strings.HasPrefix(address, "203.0.113.") }
	c := Config{MaxAddressConnections: 3, MaxConnections: 16, Exempt: exempt}
	for _, tt := range []struct {
		from func(i int) string
		let  int
	}{
		{func(int) string { return guilty }, 3},
		{func(i int) string { return fmt.Sprintf("[2001:db8:1:2::%x]:1", i+1) }, 3},
		{func(i int) string { return fmt.Sprintf("[2001:db8:1:%x::1]:1", i+1) }, 5},
		{func(int) string { return "203.0.113.1:1" }, 5},
	} {
		s := newStage(t, c)
		let := 0
		for i := range 5 {
			if s.as(tt.from(i)).answer(&codec.Connect{Version: mqttwire.V50, ClientID: fmt.Append(nil, i)}) == 0 {
				let++
			}
		}
		if let != tt.let {
			t.Errorf("%d of 5 from %s, want %d", let, tt.from(1), tt.let)
		}
		s.innocentGoesOn()
	}
	s := newStage(t, c).as("203.0.113.1:1")
	for i := range 16 {
		s.connected(mqttwire.V50, fmt.Sprint(i))
	}
	if code := s.answer(&codec.Connect{Version: mqttwire.V50}); code != connack.ServerBusy {
		t.Errorf("one more than there may be: %v", code)
	}
	s.as(innocent).connected(mqttwire.V50, "innocent")
}

// A message cannot become more than so much for a client: subscribing is refused,
// and nobody left out.
func TestFanOut(t *testing.T) {
	s := newStage(t, Config{MaxShared: 3, MaxIdentified: 2})
	x := s.connected(mqttwire.V50, "c")
	codes := func(id uint32, filters ...string) string {
		p := &codec.Subscribe{ID: 1}
		if id > 0 {
			p.Properties = codec.AppendSubscriptionIdentifier(p.Properties, id)
		}
		for _, f := range filters {
			p.Subscriptions = p.Subscriptions.Append(codec.Subscription{Filter: []byte(f)})
		}
		x.send(p)
		return string(x.next().(*codec.Suback).Codes.Bytes())
	}
	if got := codes(0, "$share/a/t", "$share/b/t", "$share/c/t", "$share/d/t", "$share/a/t", "#", "+", "+/#", "t"); got != "\x00\x00\x00\x97\x00\x00\x00\x00\x00" {
		t.Errorf("shared: %x", got)
	}
	if got := codes(7, "a/#", "+/a", "a/+", "a/#", "literal", "more"); got != "\x00\x00\x97\x00\x00\x00" {
		t.Errorf("with an identifier: %x", got)
	}
	x.send(&codec.Unsubscribe{ID: 2, Filters: codec.Filters{}.Append([]byte("$share/a/t"), []byte("a/#"))})
	x.next()
	if got := codes(0, "$share/d/t") + codes(7, "a/+"); got != "\x00\x00" {
		t.Errorf("after others have ended: %x", got)
	}
}

// A publisher is told of failure only if nobody has taken the message.
func TestRefusedOnlyIfNobodyHasIt(t *testing.T) {
	for _, byAny := range []bool{false, true} {
		s := newStage(t, Config{MaxQueuedMessages: 1, RefusedByAny: byAny})
		s.away("away", "#")
		p := s.connected(mqttwire.V50, "p")
		p.publish("t", "fills", false)
		if code := p.publish("t", "x", false); code != mqttwire.QuotaExceeded {
			t.Errorf("nobody has taken it: %v", code)
		}
		live := s.connected(mqttwire.V50, "live")
		live.subscribeAt("t", qos.AtLeastOnce)
		want := mqttwire.Success
		if byAny {
			want = mqttwire.QuotaExceeded
		}
		if code := p.publish("t", "x", false); code != want {
			t.Errorf("one has taken it, by any %v: %v", byAny, code)
		}
		live.expectPublish()
	}
}

// A ban falls on what the guilty one has: all of its /64, and no load balancer.
func TestBansFallOnTheGuilty(t *testing.T) {
	bad := func(s *stage) {
		x := s.connected(mqttwire.V50, "")
		x.sent = []byte{0xc1, 0}
		s.settle()
	}
	s := newStage(t, Config{Bans: Bans{Malformed: 2}, Exempt: func(a string) bool { return a == guilty }})
	for i := range 2 {
		bad(s.as(fmt.Sprintf("[2001:db8:1:2::%x]:1", i+1)))
	}
	connect := &codec.Connect{Version: mqttwire.V50}
	if code := s.as("[2001:db8:1:2::77]:1").answer(connect); code != connack.Code(mqttwire.Banned) {
		t.Errorf("another address of who is banned: %v", code)
	}
	if code := s.as("[2001:db8:1:3::77]:1").answer(connect); code != 0 {
		t.Errorf("a neighbour: %v", code)
	}
	for range 4 {
		bad(s.as(guilty))
	}
	if code := s.answer(connect); code != 0 {
		t.Errorf("who comes by an address that is exempt: %v", code)
	}
}

func TestOrigin(t *testing.T) {
	for _, tt := range []struct{ address, want string }{
		{"192.0.2.1:1883", "192.0.2.1"},
		{"[::ffff:192.0.2.1]:1883", "192.0.2.1"},
		{"[2001:db8:1:2:3:4:5:6]:1", "2001:db8:1:2::/64"},
		{"[2001:db8:1:2::1]:2", "2001:db8:1:2::/64"},
		{"[2001:db8:1:3::1]:2", "2001:db8:1:3::/64"},
		{"[fe80::1%eth0]:2", "fe80::/64"},
		{"pipe", "pipe"},
	} {
		if got := Origin(tt.address); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.address, got, tt.want)
		}
	}
}

// Who opens more connections than it may is told so some times, and then costs nothing
// any more: not a TLS handshake, above all. Others come in.
func TestConnectRateCloses(t *testing.T) {
	s := newStage(t, Config{ConnectRate: 5})
	s.from = guilty
	for round, want := range [][3]int{{10, 20, 70}, {5, 20, 75}} { // a burst of two seconds' worth, then one
		var got [3]int // let in, told, closed
		for range 100 {
			switch c := s.hub.Open(&wire{}, s.from, s.now); {
			case c == nil:
				got[2]++
			case c.denied == mqttwire.ConnectionRateExceeded:
				got[1]++
				c.Closed()
			default:
				got[0]++
				c.Closed()
			}
		}
		if got != want {
			t.Errorf("round %d: %v let in, told, closed, want %v", round, got, want)
		}
		s.now += time.Second
	}
	s.from = innocent
	s.connected(mqttwire.V50, "other").close()
}

// Topics that have Topic Aliases are charged, in both directions, and freed with the
// connection: 32 of 60 KB each would be 2 MB of every client.
func TestAliasesAreCharged(t *testing.T) {
	const each, size = 20, 10_000
	s := newStage(t, Config{MaxAccountBytes: 500_000})
	s.from = innocent
	empty := s.hub.Stats().Charged
	connect := &codec.Connect{Version: mqttwire.V50, ClientID: []byte("r"), Properties: codec.AppendTopicAliasMaximum(codec.Properties{}, 100)}
	reader := s.join(connect)
	reader.subscribeAt("#", 0)
	before := s.hub.Stats().Charged
	p := s.as(guilty).connected(mqttwire.V50, "p")
	for i := range each {
		m := &codec.Publish{Topic: []byte(fmt.Sprint(i, strings.Repeat("x", size)))}
		m.Properties = codec.AppendTopicAlias(m.Properties, uint16(i)+1)
		p.send(m)
	}
	if n := s.hub.Stats().Charged - before; n < 2*each*size || n > 3*each*size {
		t.Errorf("%d bytes are charged for %d of aliases", n, 2*each*size)
	}
	for i := range 30 {
		m := &codec.Publish{Topic: []byte(fmt.Sprint(i, strings.Repeat("x", 60_000)))}
		m.Properties = codec.AppendTopicAlias(m.Properties, uint16(i)+1)
		if p.send(m); p.gone {
			break
		}
	}
	if !p.gone {
		t.Error("an account that is full of aliases is not refused")
	}
	if reader.gone {
		t.Error("an innocent reader is thrown out")
	}
	reader.close()
	if n := s.hub.Stats().Charged; n != empty {
		t.Errorf("%d bytes stay charged", n-empty)
	}
}

// While much is being written to a client, what comes on top waits in its session,
// where all that it waits for share it, and not encoded for each.
func TestLargeWaitsShared(t *testing.T) {
	s := newStage(t, Config{})
	reader := s.connected(mqttwire.V50, "r")
	reader.subscribeAt("a", qos.AtLeastOnce)
	reader.stuck = true
	p := s.connected(mqttwire.V50, "p")
	large := strings.Repeat("x", 900_000)
	p.publish("a", large, false)
	b, ok := reader.c.Take()
	if !ok || len(b.Bytes) < len(large) {
		t.Fatal("nothing is written")
	}
	if p.publish("a", large, false); reader.c.out.Len() > 0 || s.queued("r") != 1 {
		t.Errorf("%d bytes are encoded, %d messages wait", reader.c.out.Len(), s.queued("r"))
	}
	if b, ok = reader.c.Wrote(b, nil, s.now); !ok || len(b.Bytes) < len(large) {
		t.Error("what has waited is not written next")
	}
}
