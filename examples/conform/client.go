package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/conformance/clients"
)

// impatient is a listener whose deadline holds for the first connection.
type impatient struct{ *net.TCPListener }

func (l impatient) Accept() (net.Conn, error) {
	c, err := l.TCPListener.Accept()
	l.SetDeadline(time.Time{})
	return c, err
}

// judgeClient plays brokers to the client that connects to -listen, or that
// -start starts.
func (o *options) judgeClient(ctx context.Context) (*conformance.Report, error) {
	l, err := net.Listen("tcp", o.listen)
	if err != nil {
		return nil, err
	}
	if tcp, ok := l.(*net.TCPListener); ok && o.start != "" {
		tcp.SetDeadline(time.Now().Add(4 * o.patience))
		l = impatient{tcp}
	}
	subject := "client at " + l.Addr().String()
	var revive func(context.Context) error
	if o.start != "" {
		subject = o.start
		stop := o.repeat(ctx, l)
		defer func() { stop() }()
		revive = func(context.Context) error {
			stop()
			stop = o.repeat(ctx, l)
			return nil
		}
	} else if !o.json {
		fmt.Fprintf(o.stdout, "Have the client connect to %v, again and again.\n", l.Addr())
	}
	return clients.Run(ctx, l, conformance.Runner{Subject: subject, Patience: o.patience, Select: o.match.MatchString, Revive: revive, Progress: o.shown()}), nil
}

// repeat runs the client of -start until stop is called, and closes l where it
// cannot be run.
func (o *options) repeat(ctx context.Context, l net.Listener) (stop func()) {
	running, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := conformance.Repeat(running, o.start, l.Addr().String(), o.stderr); err != nil {
			l.Close()
			fmt.Fprintln(o.stderr, "conform:", err)
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}
