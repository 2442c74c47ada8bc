package mqttclient

import (
	"context"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/tokenauth"
)

// Tokens has a Client show tokens in its CONNECT, and renew them while it is
// connected: see package tokenauth. They belong to one Client.
type Tokens struct {
	// Client names whose tokens they are, and says when they are renewed.
	tokenauth.Client
	// Types are those that the client has.
	Types []tokenauth.Type
	// Fetch gets a token of a type, and when it expires, the zero Time where that
	// is not known. It is called before the first connection, when a token is to
	// be renewed, and when the server has refused those there are; after an error
	// again.
	Fetch func(ctx context.Context, t tokenauth.Type) (tokenauth.Secret, time.Time, error)

	got      int   // of Types, those that a token was fetched for
	update   *Sent // on its way
	fetching bool
}

// gate holds back what must wait for the answer to an upload. The lock is held,
// as in all that follows.
func (c *Client) gate() error {
	if t := c.config.Tokens; t != nil {
		return t.Gate()
	}
	return nil
}

// showTokens puts the tokens into the CONNECT, after it has fetched those that
// are due.
func (c *Client) showTokens() error {
	t := c.config.Tokens
	if t == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for ; t.got < len(t.Types); t.got++ {
		if err := c.fetch(t.Types[t.got]); err != nil {
			return err
		}
	}
	var failed error
	for !t.fetching {
		typ := t.Poll(time.Now())
		if typ == 0 {
			break
		}
		if err := c.fetch(typ); err != nil {
			failed = err // what there is may do
		}
	}
	credentials, err := t.Client.Connect()
	switch {
	case err != nil && failed != nil:
		return failed
	case err != nil:
		return err
	}
	if c.connect.UserName, err = credentials.AppendUserName(nil); err != nil {
		return err
	}
	if c.connect.Password, err = credentials.AppendPassword(nil); err != nil {
		return err
	}
	c.connect.UserNameFlag, c.connect.PasswordFlag = true, true
	return nil
}

// fetch gets a token, without the lock, and uploads it, or keeps it for the next
// CONNECT.
func (c *Client) fetch(typ tokenauth.Type) error {
	t := c.config.Tokens
	t.fetching = true
	c.mu.Unlock()
	token, expires, err := t.Fetch(c.ctx, typ)
	c.mu.Lock()
	t.fetching = false
	switch {
	case err != nil:
		return err
	case c.accepted:
		return c.upload(typ, token, expires)
	}
	return t.Set(time.Now(), typ, token, expires)
}

// upload sends a new token.
func (c *Client) upload(typ tokenauth.Type, token tokenauth.Secret, expires time.Time) error {
	t := c.config.Tokens
	payload, err := t.Update(nil, time.Now(), typ, token, expires)
	if err != nil {
		return err
	}
	if t.update, err = c.sendNow(&codec.Publish{Topic: []byte(tokenauth.TopicUpdate), Payload: payload, QoS: qos.AtLeastOnce}); err != nil {
		t.Acknowledged(mqttwire.UnspecifiedError) // Poll asks again
	}
	return err
}

// isUpload reports whether a message is one that is neither kept in the Store
// nor sent again: the next CONNECT has its token.
func (c *Client) isUpload(p *codec.Publish) bool {
	return c.config.Tokens != nil && string(p.Topic) == tokenauth.TopicUpdate
}

// tokenSent takes note of the answer to an upload.
func (c *Client) tokenSent(s *Sent) {
	if t := c.config.Tokens; t != nil && t.update == s {
		t.update = nil
		t.Acknowledged(s.reason)
		c.issue()
	}
}

// tokenNotice takes a message that is a notice about a token.
func (c *Client) tokenNotice(p *codec.Publish) bool {
	t := c.config.Tokens
	if t == nil {
		return false
	}
	_, err := t.Notice(p.Topic, p.Payload)
	return err == nil
}

// tokenDeadline returns when pollTokens is due.
func (c *Client) tokenDeadline() (time.Duration, bool) {
	t := c.config.Tokens
	if t == nil || t.fetching || !c.accepted {
		return 0, false
	}
	at, ok := t.Deadline()
	return max(at.Sub(c.start), 0), ok
}

// pollTokens begins to renew a token that is due.
func (c *Client) pollTokens() {
	t := c.config.Tokens
	if t == nil || t.fetching || !c.accepted {
		return
	}
	typ := t.Poll(time.Now())
	if typ == 0 {
		return
	}
	t.fetching = true
	c.background.Go(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.fetch(typ) // after an error Poll asks again
		if c.conn != nil {
			c.conn.SetReadDeadline(time.Now()) // the reader looks at the clock anew
		}
	})
}
