package command

import (
	"context"
	"net"
	"slices"

	"github.com/mqttwire/mqttwire/examples/broker/gate"
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
			l = certificates.Listen(l)
		}
		all = append(all, l)
	}
	return all, certificates, nil
}
