package gate

import (
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/server"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/tokenauth"
	"github.com/mqttwire/mqttwire/tokenauth/hmactoken"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// tokenAccess is what a client's tokens let it do. The rules are those of
// tokenauth.Session; this says what a broker does about them.
type tokenAccess struct {
	session tokenauth.Session
}

// idsOf returns the names of the tokens of a CONNECT, which are no secret.
func idsOf(p *codec.Connect) (ids []string) {
	var c tokenauth.Credentials
	if c.Decode(p.UserName, p.Password) != nil {
		return nil
	}
	for _, token := range c.Tokens {
		if id, err := hmactoken.ID(token); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

func (t *tokenAccess) Publish(topic []byte) mqttwire.Reason {
	return t.session.Publish(time.Now(), topic).Code.Reason()
}

func (t *tokenAccess) Subscribe(filter []byte) mqttwire.Reason {
	if _, inner, ok := topicmatch.SplitShared(filter); ok {
		filter = inner // the broker shares in every version
	}
	return t.session.Subscribe(time.Now(), filter).Code.Reason()
}

func (t *tokenAccess) Receive(topic []byte) bool { return t.session.Deliver(time.Now(), topic).OK() }

// Refused turns the client out, where no acknowledgement can say what is wrong.
func (t *tokenAccess) Refused(topic []byte) server.Order {
	return turnedOut(t.session.Publish(time.Now(), topic))
}

func (t *tokenAccess) Deadline() (time.Time, bool) { return t.session.Deadline() }

func (t *tokenAccess) Poll(now time.Time) (o server.Order) {
	for n := t.session.Poll(now); !n.IsZero(); n = t.session.Poll(now) {
		tell(&o, n)
		if n.Final() {
			o.End, o.Text = n.Code.Reason(), n.Code.Error()
			break
		}
	}
	return o
}

func (t *tokenAccess) Recheck() server.Order { return turnedOut(t.session.Recheck()) }

// turnedOut tells a client what is wrong, and ends its connection.
func turnedOut(v tokenauth.Verdict) (o server.Order) {
	if v.OK() {
		return o
	}
	tell(&o, v.Notice())
	o.Answer, o.End, o.Text = v.Code.Reason(), v.Code.Reason(), v.Code.Error()
	return o
}

func tell(o *server.Order, n tokenauth.Notice) {
	payload, err := n.Append(nil)
	if err != nil {
		return // a notice of this package's own can be written
	}
	o.Tell = append(o.Tell, server.Told{Topic: n.Topic(), Payload: payload})
}

// Handlers returns who takes what clients publish on the topics of tokens: an
// update is for the server alone, and notices come from it alone.
func (g *Gate) Handlers() map[string]server.Handler {
	if g.files.TokenKeys == "" {
		return nil
	}
	return map[string]server.Handler{
		tokenauth.TopicUpdate:        update,
		tokenauth.TopicExpireNotice:  notice,
		tokenauth.TopicInvalidNotice: notice,
	}
}

func update(_ *server.Peer, a server.Access, _ qos.Level, payload []byte) server.Order {
	t, ok := a.(*tokenAccess)
	if !ok {
		return server.Order{Answer: mqttwire.NotAuthorized}
	}
	return turnedOut(t.session.Update(time.Now(), payload))
}

func notice(who *server.Peer, a server.Access, level qos.Level, _ []byte) server.Order {
	t, ok := a.(*tokenAccess)
	if !ok || level != qos.AtMostOnce && who.Version == mqttwire.V50 {
		return server.Order{Answer: mqttwire.NotAuthorized}
	}
	return t.Refused([]byte(tokenauth.TopicInvalidNotice))
}
