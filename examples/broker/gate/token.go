package gate

import (
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/hub"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/tokenauth"
	"github.com/mqttwire/mqttwire/tokenauth/hmactoken"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// tokenAccess is what a client's tokens let it do. The rules are those of
// tokenauth.Session; this says what a broker does about them.
type tokenAccess struct {
	session tokenauth.Session
	deny    Deny
	ids     [3]string   // the names of its tokens, by type
	guest   *fileAccess // what it may do before it has shown a token, nil for nothing
}

// asGuest returns what counts for a client that is let in without a token and has
// shown none, nil for another.
func (t *tokenAccess) asGuest() *fileAccess {
	if t.session.Waiting() {
		return t.guest
	}
	return nil
}

// Waiting reports whether it is not known yet what may go to the client.
func (t *tokenAccess) Waiting() bool { return t.session.Waiting() && t.guest == nil }

// principal is who a client is by its tokens: whoever has others of the same
// account and instance is the same. Who has none yet is nobody.
func (t *tokenAccess) principal() string {
	if t.session.Waiting() {
		return ""
	}
	account, instance := t.session.Account()
	return tokenOf + account + "|" + instance
}

// Warrant returns the principal with the types and names of its tokens.
func (t *tokenAccess) Warrant() string {
	if g := t.asGuest(); g != nil {
		return g.Warrant()
	}
	if t.session.Waiting() {
		return ""
	}
	warrant := t.principal()
	for i, id := range t.ids {
		if id != "" {
			warrant += "|" + tokenauth.Type(i+1).String() + " " + id
		}
	}
	return warrant
}

// name notes the names of the tokens of a CONNECT, which are no secret, and returns
// them.
func (t *tokenAccess) name(p *codec.Connect) (ids []string) {
	var c tokenauth.Credentials
	if c.Decode(p.UserName, p.Password) != nil {
		return nil
	}
	for i, token := range c.Tokens {
		if id, err := hmactoken.ID(token); err == nil {
			t.ids[i] = id
			ids = append(ids, id)
		}
	}
	return ids
}

func (t *tokenAccess) Publish(topic []byte) mqttwire.Reason {
	if g := t.asGuest(); g != nil {
		return g.Publish(topic)
	}
	return t.session.Publish(time.Now(), topic).Code.Reason()
}

func (t *tokenAccess) Subscribe(filter []byte) mqttwire.Reason {
	if g := t.asGuest(); g != nil {
		return g.Subscribe(filter)
	}
	return t.subscribe(filter).Code.Reason()
}

func (t *tokenAccess) subscribe(filter []byte) tokenauth.Verdict {
	if _, inner, ok := topicmatch.SplitShared(filter); ok {
		filter = inner // the broker shares in every version
	}
	return t.session.Subscribe(time.Now(), filter)
}

func (t *tokenAccess) Receive(topic []byte) bool {
	if g := t.asGuest(); g != nil {
		return g.Receive(topic)
	}
	return t.session.Deliver(time.Now(), topic).OK()
}

// Refused tells the client which token is wrong, and turns it out or not.
func (t *tokenAccess) Refused(what mqttwire.PacketType, topic []byte, said bool) (o hub.Order) {
	if g := t.asGuest(); g != nil {
		return g.Refused(what, topic, said)
	}
	v := t.session.Publish(time.Now(), topic)
	if what == mqttwire.SUBSCRIBE {
		v = t.subscribe(topic)
	}
	if o = turnedOut(v); !t.deny.turnsOut(said) {
		o.End, o.Text = 0, ""
	}
	return o
}

func (t *tokenAccess) Deadline() (at time.Time, ok bool) {
	if t.asGuest() != nil {
		return at, false
	}
	return t.session.Deadline()
}

func (t *tokenAccess) Poll(now time.Time) (o hub.Order) {
	if t.asGuest() != nil {
		return o
	}
	for n := t.session.Poll(now); !n.IsZero(); n = t.session.Poll(now) {
		tell(&o, n)
		if n.Final() {
			o.End, o.Text = n.Code.Reason(), n.Code.Error()
			if t.Waiting() {
				o.Text = "no token came in time"
			}
			break
		}
	}
	return o
}

func (t *tokenAccess) Recheck() hub.Order { return turnedOut(t.session.Recheck()) }

// turnedOut tells a client what is wrong, and ends its connection.
func turnedOut(v tokenauth.Verdict) (o hub.Order) {
	if v.OK() {
		return o
	}
	tell(&o, v.Notice())
	o.Answer, o.End, o.Text = v.Code.Reason(), v.Code.Reason(), v.Code.Error()
	return o
}

func tell(o *hub.Order, n tokenauth.Notice) {
	payload, err := n.Append(nil)
	if err != nil {
		return // of a client without tokens
	}
	o.Tell = append(o.Tell, hub.Told{Topic: n.Topic(), Payload: payload})
}

// Handlers returns who takes what clients publish on the topics of tokens: an
// update is for the server alone, and notices come from it alone.
func (g *Gate) Handlers() map[string]hub.Handler {
	if g.files.TokenKeys == "" {
		return nil
	}
	return map[string]hub.Handler{
		tokenauth.TopicUpdate:        update,
		tokenauth.TopicExpireNotice:  notice,
		tokenauth.TopicInvalidNotice: notice,
	}
}

// update takes an upload. One that is refused has its client turned out, as the
// answer before 5.0 would have it think that it is in force. That is also said to
// who is here without tokens, and to whom they are of no use.
func update(who *hub.Peer, a hub.Access, _ qos.Level, payload []byte) hub.Order {
	var none tokenauth.Session
	session, later := &none, false
	t, ok := a.(*tokenAccess)
	if ok {
		session, later = &t.session, t.session.Waiting()
	}
	verdict := session.Update(time.Now(), payload)
	if !ok || !verdict.OK() {
		return turnedOut(verdict)
	}
	id := ""
	var u tokenauth.Update
	if u.Decode(payload) == nil {
		id, _ = hmactoken.ID(u.Token)
		t.ids[u.Type-1] = id
	}
	if later {
		account, instance := session.Account()
		who.UserName = "Token|" + account + "|" + instance
		who.Principal = t.principal()
		who.Tokens = []string{id}
	}
	return hub.Order{}
}

func notice(who *hub.Peer, a hub.Access, level qos.Level, _ []byte) (o hub.Order) {
	if strict, ok := a.(hub.StrictAccess); ok {
		o = strict.Refused(mqttwire.PUBLISH, []byte(tokenauth.TopicInvalidNotice), level != qos.AtMostOnce && who.Version == mqttwire.V50)
	}
	o.Answer = mqttwire.NotAuthorized
	return o
}
