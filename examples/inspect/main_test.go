package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/server"
	"github.com/mqttwire/mqttwire/examples/broker/servertest"
	"github.com/mqttwire/mqttwire/examples/client/mqttclient"
	"github.com/mqttwire/mqttwire/qos"
)

// A tap is the program, run in front of a server.
type tap struct {
	address string
	out     bytes.Buffer // what it wrote, once stop has returned
	stop    func() int   // ends it, and returns its exit code
}

func inspect(t *testing.T, to string, args ...string) *tap {
	t.Helper()
	p := new(tap)
	ctx, cancel := context.WithCancel(context.Background())
	ready, exited := make(chan net.Addr, 1), make(chan int, 1)
	args = append([]string{"-listen", "127.0.0.1:0", "-to", to}, args...)
	go func() { exited <- run(ctx, args, &p.out, io.Discard, func(a net.Addr) { ready <- a }) }()
	p.stop = sync.OnceValue(func() int {
		cancel()
		return <-exited
	})
	t.Cleanup(func() { p.stop() })
	select {
	case a := <-ready:
		p.address = a.String()
	case code := <-exited:
		t.Fatal("exit code", code)
	}
	return p
}

// events are the lines of -json, without the summary.
func (p *tap) events(t *testing.T) (all []event, total summary) {
	t.Helper()
	for line := range bytes.Lines(p.out.Bytes()) {
		var e struct {
			event
			Total summary `json:"total"`
		}
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if e.Event == "summary" {
			total = e.Total
		} else {
			all = append(all, e.event)
		}
	}
	return all, total
}

