package interop

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/examples/broker/gate"
	"github.com/mqttwire/mqttwire/examples/broker/server"
	"github.com/mqttwire/mqttwire/tokenauth"
	"github.com/mqttwire/mqttwire/tokenauth/hmactoken"
)

// The life of a token with clients that know nothing of tokens.

// noticeAhead is how long before its token expires a client is told.
const noticeAhead = 2 * time.Second

// An issuer makes tokens that its broker takes.
type issuer struct {
	t    *testing.T
	keys hmactoken.Keys
	*broker
	gate    *gate.Gate
	revoked string // file
}

func startIssuer(t *testing.T) *issuer {
	t.Helper()
	dir := t.TempDir()
	secret := make([]byte, hmactoken.MinSecret)
	rand.Read(secret)
	i := &issuer{t: t, keys: hmactoken.Keys{"k": secret}, revoked: filepath.Join(dir, "revoked")}
	keys := filepath.Join(dir, "keys")
	for name, text := range map[string]string{keys: "k " + base64.StdEncoding.EncodeToString(secret) + "\n", i.revoked: ""} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if i.gate, err = gate.Open(gate.Files{TokenKeys: keys, Revocations: i.revoked}); err != nil {
		t.Fatal(err)
	}
	i.gate.Ahead = noticeAhead
	i.broker = startBroker(t, func(c *server.Config) { c.Authenticator, c.Handlers = i.gate, i.gate.Handlers() })
	return i
}

// token makes a token for sensors/#.
func (i *issuer) token(typ tokenauth.Type, life time.Duration) string {
	i.t.Helper()
	now := time.Now()
	c := hmactoken.Claims{KeyID: "k", AccessKeyID: "acme", InstanceID: "post-1", Type: typ,
		Issued: now.Add(min(0, life-time.Second)), Expires: now.Add(life), Filters: []string{"sensors/#"}}
	b, err := c.Append(nil, i.keys)
	if err != nil {
		i.t.Fatal(err)
	}
	return string(b)
}

// revoke withdraws a token, as the broker does when its files have changed.
func (i *issuer) revoke(token string) {
	i.t.Helper()
	id, err := hmactoken.ID([]byte(token))
	if err == nil {
		err = os.WriteFile(i.revoked, []byte("token "+id+"\n"), 0o600)
	}
	if err == nil {
		_, err = i.gate.Reload()
	}
	if err != nil {
		i.t.Fatal(err)
	}
	i.Recheck()
}

const tokenUser = "Token|acme|post-1"

// upload is the payload that replaces a token.
func upload(typ tokenauth.Type, token string) string {
	return fmt.Sprintf(`{"token":%q,"type":%q}`, token, typ)
}

// A holder is a client with tokens, and what has come to it.
type holder struct {
	t        *testing.T
	messages chan [2]string // topic, payload
	ended    chan byte      // the code of the DISCONNECT, 0 without one
	publish  func(topic, payload string, qos byte) error
	sub      func(filter string) error
	leave    func()
}

// expect receives a message whose payload begins with a text.
func (h *holder) expect(topic, payload string) {
	h.t.Helper()
	if got := receive(h.t, h.messages, "message on "+topic); got[0] != topic || !strings.HasPrefix(got[1], payload) {
		h.t.Fatalf("got %q, want %s %q…", got, topic, payload)
	}
}

func (h *holder) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

type dialHolder func(t *testing.T, address, id, password string) (*holder, error)

// holders are the libraries. code is how they say that a CONNECT is refused.
var holders = []struct {
	name    string
	version mqttwire.Version
	dial    dialHolder
	bad     string // bad user name or password
	denied  string // not authorized
}{
	{"paho-3.1", v31, dialHolder3(3), "bad user name or password", "not Authorized"},
	{"paho-3.1.1", v311, dialHolder3(4), "bad user name or password", "not Authorized"},
	{"paho-5.0", v50, dialHolder5, "code 0x86", "code 0x87"},
}

