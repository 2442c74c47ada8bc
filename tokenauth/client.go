package tokenauth

import (
	"math"
	"slices"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/connack"
)

// Defaults of a [Client].
const (
	// DefaultRenew is twice as early as a server says that a token expires.
	DefaultRenew = 10 * time.Minute
	// DefaultRetry suits tokens that live for a minute or more.
	DefaultRetry = 10 * time.Second
)

// Client is the client's side: it holds the tokens, says which to show and when
// to renew one, and holds back what must wait while an update is on its way.
//
// A new token is tried first, but the one before is kept until a CONNACK has
// proven the new one, so that neither a bad token nor a lost connection locks
// the client out. A token may be set at any time, connected or not.
//
// Set AccessKeyID and InstanceID first. It belongs to one owner: it has no
// lock. Now is the wall clock, which need not be right: where it is not, the
// server's notices and refusals say when to renew.
type Client struct {
	AccessKeyID, InstanceID string
	// Renew is how long before a token expires Poll asks for another, but not
	// before half its time has passed. 0 or less means DefaultRenew.
	Renew time.Duration
	// Retry is the least time from one asking for a type to the next, less than
	// half of what a token lives. 0 or less means DefaultRetry.
	Retry time.Duration

	slots   [3]slot // by type
	pending Type    // whose update is on its way, 0 where there is none
	asked   bool    // a CONNECT is on its way
	older   uint8   // slots, a bit each, whose older token is to be shown
	spent   bool    // everything there is was refused
}

// A slot is what a client has of one type: the newest token, which is tried
// first, and the one before until the newest is proven.
type slot struct {
	newest, old held
	shown       held  // the one of the two that the CONNECT showed
	second      bool  // it was the older
	late        bool  // newest came after that
	acked       bool  // a PUBACK has put newest into force
	spent       bool  // each was refused since the last Set
	due         int64 // when to ask for another, in Unix milliseconds
	polled      int64 // when Poll last asked, 0 for never
}

// held is a token, and when it is time for the next.
type held struct {
	token Secret
	renew int64 // in Unix milliseconds
}

// is reports whether both are the same token, not only an equal one.
func (h held) is(o held) bool {
	return len(h.token) > 0 && len(o.token) > 0 && &h.token[0] == &o.token[0]
}

const (
	atOnce = math.MinInt64
	never  = math.MaxInt64
)

// Set sets the token of a type, which the next CONNECT shows; an empty one
// removes what there is of the type. It copies the token. Expires is the zero
// Time where the client does not know: then only the server makes Poll ask for
// another. In a client that is connected, Update replaces a token at once.
//
// Its errors are [ErrType], [ErrTooLong], [ErrCharacter], and
// [ErrUpdatePending] for the type whose update is on its way.
func (c *Client) Set(now time.Time, typ Type, token Secret, expires time.Time) error {
	switch {
	case !typ.Valid():
		return ErrType
	case typ == c.pending:
		return ErrUpdatePending
	}
	if len(token) > 0 {
		if e := check(token, MaxToken); e != 0 {
			return e
		}
	}
	s := &c.slots[typ-1]
	if len(token) == 0 || s.spent {
		*s = slot{shown: s.shown, polled: s.polled}
	}
	s.late, c.older, c.spent = c.asked, 0, false
	if len(token) > 0 {
		c.add(s, now, token, expires)
	}
	return nil
}

// add makes a token the newest of a slot. Of those before it keeps the one that
// a CONNACK or a PUBACK has proven.
func (c *Client) add(s *slot, now time.Time, token Secret, expires time.Time) {
	if s.old.token == nil || s.acked {
		s.old = s.newest
	}
	s.newest, s.acked = held{slices.Clone(token), never}, false
	life := expires.Sub(now)
	if !expires.IsZero() && (life > 0 || s.polled == 0) {
		ahead := c.Renew
		if ahead <= 0 {
			ahead = DefaultRenew
		}
		s.newest.renew = expires.Add(-min(ahead, max(life/2, 0))).UnixMilli()
	} // else it was just issued and is over: this clock is wrong
	s.due = s.newest.renew
}

