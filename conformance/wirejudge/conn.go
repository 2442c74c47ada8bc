package wirejudge

import (
	"strconv"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/fixedheader"
)

// A Conn is one network connection, as a Judge sees it. Give it the bytes of
// both directions as they are read, before they are passed on: see the package
// comment.
type Conn struct {
	// Number counts the connections of the Judge, from 1.
	Number int

	j        *Judge
	version  mqttwire.Version
	clientID string
	side     [3]side // by mqttwire.Role; Either has none
	current  [3]int  // the packet that is judged
	opened   time.Duration
	now      time.Duration
	reported time.Duration // of the last sweep

	connected  bool // a CONNECT has come
	connectAt  time.Duration
	accepted   bool // by CONNACK
	refused    bool
	answeredAt time.Duration
	clean      bool
	bridge     bool
	odd        bool // it asks for a version that is none
	early      bool // packets came before CONNACK
	emptyID    bool
	expiry     uint32 // Session Expiry Interval, in seconds
	keepAlive  time.Duration
	will       *view // of CONNECT: what there is of a will
	noProblem  bool  // Request Problem Information 0
	response   bool  // Request Response Information 1
	method     string
	hasMethod  bool
	reauth     bool // a re-authentication goes on
	asked      bool // the last AUTH was the server's
	can        capabilities
	session    *session
	wasThere   bool   // the session, before this connection
	gone       *idSet // what the client had in flight in a session that the server has not
	requests   map[uint16]*request
	pings      int
	pingAt     time.Duration
	silentTold uint8 // of this silence: 1 late, 2 broken, 3 not enforced
	unasked    bool  // Session Present, and the client has asked for a new session
	takenOver  bool
	takenAt    time.Duration
	closed     bool
	told       told
	asides     map[aside]int // what a stray packet makes the other side send
}

// told says what is told once a connection.
type told struct {
	connack, refusal, disconnect, takeover, room, unasked bool
	wentOn, resent                                        [3]bool
}

// An aside is an answer that a packet without an exchange may have.
type aside struct {
	kind mqttwire.PacketType
	id   uint16
	from mqttwire.Role
}

const maxAsides = 1024

// A Tally is what has come from one side of a connection.
type Tally struct {
	Packets, Bytes int64
	Findings       [Must + 1]int // by Level
}

// side is a direction: the bytes that one end sends, and what that end has
// announced.
type side struct {
	Tally
	from  mqttwire.Role
	buf   []byte // the head of a packet that is not all there
	skip  int    // bytes still to come of a packet that is judged
	lost  bool   // it is not followed any more
	open  bool   // its first byte is judged
	last  time.Duration
	ended bool
	// missed says that there were bytes after those that the judge was given.
	missed bool

	receiveMaximum    int
	maximumPacketSize uint32
	aliasMaximum      uint32

	aliases    map[uint16]string
	aliasBytes int
	inFlight   int  // of its PUBLISHes, on this connection
	fresh      bool // it has sent a new message since CONNACK
	broke      bool
	badAt      time.Duration // when it first sent bytes that are wrong
	bad        bool
	left       bool // it has sent DISCONNECT
	leftAt     time.Duration
	leftCode   uint8
}

// capabilities are what CONNACK leaves a client.
type capabilities struct {
	qos                                      uint8
	retain, wildcard, shared, subscriptionID bool
}

var everything = capabilities{2, true, true, true, true}

func other(r mqttwire.Role) mqttwire.Role {
	if r == mqttwire.Client {
		return mqttwire.Server
	}
	return mqttwire.Client
}

// ClientID returns the Client Identifier, "" while it is not known.
func (c *Conn) ClientID() string { return c.clientID }

// Version returns the protocol version, 0 while it is not known.
func (c *Conn) Version() mqttwire.Version { return c.version }

// Tally returns what has come from a side up to now.
func (c *Conn) Tally(from mqttwire.Role) Tally { return c.side[from].Tally }

// Bytes tells of bytes that one side, Client or Server, has sent. It keeps
// nothing of b.
func (c *Conn) Bytes(from mqttwire.Role, b []byte, now time.Duration) {
	if c.closed || len(b) == 0 {
		return
	}
	c.advance(now)
	s := &c.side[from]
	if from == mqttwire.Client {
		c.broken(false) // the silence that ends here
		c.silentTold = 0
	}
	s.Tally.Bytes += int64(len(b))
	s.last = c.now
	for len(b) > 0 && !s.lost {
		b = b[c.take(s, b):]
	}
}

