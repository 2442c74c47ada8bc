package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/conformance/conformancetest"
	"github.com/mqttwire/mqttwire/qos"
)

// patience is how long a test waits for what has to come.
const patience = 30 * time.Second

var versions = []mqttwire.Version{mqttwire.V31, mqttwire.V311, mqttwire.V50}

// start starts a broker and returns where it listens. Stop ends it; a test that
// does not call it has it called at the end. It fails where a goroutine is left.
func start(t *testing.T) (address string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan struct{})
	go func() {
		defer close(served)
		serve(ctx, l.(*net.TCPListener))
	}()
	stop = func() {
		cancel()
		select {
		case <-served:
		case <-time.After(patience):
			stacks := make([]byte, 1<<20)
			t.Fatalf("serve does not return:\n%s", stacks[:runtime.Stack(stacks, true)])
		}
	}
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

// A peer is a client that does nothing by itself.
type peer struct {
	t       *testing.T
	net     net.Conn
	to      codec.Rules
	framer  codec.Framer
	decoder codec.Decoder
}

// dial sends a CONNECT, and returns a client that the broker has accepted.
func dial(t *testing.T, address string, p *codec.Connect) (c *peer, present bool) {
	t.Helper()
	n, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	c = &peer{t: t, net: n, to: codec.Rules{Version: p.Version, From: mqttwire.Client}}
	c.framer.Rules = codec.Rules{Version: p.Version, From: mqttwire.Server}
	c.send(p)
	ack := receive[*codec.Connack](c)
	if ack.Code != 0 {
		t.Fatalf("%v is answered with %v", p, ack)
	}
	return c, ack.SessionPresent
}

// join is dial of a client without a session of before.
func join(t *testing.T, address string, v mqttwire.Version, id string) *peer {
	t.Helper()
	c, _ := dial(t, address, &codec.Connect{Version: v, CleanStart: true, ClientID: []byte(id)})
	return c
}

// kept is dial of a client that resumes its session, and keeps it.
func kept(t *testing.T, address string, v mqttwire.Version, id string) (c *peer, present bool) {
	t.Helper()
	p := &codec.Connect{Version: v, ClientID: []byte(id)}
	if v == mqttwire.V50 {
		p.Properties = codec.AppendSessionExpiryInterval(p.Properties, 3600)
	}
	return dial(t, address, p)
}

func (c *peer) send(packets ...codec.Packet) {
	c.t.Helper()
	for _, p := range packets {
		b, err := p.Append(nil, c.to)
		if err == nil {
			_, err = c.net.Write(b)
		}
		if err != nil {
			c.t.Fatalf("%v: %v", p, err)
		}
	}
}

// next returns the next packet, or why there is none.
func (c *peer) next() (codec.Packet, error) {
	c.net.SetReadDeadline(time.Now().Add(patience))
	for {
		h, body, ok, err := c.framer.Next()
		if err != nil {
			return nil, err
		}
		if ok {
			return c.decoder.Decode(c.framer.Rules, h, body)
		}
		n, err := c.net.Read(c.framer.Buffer())
		c.framer.Filled(n)
		if n == 0 && err != nil {
			return nil, err
		}
	}
}

// receive returns the next packet, which has to be of type P.
func receive[P codec.Packet](c *peer) P {
	c.t.Helper()
	p, err := c.next()
	want, ok := p.(P)
	if err != nil || !ok {
		c.t.Fatalf("got %v, %v, want %v", p, err, want.Type())
	}
	return want
}

// ping sees to it that the broker has handled what was sent, and that nothing but
// PINGRESP comes.
func (c *peer) ping() {
	c.t.Helper()
	c.send(&codec.Pingreq{})
	receive[*codec.Pingresp](c)
}

// ended receives the end of the connection, in 5.0 after a DISCONNECT with a code.
func (c *peer) ended(code mqttwire.Reason) {
	c.t.Helper()
	if c.to.Version == mqttwire.V50 {
		if p := receive[*codec.Disconnect](c); p.Code != code {
			c.t.Errorf("got %v, want %v", p, code)
		}
	}
	if p, err := c.next(); err == nil {
		c.t.Errorf("got %v, want the end of the connection", p)
	}
}

func (c *peer) subscribe(filter string, options codec.SubscriptionOptions) {
	c.t.Helper()
	list := codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte(filter), Options: options})
	c.send(&codec.Subscribe{ID: 1, Subscriptions: list})
	if ack := receive[*codec.Suback](c); ack.Codes.At(0) != mqttwire.Reason(options.QoS()) {
		c.t.Fatalf("%s: got %v", filter, ack)
	}
}

