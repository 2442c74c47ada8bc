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
	if o.start != "" {
		subject = o.start
		running, stop := context.WithCancel(ctx)
		failed := make(chan error, 1)
		go func() {
			err := conformance.Repeat(running, o.start, l.Addr().String(), o.stderr)
			if err != nil {
				l.Close()
			}
			failed <- err
		}()
		defer func() {
			stop()
			if err := <-failed; err != nil {
				fmt.Fprintln(o.stderr, "conform:", err)
			}
		}()
	} else if !o.json {
		fmt.Fprintf(o.stdout, "Have the client connect to %v, again and again.\n", l.Addr())
	}
	return clients.Run(ctx, l, conformance.Runner{Subject: subject, Patience: o.patience, Select: o.match.MatchString, Progress: o.shown()}), nil
}
