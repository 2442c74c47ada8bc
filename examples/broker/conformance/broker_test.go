package conformance

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/server"
)

// patience is how long a test waits for what has to come.
const patience = 5 * time.Second

// waitABit is how long a test waits for what must not come, where no PINGRESP
// would prove it.
const waitABit = 1500 * time.Millisecond

var command = flag.String("broker", "", "a `command` that starts another broker to test, on 127.0.0.1, with PORT for its port")

// Most tests wait rather than work, so there may be many of them at once.
func TestMain(m *testing.M) {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		if err := flag.Set("test.parallel", "64"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// A broker is one under test. It ends with the test.
type broker struct {
	t    testing.TB
	addr string
}

func start(t testing.TB) *broker {
	t.Helper()
	if *command != "" {
		return startCommand(t)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := server.New(server.Config{})
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error("Shutdown:", err)
		}
		select {
		case err := <-served:
			if err != nil {
				t.Error("Serve:", err)
			}
		case <-ctx.Done():
			t.Error("Serve has not returned after Shutdown")
		}
	})
	return &broker{t, l.Addr().String()}
}

// ports are those that freePort has returned.
var ports sync.Map

// freePort returns a port that nobody listens on, another one in each call. It is
// outside of the range from which systems take the ports that nobody has asked for
// by number, so that it stays free until the broker has started.
func freePort(t testing.TB) *net.TCPAddr {
	t.Helper()
	for range 1000 {
		port := 16384 + rand.IntN(16384)
		if _, taken := ports.LoadOrStore(port, true); taken {
			continue
		}
		// A process that is started meanwhile would listen, too, until it is one.
		syscall.ForkLock.RLock()
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			l.Close()
		}
		syscall.ForkLock.RUnlock()
		if err == nil {
			return l.Addr().(*net.TCPAddr)
		}
	}
	t.Fatal("no port is free")
	return nil
}

func startCommand(t testing.TB) *broker {
	t.Helper()
	addr := freePort(t)
	words := strings.Fields(strings.ReplaceAll(*command, "PORT", strconv.Itoa(addr.Port)))
	cmd := exec.Command(words[0], words[1:]...)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait() // says that it was killed
		if t.Failed() {
			t.Logf("%s: %s", words[0], &said)
		}
	})
	for end := time.Now().Add(10 * patience); ; time.Sleep(10 * time.Millisecond) { // many start at once
		conn, err := net.Dial("tcp", addr.String())
		if err == nil {
			conn.Close()
			return &broker{t, addr.String()}
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// on returns the broker for a subtest, which then fails by itself.
func (b *broker) on(t testing.TB) *broker { return &broker{t, b.addr} }

// dial returns a client that has not said anything yet.
func (b *broker) dial(v mqttwire.Version) *client {
	b.t.Helper()
	conn, err := net.DialTimeout("tcp", b.addr, patience)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { conn.Close() })
	c := &client{t: b.t, conn: conn}
	c.to = codec.Rules{Version: v, From: mqttwire.Client}
	c.in.Rules = codec.Rules{Version: v, From: mqttwire.Server}
	return c
}

// join returns a client that the broker has accepted with this CONNECT.
func (b *broker) join(p *codec.Connect) *client {
	b.t.Helper()
	c := b.dial(p.Version)
	if n, ok := p.Properties.MaximumPacketSize(); ok {
		c.in.MaxSize = int(n) // nothing larger may come (5.0 [MQTT-3.1.2-24])
	}
	c.send(p)
	ack := receive[*codec.Connack](c)
	if ack.Code != 0 {
		b.t.Fatalf("%v is answered with %v", p, ack)
	}
	c.connack = ack.Clone()
	return c
}

// clean returns a client whose session begins and ends with its connection.
func (b *broker) clean(v mqttwire.Version, id string) *client {
	b.t.Helper()
	c := b.join(&codec.Connect{Version: v, CleanStart: true, ClientID: []byte(id)})
	c.expectPresent(false)
	return c
}

// kept returns a client that resumes a session or begins one, to be kept, and
// fails where present is not whether there was one.
func (b *broker) kept(v mqttwire.Version, id string, present bool) *client {
	b.t.Helper()
	c := b.join(keep(v, id))
	c.expectPresent(present)
	return c
}

// keep is the CONNECT that kept sends.
func keep(v mqttwire.Version, id string) *codec.Connect {
	p := &codec.Connect{Version: v, ClientID: []byte(id)}
	if v == mqttwire.V50 {
		p.Properties = codec.AppendSessionExpiryInterval(p.Properties, 3600)
	}
	return p
}

var versions = []mqttwire.Version{mqttwire.V31, mqttwire.V311, mqttwire.V50}

// eachVersion runs a test for every version, each with a broker.
func eachVersion(t *testing.T, test func(t *testing.T, b *broker, v mqttwire.Version)) {
	t.Parallel()
	for _, v := range versions {
		t.Run(v.String(), func(t *testing.T) {
			t.Parallel()
			test(t, start(t), v)
		})
	}
}
