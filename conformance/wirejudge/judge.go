package wirejudge

import (
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// A Judge looks on at the connections of one server. The zero Judge is ready;
// the fields are set before the first Open. A Judge and its connections belong
// to one owner at a time: they have no lock.
//
// now is everywhere a reading of one monotonic clock, as in package session: the
// time since a moment that the caller chooses once.
type Judge struct {
	// OnPacket is called for each packet, before what is found in it. A packet
	// that is larger than Limits.Head is told of once its head has come. The
	// Packet and what it aliases are valid until it returns. nil: not wanted.
	OnPacket func(*Packet)
	// OnFinding is called for each finding, which the callee may keep. nil: not
	// wanted.
	OnFinding func(Finding)
	// Limits bound what is kept.
	Limits Limits
	// Whole says that every client of the server connects through the judge.
	// Then what a subscriber gets is held against what was published: QoS,
	// RETAIN, expiry, properties. Else such findings are Notes: somebody else may
	// have published the same.
	Whole bool
	// Elsewhere says that a client may also connect where the judge does not see
	// it. Then what rests on earlier connections is a Note.
	Elsewhere bool
	// Patience is how long an answer may take that the standard gives no time
	// for, 0 for 10 s.
	Patience time.Duration

	sessions map[string]*session
	oldest   *session // of those without a connection, a list; see sessions.go
	newest   *session
	messages messages
	inFlight int // messages in flight in all sessions
	opened   int
}

// Limits bound the memory of a Judge. Each has a default where it is 0.
type Limits struct {
	Head          int // bytes of a packet, at least 1024; 128 KiB
	Sessions      int // without a connection; 4096
	InFlight      int // messages in all sessions together; 262,144
	Subscriptions int // of one session, current and former; 1000
	Aliases       int // bytes of topics that aliases stand for, a direction; 256 KiB
	Messages      int // published, which deliveries are compared with; 4096
}

func or[T int | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

func (l Limits) head() int          { return max(or(l.Head, 128<<10), 1024) }
func (l Limits) sessions() int      { return or(l.Sessions, 4096) }
func (l Limits) inFlight() int      { return or(l.InFlight, 1<<18) }
func (l Limits) subscriptions() int { return or(l.Subscriptions, 1000) }
func (l Limits) aliases() int       { return or(l.Aliases, 256<<10) }
func (l Limits) messages() int      { return or(l.Messages, 4096) }

func (j *Judge) patience() time.Duration { return or(j.Patience, 10*time.Second) }

// Open tells of a new network connection, and returns what is to be told of it.
func (j *Judge) Open(now time.Duration) *Conn {
	j.opened++
	c := &Conn{j: j, Number: j.opened, opened: now, now: now, reported: now}
	c.side[mqttwire.Client].from, c.side[mqttwire.Server].from = mqttwire.Client, mqttwire.Server
	for i := range c.side {
		s := &c.side[i]
		s.receiveMaximum, s.maximumPacketSize, s.last = 65535, 0, now
	}
	c.can = everything
	return c
}

// A Finding is one breach of one rule, or something worth knowing.
type Finding struct {
	Conn    int              // the number of the connection
	Client  string           // the Client Identifier, "" while it is not known
	At      time.Duration    // when
	By      mqttwire.Role    // who did it
	Packet  int              // the number of its packet on that side of the connection, from 1; 0 where it is about none
	Level   Level            // how much it is
	Rule    Rule             // what is broken
	Version mqttwire.Version // of the connection
	// Err is what is wrong with the bytes, where Rule is Bytes, else 0.
	Err mqttwire.Error
	// Clause is what is broken: see Rule.Clause.
	Clause string
	// Text says what happened. It holds no secret.
	Text string
}

// Wording says what the clause asks for, in our words.
func (f Finding) Wording() string {
	if w := Wording(f.Version, f.Clause); w != "" {
		return w
	}
	if f.Rule == Bytes {
		return f.Err.Error()
	}
	return ruleTable[f.Rule].text
}

// String describes the finding in a line: level, side, what happened, clause.
func (f Finding) String() string {
	s := f.Level.String() + " " + f.By.String() + ": " + f.Text
	if f.Clause != "" {
		s += " [" + f.Clause + "]"
	}
	return s
}

// found tells of a breach by a side.
func (c *Conn) found(r Rule, by mqttwire.Role, text string) {
	c.tell(Finding{Rule: r, By: by, Level: r.Level(), Clause: r.Clause(c.version, by), Text: text})
}

// foundAt is found for another level or clause, "" for the rule's own.
func (c *Conn) foundAt(l Level, clause string, r Rule, by mqttwire.Role, text string) {
	if clause == "" {
		clause = r.Clause(c.version, by)
	}
	c.tell(Finding{Rule: r, By: by, Level: min(l, r.Level()), Clause: clause, Text: text})
}

func (c *Conn) tell(f Finding) {
	if f.Rule != Bytes && f.Clause == "" {
		return // the version has no such rule
	}
	f.Conn, f.Client, f.At = c.Number, c.clientID, c.now
	if f.Version == 0 {
		f.Version = c.version
	}
	f.Packet = c.current[f.By]
	if f.Level == Must {
		c.side[f.By].broke = true
	}
	c.side[f.By].Findings[f.Level]++
	if c.j.OnFinding != nil {
		c.j.OnFinding(f)
	}
}

// across is the level of what rests on an earlier connection.
func (c *Conn) across(r Rule) Level {
	if c.j.Elsewhere {
		return Note
	}
	return r.Level()
}

// among is the level of what rests on what other clients have done.
func (c *Conn) among(r Rule) Level {
	if !c.j.Whole {
		return Note
	}
	return r.Level()
}

func (c *Conn) rules(from mqttwire.Role) codec.Rules {
	return codec.Rules{Version: c.version, From: from}
}
