// Package brokers has the checks that judge a broker.
package brokers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
)

type needs = conformance.Needs

func cite(text string) conformance.Clauses { return conformance.Cite(text) }

// Checks returns the checks of a broker, those first that others come after. The
// caller owns the slice.
func Checks() []conformance.Check {
	all := slices.Concat(baseChecks, connectChecks, refusedChecks(), publishChecks, retainedChecks, subscribeChecks, sessionChecks,
		resendChecks, takeoverChecks, willChecks, expiryChecks, propertiesChecks, aliasChecks, flowChecks, sizeChecks,
		sharedChecks, keepaliveChecks, v31Checks, lacksChecks, robustChecks, vectorChecks(), placedChecks, []conformance.Check{takenCheck, wireCheck()})
	for i := range all {
		c := &all[i]
		subject, _, _ := strings.Cut(c.Name, "/")
		c.After, c.RestsOn = append(after(c.Name, subject), c.After...), restsOn(c.Name)
		if subject == "shared" {
			c.Needs.Shared = true
		}
		if subject == "retained" {
			c.Needs.Retain = true
		}
		if subject == "robust" || c.Name == "flow/slow-reader" || c.Name == "topics/deep-filter" {
			c.Needs.Alone = true // what may bring a broker down comes last
		}
	}
	return all
}

// base are the checks that all others come after: without what they show nothing
// can be seen.
var base = []string{"connect/accepted", "ping/answered", "subscribe/granted", "publish/qos-0", "publish/qos-1", "publish/qos-2"}

// foundations are what the checks of a subject come after.
var foundations = map[string]string{
	"retained": "retained/sent",
	"session":  "session/resumed",
	"resend":   "session/resumed",
	"takeover": "session/resumed",
	"will":     "will/sent",
	"shared":   "shared/delivered",
}

func after(name, subject string) []string {
	if i := slices.Index(base, name); i >= 0 {
		return base[:i]
	}
	if f := foundations[subject]; f != "" && f != name {
		return append(slices.Clone(base), f)
	}
	return base
}

// New returns a Runner of the checks against a broker that listens on an address
// of TCP. Its fields may be changed before it runs.
func New(addr string) *conformance.Runner {
	return &conformance.Runner{
		Subject: "broker at " + addr,
		Checks:  Checks(),
		Learn:   Learn,
		Probe:   probe,
		Open: func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", addr)
		},
	}
}

// probe connects, and subscribes where it may: a broker that serves somebody says
// something to both, or ends the connection. One that only accepts connections, with
// the rest of it at a halt, does not.
func probe(nc net.Conn, within time.Duration) error {
	nc.SetDeadline(time.Now().Add(within))
	const v = mqttwire.V311
	nc.Write([]byte(encode(v, &codec.Connect{Version: v, CleanStart: true, ClientID: []byte("conformprobe")})))
	connack := make([]byte, 4)
	if _, err := io.ReadFull(nc, connack); err != nil || connack[3] != 0 {
		return hangs(err)
	}
	nc.Write([]byte(encode(v, &codec.Subscribe{ID: 1, Subscriptions: codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte("conformprobe")})})))
	nc.Write([]byte(encode(v, &codec.Pingreq{})))
	_, err := nc.Read(connack)
	return hangs(err)
}

// hangs returns err where it is that nothing came.
func hangs(err error) error {
	if conformance.IsTimeout(err) {
		return err
	}
	return nil
}

// Learn connects in each version, and keeps what CONNACK of 5.0 announces. It is
// blocked where no version is accepted.
func Learn(t *conformance.T, facts *conformance.Facts) {
	refused := 0
	for _, v := range versions {
		facts.Speaks[v.String()] = "" // until it is known
		b := newBench(t)
		why := "no answer that can be read"
		b.each(v.String(), func(b *bench) { why = greet(b, v, facts) })
		if facts.Speaks[v.String()] = why; why != "" {
			refused++
		}
	}
	if refused == len(versions) {
		t.Block("%s", whyNone(facts.Speaks))
	}
}

// whyNone says why no version is accepted: once where the reason is the same.
func whyNone(why map[string]string) string {
	first := why[versions[0].String()]
	var each []string
	same := true
	for _, v := range versions {
		same = same && why[v.String()] == first
		each = append(each, v.String()+": "+why[v.String()])
	}
	if same {
		return first
	}
	return strings.Join(each, "; ")
}

// unreachable says in words why no connection could be made.
func unreachable(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Addr != nil && errors.Is(err, syscall.ECONNREFUSED) {
		return "nothing listens on " + op.Addr.String()
	}
	return "no connection: " + err.Error()
}

// greet connects, and returns how that failed.
func greet(b *bench, v mqttwire.Version, facts *conformance.Facts) (refused string) {
	nc, err := b.TryOpen("learn", mqttwire.Client, v)
	if err != nil {
		return unreachable(err)
	}
	c := &client{Conn: nc, b: b}
	c.send(b.login(&codec.Connect{Version: v, CleanStart: true, ClientID: []byte(b.id("learn"))}))
	p, err := c.next(b.Patience())
	if err != nil {
		var bad *conformance.Malformed
		switch {
		case conformance.IsTimeout(err):
			return "no answer to CONNECT"
		case asMalformed(err, &bad):
			return "CONNECT is answered with what is no packet of a broker: " + err.Error()
		}
		return "CONNECT is answered with the end of the connection"
	}
	ack, ok := p.(*codec.Connack)
	if !ok {
		return fmt.Sprintf("CONNECT is answered with %v", p)
	}
	if ack.Code != 0 {
		return fmt.Sprintf("CONNECT is answered with %v", ack)
	}
	if v == mqttwire.V50 {
		announced(ack.Properties, facts)
	}
	c.send(&codec.Disconnect{})
	if b.Login() != nil {
		// Is who has no user name let in, too?
		nc, err := b.TryOpen("learn", mqttwire.Client, v)
		if err != nil {
			return ""
		}
		nc.Send(&codec.Connect{Version: v, CleanStart: true, ClientID: []byte(b.id("anonymous"))})
		p, _ := nc.Next(b.Patience())
		ack, ok := p.(*codec.Connack)
		facts.Anonymous = ok && ack.Code == 0
	}
	return ""
}

func announced(p codec.Properties, facts *conformance.Facts) {
	no := func(n uint8, ok bool) bool { return ok && n == 0 }
	if n, ok := p.MaximumQoS(); ok {
		facts.MaximumQoS = n
	}
	facts.Retain = !no(p.RetainAvailable())
	facts.Wildcard = !no(p.WildcardSubscriptionAvailable())
	facts.SubscriptionIdentifiers = !no(p.SubscriptionIdentifierAvailable())
	facts.Shared = !no(p.SharedSubscriptionAvailable())
	if n, ok := p.ReceiveMaximum(); ok {
		facts.ReceiveMaximum = n
	}
	facts.TopicAliasMaximum, _ = p.TopicAliasMaximum()
	facts.MaximumPacketSize, _ = p.MaximumPacketSize()
	facts.ServerKeepAlive, _ = p.ServerKeepAlive()
}