// publish sends a message and sees it through to its last acknowledgement. It
// returns the code.
func (c *peer) publish(p *codec.Publish) mqttwire.Reason {
	c.t.Helper()
	if p.QoS > 0 {
		p.ID = 1
	}
	c.send(p)
	switch p.QoS {
	case qos.AtMostOnce:
		c.ping()
	case qos.AtLeastOnce:
		return receive[*codec.Puback](c).Code
	case qos.ExactlyOnce:
		if code := receive[*codec.Pubrec](c).Code; code.IsError() {
			return code
		}
		c.send(&codec.Pubrel{ID: p.ID})
		receive[*codec.Pubcomp](c)
	}
	return mqttwire.Success
}

// take receives a message, acknowledges it, and returns its payload.
func (c *peer) take(level qos.Level, retain, dup bool) string {
	c.t.Helper()
	p := receive[*codec.Publish](c)
	if p.QoS != level || p.Retain != retain || p.Dup != dup {
		c.t.Errorf("got %v", p)
	}
	payload := string(p.Payload)
	switch p.QoS {
	case qos.AtLeastOnce:
		c.send(&codec.Puback{ID: p.ID})
	case qos.ExactlyOnce:
		c.send(&codec.Pubrec{ID: p.ID})
		c.send(&codec.Pubcomp{ID: receive[*codec.Pubrel](c).ID})
	}
	return payload
}

// takeAll receives and acknowledges n messages as they come, and returns the
// payloads, with a ! where DUP is set.
func (c *peer) takeAll(n int) (payloads []string) {
	c.t.Helper()
	for open := 0; len(payloads) < n || open > 0; {
		switch p, err := c.next(); p := p.(type) {
		case *codec.Publish:
			text := string(p.Payload)
			if p.Dup {
				text += "!"
			}
			payloads = append(payloads, text)
			if p.QoS == qos.ExactlyOnce {
				open++
				c.send(&codec.Pubrec{ID: p.ID})
			} else if p.QoS == qos.AtLeastOnce {
				c.send(&codec.Puback{ID: p.ID})
			}
		case *codec.Pubrel:
			open--
			c.send(&codec.Pubcomp{ID: p.ID})
		default:
			c.t.Fatalf("got %v, %v", p, err)
		}
	}
	return payloads
}

func msg(topic, payload string, level qos.Level) *codec.Publish {
	return &codec.Publish{Topic: []byte(topic), Payload: []byte(payload), QoS: level}
}

// Messages go from clients of every version to those of every version, at every
// QoS, once.
func TestPublish(t *testing.T) {
	address, _ := start(t)
	for _, to := range versions {
		c := join(t, address, to, "to")
		c.subscribe("a/+", 2)
		for _, from := range versions {
			p := join(t, address, from, "from")
			for level := range qos.Level(3) {
				text := fmt.Sprint(from, level)
				p.publish(msg("a/b", text, level))
				if got := c.take(level, false, false); got != text {
					t.Errorf("got %q, want %q", got, text)
				}
			}
		}
		c.ping()
	}
}

// A client that comes while it is there takes its session over.
func TestTakeover(t *testing.T) {
	address, _ := start(t)
	for _, v := range versions {
		before, _ := kept(t, address, v, "c")
		before.subscribe(v.String(), 1)
		c, present := kept(t, address, v, "c")
		if present == (v == mqttwire.V31) { // which cannot say so
			t.Errorf("%v: Session Present is %v", v, present)
		}
		before.ended(mqttwire.SessionTakenOver)
		join(t, address, v, "publisher").publish(msg(v.String(), "x", 1))
		c.take(1, false, false)
		c.ping()
		join(t, address, v, "c").ping()
	}
}

// What a client had sent before it was lost counts, although it is back already.
func TestTakeoverComesAfterLastPackets(t *testing.T) {
	address, _ := start(t)
	publisher := join(t, address, mqttwire.V311, "publisher")
	c, _ := kept(t, address, mqttwire.V311, "c")
	c.subscribe("a", 1)
	for range 20 {
		publisher.publish(msg("a", "x", 1))
		c.take(1, false, false)
		c.net.Close()
		c, _ = kept(t, address, mqttwire.V311, "c")
		c.ping() // it has been acknowledged
	}
}

