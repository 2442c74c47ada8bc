package command

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/gate"
	"github.com/mqttwire/mqttwire/examples/broker/server"
	"github.com/mqttwire/mqttwire/qos"
)

// An effect is how a setting is seen from outside: what a probe finds with one
// value of it, and with another. A broker that ignores the setting shows the same
// twice.
type effect struct {
	with  []string // other settings
	probe func(b *bed) string
	finds map[string]string // by value, what the probe finds
}

// effects are those of the settings that can be seen by a client on a pipe, by
// name. The others are in heldBy.
var effects = map[string]effect{
	// What there is.
	"max-qos": {nil, func(b *bed) string {
		c := b.in("c", v311)
		return c.subscribe("a", 2) + ", " + b.in("d", nil).publish("a", qos.ExactlyOnce, 0, nil)
	}, map[string]string{"2": "SUBACK 02, PUBREC 00", "1": "SUBACK 01, DISCONNECT 9b", "0": "SUBACK 00, DISCONNECT 9b"}},
	"retain": {nil, func(b *bed) string {
		answer := b.in("c", nil).publish("a", qos.AtLeastOnce, 1, retain)
		c := b.in("d", nil)
		return answer + ", " + c.subscribe("a", 0) + ", " + c.hear()
	}, map[string]string{"true": "PUBACK 10, SUBACK 00, PUBLISH a", "false": "DISCONNECT 9a, SUBACK 00, silence"}},
	"wildcard": {nil, func(b *bed) string { return b.in("c", nil).subscribe("a/#", 0) },
		map[string]string{"true": "SUBACK 00", "false": "DISCONNECT a2"}},
	"shared": {nil, func(b *bed) string { return b.in("c", nil).subscribe("$share/g/a", 0) },
		map[string]string{"true": "SUBACK 00", "false": "DISCONNECT 9e"}},
	"subscription-ids": {nil, func(b *bed) string {
		c := b.in("c", nil)
		c.say(&codec.Subscribe{ID: 1, Subscriptions: codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte("a")}),
			Properties: codec.Properties{}.Append(codec.Property{ID: codec.SubscriptionIdentifier, Number: 7})})
		return c.hear()
	}, map[string]string{"true": "SUBACK 00", "false": "DISCONNECT a1"}},
	"refuse-filter": {nil, func(b *bed) string {
		c := b.in("c", nil)
		return c.subscribe("test/nosubscribe", 0) + ", " + c.subscribe("mine", 0)
	}, map[string]string{"test/nosubscribe": "SUBACK 80, SUBACK 00", "mine": "SUBACK 00, SUBACK 80", "": "SUBACK 00, SUBACK 00"}},
	"lenient": {nil, func(b *bed) string {
		c := b.in("c", nil)
		c.say(&codec.Publish{Topic: []byte("a"), Dup: true}, &codec.Pingreq{})
		return c.hear()
	}, map[string]string{"": "DISCONNECT 81", "dup-qos-0": "PINGRESP"}},
	"response-information": {nil, func(b *bed) string {
		c := b.call(mqttwire.V50)
		c.say(&codec.Connect{Version: mqttwire.V50, CleanStart: true, ClientID: []byte("c"),
			Properties: codec.Properties{}.Append(codec.Property{ID: codec.RequestResponseInformation, Number: 1})})
		return property(c, codec.ResponseInformation)
	}, map[string]string{"": "none", "r/%c": "r/c"}},

	// Sizes and numbers that are announced, and that clients are held to.
	"max-connect": {nil, func(b *bed) string {
		_, answer := b.join(strings.Repeat("c", 100), nil)
		return answer
	}, map[string]string{"100": "closed", "200": "CONNACK 00"}},
	"max-packet": {nil, func(b *bed) string {
		return announced(b, codec.MaximumPacketSize) + ", " + b.in("d", nil).publish("a", qos.AtLeastOnce, 100, nil)
	}, map[string]string{"100": "100, DISCONNECT 95", "200": "200, PUBACK 10"}},
	"receive-maximum": {nil, func(b *bed) string {
		c := b.in("d", nil)
		return announced(b, codec.ReceiveMaximum) + ", " + c.publish("a", qos.ExactlyOnce, 0, nil) + ", " +
			c.publish("a", qos.ExactlyOnce, 0, func(p *codec.Publish) { p.ID = 2 })
	}, map[string]string{"1": "1, PUBREC 10, DISCONNECT 93", "2": "2, PUBREC 10, PUBREC 10"}},
	"topic-alias-maximum": {nil, func(b *bed) string {
		return announced(b, codec.TopicAliasMaximum) + ", " + b.in("d", nil).publish("a", qos.AtLeastOnce, 0, func(p *codec.Publish) {
			p.Properties = p.Properties.Append(codec.Property{ID: codec.TopicAlias, Number: 2})
		})
	}, map[string]string{"1": "1, DISCONNECT 94", "2": "2, PUBACK 10"}},
	"topic-aliases": {nil, func(b *bed) string {
		c := b.in("c", func(c *codec.Connect) {
			c.Properties = c.Properties.Append(codec.Property{ID: codec.TopicAliasMaximum, Number: 5})
		})
		c.subscribe("a", 0)
		for range 2 {
			b.in("d", nil).publish("a", qos.AtLeastOnce, 0, nil)
		}
		return c.hear() + ", " + c.hear()
	}, map[string]string{"0": "PUBLISH a, PUBLISH a", "1": "PUBLISH a, PUBLISH "}},
	"max-keepalive": {nil, func(b *bed) string {
		return announced(b, codec.ServerKeepAlive) + ", " + b.in("d", nil).hearFor(time.Hour)
	}, map[string]string{"0": "none, silence", "7": "7, DISCONNECT 8d"}},
	"max-session-expiry": {nil, func(b *bed) string {
		b.in("c", keep).leave()
		time.Sleep(100 * time.Second)
		_, answer := b.join("c", keep)
		return answer
	}, map[string]string{"0": "CONNACK 00 present", "99": "CONNACK 00", "101": "CONNACK 00 present"}},
	"max-inflight": {nil, func(b *bed) string {
		c := b.in("c", nil)
		c.subscribe("a", 1)
		for range 3 {
			b.in("d", nil).publish("a", qos.AtLeastOnce, 0, nil)
		}
		return c.hearAll()
	}, map[string]string{"1": "PUBLISH a", "2": "PUBLISH a, PUBLISH a", "1024": "PUBLISH a, PUBLISH a, PUBLISH a"}},

	// What waits.
	"max-buffer": {nil, func(b *bed) string {
		c := b.in("c", nil)
		c.subscribe("a", 0)
		d := b.in("d", nil)
		for range 10 {
			d.say(&codec.Publish{Topic: []byte("a"), Payload: make([]byte, 1000)}) // c does not read
			synctest.Wait()
		}
		return fmt.Sprint("all: ", strings.Count(c.hearAll(), "PUBLISH") == 10)
	}, map[string]string{"1500": "all: false", "1048576": "all: true"}},
	"max-queued":        {nil, queued(1), map[string]string{"3": "all: false, PUBACK 97", "5": "all: true, PUBACK 00"}},
	"max-queued-bytes":  {nil, queued(100), map[string]string{"900": "all: false, PUBACK 97", "5000": "all: true, PUBACK 00"}},
	"max-total-bytes":   {[]string{"-max-queued-bytes", "8000"}, queued(1000), map[string]string{"8000": "all: false, PUBACK 97", "1000000": "all: true, PUBACK 00"}},
	"max-account-bytes": {nil, queued(1000), map[string]string{"8000": "all: false, PUBACK 97", "1000000": "all: true, PUBACK 00"}},
	"refused-by-any": {[]string{"-max-queued", "1"}, func(b *bed) string {
		c := b.in("c", keep)
		c.subscribe("a", 1)
		c.leave()
		b.in("l", nil).subscribe("a", 0)
		d := b.in("d", nil)
		return d.publish("a", qos.AtLeastOnce, 1, nil) + ", " + d.publish("a", qos.AtLeastOnce, 1, nil)
	}, map[string]string{"false": "PUBACK 00, PUBACK 00", "true": "PUBACK 00, PUBACK 97"}},
	"hold-budget": {[]string{"-max-queued", "8", "-max-inflight", "1"}, func(b *bed) string {
		b.in("slow", nil).subscribe("a", 1)
		b.in("other", nil).subscribe("a", 0)
		d := b.in("d", nil)
		var all []codec.Packet
		for i := range 4 { // one in flight, two wait: the slow one is behind
			all = append(all, &codec.Publish{Topic: []byte("a"), QoS: qos.AtLeastOnce, ID: uint16(i + 1)})
		}
		start := time.Now()
		d.say(all...)
		for range all {
			d.hear()
		}
		return time.Since(start).String()
	}, map[string]string{"200ms": "100ms", "-1s": "0s"}},
	"disconnect-slow": {[]string{"-max-queued", "1", "-max-inflight", "1"}, func(b *bed) string {
		c := b.in("c", nil)
		c.subscribe("a", 1)
		d := b.in("d", nil)
		for range 3 {
			d.publish("a", qos.AtLeastOnce, 0, nil)
		}
		return c.hearAll()
	}, map[string]string{"false": "PUBLISH a", "true": "PUBLISH a, DISCONNECT 97, closed"}},

	"retry": {nil, func(b *bed) string {
		c := b.in("c", v311)
		c.subscribe("a", 1)
		b.in("d", nil).publish("a", qos.AtLeastOnce, 0, nil)
		return c.hear() + ", " + c.hearFor(7*time.Second)
	}, map[string]string{"0": "PUBLISH a, silence", "6s": "PUBLISH a, PUBLISH a", "8s": "PUBLISH a, silence"}},

	// How many.
	"max-sessions": {nil, func(b *bed) string {
		b.in("c", keep)
		_, answer := b.join("d", keep)
		return answer
	}, map[string]string{"1": "CONNACK 97", "2": "CONNACK 00"}},
	"max-subscriptions": {nil, func(b *bed) string {
		c := b.in("c", nil)
		return c.subscribe("a", 0) + ", " + c.subscribe("b", 0)
	}, map[string]string{"1": "SUBACK 00, SUBACK 97", "2": "SUBACK 00, SUBACK 00"}},
	"max-levels": {nil, func(b *bed) string { return b.in("c", nil).subscribe("a/b/c", 0) },
		map[string]string{"2": "SUBACK 8f", "3": "SUBACK 00"}},
	"max-retained": {nil, func(b *bed) string {
		c := b.in("c", nil)
		return c.publish("a", qos.AtLeastOnce, 1, retain) + ", " + c.publish("b", qos.AtLeastOnce, 1, retain)
	}, map[string]string{"0": "PUBACK 10, PUBACK 10", "1": "PUBACK 10, PUBACK 97"}},
	"max-connections": {nil, func(b *bed) string {
		b.in("c", nil)
		_, answer := b.join("d", nil)
		return answer
	}, map[string]string{"0": "CONNACK 00", "1": "CONNACK 89", "2": "CONNACK 00"}},
	"max-address-connections": {nil, func(b *bed) string {
		b.in("c", nil)
		_, answer := b.join("d", nil)
		return answer
	}, map[string]string{"0": "CONNACK 00", "1": "CONNACK 97", "2": "CONNACK 00"}},
	"max-shared": {nil, func(b *bed) string {
		c := b.in("c", nil)
		return c.subscribe("$share/g/a", 0) + ", " + c.subscribe("$share/h/a", 0)
	}, map[string]string{"1": "SUBACK 00, SUBACK 97", "2": "SUBACK 00, SUBACK 00"}},
	"max-identified": {nil, func(b *bed) string {
		c, all := b.in("c", nil), ""
		for _, filter := range []string{"a/#", "+/a"} {
			c.say(&codec.Subscribe{ID: 1, Subscriptions: codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte(filter)}),
				Properties: codec.Properties{}.Append(codec.Property{ID: codec.SubscriptionIdentifier, Number: 7})})
			all += c.hear() + " "
		}
		return all
	}, map[string]string{"1": "SUBACK 00 SUBACK 97 ", "2": "SUBACK 00 SUBACK 00 "}},
	"connect-rate": {nil, func(b *bed) string {
		var all []string
		for i := range 3 {
			_, answer := b.join(fmt.Sprint(i), nil)
			all = append(all, answer)
		}
		return strings.Join(all, ", ")
	}, map[string]string{"0": "CONNACK 00, CONNACK 00, CONNACK 00", "1": "CONNACK 00, CONNACK 00, CONNACK 9f"}},

	// Who offends.
	"ban-credentials": {nil, func(b *bed) string {
		for range 2 {
			b.join("c", guess)
		}
		_, answer := b.join("d", nil)
		return answer
	}, map[string]string{"0": "CONNACK 87", "2": "CONNACK 8a"}},
	"ban-malformed": {nil, banned(0, 0), map[string]string{"0": "CONNACK 00", "2": "CONNACK 8a", "3": "CONNACK 00"}},
	"ban-window":    {[]string{"-ban-malformed", "2"}, banned(10*time.Second, 0), map[string]string{"5s": "CONNACK 00", "1m": "CONNACK 8a"}},
	"ban-for":       {[]string{"-ban-malformed", "2"}, banned(0, 10*time.Second), map[string]string{"5s": "CONNACK 00", "1m": "CONNACK 8a"}},

	// Time.
	"connect-timeout": {nil, func(b *bed) string {
		return took(b.call(mqttwire.V50))
	}, map[string]string{"7s": "closed after 7s", "0": "silence after 1h0m0s"}},
	"write-timeout": {nil, func(b *bed) string {
		c := b.in("c", keep)
		c.subscribe("a", 0)
		b.in("d", nil).publish("a", 0, 1, nil) // c does not read
		time.Sleep(20 * time.Second)
		_, answer := b.join("c", keep)
		return answer + ", " + c.hear()
	}, map[string]string{"10s": "CONNACK 00 present, closed", "1h": "CONNACK 00 present, PUBLISH a"}},
	"linger": {nil, func(b *bed) string {
		c := b.in("c", nil)
		c.publish("a/#", 0, 0, nil) // is answered, and then the connection ends
		if got := c.hear(); got != "closed" {
			return got
		}
		// Its other direction stays open for a while.
		began := time.Now()
		for {
			if _, err := c.conn.Write([]byte{0xc0, 0}); err != nil {
				return fmt.Sprint(time.Since(began).Truncate(time.Second))
			}
			time.Sleep(time.Second / 2)
		}
	}, map[string]string{"1s": "1s", "5s": "5s"}},
	"sys-interval": {nil, func(b *bed) string {
		c := b.in("c", nil)
		c.subscribe("$SYS/broker/uptime", 0)
		began, n := time.Now(), 0
		for time.Since(began) < 100*time.Second {
			if c.hear() == "PUBLISH $SYS/broker/uptime" {
				n++
			}
		}
		return fmt.Sprint(n > 15)
	}, map[string]string{"5s": "true", "10s": "false", "-1s": "false"}},
}