func open(t *testing.T, address string, config mqttclient.Config) *mqttclient.Client {
	t.Helper()
	config.Dial = func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
	c, err := mqttclient.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestSessions has clients of each version speak with the broker over a proxy,
// with all that they have: nothing is found, in as many packets as both counted.
func TestSessions(t *testing.T) {
	for _, v := range []mqttwire.Version{mqttwire.V31, mqttwire.V311, mqttwire.V50} {
		t.Run(v.String(), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			address, _ := servertest.Start(t, server.Config{})
			p := inspect(t, address, "-json", "-all", "-v", "-hex")
			hello := func(id string) codec.Connect {
				c := codec.Connect{Version: v, ClientID: []byte(id), KeepAlive: 30}
				c.WillFlag, c.Will = true, codec.Will{Topic: []byte("will/" + id), Payload: []byte("gone"), QoS: 1}
				return c
			}
			out := open(t, p.address, mqttclient.Config{Connect: hello("out")})
			kept := codec.Publish{Topic: []byte("a/kept"), Payload: []byte("old"), QoS: 1, Retain: true}
			if _, err := out.Publish(ctx, &kept); err != nil {
				t.Fatal(err)
			}
			in := open(t, p.address, mqttclient.Config{Connect: hello("in")})
			if _, err := in.Subscribe(ctx, codec.Subscription{Filter: []byte("a/#"), Options: 2}, codec.Subscription{Filter: []byte("will/+"), Options: 1}); err != nil {
				t.Fatal(err)
			}
			receive := func(n int) {
				t.Helper()
				for range n {
					m, err := in.Receive(ctx)
					if err != nil {
						t.Fatal(err)
					}
					if err := m.Ack(); err != nil {
						t.Fatal(err)
					}
				}
			}
			receive(1)
			const messages = 300
			large := bytes.Repeat([]byte("x"), 300_000)
			for i := range messages {
				m := codec.Publish{Topic: fmt.Appendf(nil, "a/%d", i%5), Payload: fmt.Appendf(nil, "%d", i), QoS: qos.Level(i % 3)}
				if v == mqttwire.V50 {
					m.Properties = codec.AppendMessageExpiryInterval(m.Properties, 60)
					m.Properties = codec.AppendUserProperty(m.Properties, "k", "v")
				}
				if i%100 == 0 {
					m.Payload = large
				}
				if _, err := out.Publish(ctx, &m); err != nil {
					t.Fatal(err)
				}
			}
			receive(messages)
			if _, err := in.Unsubscribe(ctx, "a/#"); err != nil {
				t.Fatal(err)
			}
			for _, c := range []*mqttclient.Client{out, in} {
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			}
			if code := p.stop(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			events, total := p.events(t)
			for _, e := range events {
				if e.Event == "finding" {
					t.Errorf("%.3f %s %s %s: %s [%s]", e.At, e.Client, e.Level, e.From, e.Text, e.Clause)
				}
			}
			if total.Conns != 2 || total.Sides[0].Packets < messages || total.Sides[1].Bytes < 900_000 {
				t.Errorf("%+v", total)
			}
		})
	}
}

// TestFinds has a client break a rule: the program tells, in lines, and exits
// with 1; and shows no secret.
func TestFinds(t *testing.T) {
	address, _ := servertest.Start(t, server.Config{})
	p := inspect(t, address, "-v", "-hex")
	conn, err := net.Dial("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	hello := codec.Connect{Version: mqttwire.V311, CleanStart: true, ClientID: []byte("me"), UserNameFlag: true, UserName: []byte("user"), PasswordFlag: true, Password: []byte("hunter2")}
	b, err := hello.Append(nil, codec.Rules{Version: mqttwire.V311, From: mqttwire.Client})
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, "\x32\x07\x00\x01t\x00\x07hi\x32\x07\x00\x01t\x00\x07ho\x36\x05\x00\x01t\x00\x01"...)
	if _, err := conn.Write(b); err != nil {
		t.Fatal(err)
	}
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.ReadAll(conn); err != nil { // the broker closes
		t.Fatal(err)
	}
	conn.Close()
	if code := p.stop(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	s := p.out.String()
	for _, want := range []string{`CONNECT 3.1.1 "me"`, "Password: ***", `PUBLISH 7 qos=1 "t"`, "MQTT-2.3.1-2", "MQTT-3.3.1-4", "QoS is 3", "10 1d 00 04", "Connection 1, client \"me\", MQTT 3.1.1"} {
		if !strings.Contains(s, want) {
			t.Errorf("no %q in\n%s", want, s)
		}
	}
	if strings.Contains(s, "hunter2") || strings.Contains(s, "68 75 6e 74") {
		t.Errorf("the password is shown:\n%s", s)
	}
}

// TestLarge has a payload pass of which nothing is kept, while it comes: its
// beginning arrives before its end is sent.
func TestLarge(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const payload = 200 << 20
	arrived, all := make(chan struct{}), make(chan int64, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		io.ReadFull(conn, make([]byte, 1<<20))
		close(arrived)
		n, _ := io.Copy(io.Discard, conn)
		all <- 1<<20 + n
	}()
	p := inspect(t, l.Addr().String(), "-json")
	conn, err := net.Dial("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	hello := codec.Connect{Version: mqttwire.V311, CleanStart: true, ClientID: []byte("me")}
	b, _ := hello.Append(nil, codec.Rules{Version: mqttwire.V311, From: mqttwire.Client})
	b = append(b, "\x30\x83\x80\x80\x64\x00\x01t"...) // 200 MiB and 3 bytes
	sent := int64(len(b)) + payload
	if _, err := conn.Write(append(b, make([]byte, 2<<20)...)); err != nil {
		t.Fatal(err)
	}
	<-arrived
	chunk := make([]byte, 1<<20)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range payload>>20 - 2 {
		if _, err := conn.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
		t.Errorf("%d bytes allocated while %d passed", n, payload)
	}
	conn.Close()
	if n := <-all; n != sent {
		t.Errorf("%d bytes arrived of %d", n, sent)
	}
	p.stop()
	_, total := p.events(t)
	if got := total.Sides[0]; got.Bytes != sent || got.Packets != 2 || len(got.Findings) != 0 {
		t.Errorf("%+v", got)
	}
}

// TestUnreachable has no server: the client is disconnected, and the program
// goes on.
func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	p := inspect(t, l.Addr().String())
	conn, err := net.Dial("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if n, err := conn.Read(make([]byte, 1)); err == nil {
		t.Errorf("%d bytes from nobody", n)
	}
	if code := p.stop(); code != 0 || !strings.Contains(p.out.String(), "refused from") {
		t.Errorf("exit code %d\n%s", code, p.out.String())
	}
}

func TestArguments(t *testing.T) {
	for _, args := range [][]string{{"-nonsense"}, {"x"}, {"-listen", "nowhere:x"}} {
		if code := run(t.Context(), args, io.Discard, io.Discard, nil); code != 2 {
			t.Errorf("%v: exit code %d", args, code)
		}
	}
}