// The will of a client that is lost is published; that of one that says goodbye
// is not.
func TestWill(t *testing.T) {
	address, _ := start(t)
	for _, v := range versions {
		watcher := join(t, address, v, "watcher")
		watcher.subscribe("will", 2)
		for _, lost := range []bool{false, true} {
			c, _ := dial(t, address, &codec.Connect{Version: v, CleanStart: true, ClientID: []byte("c"), WillFlag: true,
				Will: codec.Will{Topic: []byte("will"), Payload: []byte("gone"), QoS: 1}})
			if !lost {
				c.send(&codec.Disconnect{})
			}
			c.net.Close()
			if lost {
				watcher.take(1, false, false)
			}
			join(t, address, v, "c").ping()
			watcher.ping()
		}
	}
}

// A retained message comes with a subscription, until it is cleared.
func TestRetained(t *testing.T) {
	address, _ := start(t)
	for _, v := range versions {
		publisher, c := join(t, address, v, "publisher"), join(t, address, v, "c")
		p := msg("a/b", "kept", 1)
		p.Retain = true
		publisher.publish(p)
		for range 2 { // before the SUBACK
			list := codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte("a/#"), Options: 1})
			c.send(&codec.Subscribe{ID: 1, Subscriptions: list})
			if got := c.take(1, true, false); got != "kept" {
				t.Errorf("got %q", got)
			}
			receive[*codec.Suback](c)
		}
		p.Payload = nil
		publisher.publish(p)
		c.take(1, false, false)
		c.subscribe("a/#", 1)
		c.ping()
	}
}

// A session goes on where it was: with what was not acknowledged first, then with
// what came meanwhile, each in its order.
func TestResumed(t *testing.T) {
	address, _ := start(t)
	for _, v := range versions {
		c, _ := kept(t, address, v, "c")
		c.subscribe("a", 2)
		publisher := join(t, address, v, "publisher")
		publisher.publish(msg("a", "0", 1))
		publisher.publish(msg("a", "1", 2))
		receive[*codec.Publish](c)
		receive[*codec.Publish](c)
		c.net.Close()
		join(t, address, v, "another").ping()
		c, _ = kept(t, address, v, "c") // by now the broker knows that it was lost
		c.net.Close()
		c, _ = kept(t, address, v, "c")
		publisher.publish(msg("a", "2", 1))
		if got := c.takeAll(3); !slices.Equal(got, []string{"0!", "1!", "2"}) {
			t.Errorf("%v: got %q", v, got)
		}
		c.send(&codec.Disconnect{})
		if p, err := c.next(); err == nil {
			t.Fatalf("got %v", p)
		}
		var want []string
		for i := range 300 { // more than are in flight at a time
			want = append(want, fmt.Sprint(i))
			publisher.publish(msg("a", want[i], 1+qos.Level(i%2)))
		}
		c, _ = kept(t, address, v, "c")
		if got := c.takeAll(300); !slices.Equal(got, want) {
			t.Errorf("%v: got %.200q", v, got)
		}
		c.ping()
		join(t, address, v, "c").ping()
	}
}

// A client that sends what is no MQTT is told so where it can be, and disturbs
// nobody.
func TestGarbage(t *testing.T) {
	address, _ := start(t)
	bystander := join(t, address, mqttwire.V50, "bystander")
	bystander.subscribe("#", 2)
	for _, bytes := range []string{"GET / HTTP/1.1\r\n\r\n", "\x10\xff\xff\xff\x7f", "\x30\x00", "\x00", "\x10"} {
		n, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		n.Write([]byte(bytes))
		n.Close()
	}
	c := join(t, address, mqttwire.V50, "c")
	c.net.Write([]byte{0x30, 0xff, 0xff, 0xff, 0x7f}) // a quarter of a gigabyte to come
	c.ended(mqttwire.PacketTooLarge)
	bystander.ping()
}

// A client that does not read fills its queue, and then it is the publisher of 5.0
// that is told; who reads gets all.
func TestSlowReader(t *testing.T) {
	address, _ := start(t)
	slow, quick := join(t, address, mqttwire.V311, "slow"), join(t, address, mqttwire.V311, "quick")
	slow.subscribe("a/1", 1)
	slow.subscribe("b", 0)
	quick.subscribe("#", 0)
	publisher := join(t, address, mqttwire.V50, "publisher")
	payload := strings.Repeat("x", 256<<10)
	full := false
	for i := 0; !full; i++ {
		if i > 1000 {
			t.Fatal("the queue of a client that does not read has no end")
		}
		full = publisher.publish(msg("a/1", payload, 1)) == mqttwire.QuotaExceeded
		publisher.publish(msg("b", payload, 0))
		quick.take(0, false, false)
		quick.take(0, false, false)
	}
	if code := publisher.publish(msg("a/2", "x", 1)); code != mqttwire.Success {
		t.Errorf("a message for others is answered with %v", code)
	}
	quick.take(0, false, false)
	quick.ping()
}