// heldBy are the tests of this directory and of those below it that fail when a
// setting without an effect is ignored.
var heldBy = map[string][]string{
	"listen":           {"TestRun"},
	"listen-tls":       {"TestRunTLS"},
	"tls-cert":         {"TestRunTLS"},
	"tls-key":          {"TestRunTLS"},
	"tls-client-ca":    {"TestRunClientCertificates"},
	"tls-require-cert": {"TestRunClientCertificates"},
	"tls-cert-user":    {"TestRunClientCertificates"},
	"users":            {"TestRunRecheck"},
	"acl":              {"TestRunReload"},
	"token-keys":       {"TestRunTokens"},
	"token-revoked":    {"TestRunRevokedGone"},
	"token-notice":     {"TestTokenNotice", "TestTokenExpiry"},
	"token-late":       {"TestGateSettings", "TestTokenLate"},
	"token-instance":   {"TestGateSettings", "TestTokenInstance"},
	"deny":             {"TestGateSettings", "TestDeny"},
	"anonymous":        {"TestRunAnonymous"},
	"reload":           {"TestRunReload"},
	"grace":            {"TestRunGrace"},
	"log-level":        {"TestLog"},
	"log-format":       {"TestLog"},
	"v":                {"TestLog"},
	"hash-password":    {"TestHashPassword"},
	"config":           {"TestConfig"},
	"limits":           {"TestLimits"},
	"exempt":           {"TestExempt"},
	"client-id":        {"TestClientIDs"},
	"keep-revoked":     {"TestRightsTakenAway"},
}

