package session

import (
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// receiveAck takes an acknowledgement of a message. ok is false where p is none.
func (e *end) receiveAck(dst []byte, t mqttwire.PacketType, p codec.Packet, now time.Duration) (_ []byte, ev Event, ok bool, err error) {
	var a qos.Action
	var reason mqttwire.Reason
	switch p := p.(type) {
	case *codec.Puback:
		a, err = e.session.out.Puback(p.ID, p.Code)
		reason = p.Code
	case *codec.Pubrec:
		a, err = e.session.out.Pubrec(p.ID, p.Code, now)
		reason = p.Code
	case *codec.Pubrel:
		a, err = e.session.in.Pubrel(p.ID, p.Code)
	case *codec.Pubcomp:
		a, err = e.session.out.Pubcomp(p.ID, p.Code)
	default:
		return dst, Event{}, false, nil
	}
	if err != nil {
		dst, ev, err = e.failed(dst, t, err)
		return dst, ev, true, err
	}
	ev = told(a, p, t)
	ev.Reason = reason
	return e.appendAck(dst, a, now), ev, true, nil
}

// receivePublish takes a PUBLISH.
func (e *end) receivePublish(dst []byte, p *codec.Publish, now time.Duration) ([]byte, Event, error) {
	if e.version == mqttwire.V50 {
		if err := e.judgePublish(p); err != nil {
			return e.failed(dst, mqttwire.PUBLISH, err)
		}
	}
	if p.QoS == qos.AtMostOnce {
		return dst, Event{Kind: Deliver, Type: mqttwire.PUBLISH, Packet: p}, nil
	}
	a, err := e.session.in.Publish(p.ID, p.QoS, p.Dup)
	if err != nil {
		return e.failed(dst, mqttwire.PUBLISH, err)
	}
	if a.Event == qos.Duplicate {
		dst = e.appendAcks(dst, now)
	}
	return dst, told(a, p, mqttwire.PUBLISH), nil
}

// judgePublish holds a PUBLISH of 5.0 to what was announced, fills in the topic
// for which an alias stands, and takes the alias out: it is the connection's, not
// the message's (5.0 §3.3.2.3.4).
func (e *end) judgePublish(p *codec.Publish) error {
	if e.role == mqttwire.Server {
		if err := e.features.message(p.QoS, p.Retain); err != nil {
			return err
		}
	}
	if p.Properties.Size() == 0 {
		return nil
	}
	alias, ok := p.Properties.TopicAlias()
	switch {
	case !ok:
		return nil
	case alias > e.aliasReceive:
		return mqttwire.ErrTopicAliasRange // 5.0 §3.3.4
	case e.aliases == nil:
		e.aliases = new(received)
	}
	topic, err := e.aliases.resolve(alias, p.Topic)
	if err == nil {
		p.Topic, p.Properties = topic, e.aliases.without(p.Properties)
	}
	return err
}
