package gate

import (
	"strings"

	"github.com/mqttwire/mqttwire/examples/broker/access"
)

// certifiedAs begins the principal of who has a certificate: its subject follows.
const certifiedAs = "certificate "

// Keeps implements hub.Auditor: what a user has left stays while there is the user
// and the rules allow it; of who has a certificate while the rules allow it to its
// Common Name; of somebody with tokens while its account is not suspended.
func (g *Gate) Keeps(principal, client string, topic []byte) bool {
	if account, ok := strings.CutPrefix(principal, "token "); ok {
		account, _, _ = strings.Cut(account, "|")
		return !g.revoking.Load().Suspended(account)
	}
	name, ok := strings.CutPrefix(principal, "user ")
	if users := g.users.Load(); ok && users != nil && !users.Has(name) {
		return false
	}
	if subject, certified := strings.CutPrefix(principal, certifiedAs); certified {
		name, ok = commonName(subject), true
	}
	if !ok {
		return true
	}
	rights := g.rightsOf(name, client)
	return rights == nil || rights.Publish(topic)
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
