package interop

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
	"github.com/eclipse/paho.golang/paho/session"
	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// A cutter cuts the connections of a link again and again, after a number of
// packets that differs from one to the next.
type cutter struct {
	rand      *rand.Rand
	conn      int
	countdown int
	left      int // how often it still cuts
}

func newCutter(seed uint64, times int) *cutter {
	return &cutter{rand: rand.New(rand.NewPCG(seed, 0)), conn: -1, left: times}
}

func (c *cutter) rule(p *packet) verdict {
	if p.conn < c.conn || c.left == 0 {
		return pass
	}
	if p.conn > c.conn {
		c.conn, c.countdown = p.conn, 15+c.rand.IntN(45)
	}
	if c.countdown--; c.countdown != 0 {
		return pass
	}
	c.left--
	return cut
}

const (
	lanes   = 4  // that a publisher publishes in at the same time
	perLane = 60 // messages
)

// A stream is messages in lanes, each of which is in order.
type stream struct {
	c    *client
	next [lanes]int
	// twice says that messages may come twice, and jumbled that the publisher
	// keeps no order.
	twice, jumbled bool
	early          map[string]bool
}

// take takes in what comes until the end of the stream.
func (s *stream) take(end message) {
	s.c.t.Helper()
	for m := s.c.next(); !m.same(end); m = s.c.next() {
		var lane, n int
		if _, err := fmt.Sscanf(m.payload, "%d/%d", &lane, &n); err != nil {
			s.c.t.Fatalf("%v: %v", m, err)
		}
		switch want := s.next[lane]; {
		case s.jumbled:
			if s.early[m.payload] = true; n == want {
				for s.early[fmt.Sprintf("%d/%d", lane, s.next[lane])] {
					s.next[lane]++
				}
			}
		case n == want:
			s.next[lane]++
		case n > want:
			s.c.t.Fatalf("%s: message %d of lane %d came where %d was to come", s.c.flavor.name, n, lane, want)
		case !s.twice:
			s.c.t.Errorf("%s: message %d of lane %d came again (DUP %v), after %d", s.c.flavor.name, n, lane, m.dup, want-1)
		}
	}
	for lane, n := range s.next {
		if n != perLane {
			s.c.t.Errorf("%s: %d messages of %d have come in lane %d", s.c.flavor.name, n, perLane, lane)
		}
	}
}

// testStream has a client publish to another, while the connections of both are
// cut and come back by themselves.
func testStream(t *testing.T, from, to flavor, q byte) {
	switch {
	case q == 2 && to.name == "mqttjs-3.1":
		t.Skip("MQTT.js refuses a PUBREL with DUP, as 3.1 §2.1 has it")
	case q == 2 && strings.HasPrefix(to.name, "mosquitto"):
		t.Skip("libmosquitto forgets a message whose PUBCOMP it cannot send, undelivered")
	}
	b := startBroker(t)
	connect := func(f flavor, id string, times int, s ...subscription) (*client, *cutter) {
		if strings.HasPrefix(f.name, "mosquitto") { // it takes a second to come back
			times = 2
		}
		x := newCutter(uint64(times)<<8|uint64(q), times)
		return newClient(t, f, b, options{id: id, resume: true, reconnect: true, subscribe: s,
			through: startLink(t, b.address, x.rule)}), x
	}
	reader, cutsReader := connect(to, "reader", 7, subscription{filter: "s/#", qos: q})
	writer, cutsWriter := connect(from, "writer", 8)
	var running sync.WaitGroup
	for lane := range lanes {
		running.Go(func() {
			for i := range perLane {
				m := message{topic: fmt.Sprint("s/", lane), payload: fmt.Sprintf("%d/%d", lane, i), qos: q}
				_, err := writer.driver.publish(m)
				for notTaken(err) {
					_, err = writer.driver.publish(m)
				}
				var lost net.Error                                                                                         // the library has kept the message, and sends it again
				if err != nil && !errors.As(err, &lost) && !strings.Contains(err.Error(), "Packet Identifier not found") { // see publishAll
					t.Errorf("%v: %v", m, err)
					return
				}
			}
		})
	}
	running.Wait()
	end := message{topic: "s/end", payload: "end", qos: q}
	newClient(t, flavors[0], b, options{id: "ender"}).pub(end)
	// paho.mqtt.golang publishes anew what it could not write, after what has
	// been published since.
	s := stream{c: reader, twice: q == 1 || repeats(from) || repeats(to), jumbled: repeats(from), early: map[string]bool{}}
	s.take(end)
	if cutsReader.left+cutsWriter.left > 0 {
		t.Errorf("%d and %d cuts were not made", cutsReader.left, cutsWriter.left)
	}
}

// notTaken reports whether a library has not taken a message over, for want of a
// connection: MQTT.js does so while it sends again what it has.
func notTaken(err error) bool {
	return errors.Is(err, mqtt.ErrNotConnected) || err != nil && strings.Contains(err.Error(), "Connection closed")
}

// Nothing is lost, QoS 2 comes once, and each lane is in order: from autopaho to
// each library, and from each library but mosquitto to autopaho.
func TestStream(t *testing.T) {
	t.Parallel()
	for _, f := range flavors {
		for q := byte(1); q < 3; q++ {
			five := flavors[2]
			t.Run(fmt.Sprintf("%s to %s at QoS %d", five.name, f.name, q), func(t *testing.T) {
				t.Parallel()
				testStream(t, five, find(t, f.name), q)
			})
			if !strings.HasPrefix(f.name, "mosquitto") && f.name != five.name {
				t.Run(fmt.Sprintf("%s to %s at QoS %d", f.name, five.name, q), func(t *testing.T) {
					t.Parallel()
					testStream(t, find(t, f.name), five, q)
				})
			}
		}
	}
}

