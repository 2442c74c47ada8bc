package wirejudge

import (
	"time"

	"github.com/mqttwire/mqttwire"
)

const never = 0xFFFFFFFF // a Session Expiry Interval that does not pass (5.0 §3.1.2.11.2)

// A session is what a judge knows of one, while its client is connected and
// after. One that has ended is kept too, to be known as such.
type session struct {
	id string
	// whole says that the judge has seen it from its beginning.
	whole bool
	ended bool
	// expired says that it ended because its expiry interval passed.
	expired  bool
	conn     *Conn
	expiry   uint32
	lostAt   time.Duration
	flow     [3]flow // by who publishes
	subs     map[string]*subscription
	blind    bool // there are more subscriptions than are kept
	retained map[uint64]int

	older, newer *session // among those without a connection
	listed       bool
}

// find returns the session of a Client Identifier, nil where there is none that
// the judge knows of, and ends it where its time has passed.
func (j *Judge) find(id string, now time.Duration) *session {
	s := j.sessions[id]
	if s != nil && s.conn == nil && !s.ended && s.expiry != never && now > s.lostAt+time.Duration(s.expiry)*time.Second {
		s.expired = now > s.lostAt+time.Duration(s.expiry)*time.Second+expirySlack
		s.ended = s.expired // within the slack nobody knows
		if s.ended {
			j.empty(s)
		}
	}
	return s
}

// expirySlack is how long a server may take to notice that a time has passed.
const expirySlack = 5 * time.Second

// empty forgets what a session holds.
func (j *Judge) empty(s *session) {
	for i := range s.flow {
		j.inFlight -= len(s.flow[i].exchanges)
		s.flow[i] = flow{}
	}
	s.subs, s.retained = nil, nil
}

// keep puts a session that has lost its connection among those that may be
// forgotten, and forgets the oldest where there are too many.
func (j *Judge) keep(s *session) {
	s.listed = true
	s.older = j.newest
	if j.newest != nil {
		j.newest.newer = s
	} else {
		j.oldest = s
	}
	j.newest = s
	for n := len(j.sessions); n > j.Limits.sessions() && j.oldest != nil; n-- {
		old := j.oldest
		j.unlist(old)
		j.empty(old)
		if j.sessions[old.id] == old {
			delete(j.sessions, old.id)
		}
	}
}

func (j *Judge) unlist(s *session) {
	if !s.listed {
		return
	}
	if s.older != nil {
		s.older.newer = s.newer
	} else {
		j.oldest = s.newer
	}
	if s.newer != nil {
		s.newer.older = s.older
	} else {
		j.newest = s.older
	}
	s.older, s.newer, s.listed = nil, nil, false
}

// bind gives an accepted connection its session: the one there was, where
// resumed, else a new one.
func (c *Conn) bind(old *session, resumed bool) {
	j := c.j
	if old != nil {
		if old.conn != nil && old.conn != c {
			old.conn.takenOver, old.conn.takenAt = true, c.now
			old.conn.session = nil
			old.conn = nil
		}
		j.unlist(old)
	}
	s := c.session
	switch {
	case resumed && old != nil && !old.ended:
		if s != old { // what came before CONNACK belongs to it
			j.empty(s)
			s = old
		}
		c.wasThere = true
	default:
		// Before 5.0 a client may go on with what it has, whatever the server has
		// (3.1.1 §3.2.2.2).
		goesOn := !c.clean && c.version != mqttwire.V50
		if s == old && old != nil { // the server has forgotten it
			s = &session{id: c.clientID}
			for i := range s.flow {
				j.inFlight += s.flow[i].adopt(&old.flow[i], c.Number, goesOn && i == int(mqttwire.Client))
			}
			c.resubscribe(s, old)
		} else if old != nil && goesOn {
			j.inFlight += s.flow[mqttwire.Client].adopt(&old.flow[mqttwire.Client], c.Number, true)
		}
		s.flow[mqttwire.Client].missed = goesOn
		if old != nil && len(old.flow[mqttwire.Client].exchanges) > 0 {
			c.gone = new(idSet)
			for id := range old.flow[mqttwire.Client].exchanges {
				c.gone.add(id)
			}
		}
		if old != nil {
			j.empty(old)
		}
		s.whole = !resumed
	}
	c.session, s.conn, s.ended, s.expired = s, c, false, false
	s.expiry = c.expiry
	if c.clientID != "" {
		if j.sessions == nil {
			j.sessions = map[string]*session{}
		}
		j.sessions[c.clientID] = s
	}
}

// leave parts a connection that is gone from its session.
func (c *Conn) leave() {
	s := c.session
	if s == nil {
		return
	}
	if s.conn != c { // not accepted, or the session has another connection
		if j := c.j; j.sessions[s.id] != s {
			j.empty(s)
		}
		return
	}
	s.conn, s.lostAt = nil, c.now
	for i := range s.flow {
		// Who has had time has sent again what there was.
		s.flow[i].missed = c.side[i].missed || s.flow[i].missed && !c.late(c.answeredAt)
	}
	s.expiry = c.expiry
	if s.expiry == 0 {
		s.ended = true
		c.j.empty(s)
	}
	if c.clientID != "" {
		c.j.keep(s)
	} else {
		c.j.empty(s)
	}
}

func secondsOf(n uint32) time.Duration { return time.Duration(n) * time.Second }

// trusts reports whether the judge knows all that is in flight from a sender.
func (c *Conn) trusts(from mqttwire.Role) bool {
	return c.session != nil && c.session.whole && !c.session.flow[from].blind
}
