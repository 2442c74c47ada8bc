package gate

import (
	"crypto/x509"
	"errors"
	"os"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/examples/broker/access"
)

// aclAccess is what the access list lets a client do, as it stands now.
type aclAccess struct {
	gate         *Gate
	user, client string
	acl          *access.ACL // that rights are of
	rights       *access.Rights
}

// now returns the rights of the list that is in force.
func (a *aclAccess) now() *access.Rights {
	if acl := a.gate.acl.Load(); acl != a.acl || a.rights == nil {
		a.acl, a.rights = acl, acl.For(a.user, a.client)
	}
	return a.rights
}

func (a *aclAccess) Publish(topic []byte) mqttwire.Reason {
	return allowed(a.now().Publish(topic))
}

func (a *aclAccess) Subscribe(filter []byte) mqttwire.Reason {
	return allowed(a.now().Subscribe(filter))
}

func (a *aclAccess) Receive(topic []byte) bool { return a.now().Receive(topic) }

func allowed(ok bool) mqttwire.Reason {
	if ok {
		return mqttwire.Success
	}
	return mqttwire.NotAuthorized
}

func pool(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(pem) {
		return nil, errors.New(file + ": no certificate")
	}
	return p, nil
}