// fieldsHeldBy are the tests that fail when a field is ignored which no flag sets.
var fieldsHeldBy = map[string][]string{
	"Config.AuthenticationMethods": {"TestEnhancedAuthentication"}, // made of Methods
	"Config.InboundWindow":         {"TestWindow"},
	"Config.StreamAbove":           {"TestNoStream"},
	"Config.Authenticator":         {"TestAuthenticator"},
	"Config.Methods":               {"TestEnhancedAuthentication"},
	"Config.Handlers":              {"TestHandlers"},
	"Config.Store":                 {"TestCrash"},
	"Config.Router":                {"TestRouter"},
	"Config.Exempt":                {"TestConnectionsOfAnAddress"},
	"Config.Own":                   {"TestOwnIdentifiers"},

	"Gate.Anonymous":        {"TestAnonymous"},
	"Gate.CertificateNames": {"TestCertificateNames", "TestCertificateIsNoUser"},
	"Gate.Ahead":            {"TestTokenExpiry"},
	"Gate.Late":             {"TestTokenLate", "TestTokenLateNothing"},
	"Gate.Instance":         {"TestTokenInstance", "TestTokenInstancesShareTopics"},
	"Gate.Deny":             {"TestDeny"},
	"Gate.Shared":           {"TestOrigin"},

	"Files.Users":       {"TestUsers"},
	"Files.ACL":         {"TestACLPublish"},
	"Files.TokenKeys":   {"TestTokenConnect"},
	"Files.Revocations": {"TestTokenRevoked"},

	"CertificateFiles.Certificate": {"TestReloadCertificates"},
	"CertificateFiles.Key":         {"TestCertificateFiles"},
	"CertificateFiles.ClientCA":    {"TestCertificateForeign"},
	"CertificateFiles.Required":    {"TestCertificateRequired"},
}

