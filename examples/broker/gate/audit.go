package gate

import (
	"strings"

	"github.com/mqttwire/mqttwire/examples/broker/access"
	"github.com/mqttwire/mqttwire/examples/broker/hub"
	"github.com/mqttwire/mqttwire/tokenauth"
)

// What principals begin with: a user name follows, the subject of a certificate, or the
// account and instance of a token.
const (
	userNamed   = "user "
	certifiedAs = "certificate "
	tokenOf     = "token "
)

// Keeps implements hub.Auditor: what a user has left stays while there is the user
// and the rules allow it; of who has a certificate while the rules allow it to its
// Common Name; of somebody with tokens while its account is not suspended, nor all
// tokens revoked that gave the right.
func (g *Gate) Keeps(warrant, client string, to hub.Right, topic []byte) bool {
	if tokens, ok := strings.CutPrefix(warrant, tokenOf); ok {
		return g.keepsTokens(tokens, to)
	}
	name, ok := strings.CutPrefix(warrant, userNamed)
	if users := g.users.Load(); ok && users != nil && !users.Has(name) {
		return false
	}
	if subject, certified := strings.CutPrefix(warrant, certifiedAs); certified {
		name, ok = commonName(subject), true
	}
	if !ok || to == hub.ToStay {
		return true
	}
	rights := g.rightsOf(name, client)
	switch {
	case rights == nil:
		return true
	case to == hub.ToReceive:
		return rights.Receive(topic)
	}
	return rights.Publish(topic)
}

// keepsTokens judges account, instance, and tokens by type and name. Those count that
// have given the right: where it was none, or there are no names, it stays. A key that is
// withdrawn takes its tokens with it.
func (g *Gate) keepsTokens(warrant string, to hub.Right) bool {
	keys, list := g.keyring.Load(), g.revoking.Load()
	if keys == nil {
		return true // there are no tokens here any more
	}
	parts := strings.Split(warrant, "|")
	if list.Suspended(parts[0]) {
		return false
	}
	keeps := true
	for _, token := range parts[min(2, len(parts)):] {
		name, id, _ := strings.Cut(token, " ")
		typ, _ := tokenauth.ParseType(name)
		if to == hub.ToPublish && typ&tokenauth.Write == 0 || to == hub.ToReceive && typ&tokenauth.Read == 0 {
			continue
		}
		key, _, _ := strings.Cut(id, ".")
		_, known := (*keys)[key]
		if keeps = known && !list.Revoked(id); keeps {
			return true
		}
	}
	return keeps
}

// judged are the rights that an audit has asked for last: what somebody has left
// behind is mostly of one.
type judged struct {
	acl          *access.ACL
	name, client string
	rights       *access.Rights
}

// rightsOf returns the rights by the list in force, nil where there is none.
func (g *Gate) rightsOf(name, client string) *access.Rights {
	acl := g.acl.Load()
	if acl == nil {
		return nil
	}
	last := g.judged.Load()
	if last == nil || last.acl != acl || last.name != name || last.client != client {
		last = &judged{acl, name, client, acl.For(name, client)}
		g.judged.Store(last)
	}
	return last.rights
}

// commonName returns the Common Name of a certificate's subject, as
// [pkix.Name.String] writes it: "CN=a,O=b", with a backslash before what is special.
func commonName(subject string) string {
	for rest := subject; rest != ""; {
		var name strings.Builder
		kind, value, _ := strings.Cut(rest, "=")
		for rest = value; rest != "" && rest[0] != ',' && rest[0] != '+'; rest = rest[1:] {
			if rest[0] == '\\' && len(rest) > 1 {
				rest = rest[1:]
			}
			name.WriteByte(rest[0])
		}
		if kind == "CN" {
			return name.String()
		}
		rest = strings.TrimLeft(rest, ",+")
	}
	return ""
}