func (c *Conn) advance(now time.Duration) { c.now = max(c.now, now) }

// take judges the first packet of b, or keeps what there is of it, and returns
// how many bytes it took.
func (c *Conn) take(s *side, b []byte) int {
	if s.skip > 0 {
		n := min(s.skip, len(b))
		s.skip -= n
		return n
	}
	if !s.open {
		if len(s.buf)+len(b) == 1 && b[0] == tlsHandshake {
			s.buf = append(s.buf, b[0])
			return 1 // the second byte tells
		}
		s.open = true
		if first := append(s.buf[:len(s.buf):len(s.buf)], b[:min(2, len(b))]...); !c.opens(s, first) {
			return len(b)
		}
	}
	n := 0
	head := b
	if len(s.buf) > 0 {
		// The fixed header byte by byte, then as much as is judged.
		for n < len(b) && n < fixedheader.MaxSize {
			if _, size, err := fixedheader.Consume(s.buf); size > 0 || err != nil {
				break
			}
			s.buf = append(s.buf, b[n])
			n++
		}
		head = s.buf
	}
	h, size, err := fixedheader.Consume(head)
	switch {
	case err != nil:
		c.judge(s, head[:min(len(head), fixedheader.MaxSize)], 0)
		c.giveUp(s, "its Remaining Length cannot be read, nobody knows where the next packet begins")
		return len(b)
	case size == 0:
		if len(s.buf) == 0 {
			s.buf = append(s.buf, b...)
			return len(b)
		}
		return n
	}
	total := size + int(h.Length)
	keep := min(total, c.j.Limits.head())
	if len(s.buf) > 0 {
		more := min(keep-len(s.buf), len(b)-n)
		s.buf = append(s.buf, b[n:n+more]...)
		n += more
		head = s.buf
	}
	if len(head) < keep {
		if len(s.buf) == 0 {
			s.buf = append(s.buf, b...)
			return len(b)
		}
		return n
	}
	c.judge(s, head[:keep:keep], total)
	s.skip = total - keep
	if len(s.buf) == 0 {
		return keep
	}
	if s.buf = s.buf[:0]; cap(s.buf) > 16<<10 {
		s.buf = nil
	}
	return n
}

// tlsHandshake is the first byte of a TLS connection; its version, 3, is next.
// To MQTT it is a CONNECT with wrong flags.
const tlsHandshake = 0x16

// opens judges the first byte of a side.
func (c *Conn) opens(s *side, first []byte) bool {
	b := first[0]
	t := mqttwire.PacketType(b >> 4)
	client := s.from == mqttwire.Client
	tls := client && b == tlsHandshake && len(first) > 1 && first[1] == 3
	if client && !tls && t == mqttwire.CONNECT || !client && (t == mqttwire.CONNACK || c.connected) {
		return true
	}
	v := c.version
	if v == 0 {
		v = mqttwire.V311 // nobody has said which
	}
	what := "it opens with " + t.String()
	switch {
	case tls:
		what = "its first byte is that of TLS, not of MQTT"
	case client && b >= 'A' && b <= 'Z' && !t.SentBy(mqttwire.Client, v):
		what = "its first byte is a letter, as in HTTP"
	case !client:
		what = "it speaks before there was a CONNECT"
	}
	c.tell(Finding{Rule: FirstPacket, By: s.from, Level: Must, Clause: FirstPacket.Clause(v, s.from), Version: v, Text: what})
	c.giveUp(s, "it has not begun as MQTT does")
	return false
}

// giveUp stops following a side. What the other does can then be judged by its
// bytes alone, and of the session nothing is known any more.
func (c *Conn) giveUp(s *side, why string) {
	s.lost, s.buf = true, nil
	if c.session != nil {
		c.j.empty(c.session)
		c.session.whole = false
	}
	v := c.version
	if v == 0 {
		v = mqttwire.V311
	}
	c.tell(Finding{Rule: NotFollowed, By: s.from, Level: Note, Clause: NotFollowed.Clause(v, s.from), Text: "no longer followed: " + why})
}

