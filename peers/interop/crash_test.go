package interop

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/fixedheader"
)

var crashMessages = flag.Int("crash.messages", 400, "messages of each crash test of examples/client")

// example builds one of the examples.
func example(t *testing.T, name string) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), name)
	out, err := exec.Command("go", "build", "-o", program, "github.com/mqttwire/mqttwire/examples/"+name).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// startTiny runs examples/tiny.
func startTiny(t *testing.T) *broker {
	t.Helper()
	cmd := exec.Command(example(t, "tiny"), "-listen", "127.0.0.1:0")
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make(chan string, 1)
	go func() {
		for lines := bufio.NewScanner(log); lines.Scan(); {
			if _, address, ok := strings.Cut(lines.Text(), "listening address="); ok {
				said <- address
			}
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return &broker{nil, receive(t, said, "address of tiny")}
}

var mosquittoBroker = requirement{
	variable: "MQTTWIRE_REQUIRE_MOSQUITTO",
	hint:     "Debian: apt-get install mosquitto",
	look: sync.OnceValue(func() error {
		_, err := exec.LookPath("mosquitto")
		return err
	}),
}

// startMosquitto runs a mosquitto that drops nothing, with more lines of
// configuration, until stop or the end of the test.
func startMosquitto(t *testing.T, more ...string) (address string, stop func()) {
	t.Helper()
	syscall.ForkLock.RLock() // a process that is started meanwhile would listen, too, until it is one
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		l.Close()
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	address = l.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	file := filepath.Join(t.TempDir(), "mosquitto.conf")
	config := "listener " + port + " 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\npersistence false\n" + strings.Join(more, "\n") + "\n"
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("mosquitto", "-c", file)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	t.Cleanup(func() {
		if stop(); t.Failed() {
			t.Logf("mosquitto: %s", &said)
		}
	})
	for deadline := time.Now().Add(patience); ; {
		n, err := net.Dial("tcp", address)
		if err == nil {
			n.Close()
			return address, stop
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// startShears passes bytes on, and cuts each connection after a random number of
// them.
func startShears(t *testing.T, to string, most int, wire *wireLog) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn := int(wire.conns.Add(1))
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			for _, way := range [2][2]net.Conn{{in, out}, {out, in}} {
				n := 1 + rand.Int64N(int64(most))
				running.Go(func() {
					io.CopyN(way[1], wire.tap(conn, way[0] == in, way[0]), n)
					in.Close()
					out.Close()
				})
			}
		}
	})
	t.Cleanup(func() {
		l.Close()
		running.Wait()
	})
	return l.Addr().String()
}

// wireLog remembers what the shears have passed on, to show who is at fault.
type wireLog struct {
	conns  atomic.Int64
	mu     sync.Mutex
	pieces []wirePiece
}

type wirePiece struct {
	conn       int
	fromClient bool
	b          []byte
}

func (l *wireLog) tap(conn int, fromClient bool, r io.Reader) io.Reader {
	return io.TeeReader(r, writerFunc(func(b []byte) (int, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.pieces = append(l.pieces, wirePiece{conn, fromClient, bytes.Clone(b)})
		return len(b), nil
	}))
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// A sighting is a packet of a message on the wire.
type sighting struct {
	leg        string // out: of the publisher; in: of the subscriber
	conn       int
	fromClient bool
	kind       mqttwire.PacketType
	id         uint16
	raw        []byte
}

// of returns the packets of the message with a payload on both legs of its way:
// its PUBLISHes, and what else there is with their Packet Identifiers.
func (l *wireLog) of(payload string) (seen []sighting) {
	l.mu.Lock()
	defer l.mu.Unlock()
	type side struct {
		conn       int
		fromClient bool
	}
	rest := map[side][]byte{}
	legs := map[int]string{}
	ids := map[string]map[uint16]bool{"in": {}, "out": {}}
	var all []sighting
	for _, p := range l.pieces {
		k := side{p.conn, p.fromClient}
		b := append(rest[k], p.b...)
		for {
			h, n, err := fixedheader.Consume(b)
			size := n + int(h.Length)
			if err != nil || n == 0 || len(b) < size {
				break
			}
			x := sighting{conn: p.conn, fromClient: p.fromClient, kind: h.Type, raw: bytes.Clone(b[:size])}
			body := x.raw[n:]
			switch h.Type {
			case mqttwire.CONNECT:
				legs[p.conn] = "in"
				if bytes.Contains(body, []byte("\x00\x03out")) {
					legs[p.conn] = "out"
				}
			case mqttwire.PUBLISH:
				x.id = binary.BigEndian.Uint16(body[3:]) // after a topic of one byte
				if bytes.HasSuffix(body, []byte(payload)) {
					ids[legs[p.conn]][x.id] = true
				}
			case mqttwire.PUBACK, mqttwire.PUBREC, mqttwire.PUBREL, mqttwire.PUBCOMP:
				x.id = binary.BigEndian.Uint16(body)
			}
			x.leg = legs[p.conn]
			all = append(all, x)
			b = b[size:]
		}
		rest[k] = b
	}
	for _, x := range all {
		if x.kind == mqttwire.PUBLISH && bytes.HasSuffix(x.raw, []byte(payload)) || x.kind != mqttwire.PUBLISH && ids[x.leg][x.id] && x.id != 0 {
			seen = append(seen, x)
		}
	}
	return seen
}

func (x sighting) String() string {
	from := "server"
	if x.fromClient {
		from = "client"
	}
	return fmt.Sprintf("%-3s connection %d, %s: %v % x\n", x.leg, x.conn, from, x.kind, x.raw)
}

// proof says what the wire proves of a message that did not come, or came twice:
// that the broker has acknowledged it and never sent it, or has sent it under two
// Packet Identifiers though it got it under one, or again after the PUBREL. It is
// empty where it proves none of these.
func proof(seen []sighting) string {
	acknowledged, released, again := false, false, false
	ids := map[string]map[uint16]bool{"in": {}, "out": {}}
	for _, x := range seen {
		switch {
		case x.kind == mqttwire.PUBLISH:
			ids[x.leg][x.id] = true
			again = again || x.leg == "in" && released
		case x.leg == "in" && !x.fromClient && x.kind == mqttwire.PUBREL:
			released = true
		case x.leg == "out" && !x.fromClient && (x.kind == mqttwire.PUBACK || x.kind == mqttwire.PUBCOMP):
			acknowledged = true
		}
	}
	switch {
	case acknowledged && len(ids["in"]) == 0:
		return "the broker has acknowledged it and never sent it"
	case len(ids["in"]) > 1 && len(ids["out"]) <= 1:
		return "the broker has sent it as two messages"
	case again:
		return "the broker has sent its PUBLISH again after the PUBREL" // [MQTT-4.3.3-6; 3.1.1 MQTT-4.3.3-1]
	}
	return ""
}

// blame fails the test for a message, unless the wire proves that it is a broker
// of others that is at fault.
func blame(t *testing.T, ours bool, what, message string, wire *wireLog) {
	t.Helper()
	seen := wire.of(message)
	why := proof(seen)
	say := t.Logf
	if ours || why == "" {
		say = t.Errorf
	}
	say("%s %s; %s:\n%s", message, what, cmp.Or(why, "on the wire"), fmt.Sprint(seen))
}

// TestClientCrashes kills examples/client, publishing and subscribing, at any
// moment, and cuts its connections at any byte: nothing is lost that was kept, at
// QoS 2 nothing comes twice except the one message that a killed subscriber may
// have written and not acknowledged, and first copies come in order.
func TestClientCrashes(t *testing.T) {
	t.Parallel()
	program := example(t, "client")
	for _, peer := range []string{"ours", "mosquitto"} {
		for _, version := range []string{"mqttv311", "mqttv5"} {
			for _, level := range []string{"1", "2"} {
				t.Run(peer+" "+version+" QoS "+level, func(t *testing.T) {
					t.Parallel()
					var address string
					if peer == "ours" {
						address = startBroker(t).address
					} else {
						require(t, mosquittoBroker.lacks)
						address, _ = startMosquitto(t)
					}
					crashes(t, program, address, peer == "ours", version, level)
				})
			}
		}
	}
}

func crashes(t *testing.T, program, address string, ours bool, version, level string) {
	const between = 300 // milliseconds a process lives at most
	deadline := time.Now().Add(2 * patience)
	dir := t.TempDir()
	args := func(command, id, address string, more ...string) *exec.Cmd {
		host, port, _ := net.SplitHostPort(address)
		return exec.Command(program, append([]string{command, "-h", host, "-p", port, "-V", version, "-i", id, "-q", level,
			"-store", filepath.Join(dir, id), "-t", "t", "-k", "5"}, more...)...)
	}
	if out, err := args("sub", "in", address, "-E").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var wire wireLog
	shears := startShears(t, address, 60*(*crashMessages), &wire)
	whole := startShears(t, address, 1<<30, &wire)

	// The publisher: run n publishes "n.0", "n.1" and so on, of which it says
	// which are kept.
	var mu sync.Mutex
	kept := map[string]bool{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n, left := 0, *crashMessages; left > 0 && time.Now().Before(deadline); n++ {
			var input strings.Builder
			for i := range left {
				fmt.Fprintf(&input, "%06d.%06d\n", n, i)
			}
			cmd := args("pub", "out", shears, "-l", "--echo")
			cmd.Stdin = strings.NewReader(input.String())
			out, _ := cmd.StdoutPipe()
			if err := cmd.Start(); err != nil {
				t.Error(err)
				return
			}
			if left > *crashMessages/10 {
				timer := time.AfterFunc(time.Duration(20+rand.IntN(between))*time.Millisecond, func() { cmd.Process.Kill() })
				defer timer.Stop()
			}
			for lines := bufio.NewScanner(out); lines.Scan(); {
				mu.Lock()
				kept[lines.Text()] = true
				mu.Unlock()
				left--
			}
			cmd.Wait()
		}
		if out, err := args("pub", "out", whole).CombinedOutput(); err != nil { // what is left
			t.Errorf("%v: %s", err, out)
		}
	}()

	// The subscriber.
	seen, last, kills, idle := map[string]bool{}, "", 0, 0
	unacknowledged := "" // may come again
	for over := false; ; {
		cmd := args("sub", "in", shears)
		out, _ := cmd.StdoutPipe()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		life := time.Duration(20+rand.IntN(between)) * time.Millisecond
		if over {
			life = time.Second // all is with the broker
		}
		timer := time.AfterFunc(life, func() { cmd.Process.Kill() })
		got, fresh := unacknowledged, false
		for lines := bufio.NewScanner(out); lines.Scan(); {
			got = lines.Text()
			switch {
			case !seen[got]:
				seen[got], fresh = true, true
				if got < last {
					t.Errorf("%s after %s", got, last)
				}
				last = got
			case level == "2" && got != unacknowledged:
				blame(t, ours, "comes twice", got, &wire)
			}
		}
		cmd.Wait()
		timer.Stop()
		unacknowledged = got
		kills++
		mu.Lock()
		missing := 0
		for m := range kept {
			if !seen[m] {
				missing++
			}
		}
		if idle++; fresh {
			idle = 0
		}
		enough := over && !fresh && (missing == 0 || idle > 5) || time.Now().After(deadline)
		for m := range kept {
			if enough && !seen[m] {
				blame(t, ours, "is missing", m, &wire)
			}
		}
		mu.Unlock()
		if enough {
			break
		}
		select {
		case <-done:
			over = true
		default:
		}
	}
	t.Logf("%d messages, %d kills of the subscriber", len(seen), kills)
}
