package interop

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// A junction passes connections on to where it leads now, and closes those that it
// leads nowhere.
type junction struct {
	address string
	to      atomic.Pointer[string]
}

func startJunction(t *testing.T, to string) *junction {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	j := &junction{address: l.Addr().String()}
	j.to.Store(&to)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", *j.to.Load())
			if err != nil {
				in.Close()
				continue
			}
			for _, way := range [2][2]net.Conn{{in, out}, {out, in}} {
				running.Go(func() {
					io.Copy(way[1], way[0])
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
	return j
}

// A mosquitto with a bridge to this broker, with its default settings, takes
// messages of every QoS both ways, says whether it is connected, and goes on when
// the broker has been away: what it could not pass on meanwhile comes then.
func TestMosquittoBridge(t *testing.T) {
	require(t, mosquittoBroker.lacks)
	t.Parallel()
	for _, version := range []string{"mqttv311", "mqttv50"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			way := startJunction(t, "") // which ends last
			first := startBroker(t)
			way.to.Store(&first.address)
			address, stop := startMosquitto(t, "connection c", "address "+way.address, "topic # both 2",
				"bridge_protocol_version "+version, "restart_timeout 1")
			theirs := &broker{nil, address}
			there := newClient(t, find(t, "paho-5.0"), theirs, options{id: "there", subscribe: []subscription{{filter: "to/there/#", qos: 2}}})

			ours, state := joinBridged(t, first, there)
			passBothWays(ours, there, 0)

			for _, c := range []*client{ours, state} {
				c.quit()
			}
			if err := first.shutdown(); err != nil {
				t.Error(err)
			}
			for q := byte(1); q < 3; q++ { // those of QoS 0 may come or not
				there.pub(message{topic: "to/here/away", payload: fmt.Sprint("away ", q), qos: q})
			}
			second := startBroker(t)
			ours = newClient(t, find(t, "paho-5.0"), second, options{id: "ours", subscribe: []subscription{{filter: "to/here/#", qos: 2}}})
			way.to.Store(&second.address)
			for q := byte(1); q < 3; q++ {
				want := message{topic: "to/here/away", payload: fmt.Sprint("away ", q), qos: q}
				if got := ours.next(); !got.same(want) { // with DUP where the bridge has noticed late
					t.Errorf("got %v, want %v", got, want)
				}
			}
			ours.quit()
			ours, state = joinBridged(t, second, there)
			passBothWays(ours, there, 10)

			stop()
			if m := state.next(); m.payload != "0" {
				t.Errorf("the bridge has gone, and its state is %v", m)
			}
		})
	}
}

// joinBridged returns a client of ours and one that watches the bridge, once that
// passes messages on.
func joinBridged(t *testing.T, b *broker, there *client) (ours, state *client) {
	t.Helper()
	state = newClient(t, find(t, "paho-5.0"), b, options{id: "state", subscribe: []subscription{{filter: "$SYS/broker/connection/+/state", qos: 1}}})
	for {
		m := state.next()
		if !strings.HasPrefix(m.topic, "$SYS/broker/connection/") {
			t.Fatalf("got %v", m)
		}
		if m.payload == "1" {
			break
		}
	}
	ours = newClient(t, find(t, "paho-5.0"), b, options{id: "ours", subscribe: []subscription{{filter: "to/here/#", qos: 2}}})
	ours.pub(message{topic: "to/there/ready", payload: "ready", qos: 1, retain: true}) // its SUBSCRIBE may come later
	if m := there.next(); m.payload != "ready" {
		t.Fatalf("got %v", m)
	}
	return ours, state
}

// passBothWays has messages of every QoS pass the bridge both ways, each once and
// at its QoS.
func passBothWays(ours, there *client, from int) {
	ours.t.Helper()
	for i := range 9 {
		m := message{payload: fmt.Sprint(from + i), qos: byte(i % 3)}
		m.topic = "to/there/" + m.payload
		ours.pub(m)
		there.expect(m)
		m.topic = "to/here/" + m.payload
		there.pub(m)
		ours.expect(m)
	}
}