func dialHolder3(version uint) dialHolder {
	return func(t *testing.T, address, id, password string) (*holder, error) {
		h := &holder{t: t, messages: make(chan [2]string, 100), ended: make(chan byte, 1)}
		c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + address).SetClientID(id).SetProtocolVersion(version).
			SetUsername(tokenUser).SetPassword(password).SetAutoReconnect(false).SetConnectTimeout(patience).
			SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
				h.messages <- [2]string{m.Topic(), string(m.Payload())}
			}).
			SetConnectionLostHandler(func(mqtt.Client, error) { h.ended <- 0 }).
			SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) {
				return net.DialTimeout("tcp", address, patience)
			}))
		h.publish = func(topic, payload string, qos byte) error { return wait3(c.Publish(topic, qos, false, payload)) }
		h.sub = func(filter string) error {
			token := c.Subscribe(filter, 1, nil)
			if err := wait3(token); err != nil {
				return err
			}
			if token.(*mqtt.SubscribeToken).Result()[filter] == 0x80 {
				return errors.New("refused")
			}
			return nil
		}
		h.leave = func() { c.Disconnect(0) }
		t.Cleanup(h.leave)
		return h, wait3(c.Connect())
	}
}

func dialHolder5(t *testing.T, address, id, password string) (*holder, error) {
	h := &holder{t: t, messages: make(chan [2]string, 100), ended: make(chan byte, 1)}
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	c := paho.NewClient(paho.ClientConfig{
		Conn: conn, PacketTimeout: patience,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(r paho.PublishReceived) (bool, error) {
			h.messages <- [2]string{r.Packet.Topic, string(r.Packet.Payload)}
			return true, nil
		}},
		OnServerDisconnect: func(d *paho.Disconnect) {
			if d.Properties != nil && d.Properties.ReasonString != "" {
				h.ended <- d.ReasonCode
			} else {
				h.ended <- 0 // without a reason string
			}
		},
	})
	h.publish = func(topic, payload string, qos byte) error {
		_, err := c.Publish(context.Background(), &paho.Publish{Topic: topic, Payload: []byte(payload), QoS: qos})
		return err
	}
	h.sub = func(filter string) error {
		_, err := c.Subscribe(context.Background(), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: filter, QoS: 1}}})
		return err
	}
	h.leave = func() { c.Disconnect(&paho.Disconnect{}) }
	t.Cleanup(h.leave)
	ack, err := c.Connect(context.Background(), &paho.Connect{ClientID: id, CleanStart: true, KeepAlive: 30,
		UsernameFlag: true, Username: tokenUser, PasswordFlag: true, Password: []byte(password)})
	if err != nil && ack != nil {
		err = fmt.Errorf("code 0x%02x: %w", ack.ReasonCode, err)
	}
	return h, err
}

