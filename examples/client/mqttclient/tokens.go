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
// connected: see package tokenauth.
type Tokens struct {
	// Client names whose tokens they are.
	tokenauth.Client
	// Types are those that the client has.
	Types []tokenauth.Type
	// Fetch gets a token of a type, and when it expires, the zero Time where that
	// is not known. It is called before the first connection, when the server
	// has refused a connection, and when a token is to be renewed.
	Fetch func(ctx context.Context, t tokenauth.Type) (tokenauth.Secret, time.Time, error)

	have     bool  // each type has a token
	update   *Sent // on its way
	fetching bool
	retryAt  time.Time
}

func (t *Tokens) gate() error { return t.Client.Gate() }

// showTokens puts the tokens into the CONNECT, new ones where there are none.
func (c *Client) showTokens() error {
	t := c.config.Tokens
	if t == nil {
		return nil
	}
	c.mu.Lock()
	have := t.have
	c.mu.Unlock()
	if !have {
		for _, typ := range t.Types {
			token, expires, err := t.Fetch(c.ctx, typ)
			if err != nil {
				return err
			}
			c.mu.Lock()
			err = t.Client.Set(time.Now(), typ, token, expires)
			c.mu.Unlock()
			if err != nil {
				return err
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t.update = nil
	credentials := t.Client.Connect()
	var err error
	if c.connect.UserName, err = credentials.AppendUserName(nil); err != nil {
		return err
	}
	if c.connect.Password, err = credentials.AppendPassword(nil); err != nil {
		return err
	}
	c.connect.UserNameFlag, c.connect.PasswordFlag = true, true
	t.have = false // until the server has accepted them
	return nil
}

// tokenDeadline returns when pollTokens is due. The lock is held.
func (c *Client) tokenDeadline() (time.Duration, bool) {
	t := c.config.Tokens
	if t == nil || t.fetching || !c.accepted {
		return 0, false
	}
	at, ok := t.Client.Deadline()
	if t.retryAt.After(at) {
		at = t.retryAt
	}
	return at.Sub(c.start), ok
}

// pollTokens begins to renew a token that is about to expire. The lock is held.
func (c *Client) pollTokens() {
	t := c.config.Tokens
	if t == nil || t.fetching || !c.accepted || t.gate() != nil || time.Now().Before(t.retryAt) {
		return
	}
	typ := t.Client.Poll(time.Now())
	if typ == 0 {
		return
	}
	t.fetching = true
	c.background.Go(func() {
		token, expires, err := t.Fetch(c.ctx, typ)
		c.mu.Lock()
		defer c.mu.Unlock()
		t.fetching = false
		if err == nil {
			err = c.upload(typ, token, expires)
		}
		if err != nil { // the old one is good for a while
			t.retryAt = time.Now().Add(10 * time.Second)
			t.Client.Notice([]byte(tokenauth.TopicExpireNotice), expiring(typ))
		}
		if c.conn != nil {
			c.conn.SetReadDeadline(time.Now()) // the reader looks at the clock anew
		}
	})
}

// expiring is the notice that has tokenauth.Client ask again.
func expiring(typ tokenauth.Type) []byte {
	n := tokenauth.Notice{Type: typ, ExpireTime: time.Now().UnixMilli()}
	payload, _ := n.Append(nil)
	return payload
}

// upload sends a new token. The lock is held.
func (c *Client) upload(typ tokenauth.Type, token tokenauth.Secret, expires time.Time) error {
	payload, err := c.config.Tokens.Client.Update(nil, time.Now(), typ, token, expires)
	if err != nil {
		return err
	}
	s, err := c.sendNow(&codec.Publish{Topic: []byte(tokenauth.TopicUpdate), Payload: payload, QoS: qos.AtLeastOnce})
	if err != nil {
		c.config.Tokens.Client.Acknowledged(mqttwire.UnspecifiedError)
		return err
	}
	c.config.Tokens.update = s
	return nil
}

// tokenSent takes note of the answer to an upload. The lock is held.
func (c *Client) tokenSent(s *Sent) {
	if t := c.config.Tokens; t != nil && t.update == s {
		t.update = nil
		t.Client.Acknowledged(s.reason)
		c.issue()
	}
}

// tokenNotice takes a message that is a notice about a token. The lock is held.
func (c *Client) tokenNotice(p *codec.Publish) bool {
	t := c.config.Tokens
	if t == nil {
		return false
	}
	_, err := t.Client.Notice(p.Topic, p.Payload)
	return err == nil
}
