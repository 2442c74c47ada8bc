package interop

import (
	"context"
	"flag"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance/wirejudge"
	"github.com/mqttwire/mqttwire/examples/client/mqttclient"
	"github.com/mqttwire/mqttwire/examples/inspect/proxy"
	"github.com/mqttwire/mqttwire/qos"
)

// judgeNotes prints all that a judge has found, notes too.
var judgeNotes = flag.Bool("judge.notes", false, "log all that a judge between clients and brokers finds")

// judgeAll has a judge look on in every test.
var judgeAll = flag.Bool("judge.all", false, "put a judge between all clients and the broker")

// judged returns a broker with the proxy of examples/inspect in front of it. At
// the end of the test nothing may have been found but what is known, by clause.
func judged(t *testing.T, address string, known map[mqttwire.Role][]string) *broker {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy.Proxy{Dial: func() (net.Conn, error) { return net.DialTimeout("tcp", address, patience) }}
	p.Judge.Whole = true
	p.Judge.OnFinding = func(f wirejudge.Finding) {
		clause := f.Version.String() + " " + f.Clause
		switch {
		case f.Level != wirejudge.Note && !slices.Contains(known[f.By], clause):
			t.Errorf("%s, %q: %v", f.Version, f.Client, f)
		case *judgeNotes:
			t.Logf("%s, %q: %v", f.Version, f.Client, f)
		}
	}
	var serving sync.WaitGroup
	serving.Go(func() { p.Serve(l) })
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
		p.Close()
	})
	return &broker{nil, l.Addr().String()}
}

// Every version of every library publishes to every other, and a judge between
// them and the broker finds nothing.
func TestEveryVersionJudged(t *testing.T) {
	t.Parallel()
	everyVersionToEveryVersion(t, judged(t, startBroker(t).address, nil))
}

func TestEveryVersionJudgedOnMosquitto(t *testing.T) {
	t.Parallel()
	require(t, mosquittoBroker.lacks)
	address, _ := startMosquitto(t)
	everyVersionToEveryVersion(t, judged(t, address, nil))
}

// Our client and mosquitto, with a judge between.
func TestOurClientJudgedOnMosquitto(t *testing.T) {
	t.Parallel()
	require(t, mosquittoBroker.lacks)
	for _, v := range []mqttwire.Version{v31, v311, v50} {
		t.Run(v.String(), func(t *testing.T) {
			t.Parallel()
			address, _ := startMosquitto(t)
			b := judged(t, address, nil)
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			open := func(id string) *mqttclient.Client {
				c, err := mqttclient.Open(mqttclient.Config{
					Dial: func(ctx context.Context) (net.Conn, error) {
						return new(net.Dialer).DialContext(ctx, "tcp", b.address)
					},
					Connect: codec.Connect{Version: v, ClientID: []byte(id), KeepAlive: 10},
				})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { c.Close() })
				return c
			}
			in, out := open("in"), open("out")
			if _, err := in.Subscribe(ctx, codec.Subscription{Filter: []byte("a/#"), Options: 2}); err != nil {
				t.Fatal(err)
			}
			const messages = 90
			for i := range messages {
				m := codec.Publish{Topic: []byte("a/b"), Payload: fmt.Append(nil, i), QoS: qos.Level(i % 3), Retain: i%10 == 0}
				if _, err := out.Publish(ctx, &m); err != nil {
					t.Fatal(err)
				}
			}
			for range messages {
				m, err := in.Receive(ctx)
				if err != nil {
					t.Fatal(err)
				}
				m.Ack()
			}
		})
	}
}