func TestTokenLife(t *testing.T) {
	for _, lib := range holders {
		t.Run(lib.name, func(t *testing.T) {
			t.Parallel()
			i := startIssuer(t)

			// Refused: forged, of another type, expired.
			good := i.token(tokenauth.ReadWrite, time.Hour)
			for password, want := range map[string]string{
				"RW|nonsense":                    lib.bad,
				"RW|" + good + "x":               lib.bad,
				"R|" + good:                      lib.denied,
				"RW|" + i.token(3, -time.Second): lib.denied,
				"RW|" + good + "|R|" + good:      lib.denied,
			} {
				if _, err := lib.dial(t, i.address, "refused", password); err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(want)) {
					t.Errorf("CONNECT with %.10s…: %v, want %s", password, err, want)
				}
			}

			// Two clients, one of which renews its token.
			short := i.token(tokenauth.ReadWrite, noticeAhead+500*time.Millisecond)
			time.Sleep(2 * time.Millisecond) // the times in a token are in milliseconds
			good = i.token(tokenauth.ReadWrite, time.Hour)
			ends, err := lib.dial(t, i.address, "ends", "RW|"+short)
			if err != nil {
				t.Fatal(err)
			}
			renews, err := lib.dial(t, i.address, "renews", "RW|"+short)
			if err != nil {
				t.Fatal(err)
			}
			ends.must(ends.sub("sensors/#"))
			if lib.version != v31 { // which has no way to say so, and closes
				if err := ends.sub("#"); err == nil {
					t.Error("# was granted")
				}
				ends.expect(tokenauth.TopicInvalidNotice, `{"code":4,"type":"RW"}`)
			}
			ends.must(renews.publish("sensors/1", "21", 1))
			ends.expect("sensors/1", "21")
			ends.expect(tokenauth.TopicExpireNotice, `{"expireTime":`)
			renews.expect(tokenauth.TopicExpireNotice, `{"expireTime":`)
			renews.must(renews.publish(tokenauth.TopicUpdate, upload(tokenauth.ReadWrite, good), 1))
			ends.expect(tokenauth.TopicInvalidNotice, `{"code":2,"type":"RW"}`)
			if code := receive(t, ends.ended, "end of the connection"); lib.version == v50 && code != 0x87 {
				t.Errorf("ended with 0x%02x, or without a reason string", code)
			}
			again, err := lib.dial(t, i.address, "ends", "RW|"+good)
			if err != nil {
				t.Fatal(err)
			}
			again.must(again.sub("sensors/#"))
			renews.must(renews.publish("sensors/2", "22", 1))
			again.expect("sensors/2", "22")

			// What no token allows.
			err = renews.publish("doors/1", "open", 1)
			if lib.version == v50 {
				if err == nil {
					t.Error("a message was accepted that the token does not allow")
				}
				renews.expect(tokenauth.TopicInvalidNotice, `{"code":4,"type":"RW"}`)
				renews.must(renews.publish("sensors/3", "still here", 1))
			} else { // acknowledged, as there is no other answer
				renews.must(err)
				renews.expect(tokenauth.TopicInvalidNotice, `{"code":4,"type":"RW"}`)
				receive(t, renews.ended, "end of the connection")
			}

			i.revoke(good)
			for got := receive(t, again.messages, "notice"); got[0] != tokenauth.TopicInvalidNotice; got = receive(t, again.messages, "notice") {
			}
			receive(t, again.ended, "end of the connection")
			if _, err := lib.dial(t, i.address, "ends", "RW|"+good); err == nil {
				t.Error("a revoked token lets a client in")
			}
		})
	}
}

// An update that is not in order has the client told, and turned out.
func TestTokenBadUpdates(t *testing.T) {
	for _, lib := range holders {
		t.Run(lib.name, func(t *testing.T) {
			t.Parallel()
			i := startIssuer(t)
			now := i.token(tokenauth.Write, time.Hour)
			for _, x := range []struct {
				name, payload string
				qos           byte
				code          int
			}{
				{"not JSON", "[[[[", 1, 1},
				{"QoS 0", upload(tokenauth.Write, now[:len(now)-5]+"AAAAA"), 0, 8},
				{"another type", upload(tokenauth.Read, i.token(tokenauth.Read, time.Hour)), 1, 5},
				{"swapped type", upload(tokenauth.Write, i.token(tokenauth.Read, time.Hour)), 1, 5},
				{"changed", upload(tokenauth.Write, now[:len(now)-5]+"AAAAA"), 1, 8},
				{"expired", upload(tokenauth.Write, i.token(tokenauth.Write, -time.Second)), 1, 2},
			} {
				h, err := lib.dial(t, i.address, "client", "W|"+now)
				if err != nil {
					t.Fatal(err)
				}
				go h.publish(tokenauth.TopicUpdate, x.payload, x.qos)
				got := receive(t, h.messages, "notice")
				if want := fmt.Sprintf(`{"code":%d,`, x.code); got[0] != tokenauth.TopicInvalidNotice || !strings.HasPrefix(got[1], want) {
					t.Errorf("%s: %q, want %s…", x.name, got, want)
				}
				receive(t, h.ended, "end of the connection")
				h.leave()
			}
		})
	}
}

