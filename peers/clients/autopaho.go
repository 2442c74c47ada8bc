package clients

import (
	"context"
	"net/url"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
)

type theirs struct {
	*autopaho.ConnectionManager
	stop context.CancelFunc
}

func openAutopaho(ctx context.Context, o options) (client, error) {
	ctx, stop := context.WithCancel(ctx)
	subscribed := make(chan error, 1)
	c, err := autopaho.NewConnection(ctx, autopaho.ClientConfig{
		ServerUrls:            []*url.URL{{Scheme: "mqtt", Host: o.address}},
		KeepAlive:             30,
		SessionExpiryInterval: 0xFFFFFFFF,
		OnConnectionUp: func(c *autopaho.ConnectionManager, ack *paho.Connack) {
			if o.filter == "" || ack.SessionPresent {
				return
			}
			_, err := c.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: o.filter, QoS: 2}}})
			select {
			case subscribed <- err:
			default:
			}
		},
		ClientConfig: paho.ClientConfig{
			ClientID: o.id,
			OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(r paho.PublishReceived) (bool, error) {
				o.handle(r.Packet.Payload)
				return true, nil
			}},
		},
	})
	if err != nil {
		stop()
		return nil, err
	}
	if err = c.AwaitConnection(ctx); err == nil && o.filter != "" {
		err = <-subscribed
	}
	return theirs{c, stop}, err
}

func (c theirs) publish(ctx context.Context, topic string, payload []byte, level byte) error {
	_, err := c.Publish(ctx, &paho.Publish{Topic: topic, Payload: payload, QoS: level})
	return err
}

func (c theirs) close() {
	c.Disconnect(context.Background())
	c.stop()
}
