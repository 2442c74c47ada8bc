package interop

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	"github.com/eclipse/paho.golang/paho/session"
	"github.com/eclipse/paho.golang/paho/session/state"
)

// An auto5 drives a client of autopaho, which connects again by itself.
type auto5 struct {
	*autopaho.ConnectionManager
}

func openAutopaho(c *client, address string, o options) error {
	connect := connect5(o)
	topics := map[uint16]string{}
	config := autopaho.ClientConfig{
		ServerUrls:                    []*url.URL{{Scheme: "mqtt", Host: address}},
		KeepAlive:                     o.keep(),
		CleanStartOnInitialConnection: !o.resume,
		ConnectTimeout:                patience,
		ReconnectBackoff:              autopaho.NewConstantBackoff(5 * time.Millisecond),
		ConnectPacketBuilder: func(p *paho.Connect, _ *url.URL) (*paho.Connect, error) {
			p.Properties, p.WillMessage, p.WillProperties = connect.Properties, connect.WillMessage, connect.WillProperties
			return p, nil
		},
		OnConnectionUp: func(*autopaho.ConnectionManager, *paho.Connack) { clear(topics) },
		ClientConfig: paho.ClientConfig{
			ClientID:      o.id,
			Session:       newSession5(),
			PacketTimeout: patience,
			OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(r paho.PublishReceived) (bool, error) {
				c.messages <- fromPaho5(r.Packet, topics)
				return true, nil
			}},
			OnServerDisconnect: func(d *paho.Disconnect) { c.ended <- d.ReasonCode },
		},
	}
	manager, err := autopaho.NewConnection(context.Background(), config)
	if err != nil {
		return err
	}
	c.driver = &auto5{manager}
	ctx, cancel := inTime()
	defer cancel()
	return manager.AwaitConnection(ctx)
}

// A session5 is a session of paho.golang whose connection may be lost at any
// moment: v0.23.0 panics where that happens while a PUBREC is handled, after it
// has stored the PUBREL.
type session5 struct{ *state.State }

func newSession5() session5 { return session5{state.NewInMemory()} }

func (s session5) PacketReceived(p *packets.ControlPacket, to chan<- *packets.Publish) (err error) {
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("paho.golang: %v", x)
		}
	}()
	return s.State.PacketReceived(p, to)
}

func inTime() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}

func (p *auto5) subscribe(all ...subscription) ([]byte, error) { return subscribe5(p, all) }

func (p *auto5) unsubscribe(filter string) error {
	_, err := p.Unsubscribe(context.Background(), &paho.Unsubscribe{Topics: []string{filter}})
	return err
}

// publish waits for a connection where there is none. Once the message is part
// of the session, the library sees to it.
func (p *auto5) publish(m message) (byte, error) {
	ctx, cancel := inTime()
	defer cancel()
	for {
		if err := p.AwaitConnection(ctx); err != nil {
			return 0, err
		}
		// paho.golang v0.23.0 leaves a message that becomes part of the session
		// while the connection is replaced to the next connection.
		stuck := time.AfterFunc(2*time.Second, p.TerminateConnectionForTest)
		ack, err := p.Publish(ctx, toPaho5(m))
		stuck.Stop()
		switch {
		case errors.Is(err, session.ErrNoConnection) || errors.Is(err, autopaho.ConnectionDownError):
			continue
		case ack == nil:
			return 0, err
		}
		return ack.ReasonCode, err
	}
}

func (p *auto5) end() error {
	ctx, cancel := inTime()
	defer cancel()
	return p.Disconnect(ctx)
}

func (p *auto5) stop() { p.end() }
