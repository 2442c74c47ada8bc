package main

import "time"

// cutLink is the connections of a persistent session, one after the other.
type cutLink struct {
	run  *cutting
	id   string
	c    *conn // nil while there is none
	seen bool  // the broker has the session

	cutAt  []int     // when to be cut
	again  time.Time // when to reconnect, zero for not
	onUp   func()
	handle func(first byte, body []byte)

	forgotten int // CONNACKs that said there was no session any more
	ended     int // connections that the broker ended
}

func (k *cutLink) open() {
	k.again = time.Time{}
	c, err := k.run.b.loop.open(k.run.b.port, connectPacket(k.id, false))
	if err != nil {
		k.run.b.loop.fail(err)
		return
	}
	k.c = c
	c.handle = k.handle
	c.lost = func() {
		k.ended++
		k.c = nil
		// Not at once: a broker that ends all of them is not to be asked forever.
		k.again = time.Now().Add(50 * time.Millisecond)
	}
	c.onUp = func() {
		if k.seen && !c.resumed {
			k.forgotten++
		}
		k.seen = true
		k.onUp()
	}
}

// stop closes the connection, for good or until it is opened again.
func (k *cutLink) stop() {
	if k.c != nil {
		k.c.close()
		k.c = nil
	}
	k.again = time.Time{}
}

// cut loses the connection: one time in two before what waits to be written
// was, always with what has come and was not read.
func (k *cutLink) cut() {
	if k.c == nil {
		return
	}
	if k.run.random.IntN(2) == 0 {
		k.c.flush()
	}
	k.stop()
	k.again = time.Now().Add(time.Duration(k.run.random.IntN(10_000)) * time.Microsecond)
}

// cutIfDue cuts the connection where n, of whatever is counted, is when.
func (k *cutLink) cutIfDue(n int) {
	if len(k.cutAt) > 0 && n >= k.cutAt[0] {
		k.cutAt = k.cutAt[1:]
		k.cut()
	}
}

// tick reconnects when it is time.
func (k *cutLink) tick(now time.Time) {
	if !k.again.IsZero() && now.After(k.again) {
		k.open()
	}
}
