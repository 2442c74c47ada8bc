package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/server"
	"github.com/mqttwire/mqttwire/examples/broker/servertest"
	"github.com/mqttwire/mqttwire/qos"
)

// broker serves on a port that it returns.
func broker(t *testing.T, config server.Config) string {
	t.Helper()
	address, _ := servertest.Start(t, config)
	_, port, _ := net.SplitHostPort(address)
	return port
}

type result struct {
	code     int
	out, err string
}

// client runs the program.
func client(t *testing.T, in string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var out, errs bytes.Buffer
	code := run(ctx, args, strings.NewReader(in), &out, &errs)
	if ctx.Err() != nil {
		t.Fatalf("%q does not end: %s%s", args, &out, &errs)
	}
	return result{code, out.String(), errs.String()}
}

// subscriber runs sub, once it has subscribed.
func subscriber(t *testing.T, args ...string) (wait func() result) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	var out bytes.Buffer
	done := make(chan int, 1)
	r, w := io.Pipe()
	go func() {
		done <- run(ctx, append(args, "-d"), strings.NewReader(""), &out, w)
		w.Close()
	}()
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("%q: %v", args, err)
		}
		if strings.Contains(line, "subscribed") {
			break
		}
	}
	rest := make(chan string, 1)
	go func() { b, _ := io.ReadAll(lines); rest <- string(b) }()
	return func() result {
		defer cancel()
		code := <-done
		if ctx.Err() != nil {
			t.Fatalf("%q does not end: %s", args, &out)
		}
		return result{code, out.String(), <-rest}
	}
}

func TestPubSub(t *testing.T) {
	port := broker(t, server.Config{})
	for _, version := range []string{"mqttv31", "mqttv311", "mqttv5"} {
		for level := range 3 {
			wait := subscriber(t, "sub", "-p", port, "-V", version, "-t", "a/#", "-q", "2", "-v", "-C", "4")
			q := fmt.Sprint(level)
			// Of two publishers at QoS 0 the second may come first.
			if r := client(t, "", "pub", "-p", port, "-V", version, "-t", "a/b", "-m", "one", "-q", fmt.Sprint(max(level, 1))); r != (result{}) {
				t.Errorf("%+v", r)
			}
			if r := client(t, "two\nthree\r\n\n", "pub", "-p", port, "-V", version, "-t", "a/c", "-l", "-q", q, "--echo"); r != (result{0, "two\nthree\n\n", ""}) {
				if level == 0 || strings.Count(r.out, "\n") != 3 {
					t.Errorf("%+v", r)
				}
			}
			if r := wait(); r.code != 0 || r.out != "a/b one\na/c two\na/c three\na/c \n" {
				t.Errorf("%+v", r)
			}
		}
	}
}

func TestRequest(t *testing.T) {
	port := broker(t, server.Config{})
	wait := subscriber(t, "sub", "-p", port, "-t", "ask", "-C", "1", "-F", "%R %p")
	done := make(chan result)
	go func() { done <- client(t, "", "rr", "-p", port, "-t", "ask", "-e", "answer", "-m", "how") }()
	if r := wait(); r.out != "answer how\n" {
		t.Errorf("%+v", r)
	}
	client(t, "", "pub", "-p", port, "-t", "answer", "-m", "so")
	if r := <-done; r != (result{0, "so\n", ""}) {
		t.Errorf("%+v", r)
	}
}