// Clients upload at any QoS, and with a token that was issued before the one in
// force: that is no offence.
func TestTokenUpdates(t *testing.T) {
	for _, lib := range holders {
		t.Run(lib.name, func(t *testing.T) {
			t.Parallel()
			i := startIssuer(t)
			older := i.token(tokenauth.Write, time.Hour)
			time.Sleep(2 * time.Millisecond) // the times in a token are in milliseconds
			h, err := lib.dial(t, i.address, "client", "W|"+i.token(tokenauth.Write, time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			for qos := range byte(3) {
				h.must(h.publish(tokenauth.TopicUpdate, upload(tokenauth.Write, older), qos))
				h.must(h.publish("sensors/7", "1", 1))
			}
			h.leave()
		})
	}
}

// Clients of the older flow connect without a user name, and upload before they
// do anything else.
func TestTokenLate(t *testing.T) {
	for _, f := range here(t) {
		if strings.HasPrefix(f.name, "mosquitto") {
			continue // programs that do one thing
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			i := startIssuer(t)
			i.gate.Late = patience
			c := newClient(t, f, i.broker, options{id: "c"})
			c.pub(message{topic: tokenauth.TopicUpdate, payload: upload(tokenauth.Read, i.token(tokenauth.Read, time.Hour)), qos: 1})
			c.sub(subscription{filter: "sensors/#", qos: 1})
			c.pub(message{topic: tokenauth.TopicUpdate, payload: upload(tokenauth.Write, i.token(tokenauth.Write, time.Hour)), qos: 1})
			m := message{topic: "sensors/1", payload: "21", qos: 1}
			c.pub(m)
			c.expect(m)
		})
	}
}

// The mosquitto programs, as the README of the broker has them.
func TestTokenMosquitto(t *testing.T) {
	require(t, missingMosquitto)
	for _, version := range []mqttwire.Version{v31, v311, v50} {
		t.Run(version.String(), func(t *testing.T) {
			t.Parallel()
			i := startIssuer(t)
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			with := func(program, id, token string, args ...string) ([]byte, error) {
				return mosquitto(ctx, program, i.address, version, append([]string{"-i", id, "-u", tokenUser, "-P", "RW|" + token}, args...)...).CombinedOutput()
			}
			type result struct {
				out []byte
				err error
			}
			// It prints the message, the two notices, and leaves by itself.
			short, good := i.token(tokenauth.ReadWrite, noticeAhead+time.Second), i.token(tokenauth.ReadWrite, time.Hour)
			watched := make(chan result, 1)
			go func() {
				out, err := with("mosquitto_sub", "watcher", short, "-t", "sensors/#", "-C", "3", "-v")
				watched <- result{out, err}
			}()
			subscriptions := 1
			renewed := make(chan result, 1)
			if version == v50 { // mosquitto_rr has no other
				subscriptions++
				go func() {
					out, err := with("mosquitto_rr", "renews", short, "-q", "1", "-t", tokenauth.TopicUpdate, "-m", upload(tokenauth.ReadWrite, good), "-e", "sensors/reply")
					renewed <- result{out, err}
				}()
			}
			waitFor(t, func() bool { return int(i.Stats().Subscriptions) >= subscriptions })
			if out, err := with("mosquitto_pub", "p", short, "-q", "1", "-t", "sensors/7", "-m", "21"); err != nil {
				t.Fatal(err, string(out))
			}
			out, err := with("mosquitto_pub", "p", short, "-q", "1", "-t", "doors/1", "-m", "open")
			// Before 5.0 it is acknowledged, and what comes then mosquitto_pub does
			// not wait for.
			if refused := strings.Contains(string(out), "Not authorized"); version == v50 && !refused {
				t.Errorf("publishing what the token does not allow: %v %s", err, out)
			}
			r := receive(t, watched, "end of mosquitto_sub")
			want := "sensors/7 21\n" + tokenauth.TopicExpireNotice + ` {"expireTime":`
			if got := string(r.out); r.err != nil || !strings.HasPrefix(got, want) || !strings.Contains(got, tokenauth.TopicInvalidNotice+` {"code":2,"type":"RW"}`) {
				t.Errorf("mosquitto_sub: %v\n%s", r.err, got)
			}
			if out, err := with("mosquitto_sub", "watcher", short, "-t", "sensors/#", "-E"); err == nil {
				t.Errorf("an expired token lets a client in: %s", out)
			}
			if out, err := with("mosquitto_pub", "p", good, "-q", "1", "-t", "sensors/reply", "-m", "still here"); err != nil {
				t.Fatal(err, string(out))
			}
			if version == v50 {
				if r := receive(t, renewed, "end of mosquitto_rr"); r.err != nil || !strings.Contains(string(r.out), "still here") {
					t.Errorf("mosquitto_rr: %v\n%s", r.err, r.out)
				}
			}
		})
	}
}

// waitFor waits until something is so.
func waitFor(t *testing.T, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not come about")
		}
	}
}
