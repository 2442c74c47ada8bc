package interop

import (
	"context"
	"net"

	"github.com/eclipse/paho.golang/paho"
	"github.com/eclipse/paho.golang/paho/extensions/topicaliases"
)

// A paho5 drives a client of paho.golang.
type paho5 struct {
	*paho.Client
}

func openPaho5(c *client, address string, o options) error {
	if o.reconnect {
		return openAutopaho(c, address, o)
	}
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return err
	}
	topics := map[uint16]string{}
	config := paho.ClientConfig{
		Conn:          conn,
		PacketTimeout: patience,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(r paho.PublishReceived) (bool, error) {
			c.messages <- fromPaho5(r.Packet, topics)
			return true, nil
		}},
		OnServerDisconnect: func(d *paho.Disconnect) { c.ended <- d.ReasonCode },
	}
	if o.giveAliases {
		config.PublishHook = topicaliases.NewTAHandler(maxAliases).PublishHook
	}
	p := &paho5{paho.NewClient(config)}
	c.driver = p
	_, err = p.Connect(context.Background(), connect5(o))
	return err
}

// connect5 returns the CONNECT that options ask for.
func connect5(o options) *paho.Connect {
	expiry := o.sessionExpiry()
	connect := &paho.Connect{ClientID: o.id, CleanStart: !o.resume, KeepAlive: o.keep(),
		Properties: &paho.ConnectProperties{RequestProblemInfo: true, SessionExpiryInterval: &expiry}}
	p := connect.Properties
	if o.receiveMaximum > 0 {
		p.ReceiveMaximum = &o.receiveMaximum
	}
	if o.maximumPacket > 0 {
		p.MaximumPacketSize = &o.maximumPacket
	}
	if o.topicAliases > 0 {
		p.TopicAliasMaximum = &o.topicAliases
	}
	if w := o.will; w != nil {
		connect.WillMessage = &paho.WillMessage{Topic: w.topic, Payload: []byte(w.payload), QoS: w.qos, Retain: w.retain}
		// paho.golang v0.23.0 sends no other properties of a will.
		connect.WillProperties = &paho.WillProperties{WillDelayInterval: &o.willDelay, User: user5(w.user)}
	}
	return connect
}

func user5(all []pair) (u paho.UserProperties) {
	for _, x := range all {
		u.Add(x.name, x.value)
	}
	return u
}

// fromPaho5 returns a PUBLISH as a message. topics are the Topic Aliases so far:
// the library leaves them to its user.
func fromPaho5(m *paho.Publish, topics map[uint16]string) message {
	got := message{topic: m.Topic, payload: string(m.Payload), qos: m.QoS, retain: m.Retain, dup: m.Duplicate()}
	p := m.Properties
	if p == nil {
		return got
	}
	if p.PayloadFormat != nil {
		got.format = *p.PayloadFormat
	}
	if p.MessageExpiry != nil {
		got.expiry = *p.MessageExpiry
	}
	if p.SubscriptionIdentifier != nil {
		got.ids = []int{*p.SubscriptionIdentifier} // the last one, if there are several
	}
	for _, x := range p.User {
		got.user = append(got.user, pair{x.Key, x.Value})
	}
	got.contentType, got.responseTopic, got.correlation = p.ContentType, p.ResponseTopic, string(p.CorrelationData)
	if p.TopicAlias != nil {
		if m.Topic != "" {
			topics[*p.TopicAlias] = m.Topic
		}
		got.topic = topics[*p.TopicAlias]
	}
	return got
}

// toPaho5 returns a message as a PUBLISH.
func toPaho5(m message) *paho.Publish {
	p := &paho.PublishProperties{ContentType: m.contentType, ResponseTopic: m.responseTopic, User: user5(m.user)}
	if m.format > 0 {
		p.PayloadFormat = &m.format
	}
	if m.expiry > 0 {
		p.MessageExpiry = &m.expiry
	}
	if m.correlation != "" {
		p.CorrelationData = []byte(m.correlation)
	}
	return &paho.Publish{Topic: m.topic, Payload: []byte(m.payload), QoS: m.qos, Retain: m.retain, Properties: p}
}

func (p *paho5) subscribe(all ...subscription) ([]byte, error) { return subscribe5(p, all) }

// subscriber5 is a client of paho.golang or autopaho.
type subscriber5 interface {
	Subscribe(context.Context, *paho.Subscribe) (*paho.Suback, error)
}

func subscribe5(p subscriber5, all []subscription) (granted []byte, err error) {
	for _, x := range all {
		s := &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{
			{Topic: x.filter, QoS: x.qos, NoLocal: x.noLocal, RetainAsPublished: x.asPublished, RetainHandling: x.handling}}}
		if x.id != 0 {
			s.Properties = &paho.SubscribeProperties{SubscriptionIdentifier: &x.id}
		}
		ack, err := p.Subscribe(context.Background(), s)
		if err != nil {
			return nil, err
		}
		granted = append(granted, ack.Reasons...)
	}
	return granted, nil
}

func (p *paho5) unsubscribe(filter string) error {
	_, err := p.Unsubscribe(context.Background(), &paho.Unsubscribe{Topics: []string{filter}})
	return err
}

func (p *paho5) publish(m message) (byte, error) {
	ack, err := p.Publish(context.Background(), toPaho5(m))
	if ack == nil {
		return 0, err
	}
	return ack.ReasonCode, err
}

func (p *paho5) end() error { return p.Disconnect(&paho.Disconnect{}) }

func (p *paho5) stop() { p.Disconnect(&paho.Disconnect{}) }

func (p *paho5) leave(code byte, expiry *uint32) error {
	return p.Disconnect(&paho.Disconnect{ReasonCode: code, Properties: &paho.DisconnectProperties{SessionExpiryInterval: expiry}})
}
