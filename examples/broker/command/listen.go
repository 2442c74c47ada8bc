package command

import (
	"context"
	"net"
	"slices"

	"github.com/mqttwire/mqttwire/examples/broker/gate"
	"github.com/mqttwire/mqttwire/examples/broker/server"
)

// open opens the listeners, all or none, and the certificates of those with TLS,
// nil without.
func (s *settings) open() (all []net.Listener, certificates *gate.Certificates, err error) {
	if len(s.listenTLS.values) > 0 {
		if certificates, err = gate.OpenCertificates(s.certificates); err != nil {
			return nil, nil, err
		}
	}
	// A client that is silent is known by its Keep Alive.
	config := net.ListenConfig{KeepAlive: -1}
	for i, address := range slices.Concat(s.listen.values, s.listenTLS.values) {
		l, err := config.Listen(context.Background(), "tcp", address)
		if err != nil {
			for _, l := range all {
				l.Close()
			}
			return all, nil, err
		}
		if i >= len(s.listen.values) {
			l = tlsListener{l, certificates}
		}
		all = append(all, l)
	}
	return all, certificates, nil
}

// A tlsListener has connections with TLS, each by the certificates in force when
// it is accepted.
type tlsListener struct {
	net.Listener
	certificates *gate.Certificates
}

func (l tlsListener) Accept() (net.Conn, error) {
	n, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return server.TLS(n, l.certificates.TLS()), nil
}