// The same with many messages in flight: paho.golang does not wait for
// acknowledgements, and its user connects it anew.
func TestStreamInFlight(t *testing.T) {
	t.Parallel()
	for q := byte(1); q < 3; q++ {
		t.Run(fmt.Sprint("QoS ", q), func(t *testing.T) {
			t.Parallel()
			b := startBroker(t)
			reader := newClient(t, find(t, "paho-5.0"), b, options{id: "reader", resume: true, reconnect: true,
				through: startLink(t, b.address, newCutter(1, 7).rule), subscribe: []subscription{{filter: "s/#", qos: q}}})
			cuts := newCutter(2, 7)
			link := startLink(t, b.address, cuts.rule)
			w := &pipeline{t: t, address: link.address, session: newSession5()}
			for i := range perLane {
				for lane := range lanes {
					w.publish(message{topic: fmt.Sprint("s/", lane), payload: fmt.Sprintf("%d/%d", lane, i), qos: q})
				}
			}
			w.finish()
			end := message{topic: "s/end", payload: "end", qos: q}
			newClient(t, flavors[0], b, options{id: "ender"}).pub(end)
			s := stream{c: reader, twice: q == 1}
			s.take(end)
			if cuts.left > 0 {
				t.Errorf("%d cuts were not made", cuts.left)
			}
		})
	}
}

// A pipeline publishes without waiting for acknowledgements.
type pipeline struct {
	t       *testing.T
	address string
	session session.SessionManager
	client  *paho.Client
}

// connect connects, again where need be.
func (w *pipeline) connect() {
	w.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		if w.client != nil {
			<-w.client.Done()
		}
		conn, err := net.DialTimeout("tcp", w.address, patience)
		if err == nil {
			client := paho.NewClient(paho.ClientConfig{Conn: conn, Session: w.session, PacketTimeout: patience})
			if _, err = client.Connect(context.Background(), connect5(options{id: "writer", resume: true})); err == nil {
				w.client = client
				return
			}
			w.client = nil
		}
		if time.Now().After(deadline) {
			w.t.Fatal(err)
		}
	}
}

func (w *pipeline) publish(m message) {
	w.t.Helper()
	if w.client == nil {
		w.connect()
	}
	for {
		_, err := w.client.PublishWithOptions(context.Background(), toPaho5(m), paho.PublishOptions{Method: paho.PublishMethod_AsyncSend})
		switch {
		case err == nil:
			return
		case errors.Is(err, paho.ErrNetworkErrorAfterStored): // the session has it
			w.connect()
			return
		case errors.Is(err, session.ErrNoConnection):
			w.connect()
		default:
			w.t.Fatal(err)
		}
	}
}

// finish returns when all has been acknowledged: a last message comes after all.
func (w *pipeline) finish() {
	w.t.Helper()
	w.t.Cleanup(func() { w.client.Disconnect(&paho.Disconnect{}) })
	for {
		done := make(chan error, 1)
		go func(c *paho.Client) {
			_, err := c.Publish(context.Background(), toPaho5(message{topic: "last", qos: 1}))
			done <- err
		}(w.client)
		for waiting := true; waiting; {
			select {
			case err := <-done:
				if err == nil {
					return
				}
				waiting = false // it is no part of the session
				if !errors.Is(err, session.ErrNoConnection) {
					w.t.Fatal(err)
				}
			case <-w.client.Done():
			}
			if w.lost() {
				w.connect()
			}
		}
	}
}

func (w *pipeline) lost() bool {
	select {
	case <-w.client.Done():
		return true
	default:
		return false
	}
}

// What autopaho has queued for want of a connection is sent once there is one,
// each message once. The order is not the broker's to keep: paho.golang v0.23.0
// leaves a message that becomes part of the session while its connection is
// replaced to the next connection, behind later ones.
func TestAutopahoQueue(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	reader := newClient(t, flavors[0], b, options{id: "reader", subscribe: []subscription{{filter: "s", qos: 2}}})
	cuts := newCutter(3, 1)
	c := newClient(t, find(t, "paho-5.0"), b, options{id: "writer", resume: true, reconnect: true,
		through: startLink(t, b.address, cuts.rule)})
	want := map[string]message{}
	for i := range 60 {
		m := message{topic: "s", payload: fmt.Sprint(i), qos: 2}
		if err := c.driver.(*auto5).PublishViaQueue(context.Background(), &autopaho.QueuePublish{Publish: toPaho5(m)}); err != nil {
			t.Fatal(err)
		}
		want[m.payload] = m
	}
	stuck := time.AfterFunc(2*time.Second, c.driver.(*auto5).TerminateConnectionForTest)
	defer stuck.Stop()
	for len(want) > 0 {
		got := reader.next()
		if m, ok := want[got.payload]; !ok || !got.same(m) {
			t.Fatalf("got %v", got)
		}
		delete(want, got.payload)
	}
	reader.expectLast(reader, "s")
	if cuts.left > 0 {
		t.Error("the connection was not cut")
	}
}
