package wire

import (
	"bytes"
	"fmt"

	paho5 "github.com/eclipse/paho.golang/packets"
	paho3 "github.com/eclipse/paho.mqtt.golang/packets"
	mochi "github.com/mochi-mqtt/server/v2/packets"

	"github.com/mqttwire/mqttwire"
)

// A peer reads a packet and says what is in it.
type peer struct {
	name   string
	speaks func(mqttwire.Version) bool
	read   func(v mqttwire.Version, raw []byte) (summary, error)
}

var peers = []peer{
	{"mochi", mqttwire.Version.Valid, summariseMochi},
	{"paho.golang", func(v mqttwire.Version) bool { return v == mqttwire.V50 }, summarisePaho5},
	{"paho.mqtt.golang", func(v mqttwire.Version) bool { return v != mqttwire.V50 }, summarisePaho3},
}

// mochiDecode is how mochi reads each type of packet: it has one struct for all.
var mochiDecode = [16]func(*mochi.Packet, []byte) error{
	mochi.Connect:     (*mochi.Packet).ConnectDecode,
	mochi.Connack:     (*mochi.Packet).ConnackDecode,
	mochi.Publish:     (*mochi.Packet).PublishDecode,
	mochi.Puback:      (*mochi.Packet).PubackDecode,
	mochi.Pubrec:      (*mochi.Packet).PubrecDecode,
	mochi.Pubrel:      (*mochi.Packet).PubrelDecode,
	mochi.Pubcomp:     (*mochi.Packet).PubcompDecode,
	mochi.Subscribe:   (*mochi.Packet).SubscribeDecode,
	mochi.Suback:      (*mochi.Packet).SubackDecode,
	mochi.Unsubscribe: (*mochi.Packet).UnsubscribeDecode,
	mochi.Unsuback:    (*mochi.Packet).UnsubackDecode,
	mochi.Pingreq:     (*mochi.Packet).PingreqDecode,
	mochi.Pingresp:    (*mochi.Packet).PingrespDecode,
	mochi.Disconnect:  (*mochi.Packet).DisconnectDecode,
	mochi.Auth:        (*mochi.Packet).AuthDecode,
}

func readMochi(p *mochi.Packet, v mqttwire.Version, raw []byte) error {
	p.ProtocolVersion = byte(v)
	if err := p.FixedHeader.Decode(raw[0]); err != nil {
		return err
	}
	length, n, err := mochi.DecodeLength(bytes.NewReader(raw[1:]))
	if err != nil {
		return err
	}
	p.FixedHeader.Remaining = length
	return mochiDecode[p.FixedHeader.Type](p, raw[1+n:])
}

func summariseMochi(v mqttwire.Version, raw []byte) (summary, error) {
	var p mochi.Packet
	if err := readMochi(&p, v, raw); err != nil {
		return summary{}, err
	}
	var s summary
	switch h := p.FixedHeader; h.Type {
	case mochi.Publish:
		s.publish(p.TopicName, p.Payload, p.PacketID, h.Qos, h.Dup, h.Retain)
	case mochi.Connect:
		c := p.Connect
		s.connect(c.ClientIdentifier, c.Keepalive, c.Clean, string(c.Username), c.Password)
		if c.WillFlag {
			s.will(c.WillTopic, c.WillPayload, c.WillQos, c.WillRetain)
		}
	case mochi.Subscribe:
		s.id(p.PacketID)
		for _, f := range p.Filters {
			s.filter(f.Filter, f.Qos)
		}
	case mochi.Unsubscribe:
		s.id(p.PacketID)
		for _, f := range p.Filters {
			s.filter(f.Filter, 0)
		}
	}
	return s, nil
}

func summarisePaho5(_ mqttwire.Version, raw []byte) (summary, error) {
	p, err := paho5.ReadPacket(bytes.NewReader(raw))
	if err != nil {
		return summary{}, err
	}
	var s summary
	switch x := p.Content.(type) {
	case *paho5.Publish:
		s.publish(x.Topic, x.Payload, x.PacketID, x.QoS, x.Duplicate, x.Retain)
	case *paho5.Connect:
		s.connect(x.ClientID, x.KeepAlive, x.CleanStart, x.Username, x.Password)
		if x.WillFlag {
			s.will(x.WillTopic, x.WillMessage, x.WillQOS, x.WillRetain)
		}
	case *paho5.Subscribe:
		s.id(x.PacketID)
		for _, f := range x.Subscriptions {
			s.filter(f.Topic, f.QoS)
		}
	case *paho5.Unsubscribe:
		s.id(x.PacketID)
		for _, f := range x.Topics {
			s.filter(f, 0)
		}
	}
	return s, nil
}

func summarisePaho3(_ mqttwire.Version, raw []byte) (summary, error) {
	p, err := paho3.ReadPacket(bytes.NewReader(raw))
	if err != nil {
		return summary{}, err
	}
	var s summary
	switch x := p.(type) {
	case *paho3.PublishPacket:
		s.publish(x.TopicName, x.Payload, x.MessageID, x.Qos, x.Dup, x.Retain)
	case *paho3.ConnectPacket:
		s.connect(x.ClientIdentifier, x.Keepalive, x.CleanSession, x.Username, x.Password)
		if x.WillFlag {
			s.will(x.WillTopic, x.WillMessage, x.WillQos, x.WillRetain)
		}
	case *paho3.SubscribePacket:
		s.id(x.MessageID)
		for i, f := range x.Topics {
			s.filter(f, x.Qoss[i])
		}
	case *paho3.UnsubscribePacket:
		s.id(x.MessageID)
		for _, f := range x.Topics {
			s.filter(f, 0)
		}
	}
	return s, nil
}

// A summary is what a packet says, of the types and fields that all agree on
// the meaning of.
type summary struct{ text string }

func (s *summary) add(format string, args ...any) { s.text += fmt.Sprintf(format, args...) + "\n" }

func (s *summary) id(id uint16) { s.add("id %d", id) }

func (s *summary) filter(f string, level byte) { s.add("filter %q QoS %d", f, level) }

func (s *summary) publish(topic string, payload []byte, id uint16, level byte, dup, retain bool) {
	s.add("topic %q payload %x id %d QoS %d dup %v retain %v", topic, payload, id, level, dup, retain)
}

func (s *summary) connect(id string, keepAlive uint16, clean bool, user string, password []byte) {
	s.add("client %q keep alive %d clean %v user %q password %x", id, keepAlive, clean, user, password)
}

func (s *summary) will(topic string, payload []byte, level byte, retain bool) {
	s.add("will topic %q payload %x QoS %d retain %v", topic, payload, level, retain)
}
