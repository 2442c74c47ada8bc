package main

import (
	"fmt"

	"github.com/mqttwire/mqttwire"
)

// receiver takes deliveries and acknowledges them, all of one read together.
type receiver struct {
	c         *conn
	delivered func(stamp)
}

func (r *receiver) handle(first byte, body []byte) {
	switch first &^ 0x0f {
	case firstPublish:
		id, s, err := readMessage(first, body)
		if err != nil {
			r.c.fail(err)
			return
		}
		switch first >> 1 & 3 {
		case 1:
			r.ack(firstPuback, id)
		case 2:
			r.ack(firstPubrec, id)
		}
		r.delivered(s)
	case firstPubrel & 0xf0:
		r.ack(firstPubcomp, ackID(body))
	default:
		r.c.fail(fmt.Errorf("unexpected %v", mqttwire.PacketType(first>>4)))
	}
}

func (r *receiver) ack(first byte, id uint16) {
	r.c.out = appendAck(r.c.out, first, id)
	r.c.touch()
}