// drop gives the newest token up, for another that Poll is to ask for.
func (s *slot) drop() {
	s.newest, s.old, s.acked, s.due = s.old, held{}, false, atOnce
}

// Connect returns the credentials for a CONNECT. They alias the client and hold
// until the next call that changes a token. Whatever was on its way on an
// earlier connection is over.
//
// Its errors are [ErrNoToken], and [ErrRefused] where the server has refused
// all there is: then wait for Poll to ask, and Set what it asks for.
func (c *Client) Connect() (Credentials, error) {
	c.pending, c.asked = 0, false
	credentials := c.credentials()
	for i := range c.slots {
		s := &c.slots[i]
		if s.shown, s.second, s.late = s.newest, c.older>>i&1 != 0, false; s.second {
			s.shown = s.old
		}
		credentials.Tokens[i] = s.shown.token
	}
	switch {
	case credentials.Tokens.Len() == 0:
		return Credentials{}, ErrNoToken
	case c.spent:
		return Credentials{}, ErrRefused
	}
	c.asked = true
	return credentials, nil
}

func (c *Client) credentials() Credentials {
	credentials := Credentials{AccessKeyID: []byte(c.AccessKeyID), InstanceID: []byte(c.InstanceID)}
	for i := range c.slots {
		credentials.Tokens[i] = c.slots[i].newest.token
	}
	return credentials
}

// Connack takes the code of the CONNACK, in the numbering of any version.
//
// Success proves the tokens that were shown, and others are forgotten. Bad User
// Name or Password and Not Authorized (4 and 5, in 5.0 0x86 and 0x87) refuse
// them: the next CONNECT shows the ones before, in every combination if need
// be, and after the last Poll asks for others. Another code says nothing of
// tokens.
func (c *Client) Connack(code connack.Code) {
	if !c.asked {
		return
	}
	c.asked = false
	switch code {
	case connack.Success:
		c.proven()
	case connack.RefusedBadUserNameOrPassword, connack.BadUserNameOrPassword,
		connack.RefusedNotAuthorized, connack.NotAuthorized:
		c.refused()
	}
}

func (c *Client) proven() {
	for i := range c.slots {
		s := &c.slots[i]
		switch {
		case s.newest.token == nil: // removed meanwhile, or none of this type
		case s.late:
			s.old = s.shown
		case s.second:
			s.drop()
		default:
			s.old = held{}
		}
		s.acked, s.spent = false, false
	}
	c.older = 0
}

func (c *Client) refused() {
	var two uint8
	shown, late := 0, false
	for i := range c.slots {
		s := &c.slots[i]
		if s.old.token != nil {
			two |= 1 << i
		}
		if s.shown.token != nil {
			shown++
		}
		late = late || s.late
	}
	for i := range c.slots {
		if s := &c.slots[i]; shown == 1 && s.shown.token != nil { // it alone was refused
			if s.acked = false; s.late && s.old.is(s.shown) {
				s.old = held{}
			}
		}
	}
	if late {
		return // there is something else to show
	}
	if c.older = (c.older - two) & two; c.older != 0 { // the next subset of two
		return
	}
	c.spent = true
	for i := range c.slots {
		c.slots[i].spent, c.slots[i].due = true, atOnce
	}
}

