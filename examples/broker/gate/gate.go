// Package gate is who may connect to the broker and what they may do there, as
// its flags say: users and their passwords, client certificates, access lists
// (package access), and tokens (package tokenauth). Tokens say themselves what
// they allow: access lists do not bind who has some. It is the
// hub.Authenticator of the broker.
package gate

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/examples/broker/access"
	"github.com/mqttwire/mqttwire/examples/broker/hub"
	"github.com/mqttwire/mqttwire/tokenauth"
	"github.com/mqttwire/mqttwire/tokenauth/hmactoken"
)

// Files name what a Gate is made of. An empty name is none.
type Files struct {
	Users       string // as access.ParseUsers reads it
	ACL         string // as access.ParseACL reads it
	TokenKeys   string // as hmactoken.ParseKeys reads it
	Revocations string // as hmactoken.ParseRevocations reads it, best replaced by renaming, or added to
}

// A Gate judges clients. It is safe for concurrent use.
type Gate struct {
	// Anonymous lets clients in that give no user name and no certificate.
	Anonymous bool
	// CertificateNames takes the Common Name of a client's certificate for its
	// user name, which needs no password then.
	CertificateNames bool
	// Ahead is how long before a token expires its client is told; 0 is what
	// tokenauth.Session thinks fit, less is never.
	Ahead time.Duration
	// Late, unless 0, is how long a client that connects without a user name has
	// to upload its first token, as tokenauth.Session says; and clients may upload
	// tokens of a type more. Where Anonymous lets it in it has no limit, and until
	// then the rights of who has no name.
	Late time.Duration
	// Instance, unless "", is the only instance whose tokens are good here. Where
	// it is "", clients of all instances have the same topics.
	Instance string
	// Deny is what becomes of who may not do what it asks for.
	Deny Deny
	// Shared reports whether many clients share an address, such as a load
	// balancer's: passwords from there wait for each other no more than for those
	// from anywhere. nil is none.
	Shared func(address string) bool

	files    Files
	users    atomic.Pointer[access.Users]
	acl      atomic.Pointer[access.ACL]
	verifier hmactoken.Verifier
	revoking atomic.Pointer[hmactoken.Revocations] // what verifier knows of
	keyring  atomic.Pointer[hmactoken.Keys]        // the same
	checker  *access.Checker
	judged   atomic.Pointer[judged]

	watched [3]file
	keys    hmactoken.Keys
	revoked revocations
}

// Deny is what becomes of a client whose PUBLISH or SUBSCRIBE is refused, once
// that is acknowledged. Tokens have their notice first. Whose upload is refused is
// always turned out, and so is who subscribes in 3.1, which cannot say no.
type Deny uint8

// What becomes of it.
const (
	// DenyByDefault turns out who has tokens, where the acknowledgement does not
	// say that it is refused; nobody else.
	DenyByDefault   Deny = iota
	DenyAcknowledge      // it stays
	DenyClose            // it is turned out
)

// turnsOut reports whether a client is turned out whose acknowledgement says that
// it is refused, or does not.
func (d Deny) turnsOut(said bool) bool { return d == DenyClose || d == DenyByDefault && !said }

// Open reads the files, which must all be there. Its errors name the file
// and the line, and nothing of what stands there.
func Open(f Files) (*Gate, error) {
	g := &Gate{files: f, checker: access.NewChecker()}
	g.watched = [...]file{
		{name: f.Users, take: func(b []byte) (int, error) {
			users, line, err := access.ParseUsers(b)
			if err == nil {
				g.users.Store(users)
			}
			return line, err
		}},
		{name: f.ACL, take: func(b []byte) (int, error) {
			acl, line, err := access.ParseACL(b)
			if err == nil {
				g.acl.Store(acl)
			}
			return line, err
		}},
		{name: f.TokenKeys, take: func(b []byte) (int, error) {
			keys, line, err := hmactoken.ParseKeys(b)
			if err == nil {
				g.keys = keys
				g.keyring.Store(&keys)
				g.verifier.Load(keys, g.revoked.list)
			}
			return line, err
		}},
	}
	g.revoked = revocations{name: f.Revocations, adopt: func(list *hmactoken.Revocations) {
		g.verifier.Load(g.keys, list)
		g.revoking.Store(list)
	}}
	if _, err := g.Reload(); err != nil {
		return nil, err
	}
	return g, nil
}