func retain(p *codec.Publish) { p.Retain = true }

func guess(c *codec.Connect) {
	c.UserNameFlag, c.UserName, c.PasswordFlag, c.Password = true, []byte("alice"), true, []byte("a guess")
}

// property returns that of a CONNACK.
func property(c *caller, id codec.PropertyID) string {
	x, err := c.receive(time.Minute)
	if err != nil {
		return err.Error()
	}
	for p := range x.(*codec.Connack).Properties.All() {
		switch {
		case p.ID == id && p.Value != nil:
			return string(p.Value)
		case p.ID == id:
			return fmt.Sprint(p.Number)
		}
	}
	return "none"
}

// announced returns a property of what a client is told that connects.
func announced(b *bed, id codec.PropertyID) string {
	c := b.call(mqttwire.V50)
	c.say(&codec.Connect{Version: mqttwire.V50, CleanStart: true, ClientID: []byte("asks")})
	return property(c, id)
}

// queued says whether all of five messages wait for a client that is away, and
// how the last was answered.
func queued(payload int) func(b *bed) string {
	return func(b *bed) string {
		c := b.in("c", keep)
		c.subscribe("a", 1)
		c.leave()
		d, answer := b.in("d", nil), ""
		for range 5 {
			answer = d.publish("a", qos.AtLeastOnce, payload, nil)
		}
		return fmt.Sprintf("all: %v, %s", strings.Count(b.in("c", keep).hearAll(), "PUBLISH") == 5, answer)
	}
}