// judge judges a packet, or the head of one, that takes total bytes, 0 where
// nobody knows.
func (c *Conn) judge(s *side, b []byte, total int) {
	s.Packets++
	c.current[s.from] = int(s.Packets)
	rules := c.rules(s.from)
	if c.odd && s.from == mqttwire.Server {
		rules.Version = 0 // it may answer in the form of another
	}
	in := codec.Inspect(rules, b)
	if s.from == mqttwire.Server && c.otherVersion(in) {
		rules.Version = mqttwire.V311
		in = codec.Inspect(rules, b)
		c.odd = true
	}
	p := Packet{Conn: c.Number, At: c.now, From: s.from, Number: int(s.Packets), Size: total, In: in}
	p.read(in)
	if p.kind == mqttwire.CONNECT && s.from == mqttwire.Client && !c.connected {
		c.version, c.clientID = in.Version, string(p.clientID)
		c.odd = in.Guessed
	}
	p.Client = c.clientID
	if p.kind == mqttwire.PUBLISH {
		p.Topic = c.topicOf(s, &p)
	}
	if c.j.OnPacket != nil {
		c.j.OnPacket(&p)
	}
	repeat := p.kind == mqttwire.CONNECT && c.connected && s.from == mqttwire.Client // wrong whatever it says
	if !repeat {
		for f := range in.Faults() {
			v := in.Version
			text := p.kind.String() + ", byte " + strconv.Itoa(f.Offset) + ", " + f.Field + ": " + f.Err.Error()
			c.tell(Finding{Rule: Bytes, By: s.from, Level: Must, Clause: f.Clause, Err: f.Err, Version: v, Text: text})
		}
	}
	if p.faults > 0 && !s.bad {
		s.bad, s.badAt = true, c.now
	}
	if total > 0 && total > len(b) && p.kind != mqttwire.PUBLISH {
		c.found(NotFollowed, s.from, "a "+p.kind.String()+" of "+strconv.Itoa(total)+" bytes is judged by its beginning")
	}
	c.state(s, &p)
}

// state judges what takes more than the packet's bytes.
func (c *Conn) state(s *side, p *Packet) {
	client := s.from == mqttwire.Client
	switch {
	case c.side[other(s.from)].lost:
		return
	case s.left: // what the other side makes of it is not its fault
		c.found(AfterDisconnect, s.from, p.kind.String()+" after its DISCONNECT")
	case !client && c.refused:
		c.found(AfterRefusal, s.from, p.kind.String()+" after a CONNACK that refuses")
		return
	case client && c.connected && !c.accepted && !c.refused && c.hasMethod && p.kind != mqttwire.AUTH && p.kind != mqttwire.DISCONNECT && p.kind != mqttwire.CONNECT:
		c.found(BeforeConnack, s.from, p.kind.String()+" before the CONNACK of a CONNECT with an Authentication Method")
	case !client && c.connected && !c.accepted && p.kind != mqttwire.CONNACK && p.kind != mqttwire.AUTH:
		if p.kind == mqttwire.DISCONNECT {
			c.found(DisconnectTooEarly, s.from, "DISCONNECT before a CONNACK that accepts")
		} else {
			c.found(FirstPacket, s.from, p.kind.String()+" before its CONNACK")
		}
	}
	if client && c.connected && !c.accepted && p.kind != mqttwire.AUTH && p.kind != mqttwire.CONNECT {
		c.early = true
	}
	if client && c.unasked && p.kind != mqttwire.DISCONNECT {
		c.unasked = false
		c.limit(SessionTakenUnasked, s.from, p.kind.String()+", though the CONNACK tells of a session that the client has not")
	}
	c.size(s, p)
	c.problem(s, p)
	switch p.kind {
	case mqttwire.CONNECT:
		if client {
			c.connect(p)
		}
	case mqttwire.CONNACK:
		if !client {
			c.connack(p)
		}
	case mqttwire.AUTH:
		c.auth(s, p)
	case mqttwire.DISCONNECT:
		c.disconnect(s, p)
	case mqttwire.PUBLISH:
		c.publish(s, p)
	case mqttwire.PUBACK, mqttwire.PUBREC, mqttwire.PUBREL, mqttwire.PUBCOMP:
		if p.hasID {
			c.acknowledge(s, p)
		}
	case mqttwire.SUBSCRIBE, mqttwire.UNSUBSCRIBE:
		if client {
			c.request(p)
		}
	case mqttwire.SUBACK, mqttwire.UNSUBACK:
		if !client {
			c.answer(p)
		}
	case mqttwire.PINGREQ:
		if client {
			if c.pings == 0 {
				c.pingAt = c.now
			}
			c.pings++
		}
	case mqttwire.PINGRESP:
		if !client {
			c.pong()
		}
	}
}

