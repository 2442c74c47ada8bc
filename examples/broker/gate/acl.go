package gate

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/examples/broker/access"
	"github.com/mqttwire/mqttwire/examples/broker/hub"
)

// fileAccess is what the files of users and access let a client do, as they
// stand now.
type fileAccess struct {
	gate         *Gate
	principal    string
	user, client string
	users        *access.Users // that have let the client in, nil without a password
	acl          *access.ACL   // that rights are of
	rights       *access.Rights
}

// now returns the rights of the list that is in force, nil where there is none.
func (a *fileAccess) now() *access.Rights {
	if acl := a.gate.acl.Load(); acl != a.acl {
		a.acl, a.rights = acl, acl.For(a.user, a.client)
	}
	return a.rights
}

// Warrant returns who it is: what it may do the files say.
func (a *fileAccess) Warrant() string { return a.principal }

func (a *fileAccess) Publish(topic []byte) mqttwire.Reason {
	rights := a.now()
	return allowed(rights == nil || rights.Publish(topic))
}

func (a *fileAccess) Subscribe(filter []byte) mqttwire.Reason {
	rights := a.now()
	return allowed(rights == nil || rights.Subscribe(filter))
}

func (a *fileAccess) Receive(topic []byte) bool {
	rights := a.now()
	return rights == nil || rights.Receive(topic)
}

// Refused turns the client out where that is wanted.
func (a *fileAccess) Refused(mqttwire.PacketType, []byte, bool) (o hub.Order) {
	if a.gate.Deny == DenyClose {
		o.End, o.Text = mqttwire.NotAuthorized, "the access list does not allow it"
	}
	return o
}

// Recheck turns out a user that was removed or locked, or has another password
// now.
func (a *fileAccess) Recheck() (o hub.Order) {
	if users := a.gate.users.Load(); a.users != nil && users != a.users {
		if !users.Keeps(a.user, a.users) {
			o.End, o.Text = mqttwire.NotAuthorized, "the user is not what it was"
		}
		a.users = users
	}
	return o
}

func allowed(ok bool) mqttwire.Reason {
	if ok {
		return mqttwire.Success
	}
	return mqttwire.NotAuthorized
}
