package interop

import (
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/examples/broker/gate"
	"github.com/mqttwire/mqttwire/examples/broker/server"
	"github.com/mqttwire/mqttwire/tokenauth"
)

// What is refused must not come for ever, from libraries that reconnect by
// themselves and send again what is not acknowledged. denied are what the broker
// turns a client out for.
var denied = []struct {
	name, topic, payload string
	qos                  byte
	always               bool // in 5.0 too
}{
	{"QoS 1", "doors/1", "open", 1, false},
	{"QoS 2", "doors/1", "open", 2, false},
	{"upload at QoS 1", tokenauth.TopicUpdate, `{"token":"nonsense","type":"RW"}`, 1, true},
	{"upload at QoS 2", tokenauth.TopicUpdate, `{"token":"nonsense","type":"RW"}`, 2, true},
}

// wantNoLoop checks what a client has done that was to publish what is refused
// and then a message that is allowed: the first once, and one connection more.
func (l *link) wantNoLoop(t *testing.T, topic string) {
	t.Helper()
	l.mu.Lock()
	connections := len(l.conns)
	l.mu.Unlock()
	if connections > 2 {
		t.Errorf("%d connections, want at most 1 more than were lost, which is 1", connections)
	}
	refused := l.seen(func(p *packet) bool {
		if !p.is(mqttwire.PUBLISH, mqttwire.Client) {
			return false
		}
		b := p.body()
		return string(b[2:2+len(topic)]) == topic
	})
	if len(refused) != 1 {
		t.Errorf("what is refused was sent %d times", len(refused))
	}
}

func TestDeniedOnce(t *testing.T) {
	for _, f := range here(t) {
		if strings.HasPrefix(f.name, "mosquitto") || f.name == "paho-5.0" { // the drivers of these do not reconnect
			continue
		}
		for _, x := range denied {
			if f.version == v50 && !x.always {
				continue
			}
			t.Run(f.name+" "+x.name, func(t *testing.T) {
				t.Parallel()
				i := startIssuer(t)
				deniedOnce(t, f, i.broker, x.topic, x.payload, x.qos, tokenUser, "RW|"+i.token(tokenauth.ReadWrite, time.Hour))
			})
			if x.topic == tokenauth.TopicUpdate {
				continue
			}
			t.Run(f.name+" "+x.name+" by an access list", func(t *testing.T) {
				t.Parallel()
				acl := filepath.Join(t.TempDir(), "acl")
				if err := os.WriteFile(acl, []byte("topic readwrite sensors/#\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				g, err := gate.Open(gate.Files{ACL: acl})
				if err != nil {
					t.Fatal(err)
				}
				g.Anonymous, g.Deny = true, gate.DenyClose
				deniedOnce(t, f, startBroker(t, func(c *server.Config) { c.Authenticator = g }), x.topic, x.payload, x.qos, "", "")
			})
		}
	}
}

func deniedOnce(t *testing.T, f flavor, b *broker, topic, payload string, qos byte, user, password string) {
	l := startLink(t, b.address, nil)
	c := newClient(t, f, b, options{id: "c", resume: true, reconnect: true, through: l, user: user, password: password})
	c.driver.publish(message{topic: topic, payload: payload, qos: qos}) // 5.0 has an error
	l.waitFor(2, "second connection", of(mqttwire.CONNACK, mqttwire.Server))
	c.pub(message{topic: "sensors/1", payload: "21", qos: 1})
	l.wantNoLoop(t, topic)
}

// The same of mosquitto_pub, which reads lines and reconnects as libmosquitto
// does.
func TestDeniedOnceMosquitto(t *testing.T) {
	require(t, missingMosquitto)
	for _, version := range []mqttwire.Version{v31, v311, v50} {
		for _, x := range denied {
			if version == v50 && !x.always {
				continue
			}
			t.Run(version.String()+" "+x.name, func(t *testing.T) {
				t.Parallel()
				i := startIssuer(t)
				l := startLink(t, i.address, nil)
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				cmd := mosquitto(ctx, "mosquitto_pub", l.address, version, "-i", "c", "-c", "-l", "-q", string('0'+rune(x.qos)), "-t", x.topic,
					"-u", tokenUser, "-P", "RW|"+i.token(tokenauth.ReadWrite, time.Hour))
				in, err := cmd.StdinPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				ended := sync.OnceValue(cmd.Wait)
				defer func() {
					cmd.Process.Kill()
					ended()
				}()
				io.WriteString(in, x.payload+"\n")
				if version == v50 { // in which it does not come back
					l.waitFor(1, "DISCONNECT", of(mqttwire.DISCONNECT, mqttwire.Server))
				} else {
					l.waitFor(2, "second connection", of(mqttwire.CONNACK, mqttwire.Server))
				}
				in.Close()
				ended()
				l.waitOver()
				l.wantNoLoop(t, x.topic)
			})
		}
	}
}

var python = requirement{
	variable: "MQTTWIRE_REQUIRE_PAHO_PYTHON",
	hint:     "Debian: apt-get install python3-paho-mqtt",
	look: func() error {
		_, err := thePython()
		return err
	},
}

// thePython returns a Python that has Paho: that of Debian need not be the first.
var thePython = sync.OnceValues(func() (name string, err error) {
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		if err = exec.Command(name, "-c", "import paho.mqtt.client").Run(); err == nil {
			return name, nil
		}
	}
	return "", err
})

// The same of Paho for Python.
func TestDeniedOncePython(t *testing.T) {
	require(t, python.lacks)
	name, err := thePython()
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []mqttwire.Version{v31, v311, v50} {
		for _, x := range denied {
			if version == v50 && !x.always {
				continue
			}
			t.Run(version.String()+" "+x.name, func(t *testing.T) {
				t.Parallel()
				i := startIssuer(t)
				l := startLink(t, i.address, nil)
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				host, port, _ := net.SplitHostPort(l.address)
				out, err := exec.CommandContext(ctx, name, "python/publish.py", host, port, string('0'+rune(version)),
					tokenUser, "RW|"+i.token(tokenauth.ReadWrite, time.Hour), string('0'+rune(x.qos)), x.topic, x.payload, "sensors/1").CombinedOutput()
				if err != nil {
					t.Errorf("%v: %s", err, out)
				}
				l.wantNoLoop(t, x.topic)
			})
		}
	}
}
