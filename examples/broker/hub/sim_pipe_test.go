package hub_test

import (
	"bytes"
	"errors"
	"time"

	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/hub"
	"github.com/mqttwire/mqttwire/examples/broker/outbox"
	"github.com/mqttwire/mqttwire/session"
)

// A pipe is a network connection: the client's end, and what serves the hub's.
type pipe struct {
	w      *world
	player *player

	// the client's end
	client session.Client
	framer codec.Framer
	open   bool
	down   time.Duration // when the last bytes to it arrive

	// the server's end
	conn     *hub.Conn // nil before it is accepted and when it is over
	in       []byte    // has arrived and is not read
	eof      bool
	up       time.Duration // when the last bytes to it arrive
	consumed int           // bytes that were read
	woken    bool
	own      bool // reads into memory of its own
	answered bool // a CONNACK is written that accepts
	writing  bool // a batch is under way
	batch    outbox.Batch
	stalled  bool // the client's end takes nothing

	hole      bool // swallows all that is written, and tells nobody
	cut       bool // the server's end cannot write
	sent      int  // bytes that the client has written
	goodbyeAt int  // of them up to its DISCONNECT, 0 without
	will      *message
	delay     time.Duration // of the will
	clean     bool          // Clean Start
	admitted  time.Duration // when the hub has written that CONNACK
	left      time.Duration // when it was over at the hub, 0 for not
	crashes   int           // that there were when it was made
}

var errCut = errors.New("the connection is cut")

// up sends bytes of the client. They arrive in order, in pieces.
func (p *pipe) send(b []byte) {
	w := p.w
	p.sent += len(b)
	for len(b) > 0 && !p.hole {
		n := w.piece(len(b))
		piece := bytes.Clone(b[:n])
		b = b[n:]
		p.up = max(p.up, w.now+w.between(time.Millisecond, 40*time.Millisecond))
		w.at(p.up, func() {
			if p.conn != nil {
				p.in = append(p.in, piece...)
				p.Wake()
			}
		})
	}
}

func (w *world) piece(n int) int {
	if w.rng.IntN(3) == 0 {
		return 1 + w.rng.IntN(n)
	}
	return n
}

// hangUp has the client learn, or not, that the server's end is closed.
func (p *pipe) hangUp() {
	w := p.w
	if !p.hole && p.open {
		p.down = max(p.down, w.now+w.between(time.Millisecond, 100*time.Millisecond))
		w.at(p.down, p.lose)
	}
	w.forgetPipe(p)
}

func (w *world) forgetPipe(p *pipe) {
	for i, q := range w.pipes {
		if q == p {
			w.pipes = append(w.pipes[:i], w.pipes[i+1:]...)
			return
		}
	}
}

// lose ends the client's end.
func (p *pipe) lose() {
	if !p.open {
		return
	}
	p.open = false
	p.client.Close(p.w.now)
	p.player.lost(p)
}

// shut closes the client's end, and the server learns of it, unless there is a
// hole.
func (p *pipe) shut() {
	p.lose()
	if !p.hole {
		w := p.w
		p.up = max(p.up, w.now+w.between(time.Millisecond, 200*time.Millisecond))
		w.at(p.up, func() { p.eof = true; p.Wake() })
	}
}

// Wake has the server's end served.
func (p *pipe) Wake() {
	if !p.woken {
		p.woken = true
		p.w.later(0, p.serve)
	}
}

// Flush writes what has gathered.
func (p *pipe) Flush() {
	if b, ok := p.conn.Take(); ok {
		p.write(b)
	}
}

// write writes a batch, and what comes after it, as far as the client's end takes
// it.
func (p *pipe) write(b outbox.Batch) {
	w := p.w
	for ok := true; ok; {
		err := w.sync(b.Owes)
		if p.cut {
			err = errCut
		}
		switch {
		case err != nil:
		case p.stalled:
			p.writing, p.batch = true, b
			return
		default:
			b.Age(0, w.clock())
			p.deliver(bytes.Clone(b.Bytes))
		}
		b, ok = p.conn.Wrote(b, err, w.clock())
	}
	p.writing = false
}

// unstall goes on with what has waited.
func (p *pipe) unstall() {
	p.stalled = false
	if p.writing && p.conn != nil {
		p.writing = false
		p.write(p.batch)
	}
}

// deliver brings bytes to the client, in order, in pieces.
func (p *pipe) deliver(b []byte) {
	w := p.w
	if !p.answered && b[0] == 0x20 && b[3] == 0 {
		p.answered, p.admitted = true, w.now
		for _, q := range w.pipes {
			if q != p && q.answered && q.player == p.player {
				w.fail("%s has a connection, and another is accepted [MQTT-3.1.4-3]", p.player.id)
			}
		}
	}
	for len(b) > 0 && !p.hole {
		n := w.piece(len(b))
		piece := b[:n:n]
		b = b[n:]
		p.down = max(p.down, w.now+w.between(time.Millisecond, 40*time.Millisecond))
		w.at(p.down, func() { p.player.receive(p, piece) })
	}
}

// serve does for the server's end what a goroutine does for a socket.
func (p *pipe) serve() {
	w := p.w
	p.woken = false
	if p.conn == nil {
		return
	}
	if w.now < w.frozen {
		p.woken = true
		w.at(w.frozen, p.serve)
		return
	}
	k := w.hub.Worker(w.clock())
	for again := true; again; {
		again = p.turn(k)
	}
	k.Finish()
}

// turn does what the hub calls for, and reports whether there is more to do.
func (p *pipe) turn(k *hub.Worker) bool {
	w, c := p.w, p.conn
	switch c.Call() {
	case hub.Read:
		switch at, ok := c.Deadline(); {
		case len(p.in) > 0:
			p.read(k)
		case ok && at <= w.clock():
			c.Poll(k, w.clock())
		case p.eof:
			c.Lost("closed by the client")
		default:
			if ok {
				w.at(w.boot+at, p.serve)
			}
			return false
		}
	case hub.Hear:
		for len(p.in) > 0 && c.Call() == hub.Hear {
			p.read(k)
		}
		c.Heard(k)
	case hub.Attend:
		c.Attend(k)
	case hub.Wait:
		return false
	case hub.Over:
		p.over(k)
		return false
	}
	return true
}

// read gives the hub what has come, or a part.
func (p *pipe) read(k *hub.Worker) {
	var buf []byte
	if p.own {
		buf = p.conn.OwnBuffer()
	} else {
		buf = p.conn.Buffer(k)
	}
	n := copy(buf, p.in)
	p.in = p.in[n:]
	p.consumed += n
	p.conn.Receive(k, n, p.w.clock())
	if !p.own {
		p.conn.Park(k)
	}
}

// over ends the server's end.
func (p *pipe) over(k *hub.Worker) {
	p.conn.Leave(k)
	p.left = p.w.now
	p.answered = false
	k.Flush()
	if p.writing { // it is not waited for
		p.writing = false
		p.conn.Wrote(p.batch, errCut, p.w.clock())
	} else {
		p.Flush()
	}
	p.conn.Closed()
	p.conn = nil
	p.hangUp()
}