// banned is what somebody is told who has twice sent what is malformed, with
// times between and after.
func banned(between, after time.Duration) func(b *bed) string {
	return func(b *bed) string {
		for i := range 2 {
			if i > 0 {
				time.Sleep(between)
			}
			c := b.in("c", nil)
			c.conn.Write([]byte{0xc1, 0})
			c.hearAll()
			synctest.Wait()
		}
		time.Sleep(after)
		_, answer := b.join("d", nil)
		return answer
	}
}

// took says how long it is until something comes.
func took(c *caller) string {
	began := time.Now()
	what := c.hearFor(time.Hour)
	return fmt.Sprint(what, " after ", time.Since(began).Truncate(time.Second))
}

// What may be left unfinished of a client before 5.0, which no flag sets.
func TestWindow(t *testing.T) {
	for window, want := range map[uint16]string{0: "PINGRESP", 2: "PINGRESP", 1: "closed"} {
		inBedWith(t, nil, func(c *server.Config) { c.InboundWindow = window }, func(b *bed) {
			c := b.in("c", v311)
			for id := range uint16(2) {
				c.publish("a", qos.ExactlyOnce, 0, func(p *codec.Publish) { p.ID = id + 1 })
			}
			c.say(&codec.Pingreq{})
			if got := c.hear(); got != want {
				b.t.Errorf("window %d: %s, want %s", window, got, want)
			}
		})
	}
}

// The broker has messages whole, whatever it is told.
func TestNoStream(t *testing.T) {
	inBedWith(t, nil, func(c *server.Config) { c.StreamAbove = 10 }, func(b *bed) {
		c := b.in("c", nil)
		c.subscribe("a", 0)
		if answer := b.in("d", nil).publish("a", qos.AtLeastOnce, 1000, nil); answer != "PUBACK 00" {
			b.t.Errorf("a large message is answered with %s", answer)
		}
		if got := c.hear(); got != "PUBLISH a" {
			b.t.Errorf("%s instead of a large message", got)
		}
	})
}

