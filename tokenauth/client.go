package tokenauth

import (
	"slices"
	"time"

	"github.com/mqttwire/mqttwire"
)

// DefaultRenew is how long before a token expires a [Client] asks for another:
// twice as early as a server says that it expires.
const DefaultRenew = 10 * time.Minute

// Client is the client's side: it holds the tokens, says when to renew one,
// and holds back what must wait while an update is on its way.
//
// Set AccessKeyID and InstanceID first. It belongs to one owner: it has no
// lock. Now is the wall clock.
type Client struct {
	AccessKeyID, InstanceID string
	// Renew is how long before a token expires Poll asks for another, but not
	// before half its time has passed. 0 or less means DefaultRenew.
	Renew time.Duration

	slots   [3]slot // by type
	next    slot    // the token of the update on its way
	pending Type    // its type, 0 where there is none
}

// A slot is a token and what is known of its time.
type slot struct {
	token   Secret
	renew   int64 // when to ask for another, in Unix milliseconds
	renewal bool  // renew holds
}

// Set sets the token of a type before the client connects; an empty one removes
// it. It copies the token. Expires is the zero Time where the client does not
// know: then only a notice makes Poll ask for another. To replace a token of a
// client that is connected, use Update.
//
// Its errors are [ErrType], [ErrTooLong], [ErrCharacter], and
// [ErrUpdatePending] for the type whose update is on its way.
func (c *Client) Set(now time.Time, typ Type, token Secret, expires time.Time) error {
	switch {
	case !typ.Valid():
		return ErrType
	case typ == c.pending:
		return ErrUpdatePending
	case len(token) == 0:
		c.slots[typ-1] = slot{}
		return nil
	}
	if e := check(token, MaxToken); e != 0 {
		return e
	}
	c.slots[typ-1] = c.slot(now, token, expires)
	return nil
}

func (c *Client) slot(now time.Time, token Secret, expires time.Time) slot {
	s := slot{token: slices.Clone(token)}
	if !expires.IsZero() {
		ahead := c.Renew
		if ahead <= 0 {
			ahead = DefaultRenew
		}
		ahead = min(ahead, max(expires.Sub(now)/2, 0))
		s.renew, s.renewal = expires.Add(-ahead).UnixMilli(), true
	}
	return s
}

// Connect returns the credentials for a CONNECT. They alias the client and
// hold until the next call that changes a token.
//
// An update that was on its way on an earlier connection is over: its token is
// the one to use, whether or not the server saw it.
func (c *Client) Connect() Credentials {
	if c.pending != 0 {
		c.slots[c.pending-1] = c.next
		c.next, c.pending = slot{}, 0
	}
	credentials := Credentials{AccessKeyID: []byte(c.AccessKeyID), InstanceID: []byte(c.InstanceID)}
	for i := range c.slots {
		credentials.Tokens[i] = c.slots[i].token
	}
	return credentials
}

// Update begins to replace the token of a type. It appends to dst the payload
// to publish to [TopicUpdate] at QoS 1, and from then on Gate holds everything
// else back until Acknowledged. It copies the token; expires as in Set.
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
	if c.slots[typ-1].token == nil {
		return dst, ErrNoToken
	}
	c.next, c.pending = c.slot(now, token, expires), typ
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
// Success. From then on the new token is the client's; where the reason is an
// error, the old one stays. It returns [ErrNoUpdate] when no update is on its
// way.
func (c *Client) Acknowledged(reason mqttwire.Reason) error {
	if c.pending == 0 {
		return ErrNoUpdate
	}
	if !reason.IsError() {
		c.slots[c.pending-1] = c.next
	}
	c.next, c.pending = slot{}, 0
	return nil
}

// Notice takes a message that the server sent, and returns the notice in it.
// Its error is that of [Notice.Decode], [ErrTopic] for a message that is none.
//
// A token that expires soon is one that Poll asks to renew. One that is no
// longer good is too, before the client connects again; but where its update
// is on its way the notice is about the new token, and the old one stays.
func (c *Client) Notice(topic, payload []byte) (Notice, error) {
	var n Notice
	if err := n.Decode(topic, payload); err != nil {
		return n, err
	}
	if n.Type == c.pending {
		if n.Final() {
			c.next, c.pending = slot{}, 0
		}
		return n, nil
	}
	if s := &c.slots[n.Type-1]; s.token != nil {
		s.renew, s.renewal = 0, true
	}
	return n, nil
}

// Poll returns the type of a token to renew now, 0 when there is none: call it
// until then. It asks once a token, and again when a notice comes.
func (c *Client) Poll(now time.Time) Type {
	for i := range c.slots {
		if s := &c.slots[i]; s.renewal && now.UnixMilli() >= s.renew {
			s.renewal = false
			return Type(i + 1)
		}
	}
	return 0
}

// Deadline returns when to call Poll, which may be in the past. ok is false
// where nothing is due. It changes with every call but Gate.
func (c *Client) Deadline() (at time.Time, ok bool) {
	var first int64
	for i := range c.slots {
		if s := &c.slots[i]; s.renewal && (!ok || s.renew < first) {
			first, ok = s.renew, true
		}
	}
	if !ok {
		return time.Time{}, false
	}
	return time.UnixMilli(first), true
}

// String returns whose credentials the client has and which types of token:
// never a token.
func (c Client) String() string {
	credentials := Credentials{AccessKeyID: []byte(c.AccessKeyID), InstanceID: []byte(c.InstanceID)}
	for i := range c.slots {
		credentials.Tokens[i] = c.slots[i].token
	}
	return credentials.String()
}

// GoString returns the same, for %#v.
func (c Client) GoString() string { return c.String() }
