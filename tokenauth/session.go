package tokenauth

import (
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// DefaultAhead is how long before a token expires the server says so.
const DefaultAhead = 5 * time.Minute

// Session is the server's side of one client: it judges its CONNECT, what it
// publishes and subscribes to, takes its updates, and says when a token's time
// comes. It keeps what tokens allow, never the tokens.
//
// The zero Session allows nothing until Connect accepts. It belongs to one
// owner: it has no lock. Now is the wall clock, as expiry is.
type Session struct {
	// Ahead is how long before a token expires its notice is due. 0 means
	// DefaultAhead, less means no notice.
	Ahead time.Duration
	// Instance, unless empty, is the InstanceID that clients must have: others
	// are refused as ResourceMismatch. Where it is empty any may connect, and a
	// token is only for the instance that the user name says.
	Instance string
	// Late, unless 0, lets clients show tokens by Update that they have not shown
	// in their CONNECT: of a type more, or their first ones. Who connects without
	// a user name may do nothing else before that, and has so long: see Waiting.
	Late time.Duration

	verifier                Verifier
	accessKeyID, instanceID string
	grants                  [3]*Grant // by type
	version                 mqttwire.Version
	until                   time.Time // when it has waited long enough
	noticed                 uint8     // types, a bit each, whose expiry was announced
}

// A Connect is what of a CONNECT concerns a Session. It is read during the
// call only.
type Connect struct {
	Version            mqttwire.Version
	UserName, Password []byte // UserName is nil without one
	WillTopic          []byte // nil without a will
}

// Verdict is the answer to a request: allowed, which is the zero Verdict, or
// what is wrong with a token, and its type. The acknowledgement says
// Code.Reason, where it can; then the server sends the Notice, and may disconnect
// the client.
//
// The type is one that the client has shown. Where none of its tokens has the
// right it is the one that the client has instead: R for a PUBLISH, W for a
// SUBSCRIBE or a message. Of several that have the right it is the one that comes
// nearest: one that is in force before one that has expired, and of these the
// last in the order R, W, RW. For an update it is the type that the update says.
// A client that has shown no token has the Type 0, and no Notice can be written.
type Verdict struct {
	Code Code
	Type Type
}

// OK reports whether the request is allowed.
func (v Verdict) OK() bool { return v.Code == Valid }

// Notice returns what to tell the client before it is disconnected.
func (v Verdict) Notice() Notice { return Notice{Type: v.Type, Code: v.Code} }

// Connect judges a CONNECT. It returns the code to write into the CONNACK, in
// the numbering of the version: 0, or 4 or 5 (0x86 or 0x87 in 5.0), and for the
// log what was wrong, an [Error] or a [Code] that holds nothing secret.
//
// All tokens have to be good. The will is a PUBLISH and is judged like one. For
// a user name of another kind the error is [ErrNotToken]: the server may try
// what else it has.
//
// With Late a CONNECT without a user name is accepted, and the Session is Waiting
// then. Its will is refused.
//
// Whatever the Session held before is gone; after a refusal it allows nothing.
func (s *Session) Connect(now time.Time, v Verifier, c Connect) (connack.Code, error) {
	*s = Session{Ahead: s.Ahead, Instance: s.Instance, Late: s.Late}
	t := *s
	t.verifier, t.version = v, c.Version
	var credentials Credentials
	if c.UserName == nil && s.Late > 0 {
		t.until = now.Add(s.Late)
	} else if err := credentials.Decode(c.UserName, c.Password); err != nil {
		return refusal(connack.BadUserNameOrPassword, c.Version), err
	}
	t.accessKeyID, t.instanceID = string(credentials.AccessKeyID), string(credentials.InstanceID)
	if s.Instance != "" && t.instanceID != s.Instance && !t.Waiting() {
		return refusal(ResourceMismatch.Connack(), c.Version), ResourceMismatch
	}
	for i, token := range credentials.Tokens {
		if len(token) == 0 {
			continue
		}
		grant, code := t.verify(now, Type(i+1), token)
		if code != Valid {
			return refusal(code.Connack(), c.Version), code
		}
		t.grants[i] = grant
	}
	if c.WillTopic != nil {
		if will := t.Publish(now, c.WillTopic); !will.OK() {
			return refusal(will.Code.Connack(), c.Version), will.Code
		}
	}
	*s = t
	return connack.Success, nil
}

// refusal writes a code of 5.0 in the numbering of the version.
func refusal(c connack.Code, v mqttwire.Version) connack.Code {
	if code, ok := c.In(v); ok {
		return code
	}
	return c
}

// Waiting reports whether the client has connected without a user name, and has
// shown no token since. Nothing is allowed but Update. What waits for the client
// is to wait on: Deliver would refuse it.
func (s *Session) Waiting() bool { return s.verifier != nil && s.accessKeyID == "" }

// Account returns whose session it is, as the user name says, or the first token
// of a client that has none. Both are empty until then.
func (s *Session) Account() (accessKeyID, instanceID string) { return s.accessKeyID, s.instanceID }

// verify asks the Verifier, and does not take its word for what it can see.
func (s *Session) verify(now time.Time, typ Type, token Secret) (*Grant, Code) {
	instance := s.instanceID
	if s.Waiting() {
		instance = s.Instance
	}
	grant, code := s.verifier.Verify(now, Request{s.accessKeyID, instance, typ, token})
	switch {
	case code != Valid:
		return nil, code
	case grant.Type != typ:
		return nil, PermissionMismatch
	case s.Waiting() && (grant.AccessKeyID == "" || grant.InstanceID == ""):
		return nil, AccountInvalid // nobody has said whose it is
	case grant.expired(now):
		return nil, Expired
	}
	return grant, Valid
}

// Publish judges a PUBLISH from the client to a Topic Name. Nothing allows a
// client to publish notices. What it publishes to [TopicUpdate] is for Update,
// not for Publish and not for other clients.
func (s *Session) Publish(now time.Time, name []byte) Verdict {
	switch string(name) {
	case TopicUpdate, TopicExpireNotice, TopicInvalidNotice:
		return Verdict{ResourceMismatch, s.held(Write)}
	}
	return s.judge(now, Write, name, Filters.AllowsName)
}

// Deliver judges whether a message with this Topic Name may go to the client:
// when it is routed, and again when it was queued while the client was away.
func (s *Session) Deliver(now time.Time, name []byte) Verdict {
	return s.judge(now, Read, name, Filters.AllowsName)
}

// Subscribe judges a Topic Filter of a SUBSCRIBE: it is allowed when all that
// it can match is. In 5.0 a Shared Subscription is judged by the filter after
// its ShareName; a server that shares in 3.1 and 3.1.1 too passes that part.
// Every client may subscribe to its notices, though it need not.
func (s *Session) Subscribe(now time.Time, filter []byte) Verdict {
	switch string(filter) {
	case TopicExpireNotice, TopicInvalidNotice:
		if s.verifier != nil && !s.Waiting() {
			return Verdict{}
		}
	}
	if s.version == mqttwire.V50 {
		if _, inner, ok := topicmatch.SplitShared(filter); ok {
			filter = inner
		}
	}
	return s.judge(now, Read, filter, Filters.AllowsFilter)
}

// judge looks for a token that has the right and allows the topic. Without one
// it names the token that comes nearest, as Verdict says.
func (s *Session) judge(now time.Time, right Type, topic []byte, allows func(Filters, []byte) bool) Verdict {
	v := Verdict{PermissionMismatch, s.held(right)}
	for _, grant := range &s.grants {
		switch {
		case grant == nil || grant.Type&right == 0:
		case grant.expired(now):
			if v.Code == PermissionMismatch {
				v = Verdict{Expired, grant.Type}
			}
		case allows(grant.Filters, topic):
			return Verdict{}
		default:
			v = Verdict{ResourceMismatch, grant.Type}
		}
	}
	return v
}

// held returns the type of a token that has the right, or of one that has not, 0
// without any.
func (s *Session) held(right Type) (typ Type) {
	for _, grant := range &s.grants {
		switch {
		case grant == nil:
		case grant.Type&right != 0:
			return grant.Type
		default:
			typ = grant.Type
		}
	}
	return typ
}

// Update takes the payload of a PUBLISH to [TopicUpdate]. It is to be at QoS 1;
// clients send it at QoS 0 and 2 too, and nothing speaks against it. When the
// Verdict is OK the new token is in force for all that comes after, and the
// server acknowledges as the QoS asks. Else the old one still is, and the server
// sends the Notice and disconnects:
//
//   - Forged: not an update that can be read;
//   - PermissionMismatch: of a type that the client did not connect with, unless
//     Late allows it;
//   - whatever the Verifier finds.
//
// A token may have been issued before the one that it replaces: the clocks of
// issuers differ, and a client that sends an update again has connected with a
// later token meanwhile. It could connect with the earlier one as well; a
// replaced token that must not is one to revoke.
//
// Where the update cannot be read the type of the Verdict is that of a token
// that the client holds.
func (s *Session) Update(now time.Time, payload []byte) Verdict {
	var u Update
	if u.Decode(payload) != nil {
		return Verdict{Forged, s.held(Read | Write)}
	}
	slot := &s.grants[u.Type-1]
	if s.verifier == nil || *slot == nil && s.Late <= 0 {
		return Verdict{PermissionMismatch, u.Type}
	}
	grant, code := s.verify(now, u.Type, u.Token)
	if code != Valid {
		return Verdict{code, u.Type}
	}
	if s.Waiting() { // further tokens are of the same account and instance
		s.accessKeyID, s.instanceID = grant.AccessKeyID, grant.InstanceID
	}
	*slot = grant
	s.noticed &^= 1 << u.Type
	return Verdict{}
}

// Recheck asks the Verifier whether all tokens are still good: call it when
// something was revoked. A Verdict that is not OK is for the Notice, after
// which the server disconnects.
func (s *Session) Recheck() Verdict {
	for _, grant := range &s.grants {
		if grant == nil {
			continue
		}
		if code := s.verifier.Recheck(s.accessKeyID, grant); code != Valid {
			return Verdict{code, grant.Type}
		}
	}
	return Verdict{}
}

// Poll returns a notice that is due, and the zero Notice when there is none:
// call it until then. A Final one is a token that has expired: after its notice
// the server disconnects, and Poll returns it again until it does. A notice of
// expiry is returned once a token, and not any more when it is too late for it.
//
// To a client that is Waiting for too long the server has nothing to say: the
// Notice is Final, has no Type, and cannot be appended.
func (s *Session) Poll(now time.Time) Notice {
	if s.Waiting() && !now.Before(s.until) {
		return Notice{Code: PermissionMismatch}
	}
	for _, grant := range &s.grants {
		if grant != nil && grant.expired(now) {
			return Notice{Type: grant.Type, Code: Expired}
		}
	}
	for _, grant := range &s.grants {
		if at, ok := s.announce(grant); ok && now.UnixMilli() >= at {
			s.noticed |= 1 << grant.Type
			return Notice{Type: grant.Type, ExpireTime: grant.Expires}
		}
	}
	return Notice{}
}

// Deadline returns when to call Poll. ok is false where no token expires. It
// changes with Connect, Update and Poll.
func (s *Session) Deadline() (at time.Time, ok bool) {
	if s.Waiting() {
		return s.until, true
	}
	var first int64
	for _, grant := range &s.grants {
		if grant == nil || grant.Expires == 0 {
			continue
		}
		due := grant.Expires
		if at, ok := s.announce(grant); ok {
			due = at
		}
		if !ok || due < first {
			first, ok = due, true
		}
	}
	if !ok {
		return time.Time{}, false
	}
	return time.UnixMilli(first), true
}

// announce returns when the notice of a token's expiry is due, if it is still
// to come.
func (s *Session) announce(g *Grant) (at int64, ok bool) {
	ahead := s.Ahead
	if ahead == 0 {
		ahead = DefaultAhead
	}
	if g == nil || g.Expires == 0 || ahead < 0 || s.noticed>>g.Type&1 != 0 {
		return 0, false
	}
	return g.Expires - ahead.Milliseconds(), true
}

// String returns whose session it is and which types of token it holds: never
// anything of its Verifier.
func (s Session) String() string {
	if s.accessKeyID == "" {
		return "no token"
	}
	text := userNamePrefix + s.accessKeyID + "|" + s.instanceID
	join := " with "
	for _, grant := range s.grants {
		if grant != nil {
			text += join + grant.Type.String()
			join = ", "
		}
	}
	return text
}

// GoString returns the same, for %#v.
func (s Session) GoString() string { return s.String() }
