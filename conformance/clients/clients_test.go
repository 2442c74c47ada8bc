package clients_test

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/conformance/clients"
	"github.com/mqttwire/mqttwire/examples/client/mqttclient"
	"github.com/mqttwire/mqttwire/internal/race"
	"github.com/mqttwire/mqttwire/qos"
)

func TestMain(m *testing.M) {
	flag.Parse()
	flag.Set("test.parallel", "32") // they wait more than they work
	os.Exit(m.Run())
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// drive has an mqttclient subscribe and publish until the test ends.
// bad, if not nil, is what becomes of its packets.
func drive(t *testing.T, address string, v mqttwire.Version, clean bool, bad *badness) {
	ctx, cancel := context.WithCancel(context.Background())
	c, err := mqttclient.Open(mqttclient.Config{
		Dial: func(ctx context.Context) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
			if err != nil || bad == nil {
				return c, err
			}
			return &badConn{Conn: c, bad: bad, version: v}, nil
		},
		Connect:       codec.Connect{Version: v, ClientID: []byte("driven"), KeepAlive: 2, CleanStart: clean, Properties: codec.AppendTopicAliasMaximum(codec.Properties{}, 5)},
		Subscriptions: []codec.Subscription{{Filter: []byte("driven/#"), Options: 2}},
		MinPause:      10 * time.Millisecond, MaxPause: 50 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{}, 2)
	t.Cleanup(func() {
		cancel()
		c.Close()
		<-done
		<-done
	})
	go func() {
		defer func() { done <- struct{}{} }()
		for {
			m, err := c.Receive(ctx)
			if err != nil {
				return
			}
			m.Ack()
		}
	}()
	go func() {
		defer func() { done <- struct{}{} }()
		for i := 0; ctx.Err() == nil; i++ {
			c.Send(ctx, &codec.Publish{Topic: []byte("from/driven"), Payload: fmt.Append(nil, i), QoS: qos.Level(i % 3), Retain: i%7 == 0})
			time.Sleep(30 * time.Millisecond)
		}
	}()
}

// shares is into how many the checks are dealt, each share to a client of its own:
// most of their time is waiting.
const shares = 8

// TestMqttclient holds that our own client breaks no MUST.
func TestMqttclient(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for seconds")
	}
	patience := 2 * time.Second
	judged := func(string) bool { return true }
	if race.Enabled {
		// The race detector makes answers late. So there is more time for those that
		// must come, and what waits for what must not is left to the run without it.
		patience = 10 * time.Second
		judged = func(name string) bool {
			return strings.HasPrefix(name, "receive/") && name != "receive/disconnect" || strings.HasPrefix(name, "send/qos") || strings.HasPrefix(name, "send/resend-qos")
		}
	}
	share := map[string]int{}
	for _, c := range clients.Checks() {
		if judged(c.Name) {
			share[c.Name] = len(share)%shares + 1
		}
	}
	for _, v := range []mqttwire.Version{mqttwire.V31, mqttwire.V311, mqttwire.V50} {
		for n := 1; n <= shares; n++ {
			t.Run(fmt.Sprintf("%v/%d", v, n), func(t *testing.T) {
				t.Parallel()
				l := listen(t)
				drive(t, l.Addr().String(), v, false, nil)
				report := clients.Run(t.Context(), l, conformance.Runner{Subject: "mqttclient", Patience: patience,
					Select: func(name string) bool { return share[name] == n }})
				passes(t, report)
			})
		}
	}
}

func passes(t *testing.T, report *conformance.Report) {
	t.Helper()
	if report.Unusable != "" {
		t.Fatal(report.Unusable)
	}
	for _, f := range report.Broken() {
		t.Errorf("%s: expected %s, got %s", f.Clause, f.Expected, f.Got)
	}
	for _, r := range report.Results {
		if r.State == conformance.Failed || r.State == conformance.Blocked {
			t.Errorf("%s is %v: %s", r.Check, r.State, r.Cause)
		}
		for _, f := range append(r.Faults, r.Findings...) {
			t.Logf("%s: %v %s: expected %s, got %s", r.Check, f.Level, f.Clause, f.Expected, f.Got)
		}
		for _, n := range r.Notes {
			t.Logf("%s: %s", r.Check, n)
		}
		t.Logf("%s %v %s in %v", r.Check, r.State, r.Cause, r.Took.Round(time.Millisecond))
	}
}