func (c *Conn) pong() {
	if c.pings == 0 {
		c.found(PingrespToNothing, mqttwire.Server, "PINGRESP without a PINGREQ")
		return
	}
	c.pings--
	c.pingAt = c.now
}

// size judges a packet by the Maximum Packet Size of its receiver.
func (c *Conn) size(s *side, p *Packet) {
	limit := c.side[other(s.from)].maximumPacketSize
	if c.version == mqttwire.V50 && limit > 0 && p.Size > int(limit) {
		c.limit(PacketSize, s.from, p.kind.String()+" of "+strconv.Itoa(p.Size)+" bytes, the Maximum Packet Size is "+strconv.Itoa(int(limit)))
	}
}

// limit tells of a limit that is exceeded. A client that does not wait for
// CONNACK may break limits it could not know (5.0 §4.13.1).
func (c *Conn) limit(r Rule, by mqttwire.Role, text string) {
	if by == mqttwire.Client && c.early && c.connackIsYoung() {
		c.foundAt(Note, "E-4.13.1/2", r, by, text+"; it may not have had the CONNACK yet")
		return
	}
	c.found(r, by, text)
}

// connackIsYoung reports whether the CONNACK may not have arrived yet.
func (c *Conn) connackIsYoung() bool { return !c.accepted || c.now-c.answeredAt < time.Second }

// problem judges Reason String and User Property by Request Problem Information.
func (c *Conn) problem(s *side, p *Packet) {
	if s.from != mqttwire.Server || !c.noProblem {
		return
	}
	switch p.kind {
	case mqttwire.PUBLISH, mqttwire.CONNACK, mqttwire.DISCONNECT:
		return
	}
	if p.has&(1<<codec.ReasonString|1<<codec.UserProperty) != 0 {
		c.found(ProblemInformation, s.from, p.kind.String()+" with a Reason String or User Property, which the client asked not to get")
	}
}

// Missed tells, before Close, that a side may have sent bytes that the judge was
// not given: the connection was reset, or closed before they were read.
func (c *Conn) Missed(from mqttwire.Role) { c.side[from].missed = true }

// Close tells that the connection is gone. by is the side that ended it first,
// Either where that is not known.
func (c *Conn) Close(by mqttwire.Role, now time.Duration) {
	if c.closed {
		return
	}
	c.advance(now)
	if by != mqttwire.Either {
		c.side[by].ended = true
	}
	for _, r := range []mqttwire.Role{mqttwire.Client, mqttwire.Server} {
		s := &c.side[r]
		switch n := len(s.buf); {
		case s.skip > 0:
			c.foundAny(CutPacket, r, strconv.Itoa(s.skip)+" bytes of its last packet are missing")
		case n > 0:
			c.partial(s)
		}
	}
	c.sweep(true)
	c.closed = true
	c.leave()
}

// foundAny is found where the version may not be known.
func (c *Conn) foundAny(r Rule, by mqttwire.Role, text string) {
	v := c.version
	if v == 0 {
		v = mqttwire.V311
	}
	c.tell(Finding{Rule: r, By: by, Level: r.Level(), Clause: r.Clause(v, by), Text: text})
}

// partial judges the beginning of a packet whose rest will not come: the receiver
// may have closed for what is in it.
func (c *Conn) partial(s *side) {
	h, size, _ := fixedheader.Consume(s.buf)
	c.current[s.from] = int(s.Packets) + 1
	text := "the connection ended inside a packet"
	if size > 0 {
		text = "the connection ended after " + strconv.Itoa(len(s.buf)) + " of " + strconv.Itoa(size+int(h.Length)) + " bytes of a " + h.Type.String()
	}
	in := codec.Inspect(c.rules(s.from), s.buf)
	for f := range in.Faults() {
		c.tell(Finding{Rule: Bytes, By: s.from, Level: Must, Clause: f.Clause, Err: f.Err, Version: in.Version,
			Text: in.Header.Type.String() + ", byte " + strconv.Itoa(f.Offset) + ", " + f.Field + ": " + f.Err.Error()})
	}
	if size > 0 {
		c.size(s, &Packet{Size: size + int(h.Length), view: view{kind: h.Type}})
	}
	c.foundAny(CutPacket, s.from, text)
}
