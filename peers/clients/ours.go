package clients

import (
	"context"
	"net"

	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/client/mqttclient"
	"github.com/mqttwire/mqttwire/qos"
)

type ours struct{ *mqttclient.Client }

func openOurs(ctx context.Context, o options) (client, error) {
	c, err := mqttclient.Open(mqttclient.Config{
		Dial:    func(context.Context) (net.Conn, error) { return net.Dial("tcp", o.address) },
		Connect: codec.Connect{ClientID: []byte(o.id), KeepAlive: 30},
	})
	if err != nil || o.filter == "" {
		return ours{c}, err
	}
	go func() {
		for {
			m, err := c.Receive(ctx)
			if err != nil {
				return
			}
			o.handle(m.Payload)
			m.Ack()
		}
	}()
	_, err = c.Subscribe(ctx, codec.Subscription{Filter: []byte(o.filter), Options: 2})
	return ours{c}, err
}

func (c ours) publish(ctx context.Context, topic string, payload []byte, level byte) error {
	_, err := c.Publish(ctx, &codec.Publish{Topic: []byte(topic), Payload: payload, QoS: qos.Level(level)})
	return err
}

func (c ours) close() { c.Close() }
