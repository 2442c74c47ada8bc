package main

import (
	"crypto/tls"
	"io"
	"net"
	"time"

	"github.com/mqttwire/mqttwire/codec"
)

// What TLS costs a broker. Its victims speak TLS too.
var secureAttacks = []attack{
	{name: "tls-silent", tls: true, about: "1,000 connections that begin no handshake", run: func(a *arena) {
		a.each(1000, func(int) { a.dialFrom(a.local) })
		a.hold()
	}},
	{name: "tls-half-hello", tls: true, about: "1,000 connections that send the half of a ClientHello", run: func(a *arena) {
		a.each(1000, func(int) { a.dialFrom(a.local).write(hello[:len(hello)/2]) })
		a.hold()
	}},
	{name: "tls-handshakes", tls: true, about: "handshakes that are left as soon as the broker has signed, from 50 at a time", run: func(a *arena) {
		a.repeat(50, func(int) {
			p := a.dialFrom(a.local)
			p.write(hello)
			if p.lives() {
				p.conn.Read(make([]byte, 1))
			}
			p.close()
		})
	}},
	{name: "tls-connects", tls: true, about: "CONNECT and DISCONNECT, from 50 at a time", run: func(a *arena) {
		a.repeat(50, func(i int) { a.join(a.name(i)).bye() })
	}},
	{name: "tls-plain", tls: true, about: "CONNECTs without TLS, and other things that are none, from 50 at a time", run: func(a *arena) {
		a.repeat(50, func(i int) {
			if i%2 == 0 {
				a.dialFrom(a.local).join(a.name(i)).close()
				return
			}
			p := a.dialFrom(a.local)
			p.write(append([]byte{22, 3, 1, 0x3F, 0xFF}, zeros[:16_000]...))
			if p.lives() {
				p.conn.Read(make([]byte, 1))
			}
			p.close()
		})
	}},
	{name: "tls-half-closed", tls: true, about: "500 clients that close their end and read nothing", run: func(a *arena) {
		a.each(500, func(i int) { a.join(a.name(i)).closeWrite() })
		a.hold()
	}},
	{name: "tls-stopped-readers", tls: true, about: "100 subscribers that do not read, 200 messages of 60 KB at QoS 0", run: func(a *arena) {
		a.each(100, func(i int) { a.join(a.name(i)).subscribe(0, a.id+"t") })
		p := a.join(a.id + "p")
		p.drain()
		for range 200 {
			p.send(publish(a.id+"t", zeros[:60_000], 0, false))
		}
		a.hold()
	}},
	{name: "tls-small-records", tls: true, about: "PINGREQs from 20 clients, a record for each byte", run: func(a *arena) {
		b, _ := (&codec.Pingreq{}).Append(nil, codec.Rules{Version: 5})
		a.repeat(20, func(i int) {
			p := a.join(a.name(i))
			p.drain()
			for n := 0; p.lives(); n++ {
				p.write(b[n%len(b) : n%len(b)+1])
			}
			a.pause(100 * time.Millisecond)
		})
	}},
	{name: "tls-half-record", tls: true, about: "300 clients, all but the last byte of a record of 16 KB after a PUBLISH of 1 MB that is not all there", run: func(a *arena) {
		a.each(300, func(i int) {
			p := a.join(a.name(i))
			p.unfinished(publish(a.id+"t", zeros[:mega-100], 0, false), 100_000)
			if t, ok := p.conn.(*tls.Conn); ok && p.lives() {
				t.NetConn().Write(append([]byte{23, 3, 3, 0x40, 0}, zeros[:16_000]...))
			}
		})
		a.hold()
	}},
	{name: "tls-publish-flood", tls: true, about: "PUBLISHes to nobody from 50 clients", run: func(a *arena) {
		a.flood(50, asIs, publish(a.id+"t", zeros[:100], 0, false))
	}},
}

// hello is a ClientHello, with its record.
var hello = func() []byte {
	var r recorder
	tls.Client(&r, &tls.Config{InsecureSkipVerify: true}).Handshake()
	return r.written
}()

// A recorder keeps what is written first.
type recorder struct {
	net.Conn
	written []byte
}

func (r *recorder) Write(b []byte) (int, error) {
	r.written = append(r.written, b...)
	return len(b), nil
}

func (r *recorder) Read([]byte) (int, error) { return 0, io.EOF }

func (r *recorder) SetDeadline(time.Time) error { return nil }

func (r *recorder) Close() error { return nil }
