package wirejudge

import (
	"fmt"
	"time"

	"github.com/mqttwire/mqttwire"
)

// Deadline returns when to call Poll. ok is false where nothing that the judge
// waits for can become late.
func (c *Conn) Deadline() (at time.Duration, ok bool) {
	if c.closed {
		return 0, false
	}
	step := c.j.patience() / 4
	if c.keepAlive > 0 {
		step = min(step, max(c.keepAlive/20, 250*time.Millisecond))
	}
	return c.reported + step, true
}

// Poll tells of what has not come in time. Give the Judge what was read before
// you call it.
func (c *Conn) Poll(now time.Duration) {
	if c.closed {
		return
	}
	c.advance(now)
	if at, _ := c.Deadline(); c.now >= at {
		c.sweep(false)
	}
}

// late reports whether something has waited too long since at.
func (c *Conn) late(at time.Duration) bool { return c.now-at > c.j.patience() }

// once reports whether *told was false, and sets it.
func once(told *bool) bool {
	if *told {
		return false
	}
	*told = true
	return true
}

// sweep looks for what is late. last says that the connection has ended.
func (c *Conn) sweep(last bool) {
	c.reported = c.now
	const server, client = mqttwire.Server, mqttwire.Client
	// What is late is about no packet.
	current := c.current
	c.current = [3]int{}
	defer func() { c.current = current }()

	if c.side[client].lost || c.side[server].lost {
		return
	}
	if c.connected && !c.accepted && !c.refused && c.late(c.connectAt) && once(&c.told.connack) {
		c.found(NoConnack, server, fmt.Sprintf("no CONNACK in %v", (c.now-c.connectAt).Round(time.Second)))
	}
	c.broken(last)
	if !last {
		c.open()
	}
	if c.accepted && !c.side[server].left && !c.side[client].left {
		c.unanswered()
	}
	c.pending(last)
	if last {
		c.end()
	}
}

// open tells of who should have closed.
func (c *Conn) open() {
	const server = mqttwire.Server
	if c.refused && c.late(c.answeredAt) && once(&c.told.refusal) {
		c.found(OpenAfterRefusal, server, "the connection is still open after a CONNACK that refuses")
	}
	for _, r := range []mqttwire.Role{mqttwire.Client, server} {
		s, peer := &c.side[r], &c.side[other(r)]
		if s.left && !s.ended && c.late(s.leftAt) && once(&c.told.disconnect) {
			c.found(OpenAfterDisconnect, r, "the connection is still open after its DISCONNECT")
		}
		if peer.bad && !peer.left && !s.left && c.late(peer.badAt) && once(&c.told.wentOn[r]) {
			c.found(WentOn, r, "it goes on, though the "+peer.from.String()+" has sent what is malformed")
		}
	}
	if c.takenOver && c.late(c.takenAt) && once(&c.told.takeover) {
		c.found(NotTakenOver, server, "the connection is still open, and another of the same Client Identifier is accepted")
	}
}

// unanswered tells of requests that wait for an answer.
func (c *Conn) unanswered() {
	const server = mqttwire.Server
	for id, r := range c.requests {
		if c.late(r.at) && once(&r.told) {
			rule := NoSuback
			if r.kind == mqttwire.UNSUBSCRIBE {
				rule = NoUnsuback
			}
			c.found(rule, server, fmt.Sprintf("%s %d is not answered", r.kind, id))
		}
	}
	if c.pings > 0 && c.late(c.pingAt) {
		c.found(NoPingresp, server, "PINGREQ is not answered")
		c.pings = 0
	}
}

// pending tells of exchanges that wait, and of what was not sent again.
func (c *Conn) pending(last bool) {
	if c.session == nil || !c.accepted {
		return
	}
	for _, r := range []mqttwire.Role{mqttwire.Client, mqttwire.Server} {
		f := &c.session.flow[r]
		waiting, old, first := 0, 0, uint16(0)
		for id, e := range f.exchanges {
			switch {
			case e.conn != c.Number:
				if limit := c.side[other(r)].maximumPacketSize; limit == 0 || e.size <= int(limit) {
					if old++; old == 1 || id < first {
						first = id
					}
				}
			case !c.late(e.at) || c.side[r].left || c.side[other(r)].left:
			case e.state == published:
				waiting++
			case e.state == received && once(&e.told):
				c.found(NoPubrel, r, fmt.Sprintf("PUBREC %d is not answered", id))
			case e.state == released && once(&e.told):
				c.found(NoPubcomp, other(r), fmt.Sprintf("PUBREL %d is not answered", id))
			}
		}
		if waiting > 0 && last {
			c.found(NoAck, other(r), fmt.Sprintf("%d PUBLISH of QoS 1 or 2 are not acknowledged", waiting))
		}
		s := &c.side[r]
		if old == 0 || !c.wasThere || c.takenOver || s.inFlight >= c.side[other(r)].receiveMaximum {
			continue
		}
		// A sender that had time, or that went on to something new.
		if c.late(c.answeredAt) || last && s.fresh {
			if once(&c.told.resent[r]) {
				c.foundAt(c.across(NotResent), "", NotResent, r, fmt.Sprintf("%d messages in flight are not sent again, the first is %d", old, first))
			}
		}
	}
}

// end tells of what the end of the connection shows.
func (c *Conn) end() {
	s := &c.side[mqttwire.Server]
	if c.version == mqttwire.V50 && c.takenOver && !c.side[mqttwire.Client].left && !c.side[mqttwire.Client].ended &&
		!(s.left && s.leftCode == uint8(mqttwire.SessionTakenOver)) {
		c.found(TakenOverSilently, mqttwire.Server, "the connection ends without DISCONNECT 0x8E, and another of the same Client Identifier is accepted")
	}
}

// broken judges how long the client has been silent. last says that the
// connection has ended.
func (c *Conn) broken(last bool) {
	if !c.accepted || c.keepAlive <= 0 || c.side[mqttwire.Client].left || c.side[mqttwire.Server].left {
		c.silentTold = 0
		return
	}
	s := &c.side[mqttwire.Client]
	silent := c.now - max(s.last, c.answeredAt)
	slack := max(c.keepAlive/10, time.Second)
	text := func() string {
		return fmt.Sprintf("nothing from the client for %v, the Keep Alive is %v", silent.Round(100*time.Millisecond), c.keepAlive)
	}
	if silent > c.keepAlive+slack && c.silentTold < 1 && silent <= c.keepAlive*3/2+slack {
		c.silentTold = 1
		c.found(KeepAliveLate, mqttwire.Client, text())
	}
	if silent > c.keepAlive*3/2+slack && c.silentTold < 2 {
		c.silentTold = 2
		c.found(KeepAliveBroken, mqttwire.Client, text())
	}
	if silent > 2*c.keepAlive+5*time.Second && c.silentTold < 3 && !last {
		c.silentTold = 3
		c.found(KeepAliveNotEnforced, mqttwire.Server, text()+", and the connection is open")
	}
}