// A client that asks, and does not read the answers, is not listened to.
func TestAskingWithoutReading(t *testing.T) {
	address, _ := start(t)
	publisher := join(t, address, mqttwire.V311, "publisher")
	p := msg("a", strings.Repeat("x", 256<<10), 0)
	p.Retain = true
	publisher.publish(p)
	c := join(t, address, mqttwire.V311, "c")
	ask := bytes.Repeat([]byte("\x82\x06\x00\x01\x00\x01a\x00"), 8192)
	written := 0
	for {
		c.net.SetWriteDeadline(time.Now().Add(time.Second))
		n, err := c.net.Write(ask)
		if written += n; err != nil {
			break // it waits, or was cut off
		}
		if written > 256<<20 {
			t.Fatal("the broker reads on and on")
		}
	}
	publisher.ping()
}

// Retain Handling, No Local, Retain As Published, Subscription Identifiers, and
// Message Expiry.
func TestOptionsOf50(t *testing.T) {
	address, _ := start(t)
	c := join(t, address, mqttwire.V50, "c")
	p := msg("a", "kept", 1)
	p.Retain = true
	p.Properties = codec.AppendMessageExpiryInterval(codec.Properties{}, 1000)
	c.publish(p)
	c.subscribe("a", 1|codec.DoNotSendRetained)
	c.subscribe("a", 1|codec.SendRetainedIfNew|codec.NoLocal)
	c.publish(p)
	c.ping()
	other := join(t, address, mqttwire.V50, "other")
	list := codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte("+"), Options: 1 | codec.RetainAsPublished})
	other.send(&codec.Subscribe{ID: 1, Subscriptions: list, Properties: codec.AppendSubscriptionIdentifier(codec.Properties{}, 7)})
	for i := range 2 {
		got := receive[*codec.Publish](other)
		id, _ := got.Properties.SubscriptionIdentifier()
		left, _ := got.Properties.MessageExpiryInterval()
		if !got.Retain || id != 7 || left == 0 || left > 1000 {
			t.Errorf("got %v", got)
		}
		other.send(&codec.Puback{ID: got.ID})
		if i == 0 {
			receive[*codec.Suback](other)
			c.publish(p)
		}
	}
	other.ping()
}

// The broker says goodbye, and leaves no goroutine.
func TestShutdown(t *testing.T) {
	before := runtime.NumGoroutine()
	address, stop := start(t)
	var clients []*peer
	for _, v := range versions {
		c := join(t, address, v, v.String())
		c.subscribe("a", 1)
		clients = append(clients, c)
	}
	half, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	stop()
	for _, c := range clients {
		c.ended(mqttwire.ServerShuttingDown)
	}
	for deadline := time.Now().Add(patience); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("goroutines are left:\n%s", stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// build builds the program.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "tiny")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// The program listens where it is told, says so, and ends well on a signal.
func TestProgram(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no signals to send")
	}
	cmd := exec.Command(build(t), "-listen", "127.0.0.1:0")
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	lines := bufio.NewScanner(log)
	if !lines.Scan() {
		t.Fatal("it says nothing: ", lines.Err())
	}
	_, address, _ := strings.Cut(lines.Text(), "address=")
	c := join(t, address, mqttwire.V50, "c")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	c.ended(mqttwire.ServerShuttingDown)
	c.net.Close()
	for lines.Scan() {
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// The suite that the full broker passes.
func TestConformance(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	var said bytes.Buffer
	p, err := conformance.Start(t.Context(), build(t)+" -listen 127.0.0.1:PORT", &said)
	if err != nil {
		t.Fatalf("%v\n%s", err, &said)
	}
	defer p.Stop()
	conformancetest.Broker(t, p.Addr)
}

// What is to be read in ten minutes has at most 400 lines of code.
func TestSize(t *testing.T) {
	b, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			n++
		}
	}
	if n > 400 {
		t.Errorf("%d lines", n)
	}
}
