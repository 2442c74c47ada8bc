package main

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

var fromClient = codec.Rules{Version: mqttwire.V311, From: mqttwire.Client}

// encode panics where the tool asks for a packet that is none.
func encode(p codec.Packet) []byte {
	b, err := p.Append(nil, fromClient)
	if err != nil {
		panic(err)
	}
	return b
}

func connectPacket(id string, clean bool) []byte {
	return encode(&codec.Connect{ClientID: []byte(id), CleanStart: clean, KeepAlive: 300})
}

// subscribePacket asks for filters at one QoS. The packet id is that QoS + 1,
// so that SUBACK says what was asked for.
func subscribePacket(level byte, filters ...string) []byte {
	var list codec.Subscriptions
	for _, f := range filters {
		list = list.Append(codec.Subscription{Filter: []byte(f), Options: codec.SubscriptionOptions(level)})
	}
	return encode(&codec.Subscribe{ID: uint16(level) + 1, Subscriptions: list})
}

var (
	disconnectPacket = encode(&codec.Disconnect{})
	pingPacket       = encode(&codec.Pingreq{})
)

// First bytes of the packets that the generator writes and reads itself.
const (
	firstPublish = byte(mqttwire.PUBLISH) << 4
	firstPuback  = byte(mqttwire.PUBACK) << 4
	firstPubrec  = byte(mqttwire.PUBREC) << 4
	firstPubrel  = byte(mqttwire.PUBREL)<<4 | 2
	firstPubcomp = byte(mqttwire.PUBCOMP) << 4

	flagDup = 1 << 3
)

// appendAck appends a PUBACK, PUBREC, PUBREL or PUBCOMP.
func appendAck(dst []byte, first byte, id uint16) []byte {
	return append(dst, first, 2, byte(id>>8), byte(id))
}

// ackID is the packet id of an acknowledgement, whose body has two bytes.
func ackID(body []byte) uint16 { return uint16(body[0])<<8 | uint16(body[1]) }

// payloadSize is that of all messages.
const payloadSize = 128

// A stamp is how a payload begins: which message it is, and for the rows that
// measure latency when it was to be sent.
type stamp struct {
	sender uint32
	number uint32
	due    time.Duration // since the tool started
}

// message is a PUBLISH made beforehand, except for its packet id and stamp.
type message struct {
	bytes   []byte
	id      int // where the packet id is, 0 for none
	payload int
}

func newMessage(topic string, level byte, retain bool) message {
	p := codec.Publish{Topic: []byte(topic), Payload: make([]byte, payloadSize), QoS: qos.Level(level), Retain: retain}
	for i := range p.Payload {
		p.Payload[i] = byte('a' + i%26)
	}
	m := message{}
	if level > 0 {
		p.ID = 1
	}
	m.bytes = encode(&p)
	m.payload = len(m.bytes) - payloadSize
	if level > 0 {
		m.id = m.payload - 2
	}
	return m
}

func (m *message) append(dst []byte, id uint16, s stamp) []byte {
	at := len(dst)
	dst = append(dst, m.bytes...)
	b := dst[at:]
	if m.id > 0 {
		binary.BigEndian.PutUint16(b[m.id:], id)
	}
	b = b[m.payload:]
	binary.BigEndian.PutUint32(b, s.sender)
	binary.BigEndian.PutUint32(b[4:], s.number)
	binary.BigEndian.PutUint64(b[8:], uint64(s.due))
	return dst
}

var errNotOurs = errors.New("a PUBLISH that is not what was sent")

// readMessage reads the packet id and the stamp of a PUBLISH.
func readMessage(first byte, body []byte) (id uint16, s stamp, err error) {
	if len(body) < payloadSize+2 {
		return 0, stamp{}, errNotOurs
	}
	b := body[len(body)-payloadSize:]
	if n := 2 + int(binary.BigEndian.Uint16(body)); first&6 != 0 {
		if n+2+payloadSize != len(body) {
			return 0, stamp{}, errNotOurs
		}
		id = binary.BigEndian.Uint16(body[n:])
	} else if n+payloadSize != len(body) {
		return 0, stamp{}, errNotOurs
	}
	return id, stamp{
		sender: binary.BigEndian.Uint32(b),
		number: binary.BigEndian.Uint32(b[4:]),
		due:    time.Duration(binary.BigEndian.Uint64(b[8:])),
	}, nil
}