// Update begins to replace the token of a type. It appends to dst the payload
// to publish to [TopicUpdate] at QoS 1, and from then on Gate holds everything
// else back until Acknowledged. It copies the token; expires as in Set.
//
// An update that was on its way when its connection ended must not be sent
// again on the next: its token is in the CONNECT.
//
// On an error nothing has changed and dst is as it was: [ErrUpdatePending],
// [ErrNoToken] for a type that the client has no token of, and those of
// [Update.Append].
func (c *Client) Update(dst []byte, now time.Time, typ Type, token Secret, expires time.Time) ([]byte, error) {
	if c.pending != 0 {
		return dst, ErrUpdatePending
	}
	u := Update{Type: typ, Token: token}
	payload, err := u.Append(dst)
	if err != nil {
		return dst, err
	}
	s := &c.slots[typ-1]
	if s.newest.token == nil {
		return dst, ErrNoToken
	}
	for i := range c.slots { // a server that had found one of these no good would have ended the connection
		if o := &c.slots[i]; o.acked {
			o.old, o.acked = held{}, false
		}
	}
	c.add(s, now, token, expires)
	c.pending = typ
	return payload, nil
}

// Gate returns [ErrUpdatePending] while an update is on its way: the client
// must not publish or subscribe. Else it returns nil.
func (c *Client) Gate() error {
	if c.pending != 0 {
		return ErrUpdatePending
	}
	return nil
}

// Acknowledged takes the PUBACK of the update, whose reason before 5.0 is
// Success. Where it is an error the old token stays, and Poll asks for another.
// It returns [ErrNoUpdate] when no update is on its way.
func (c *Client) Acknowledged(reason mqttwire.Reason) error {
	if c.pending == 0 {
		return ErrNoUpdate
	}
	s := &c.slots[c.pending-1]
	c.pending = 0
	if reason.IsError() {
		s.drop()
	} else {
		s.acked = true // before 5.0 a notice may still say that it is no good
	}
	return nil
}

// Notice takes a message that the server sent, and returns the notice in it.
// Its error is that of [Notice.Decode], [ErrTopic] for a message that is none.
//
// After a notice Poll asks for another token of the type. While its update is
// on its way the notice is about the old token, except for [Forged] and
// [SignatureInvalid]: the server let the old one in, so it is the new one that
// is no good.
func (c *Client) Notice(topic, payload []byte) (Notice, error) {
	var n Notice
	if err := n.Decode(topic, payload); err != nil {
		return n, err
	}
	s, pending := &c.slots[n.Type-1], n.Type == c.pending
	switch bad := n.Code == Forged || n.Code == SignatureInvalid; {
	case bad && (pending || s.acked) && s.old.token != nil:
		if s.drop(); pending {
			c.pending = 0
		}
	case !pending:
		s.due = atOnce
	}
	return n, nil
}

// Poll returns the type of a token to renew now, 0 when there is none: call it
// until then. It asks again after Retry until Set or Update brings a token, so
// a caller that could not get one need not say so. While an update is on its
// way it asks for nothing.
func (c *Client) Poll(now time.Time) Type {
	for i := range c.slots {
		if at := c.due(i); at != never && now.UnixMilli() >= at {
			c.slots[i].polled, c.slots[i].due = now.UnixMilli(), atOnce
			return Type(i + 1)
		}
	}
	return 0
}

// due returns when Poll asks for a slot's token, or never.
func (c *Client) due(i int) int64 {
	s := &c.slots[i]
	if c.pending != 0 || s.newest.token == nil || s.due == never {
		return never
	}
	if s.polled == 0 {
		return s.due
	}
	retry := c.Retry
	if retry <= 0 {
		retry = DefaultRetry
	}
	return max(s.due, s.polled+max(retry.Milliseconds(), 1))
}

// Deadline returns when to call Poll, which may be in the past. ok is false
// where nothing is due. It changes with every call but Gate.
func (c *Client) Deadline() (at time.Time, ok bool) {
	first := int64(never)
	for i := range c.slots {
		first = min(first, c.due(i))
	}
	switch first {
	case never:
		return time.Time{}, false
	case atOnce:
		return time.Time{}, true
	}
	return time.UnixMilli(first), true
}

// String returns whose credentials the client has and which types of token:
// never a token.
func (c Client) String() string { return c.credentials().String() }

// GoString returns the same, for %#v.
func (c Client) GoString() string { return c.String() }
