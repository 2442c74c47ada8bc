package prove

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	"github.com/eclipse/paho.golang/paho/session"
	"github.com/eclipse/paho.golang/paho/session/state"
	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
)

// oneByOne has a publisher publish one message after the other, until the history
// stops. Where publish fails, nobody knows whether it was acknowledged.
func (h *history) oneByOne(name string, level qos.Level, publish func(topic string, payload []byte) error, end func()) {
	p := &publisher{name: name, level: level}
	h.publishers = append(h.publishers, p)
	h.publishing.Add(1)
	h.running.Go(func() {
		defer h.publishing.Add(-1)
		defer end()
		for ; h.stopping.Err() == nil; p.next++ {
			h.mu.Lock()
			p.acked = append(p.acked, false)
			h.mu.Unlock()
			if err := publish("t/"+p.name, fmt.Append(nil, p.next, " .")); err != nil {
				h.problem("%s: %d: %v", p.name, p.next, err)
				return
			}
			h.acknowledged(p, p.next)
		}
	})
}

// stuck is when a client of Paho is taken to do nothing any more.
const stuck = 3 * time.Second

// paho3 has clients of paho.mqtt.golang take up a session one after the other, as
// long as the history lasts: v1.5.1 comes back by itself, and hangs in that now and
// then. Each is used until it has lost its connection, or use says so.
func (h *history) paho3(name string, received mqtt.MessageHandler, use func(c mqtt.Client, lost <-chan struct{})) {
	h.running.Go(func() {
		for h.lasting.Err() == nil {
			lost := make(chan struct{})
			c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://broker:1883").SetClientID(name).SetProtocolVersion(4).SetCleanSession(false).
				SetKeepAlive(10 * time.Second).SetAutoReconnect(false).SetWriteTimeout(stuck).SetDefaultPublishHandler(received).
				SetConnectionLostHandler(func(mqtt.Client, error) { close(lost) }).
				SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) { return h.dial(h.lasting) }))
			if t := c.Connect(); t.WaitTimeout(stuck) && t.Error() == nil {
				use(c, lost)
			}
			go c.Disconnect(0) // which may hang, too
			time.Sleep(10 * time.Millisecond)
		}
	})
}

// paho3Publishes has it publish at QoS 1: it keeps no PUBREL, and would publish a
// message of QoS 2 twice.
func (h *history) paho3Publishes() {
	type job struct {
		topic   string
		payload []byte
	}
	jobs, done := make(chan job), make(chan struct{})
	h.paho3("paho3-1", nil, func(c mqtt.Client, lost <-chan struct{}) {
		for {
			select {
			case x := <-jobs:
				t := c.Publish(x.topic, 1, false, x.payload)
				select {
				case <-t.Done():
				case <-lost:
				case <-time.After(stuck):
				}
				select {
				case <-t.Done():
					if t.Error() == nil {
						done <- struct{}{}
						continue
					}
				default:
				}
				go func() { jobs <- x }() // for the next one
				return
			case <-lost:
				return
			case <-h.lasting.Done():
				return
			}
		}
	})
	h.oneByOne("paho3-1", qos.AtLeastOnce, func(topic string, payload []byte) error {
		select {
		case jobs <- job{topic, payload}:
		case <-h.lasting.Done():
			return h.lasting.Err()
		}
		select {
		case <-done:
			return nil
		case <-h.lasting.Done():
			return h.lasting.Err()
		}
	}, func() {})
}

// paho3Reads has it read at QoS 1: it keeps no PUBREC, and would give a message of
// QoS 2 out twice.
func (h *history) paho3Reads() {
	h.t.Helper()
	r := &reader{name: "paho3", level: qos.AtLeastOnce, got: map[string][]int{}, end: func() {}}
	h.readers = append(h.readers, r)
	subscribed := make(chan struct{})
	tell := sync.OnceFunc(func() { close(subscribed) })
	var moves atomic.Int64
	received := func(_ mqtt.Client, m mqtt.Message) {
		h.given(r, m.Topic(), m.Payload())
		moves.Add(1)
	}
	h.paho3(r.name, received, func(c mqtt.Client, lost <-chan struct{}) {
		if t := c.Subscribe("t/#", 1, nil); !t.WaitTimeout(stuck) || t.Error() != nil {
			return
		}
		tell()
		for last := int64(-1); last != moves.Load(); { // it may have lost its connection, and not say so
			last = moves.Load()
			select {
			case <-lost:
				return
			case <-h.lasting.Done():
				return
			case <-time.After(stuck):
			}
		}
	})
	select {
	case <-subscribed:
	case <-time.After(time.Minute):
		h.t.Fatalf("%s cannot subscribe", r.name)
	}
}

