// Command broker is an MQTT broker for 3.1, 3.1.1 and 5.0. It needs nothing but
// a port:
//
//	go run ./examples/broker
//
// -help lists what can be set. It ends on SIGINT or SIGTERM, after telling its
// clients, and looks at its files of users, access and tokens again on SIGHUP,
// where there is one.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/mqttwire/mqttwire/examples/broker/access"
	"github.com/mqttwire/mqttwire/examples/broker/gate"
	"github.com/mqttwire/mqttwire/examples/broker/server"
)

func main() {
	s, err := parse(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err == nil && s.hashPassword != "":
		err = hashPassword(s.hashPassword, os.Stdin, os.Stdout)
	case err == nil:
		err = run(s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "broker:", err)
		os.Exit(1)
	}
}

// hashPassword makes a line for a file of users.
func hashPassword(name string, in io.Reader, out io.Writer) error {
	password, err := io.ReadAll(io.LimitReader(in, 1<<16+2))
	if err != nil {
		return err
	}
	line, err := access.HashPassword(name, bytes.TrimRight(password, "\r\n"))
	if err == nil {
		_, err = fmt.Fprintln(out, line)
	}
	return err
}

// run serves until a signal comes.
func run(s *settings) error {
	signals, done := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer done()
	g, err := s.gate()
	if err != nil {
		return err
	}
	s.server.Authenticator, s.server.Handlers = g, g.Handlers()
	listeners, err := s.open()
	if err != nil {
		return err
	}
	log := s.server.Log
	if s.files.TokenKeys != "" && s.instance == "" {
		log.Warn("clients of all instances have the same topics: -token-instance says which one this broker is")
	}
	b := server.New(s.server)
	if err := b.Restore(); err != nil {
		return err
	}
	served := make(chan error, len(listeners))
	for _, l := range listeners {
		log.Info("listening", "address", l.Addr())
		go func() { served <- b.Serve(l) }()
	}
	reload, stop := s.reloads()
	defer stop()
	complaints := complaints{}
	for serving := true; serving; {
		select {
		case err := <-served:
			return err
		case <-signals.Done():
			serving = false
		case <-reload:
			changed, err := g.Reload()
			if changed {
				log.Info("read again what clients may do")
				b.Recheck()
			}
			due, mended := complaints.of(err, time.Now())
			for _, err := range due {
				log.Error("what was read before stays in force", "error", err)
			}
			if mended {
				log.Info("all files can be read again")
			}
		}
	}
	done() // a second signal ends the program at once
	log.Info("shutting down")
	ctx, cancel := context.WithTimeout(context.Background(), s.grace)
	defer cancel()
	err = b.Shutdown(ctx)
	log.Info("stopped", "dropped", b.Dropped())
	return err
}

// gate opens who may connect.
func (s *settings) gate() (*gate.Gate, error) {
	g, err := gate.Open(s.files)
	if err != nil {
		return nil, err
	}
	g.Anonymous, g.CertificateNames, g.Ahead = s.anonymous, s.certificateCN, s.ahead
	g.Late, g.Instance, g.Deny = s.late, s.instance, gate.Deny(s.deny)
	if s.ahead == 0 {
		g.Ahead = -1
	}
	return g, nil
}

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

// reloads says when to look at the files again: on SIGHUP, and now and then.
func (s *settings) reloads() (<-chan time.Time, func()) {
	due := make(chan time.Time, 1)
	hangup := make(chan os.Signal, 1)
	notifyHangup(hangup)
	var tick <-chan time.Time
	stop := func() {}
	if s.reload > 0 && s.files != (gate.Files{}) {
		ticker := time.NewTicker(s.reload)
		tick, stop = ticker.C, ticker.Stop
	}
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case <-hangup:
			case <-tick:
			case <-ended:
				return
			}
			select {
			case due <- time.Time{}:
			default: // one is waiting already
			}
		}
	}()
	return due, func() {
		stop()
		signal.Stop(hangup)
		close(ended)
	}
}
