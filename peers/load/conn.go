package main

import (
	"errors"
	"fmt"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/fixedheader"
)

// conn is a connection of the generator. It frames what comes, keeps count of
// what answers a CONNECT, SUBSCRIBE or PINGREQ, and hands the rest on.
type conn struct {
	loop *loop
	fd   int
	in   []byte // the start of a packet that has not all come
	out  []byte // to be written

	dirty, closed, blocked bool

	up      bool // CONNACK has come
	resumed bool // and said that there was a session
	subacks int
	pongs   int

	onUp   func()                        // nil, or told of CONNACK
	onSub  func()                        // nil, or told of SUBACK
	handle func(first byte, body []byte) // gets PUBLISH and acknowledgements; body is valid during the call
	lost   func()                        // nil, or told that the broker ended the connection
}

// open connects. The bytes given are written first.
func (l *loop) open(port int, first []byte) (*conn, error) {
	fd, err := dial(port)
	if err != nil {
		return nil, err
	}
	if err := l.poll.add(fd); err != nil {
		closeSocket(fd)
		return nil, err
	}
	for len(l.conns) <= fd {
		l.conns = append(l.conns, nil)
	}
	c := &conn{loop: l, fd: fd}
	l.conns[fd] = c
	if first != nil {
		c.out = append(c.out, first...)
		c.flush()
	}
	return c, nil
}

// close closes the connection, without a DISCONNECT.
func (c *conn) close() {
	if !c.closed {
		c.closed = true
		c.loop.conns[c.fd] = nil
		closeSocket(c.fd)
	}
}

// fail ends the measurement: what came is not what may come.
func (c *conn) fail(err error) {
	c.close()
	c.loop.fail(err)
}

// ended is for a connection that the broker ended.
func (c *conn) ended(err error) {
	if c.closed {
		return
	}
	c.close()
	if c.lost != nil {
		c.lost()
	} else {
		c.loop.fail(err)
	}
}

// touch says that c.out has grown.
func (c *conn) touch() {
	if !c.dirty {
		c.dirty = true
		c.loop.dirty = append(c.loop.dirty, c)
	}
}

func (c *conn) send(b []byte) {
	c.out = append(c.out, b...)
	c.touch()
}

func (c *conn) flush() {
	if c.closed || len(c.out) == 0 {
		return
	}
	n, err := transmit(c.fd, c.out)
	if err != nil {
		c.ended(err)
		return
	}
	c.out = c.out[:copy(c.out, c.out[n:])]
	if blocked := len(c.out) > 0; blocked != c.blocked {
		c.blocked = blocked
		if err := c.loop.poll.watchOutput(c.fd, blocked); err != nil {
			c.fail(err)
		}
	}
}

// read reads once and hands on the packets that are complete.
func (c *conn) read() {
	buf := c.loop.buf
	kept := copy(buf, c.in)
	if kept == len(buf) {
		c.fail(errors.New("a packet larger than the generator's buffer"))
		return
	}
	n, err := receive(c.fd, buf[kept:])
	if err != nil {
		c.ended(err)
		return
	}
	b := buf[:kept+n]
	for !c.closed {
		h, size, err := fixedheader.Consume(b)
		if err != nil {
			c.fail(fmt.Errorf("from the broker: %w", err))
			return
		}
		if end := size + int(h.Length); size > 0 && end <= len(b) {
			c.packet(b[0], b[size:end])
			b = b[end:]
			continue
		}
		c.in = append(c.in[:0], b...)
		return
	}
}

func (c *conn) packet(first byte, body []byte) {
	switch mqttwire.PacketType(first >> 4) {
	case mqttwire.CONNACK:
		if len(body) != 2 || body[1] != 0 {
			c.fail(fmt.Errorf("CONNECT was answered with % x", body))
			return
		}
		c.up, c.resumed = true, body[0]&1 != 0
		if c.onUp != nil {
			c.onUp()
		}
	case mqttwire.SUBACK:
		if len(body) < 3 {
			c.fail(errors.New("a SUBACK without return codes"))
			return
		}
		for _, code := range body[2:] {
			// All of a SUBSCRIBE ask for the QoS that is its packet id here.
			if asked := body[1] - 1; code != asked {
				c.fail(fmt.Errorf("asked for QoS %d and was granted %#02x", asked, code))
				return
			}
		}
		c.subacks++
		if c.onSub != nil {
			c.onSub()
		}
	case mqttwire.PINGRESP:
		c.pongs++
	default:
		if c.handle == nil {
			c.fail(fmt.Errorf("unexpected %v", mqttwire.PacketType(first>>4)))
			return
		}
		if first&0xf0 != firstPublish && len(body) != 2 {
			c.fail(fmt.Errorf("%v of %d bytes", mqttwire.PacketType(first>>4), len(body)))
			return
		}
		c.handle(first, body)
	}
}
