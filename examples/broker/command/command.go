// Package command is the program of the broker: its settings from flags and a
// configuration file, listeners, TLS, and signals. What serves is package server,
// who may do what is said by package gate.
//
// A program of another module has the same settings and some of its own with an
// [Extension]:
//
//	func main() { command.Main(new(extension)) }
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/mqttwire/mqttwire/examples/broker/gate"
	"github.com/mqttwire/mqttwire/examples/broker/server"
)

// Main runs the broker with the arguments of the process, which it ends with
// status 1, and the error on standard error, where Run returns one.
func Main(extensions ...Extension) {
	if err := Run(os.Args[1:], extensions...); err != nil {
		fmt.Fprintln(os.Stderr, "broker:", err)
		os.Exit(1)
	}
}

// Run runs the broker with the arguments args, without the name of the program,
// until SIGINT or SIGTERM comes. It returns an error where a setting is wrong,
// something cannot be opened, a listener fails, or clients had to be cut off when
// it ended. -help and -hash-password are carried out, and nothing else. It logs to
// standard error. The signals are those of the process: there is one Run at a time.
func Run(args []string, extensions ...Extension) error {
	s, err := parse(args, os.Stderr, extensions...)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	case s.hashPassword != "":
		return hashPassword(s.hashPassword, os.Stdin, os.Stdout)
	}
	return run(s)
}

func run(s *settings) (err error) {
	g, err := s.gate()
	if err != nil {
		return err
	}
	lowered := s.fit(descriptors())
	s.server.Authenticator, s.server.Handlers = g, g.Handlers()
	for _, x := range s.extensions {
		if err := x.Configure(&s.server); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, x.End()) }()
	}
	b := server.New(s.server)
	if err := b.Restore(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.shutdown(b)) }()
	for _, x := range s.extensions {
		if err := x.Start(b); err != nil {
			return err
		}
	}
	return s.serve(b, g, lowered)
}

// serve serves until a signal comes or a listener fails. A signal that came
// earlier has ended the program at once: there was nobody to tell.
func (s *settings) serve(b *server.Server, g *gate.Gate, lowered bool) error {
	signals, done := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer done() // a second signal ends the program at once
	reload, stop := s.reloads()
	defer stop()
	listeners, certificates, err := s.open()
	if err != nil {
		return err
	}
	log := s.server.Log
	if s.files.TokenKeys != "" && s.instance == "" {
		log.Warn("clients of all instances have the same topics: -token-instance says which one this broker is")
	}
	if lowered {
		log.Warn("the process may have few files open: -max-connections is lowered", "files", descriptors(), "max-connections", s.server.MaxConnections, "max-address-connections", s.server.MaxAddressConnections)
	}
	served := make(chan error, len(listeners))
	for _, l := range listeners {
		log.Info("listening", "address", l.Addr())
		go func() { served <- b.Serve(l) }()
	}
	files := files{log: log, gate: g, certificates: certificates, recheck: b.Recheck, complaints: complaints{}}
	for {
		select {
		case err := <-served:
			return err
		case <-signals.Done():
			log.Info("shutting down")
			return nil
		case <-reload:
			files.reload(time.Now())
		}
	}
}

// shutdown tells the clients, and gives them time to leave.
func (s *settings) shutdown(b *server.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.grace)
	defer cancel()
	err := b.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("connections had not ended %v after the signal, and were cut: -grace is how long they may take", s.grace)
	}
	s.server.Log.Info("stopped", "dropped", b.Stats().MessagesDropped)
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
	g.Shared, s.server.Exempt = s.isShared, s.isExempt
	if s.clientID != "" {
		s.server.Own = s.owns
	}
	if s.ahead == 0 {
		g.Ahead = -1
	}
	return g, nil
}
