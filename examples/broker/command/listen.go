package command

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/mqttwire/mqttwire/examples/broker/gate"
)

// open opens the listeners, all or none.
func (s *settings) open() (all []net.Listener, err error) {
	defer func() {
		if err != nil {
			for _, l := range all {
				l.Close()
			}
		}
	}()
	// A client that is silent is known by its Keep Alive.
	config := net.ListenConfig{KeepAlive: -1}
	for _, address := range s.listen.values {
		l, err := config.Listen(context.Background(), "tcp", address)
		if err != nil {
			return all, err
		}
		all = append(all, l)
	}
	if len(s.listenTLS.values) == 0 {
		return all, nil
	}
	options, err := gate.TLS(s.certificate, s.key, s.clientCA, s.requireCertificate)
	if err != nil {
		return all, err
	}
	for _, address := range s.listenTLS.values {
		l, err := config.Listen(context.Background(), "tcp", address)
		if err != nil {
			return all, err
		}
		all = append(all, tls.NewListener(l, options))
	}
	return all, nil
}
