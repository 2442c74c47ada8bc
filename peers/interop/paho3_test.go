package interop

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// A paho3 drives a client of paho.mqtt.golang.
type paho3 struct {
	mqtt.Client
}

func openPaho3(c *client, address string, o options) error {
	options := mqtt.NewClientOptions().AddBroker("tcp://" + address).SetClientID(o.id).
		SetProtocolVersion(uint(c.flavor.version)).SetUsername(o.user).SetPassword(o.password).SetCleanSession(!o.resume).
		SetKeepAlive(time.Duration(o.keep()) * time.Second).SetConnectTimeout(patience).
		SetAutoReconnect(o.reconnect).SetMaxReconnectInterval(10 * time.Millisecond).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
			c.messages <- message{topic: m.Topic(), payload: string(m.Payload()), qos: m.Qos(), retain: m.Retained(), dup: m.Duplicate()}
		}).
		SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) {
			return net.DialTimeout("tcp", address, patience)
		})
	if w := o.will; w != nil {
		options.SetWill(w.topic, w.payload, w.qos, w.retain)
	}
	p := &paho3{mqtt.NewClient(options)}
	c.driver = p
	return wait3(p.Connect())
}

func wait3(token mqtt.Token) error {
	if !token.WaitTimeout(patience) {
		return errors.New("no answer came")
	}
	return token.Error()
}

func (p *paho3) subscribe(all ...subscription) (granted []byte, err error) {
	for _, s := range all {
		token := p.Subscribe(s.filter, s.qos, nil)
		if err := wait3(token); err != nil {
			return nil, err
		}
		for _, code := range token.(*mqtt.SubscribeToken).Result() { // one, by the filter without $share
			granted = append(granted, code)
		}
	}
	return granted, nil
}

func (p *paho3) unsubscribe(filter string) error { return wait3(p.Unsubscribe(filter)) }

func (p *paho3) publish(m message) (byte, error) {
	return 0, wait3(p.Publish(m.topic, m.qos, m.retain, m.payload))
}

func (p *paho3) end() error {
	p.Disconnect(uint(patience / time.Millisecond)) // at most
	return nil
}

func (p *paho3) stop() { p.Disconnect(0) }

// A client that asks for what it cannot have is told so.
func TestPaho3Refused(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + b.address).SetClientID(strings.Repeat("x", 24)).
		SetProtocolVersion(3).SetAutoReconnect(false))
	if err := wait3(c.Connect()); !strings.Contains(fmt.Sprint(err), "dentifier rejected") {
		t.Error("a client identifier of 24 characters in 3.1:", err)
	}
}
