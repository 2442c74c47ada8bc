package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire/examples/broker/server"
	"github.com/mqttwire/mqttwire/examples/broker/servertest"
)

// brief are settings for a broker in this process, which no attack can harm.
func brief(address string) settings {
	return settings{address: address, bind: net.IPv4(127, 0, 0, 1), calm: 50 * time.Millisecond, patience: time.Second, time: 300 * time.Millisecond,
		settle: time.Millisecond, slow: time.Minute, bytes: 128 << 10, memory: 1 << 40, connections: 16, users: true, here: true}
}

// Every attack ends by itself, within what it may spend, and takes away what it
// has left.
func TestAttacks(t *testing.T) {
	if len(attacks()) < 40 {
		t.Errorf("%d attacks", len(attacks()))
	}
	names := map[string]bool{}
	plain, _ := servertest.Start(t, server.Config{})
	secure := startTLS(t)
	var all sync.WaitGroup
	defer all.Wait()
	wait := make(chan struct{}, 16) // more than the processors: they mostly wait
	for _, a := range attacks() {
		if names[a.name] {
			t.Errorf("%s twice", a.name)
		}
		names[a.name] = true
		all.Go(func() {
			wait <- struct{}{}
			defer func() { <-wait }()
			s := brief(plain)
			if s.tls = a.tls; a.tls {
				s.address = secure
			}
			r := s.measure(t.Context(), a)
			if r.Skipped != "" || r.Messages == 0 {
				t.Errorf("%+v", r)
			}
			if r.Sent*mebi > float64(s.bytes) {
				t.Errorf("%s: %.1f MiB sent", a.name, r.Sent)
			}
		})
	}
}

// startTLS starts a broker that speaks TLS.
func startTLS(t *testing.T) string {
	pem, key, err := certify()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair([]byte(pem), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	b := server.New(server.Config{})
	go b.Serve(l)
	t.Cleanup(func() { b.Shutdown(t.Context()) })
	return l.Addr().String()
}

// What harms the victims is seen.
func TestFaults(t *testing.T) {
	silent := attack{name: "silent", run: func(a *arena) {
		a.each(16, func(int) { a.dial() })
		a.hold()
	}}
	address, _ := servertest.Start(t, server.Config{MaxConnections: 12})
	s := brief(address)
	s.time = 3 * time.Second // some newcomers
	r := s.measure(t.Context(), silent)
	if r.Refused == 0 || len(r.Faults) == 0 {
		t.Errorf("16 connections where 12 may be: %+v", r)
	}
	r = result{Lost: 3, Doubled: 2, Ping: 100, Peak: 1 << 30}
	if r.judge(s, false); len(r.Faults) != 5 {
		t.Errorf("%q", r.Faults)
	}
}

func TestRefusesOtherAddresses(t *testing.T) {
	for _, args := range [][]string{{"-addr", "192.0.2.1:1883"}, {"-addr", "localhost:1883"}, {"-bind", "192.0.2.1"}, {"-seconds", "0"}, {"-run", "("}} {
		if _, err := tool(context.Background(), args, &bytes.Buffer{}); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}

// Runs that were printed as JSON can be put side by side.
func TestCompare(t *testing.T) {
	var b bytes.Buffer
	report := newReport(&b, true)
	report.add(result{Attack: "silent", Ping: 0.25})
	report.add(result{Attack: "idle", Faults: []string{"3 lost"}})
	report.add(result{Attack: "steal", Skipped: "no broker for it"})
	file := filepath.Join(t.TempDir(), "before.json")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	b.Reset()
	if _, err := tool(context.Background(), []string{"-compare", file + "," + file}, &b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| attack | before | before |", "ok (0.25 s, +0 MiB) | ok (0.25 s", "**3 lost** (+0 MiB)", "user takes the Client Identifiers of the victim | – | – |"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in %s", want, b.String())
		}
	}
}

// An attacker in a process of its own does as it is told.
func TestStranger(t *testing.T) {
	address, _ := servertest.Start(t, server.Config{})
	in, told := io.Pipe()
	heard, out := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- beStranger(in, out) }()
	o := order{Attack: "idle", Broker: address, Bind: net.IPv4(127, 0, 0, 1), Bytes: 1 << 20, Connections: 3, Time: time.Minute}
	json.NewEncoder(told).Encode(o)
	told.Write([]byte("stop\n"))
	var result outcome
	if err := json.NewDecoder(heard).Decode(&result); err != nil || result.Dialed > o.Connections {
		t.Error(result, err)
	}
	told.Write([]byte("clean\n"))
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := beStranger(strings.NewReader("{}"), io.Discard); err == nil {
		t.Error("an order without an attack is carried out")
	}
}