func TestEffects(t *testing.T) {
	users := write(t, "users", "")
	for name, x := range effects {
		t.Run(name, func(t *testing.T) {
			found := map[string]bool{}
			for value, want := range x.finds {
				// Nobody is disconnected for silence, and nothing comes unasked.
				args := slices.Concat([]string{"-max-keepalive=0", "-sys-interval=-1s"}, x.with, []string{"-" + name + "=" + value})
				if name == "ban-credentials" {
					args = append(args, "-users", users)
				}
				inBed(t, args, func(b *bed) {
					if got := x.probe(b); got != want {
						b.t.Errorf("%q: found %q, want %q", args, got, want)
					}
				})
				found[want] = true
			}
			if len(found) < 2 {
				t.Errorf("-%s is not seen: it is always %v", name, found)
			}
		})
	}
}

// TestAllHeld finds the settings and the fields of a Config that no test holds,
// and tests that are named and are not there.
func TestAllHeld(t *testing.T) {
	named := map[string][]string{}
	for _, held := range []map[string][]string{heldBy, fieldsHeldBy} {
		for what, tests := range held {
			named[what] = tests
		}
	}
	there := testsBelow(t, "..")
	for what, tests := range named {
		for _, test := range tests {
			if !there[test] {
				t.Errorf("%s: there is no %s", what, test)
			}
		}
	}

	all := map[string]bool{"config": true}
	for _, f := range flags() {
		all[f.Name] = true
	}
	for name := range all {
		_, seen := effects[name]
		if seen == (len(heldBy[name]) > 0) {
			t.Errorf("-%s: in effects and in heldBy, or in neither", name)
		}
	}
	for _, held := range []map[string]bool{keys(effects), keys(heldBy)} {
		for name := range held {
			if !all[name] {
				t.Errorf("there is no -%s", name)
			}
		}
	}

	// A field is held by the flag that sets it.
	fields := map[string]bool{}
	for _, x := range []any{server.Config{}, gate.Gate{}, gate.Files{}, gate.CertificateFiles{}} {
		walk(reflect.ValueOf(x), reflect.TypeOf(x).Name(), func(field string, _ reflect.Value) { fields[field] = false })
	}
	for _, f := range flags() {
		for field := range setBy(f, another(f)) {
			fields[field] = true
		}
		if f.Name == "max-qos" {
			for field := range setBy(f, "0") {
				fields[field] = true
			}
		}
	}
	for field, set := range fields {
		if set == (len(fieldsHeldBy[field]) > 0) {
			t.Errorf("%s: set by a flag and in fieldsHeldBy, or neither", field)
		}
	}
	for field := range fieldsHeldBy {
		if _, ok := fields[field]; !ok {
			t.Errorf("there is no %s", field)
		}
	}
}

func keys[V any](m map[string]V) map[string]bool {
	all := map[string]bool{}
	for k := range m {
		all[k] = true
	}
	return all
}

// setBy returns the fields of server.Config that a flag with a value sets.
func setBy(f *flag.Flag, value string) map[string]bool {
	fields := func(set bool) map[string]any {
		s, flags, all := new(settings), flag.NewFlagSet("", flag.ContinueOnError), map[string]any{}
		s.flags(flags)
		if set {
			flags.Set(f.Name, value)
		}
		s.finish(flags, map[string]bool{f.Name: set})
		if f.Name != "log-level" {
			s.server.Log = nil // which is new each time
		}
		walk(reflect.ValueOf(s.server), "Config", func(field string, v reflect.Value) { all[field] = v.Interface() })
		return all
	}
	plain, changed := fields(false), map[string]bool{}
	for field, v := range fields(true) {
		if !reflect.DeepEqual(v, plain[field]) {
			changed[field] = true
		}
	}
	return changed
}

// walk visits the exported fields of a struct, those of embedded structs as its
// own.
func walk(v reflect.Value, name string, visit func(field string, v reflect.Value)) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		switch {
		case f.Anonymous:
			walk(v.Field(i), name, visit)
		case !f.IsExported():
		case f.Type.Kind() == reflect.Struct:
			walk(v.Field(i), name+"."+f.Name, visit)
		default:
			visit(name+"."+f.Name, v.Field(i))
		}
	}
}

// testsBelow returns the names of all tests in a directory and those below.
func testsBelow(t *testing.T, dir string) map[string]bool {
	there := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				there[f.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return there
}