func TestExitCodes(t *testing.T) {
	port := broker(t, server.Config{RefusedFilters: []string{"no"}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, closed, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	tests := []struct {
		args string
		code int
		says string
	}{
		{"", 1, "pub, sub or rr"},
		{"frob", 1, "pub, sub or rr"},
		{"pub --help", 0, ""},
		{"sub -p PORT -t a -W 0.2", 27, "Timed out"},
		{"rr -p PORT -t a -e b -m x -W 0.2", 27, "Timed out"},
		{"pub -p CLOSED -t a -m x", 1, "refused"},
		{"sub -p CLOSED -t a", 1, "refused"},
		{"sub -p PORT -t no", 1, "All subscription requests were denied"},
		{"sub -p PORT -t a -t no -E", 0, "'no' refused"},
		{"pub -p PORT -t a/# -m x", 1, "Invalid publish topic"},
		{"sub -p PORT -t a/#/b", 1, "Invalid subscription topic"},
		{"pub -p PORT -t a", 1, "Both topic and message"},
		{"pub -p PORT -m a", 1, "Both topic and message"},
		{"pub -p PORT -t a -m x -l", 1, "Only one type"},
		{"pub -p PORT -t a -m x -q 3", 1, "Invalid QoS"},
		{"pub -p PORT -t a -m x -V 9", 1, "protocol version"},
		{"pub -p 0 -t a -m x", 1, "not a number"},
		{"pub -p PORT -t a -m x -c", 1, "client id"},
		{"pub -p PORT --frob", 1, "Unknown option '--frob'"},
		{"pub -p PORT -t a -m x -C 1", 1, "Unknown option '-C'"},
		{"pub -p", 1, "no value"},
		{"sub -p PORT", 1, "specify a topic"},
		{"rr -p PORT -t a -m x", 1, "response topic"},
		{"sub -p PORT -t a -C 0", 1, "Invalid message count"},
		{"sub -p PORT -t a -F %z", 1, "format specifier"},
		{"pub -p PORT -t a -m x -D publish frob 1", 1, "Invalid property name"},
		{"pub -p PORT -t a -m x -D publish session-expiry-interval 1", 1, "no property of publish"},
		{"pub -p PORT -t a -m x -D publish content-type t -V mqttv311", 1, "need MQTT 5.0"},
		{"pub -p PORT -t a -m x --will-qos 1", 1, "no will topic"},
		{"pub -p PORT -t a -f /nowhere/at/all", 1, "/nowhere/at/all"},
		{"pub -p PORT --cafile /nowhere/at/all -t a -m x", 1, "/nowhere/at/all"},
	}
	for _, tt := range tests {
		args := strings.Fields(strings.NewReplacer("PORT", port, "CLOSED", closed).Replace(tt.args))
		if r := client(t, "", args...); r.code != tt.code || !strings.Contains(r.err, tt.says) {
			t.Errorf("%s: %+v", tt.args, r)
		}
	}
}

// A session in a store takes up what the server has kept, and hands out what an
// earlier process has left.
func TestStore(t *testing.T) {
	port := broker(t, server.Config{})
	in, out := t.TempDir(), t.TempDir()
	if r := client(t, "", "sub", "-p", port, "-i", "in", "-store", in, "-t", "t", "-q", "2", "-E"); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	if r := client(t, "1\n2\n3\n", "pub", "-p", port, "-i", "out", "-store", out, "-t", "t", "-q", "2", "-l", "--echo"); r != (result{0, "1\n2\n3\n", ""}) {
		t.Errorf("%+v", r)
	}
	for _, want := range []string{"1\n", "2\n", "3\n"} {
		if r := client(t, "", "sub", "-p", port, "-i", "in", "-store", in, "-t", "t", "-q", "2", "-C", "1"); r != (result{0, want, ""}) {
			t.Errorf("%+v", r)
		}
	}
	if r := client(t, "", "pub", "-p", port, "-i", "out", "-store", out); r != (result{}) {
		t.Errorf("nothing is left: %+v", r)
	}
}

func TestFormat(t *testing.T) {
	p := codec.Publish{Topic: []byte("a/b"), Payload: []byte(`{"x":1}`), QoS: qos.AtLeastOnce, ID: 7, Retain: true}
	p.Properties = codec.AppendContentType(p.Properties, "json")
	p.Properties = codec.AppendUserProperty(p.Properties, "k", "v")
	p.Properties = codec.AppendMessageExpiryInterval(p.Properties, 60)
	now := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	for f, want := range map[string]string{
		`%t|%p|%l|%q|%r|%m|%d|%%`: `a/b|{"x":1}|7|1|1|7|0|%`,
		`%x\t%X\n`:                "7b2278223a317d\t7B2278223A317D\n",
		`%C %P %E %F%R%D%S`:       "json k:v 60 ",
		`%I %U`:                   "2026-01-02T03:04:05+0000 1767323045.000006000",
		`%j`:                      `{"tst":"2026-01-02T03:04:05.000006Z","topic":"a/b","qos":1,"retain":1,"payloadlen":7,"mid":7,"properties":{"content-type":"json","message-expiry-interval":60,"user-properties":[{"k":"v"}]},"payload":"{\"x\":1}"}`,
		`%J`:                      `{"tst":"2026-01-02T03:04:05.000006Z","topic":"a/b","qos":1,"retain":1,"payloadlen":7,"mid":7,"properties":{"content-type":"json","message-expiry-interval":60,"user-properties":[{"k":"v"}]},"payload":{"x":1}}`,
	} {
		format, err := parseFormat(f)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		w := bufio.NewWriter(&b)
		format.write(w, &p, now)
		w.Flush()
		if b.String() != want {
			t.Errorf("%s:\n%s\nwant\n%s", f, &b, want)
		}
	}
}
