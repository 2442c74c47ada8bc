package conform

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/mqttwire/mqttwire"
)

// interval is how often a client publishes.
const interval = 50 * time.Millisecond

const (
	id     = "driven"
	filter = "driven/#"
	topic  = "from/driven"
	keep   = 5 // seconds
)

// paho3 drives github.com/eclipse/paho.mqtt.golang until ctx ends.
func paho3(v mqttwire.Version) func(ctx context.Context, address string) {
	return func(ctx context.Context, address string) {
		o := mqtt.NewClientOptions().AddBroker("tcp://" + address).SetClientID(id).SetProtocolVersion(uint(v)).
			SetCleanSession(false).SetKeepAlive(keep * time.Second).SetPingTimeout(3 * time.Second).
			SetAutoReconnect(true).SetConnectRetry(true).SetConnectRetryInterval(50 * time.Millisecond).SetMaxReconnectInterval(50 * time.Millisecond).
			SetOnConnectHandler(func(c mqtt.Client) { c.Subscribe(filter, 2, func(mqtt.Client, mqtt.Message) {}) })
		c := mqtt.NewClient(o)
		c.Connect()
		for i := 0; ctx.Err() == nil; i++ {
			if c.IsConnectionOpen() {
				c.Publish(topic, byte(i%3), i%7 == 0, fmt.Sprint(i))
			}
			time.Sleep(interval)
		}
		c.Disconnect(0)
	}
}

// auto drives github.com/eclipse/paho.golang/autopaho until ctx ends.
func auto(ctx context.Context, address string) {
	connection, err := autopaho.NewConnection(ctx, autopaho.ClientConfig{
		ServerUrls: []*url.URL{{Scheme: "mqtt", Host: address}}, KeepAlive: keep, SessionExpiryInterval: 3600,
		ReconnectBackoff: autopaho.NewConstantBackoff(50 * time.Millisecond), ConnectTimeout: 5 * time.Second,
		OnConnectionUp: func(c *autopaho.ConnectionManager, _ *paho.Connack) {
			c.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: filter, QoS: 2}}})
		},
		ClientConfig: paho.ClientConfig{ClientID: id, OnPublishReceived: []func(paho.PublishReceived) (bool, error){
			func(paho.PublishReceived) (bool, error) { return true, nil }}},
	})
	if err != nil {
		return
	}
	for i := 0; ctx.Err() == nil; i++ {
		publishing, cancel := context.WithTimeout(ctx, 3*time.Second)
		p := &paho.Publish{Topic: topic, QoS: byte(i % 3), Retain: i%7 == 0, Payload: fmt.Append(nil, i)}
		go func() { // it waits for the acknowledgement
			defer cancel()
			connection.Publish(publishing, p)
		}()
		time.Sleep(interval)
	}
	<-connection.Done()
}
