package keepalive

import "time"

// How early a PINGREQ is due before the Keep Alive is up: a quarter of it, at
// most 15 s. A PINGREQ due at the last moment would be late after a slow write.
const (
	leadShare = 4
	leadMax   = 15 * time.Second
)

// The PINGRESP timeout where the caller sets none: half the Keep Alive, which
// is the grace that the server gives, within these bounds.
const (
	timeoutMin = 5 * time.Second
	timeoutMax = 30 * time.Second
)

// Client keeps a client's connection alive, and notices when it is not. The
// zero Client is Off and ready to use.
//
// A PINGREQ is due when either direction has been idle: when nothing was sent,
// since the server would close the connection [MQTT-3.1.2-20; 3.1.1
// MQTT-3.1.2-23]; when nothing was received, since a client that publishes all
// day at QoS 0 would never learn that nobody reads it.
type Client struct {
	// Timeout is how long the PINGRESP may take, counted from the Poll or Ping
	// that asked for it, or from the last packet received since: a PINGRESP may
	// be queued behind a long PUBLISH of a server that is well. 0 or less means
	// half the Keep Alive, at least 5 s and at most 30 s. It may be changed at
	// any time.
	Timeout time.Duration

	sent, received time.Duration // when last
	asked          time.Duration // Waiting: when the first unanswered PINGREQ was asked for
	keepAlive      uint16        // seconds
	state          State
}

// Start starts the machine when the CONNACK has come, with the Keep Alive in
// force, in seconds: the Server Keep Alive of the CONNACK if there is one
// [MQTT-3.1.2-21, MQTT-3.2.2-21], else the Keep Alive of the CONNECT. 0 turns
// the machine off. A machine that runs starts anew.
func (c *Client) Start(now time.Duration, seconds uint16) {
	*c = Client{Timeout: c.Timeout, sent: now, received: now, keepAlive: seconds}
	c.rest()
}

// Stop turns the machine off, when the connection is gone. Timeout stays.
func (c *Client) Stop() { *c = Client{Timeout: c.Timeout} }

// State returns Off, Alive, Waiting or Dead.
func (c *Client) State() State { return c.state }

// Sent tells the machine that a control packet of whatever type was written.
func (c *Client) Sent(now time.Duration) { c.sent = max(c.sent, now) }

// Received tells the machine that a control packet came; for a PINGRESP call
// Pingresp instead. A caller that streams a large payload may also call it as
// the bytes come in. It does not revive a machine that is Dead.
func (c *Client) Received(now time.Duration) { c.received = max(c.received, now) }

// Pingresp tells the machine that a PINGRESP came. One that nobody asked for is
// a packet received, no more.
func (c *Client) Pingresp(now time.Duration) {
	c.Received(now)
	if c.state == Waiting {
		c.rest()
	}
}

// Ping tells the machine that the caller writes a PINGREQ of its own accord, as
// it may at any time, also with Keep Alive 0 (5.0 §3.1.2.10): to learn whether
// the connection survived a sleep, say. It does nothing in the state Dead.
func (c *Client) Ping(now time.Duration) {
	if c.state == Dead {
		return
	}
	c.Sent(now)
	if c.state != Waiting {
		c.state = Waiting
		c.asked = c.sent
	}
}

// Poll returns what is due. Tell the machine first what was received: see the
// package.
//
// SendPingreq is returned once for each PINGREQ; the machine takes it as sent,
// and times the PINGRESP from now on. Close is returned when the PINGRESP is
// overdue, and on every later call.
func (c *Client) Poll(now time.Duration) Due {
	switch c.state {
	case Dead:
		return Close
	case Waiting:
		if now >= c.overdue() {
			c.state = Dead
			return Close
		}
	}
	if due, ok := c.pingDue(); ok && now >= due {
		c.Ping(now)
		return SendPingreq
	}
	return None
}

// Deadline returns when to call Poll, unless a packet is sent or received
// before: it may move with every call. ok is false in the states Off and Dead:
// there is nothing to wait for.
func (c *Client) Deadline() (at time.Duration, ok bool) {
	if c.state == Dead {
		return 0, false
	}
	at, ok = c.pingDue()
	if c.state == Waiting && (!ok || c.overdue() < at) {
		return c.overdue(), true
	}
	return at, ok
}

// rest enters the state of a machine that waits for no answer.
func (c *Client) rest() {
	c.state = Off
	if c.keepAlive != 0 {
		c.state = Alive
	}
}

// pingDue returns when the next PINGREQ is due. One that is unanswered takes
// care of the direction that is received; what is sent must still not pause
// for longer than the Keep Alive.
func (c *Client) pingDue() (time.Duration, bool) {
	if c.keepAlive == 0 {
		return 0, false
	}
	idle := c.sent
	if c.state == Alive {
		idle = min(idle, c.received)
	}
	keepAlive := time.Duration(c.keepAlive) * time.Second
	return after(idle, keepAlive-min(keepAlive/leadShare, leadMax)), true
}

// overdue returns when the PINGRESP is.
func (c *Client) overdue() time.Duration {
	timeout := c.Timeout
	if timeout <= 0 {
		timeout = timeoutMax
		if c.keepAlive != 0 {
			timeout = min(max(time.Duration(c.keepAlive)*time.Second/2, timeoutMin), timeoutMax)
		}
	}
	return after(max(c.asked, c.received), timeout)
}