// Reload reads the files that have changed, and reports whether anything else
// is in force now. Each file is read for itself. The error is of all that could
// not be read, joined as by [errors.Join]: of these, what was read before stays
// in force. Reload is not to be called by several goroutines at once. After a
// change call Recheck of the server, with an error too.
func (g *Gate) Reload() (changed bool, err error) {
	var errs []error
	note := func(c bool, err error) {
		changed = changed || c
		if err != nil {
			errs = append(errs, err)
		}
	}
	for i := range g.watched {
		note(g.watched[i].reload())
	}
	note(g.revoked.reload(time.Now()))
	return changed, errors.Join(errs...)
}

// Authenticate implements hub.Authenticator.
func (g *Gate) Authenticate(who *hub.Peer, p *codec.Connect) (hub.Access, connack.Code, string) {
	certified := g.CertificateNames && who.Certificate != nil && who.Certificate.Subject.CommonName != ""
	var later *tokenAccess // of who is let in without
	if g.files.TokenKeys != "" && (p.UserNameFlag || g.Late > 0 && !certified) {
		t := &tokenAccess{deny: g.Deny}
		t.session.Ahead, t.session.Late, t.session.Instance = g.Ahead, g.Late, g.Instance
		request := tokenauth.Connect{Version: who.Version, Password: p.Password}
		if p.UserNameFlag {
			request.UserName = append([]byte{}, p.UserName...) // not nil, if empty
		}
		guest := !p.UserNameFlag && g.Anonymous
		if p.WillFlag && !guest {
			request.WillTopic = p.Will.Topic
		}
		switch code, err := t.session.Connect(time.Now(), &g.verifier, request); {
		case err == nil && guest:
			later = t
		case err == nil:
			who.Tokens = t.name(p)
			who.Principal = t.principal()
			return t, connack.Success, ""
		case !errors.Is(err, tokenauth.ErrNotToken):
			code, _ := code.In(mqttwire.V50)
			return nil, code, err.Error()
		}
	}
	name := ""
	var users *access.Users
	switch {
	case certified:
		name = who.Certificate.Subject.CommonName
	case p.UserNameFlag && g.users.Load() != nil:
		name, users = string(p.UserName), g.users.Load()
		switch g.checker.Check(users, g.origin(who.Address), name, p.Password) {
		case access.OK:
		case access.Locked:
			return nil, connack.NotAuthorized, "the user is locked"
		case access.Busy:
			return nil, connack.ServerBusy, "too many passwords to check"
		default:
			return nil, connack.BadUserNameOrPassword, "bad user name or password"
		}
	case g.Anonymous:
		// A user name that nobody checks gives no rights.
	default:
		return nil, connack.NotAuthorized, "anonymous clients are not let in"
	}
	who.UserName = name
	switch {
	case certified:
		who.Principal = certifiedAs + who.Certificate.Subject.String()
	case users != nil:
		who.Principal = userNamed + name
	}
	files := &fileAccess{gate: g, principal: who.Principal, user: name, client: who.ClientID, users: users}
	if later != nil {
		later.guest = files
		return later, connack.Success, ""
	}
	if users == nil && g.acl.Load() == nil {
		return nil, connack.Success, ""
	}
	return files, connack.Success, ""
}

// origin returns whose turn it is with a password.
func (g *Gate) origin(address string) string {
	if g.Shared != nil && g.Shared(address) {
		return address // with the port: each connection by itself
	}
	return hub.Origin(address)
}