// paho5 connects a client of autopaho, which comes back by itself.
func (h *history) paho5(name string, received func(*paho.Publish)) *autopaho.ConnectionManager {
	h.t.Helper()
	expiry := uint32(1 << 30)
	c, err := autopaho.NewConnection(context.Background(), autopaho.ClientConfig{
		ServerUrls: []*url.URL{{Scheme: "mqtt", Host: "broker:1883"}}, AttemptConnection: func(ctx context.Context, _ autopaho.ClientConfig, _ *url.URL) (net.Conn, error) {
			return h.dial(ctx)
		},
		KeepAlive: 10, SessionExpiryInterval: expiry, ConnectTimeout: time.Minute,
		ReconnectBackoff: autopaho.NewConstantBackoff(5 * time.Millisecond),
		ClientConfig: paho.ClientConfig{
			ClientID: name, Session: session5{state.NewInMemory()}, PacketTimeout: 24 * time.Hour,
			OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(x paho.PublishReceived) (bool, error) {
				received(x.Packet)
				return true, nil
			}},
		},
	})
	if err != nil {
		h.t.Fatalf("%s: %v", name, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := c.AwaitConnection(ctx); err != nil {
		h.t.Fatalf("%s: %v", name, err)
	}
	return c
}

// A session5 is a session whose connection may be lost at any moment: paho.golang
// v0.23.0 panics where that happens while a PUBREC is handled, after it has stored
// the PUBREL.
type session5 struct{ *state.State }

func (s session5) PacketReceived(p *packets.ControlPacket, to chan<- *packets.Publish) (err error) {
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("paho.golang: %v", x)
		}
	}()
	return s.State.PacketReceived(p, to)
}

func (h *history) paho5Publishes(level qos.Level) {
	name := fmt.Sprint("paho5-", uint8(level))
	c := h.paho5(name, func(*paho.Publish) {})
	h.oneByOne(name, level, func(topic string, payload []byte) error {
		for {
			if err := c.AwaitConnection(h.lasting); err != nil {
				return err
			}
			// v0.23.0 leaves a message that becomes part of the session while the
			// connection is replaced to the next connection.
			hangUp := time.AfterFunc(stuck, c.TerminateConnectionForTest)
			ack, err := c.Publish(h.lasting, &paho.Publish{Topic: topic, QoS: byte(level), Payload: payload})
			hangUp.Stop()
			switch {
			case errors.Is(err, session.ErrNoConnection) || errors.Is(err, autopaho.ConnectionDownError):
			case ack != nil && ack.ReasonCode == byte(mqttwire.PacketIdentifierNotFound):
				return nil // it was done with when the connection ended (5.0 §3.7.2.1)
			case ack != nil && ack.ReasonCode >= 0x80:
				return fmt.Errorf("reason %#x", ack.ReasonCode)
			default:
				return err
			}
		}
	}, func() { disconnect5(c) })
}

func (h *history) paho5Reads(name string, level qos.Level) {
	h.t.Helper()
	r := &reader{name: name, level: level, got: map[string][]int{}}
	c := h.paho5(name, func(p *paho.Publish) { h.given(r, p.Topic, p.Payload) })
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := c.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "t/#", QoS: byte(level)}}}); err != nil {
		h.t.Fatalf("%s: %v", name, err)
	}
	r.end = func() { disconnect5(c) }
	h.readers = append(h.readers, r)
}

func disconnect5(c *autopaho.ConnectionManager) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c.Disconnect(ctx)
}
