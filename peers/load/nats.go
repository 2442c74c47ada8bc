package main

import (
	"crypto/tls"
	"errors"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

var natsBroker = broker{
	name:    "nats",
	about:   "v2.15.2, JetStream on files, as QoS 1 and 2 need it; AckWait 1 s instead of 30",
	command: serveAs("nats"),
	secure:  serveAs("nats-tls"),
}

func serveNATS(dir string, port int) error { return serveNATSWith(dir, port, nil, false) }

// serveNATSDurably has it sync before it acknowledges.
func serveNATSDurably(dir string, port int) error { return serveNATSWith(dir, port, nil, true) }

func serveNATSWithTLS(dir string, port int) error {
	certificate, err := tls.LoadX509KeyPair(secureFiles(dir))
	if err != nil {
		return err
	}
	return serveNATSWith(dir, port, &tls.Config{Certificates: []tls.Certificate{certificate}}, false)
}

func serveNATSWith(dir string, port int, secure *tls.Config, sync bool) error {
	s, err := server.NewServer(&server.Options{
		ServerName: "load",
		DontListen: true, // MQTT alone
		JetStream:  true,
		StoreDir:   filepath.Join(dir, "jetstream"),
		SyncAlways: sync,
		NoLog:      true,
		NoSigs:     true,
		MQTT: server.MQTTOpts{
			Host:      "127.0.0.1",
			Port:      port,
			TLSConfig: secure,
			// After this it sends again what a lost connection left unacknowledged,
			// and not before. By default it is 30 s, which no row waits for.
			AckWait: time.Second,
		},
	})
	if err != nil {
		return err
	}
	go s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		return errors.New("nats-server is not ready")
	}
	return nil
}
