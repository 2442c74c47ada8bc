package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/client/filelog"
	"github.com/mqttwire/mqttwire/examples/client/mqttclient"
)

// tlsFiles are what TLS is to use.
type tlsFiles struct {
	ca, certificate, key string
	system, insecure     bool
}

func (f *tlsFiles) wanted() bool { return f.ca != "" || f.certificate != "" || f.system }

// config reads the files.
func (f *tlsFiles) config(host string) (*tls.Config, error) {
	c := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if f.ca != "" {
		pem, err := os.ReadFile(f.ca)
		if err != nil {
			return nil, err
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: no certificate in it", f.ca)
		}
	}
	if (f.certificate == "") != (f.key == "") {
		return nil, usagef("Both --cert and --key are needed.")
	}
	if f.certificate != "" {
		pair, err := tls.LoadX509KeyPair(f.certificate, f.key)
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{pair}
	}
	if f.insecure { // of another name; still signed by whom we trust
		c.InsecureSkipVerify = true
		c.VerifyConnection = func(s tls.ConnectionState) error {
			o := x509.VerifyOptions{Roots: c.RootCAs, Intermediates: x509.NewCertPool()}
			for _, x := range s.PeerCertificates[1:] {
				o.Intermediates.AddCert(x)
			}
			_, err := s.PeerCertificates[0].Verify(o)
			return err
		}
	}
	return c, nil
}

// link is a client that is connected, or on its way to be.
type link struct {
	*mqttclient.Client
	store *filelog.Log
	ctx   context.Context // ends with -W and with the client
	stop  func()
	first chan error // how the first connection went
}

// open starts the client, and waits for its first connection. Without a store a
// connection that cannot be made is the end, as with mosquitto's clients; with
// one the messages are safe, and it tries again.
func (c *command) open(subscriptions ...codec.Subscription) (*link, error) {
	l := &link{first: make(chan error, 1)}
	config := mqttclient.Config{
		Connect:               c.hello,
		Subscriptions:         subscriptions,
		SubscribeProperties:   c.properties[mqttwire.SUBSCRIBE],
		UnsubscribeProperties: c.properties[mqttwire.UNSUBSCRIBE],
		DisconnectProperties:  c.properties[mqttwire.DISCONNECT],
	}
	config.Lost = func(p *codec.Publish, err error) {
		if !c.quiet {
			fmt.Fprintf(c.errs, "Warning: %q to '%s' was perhaps not delivered: %v.\n", p.Payload[:min(len(p.Payload), 40)], p.Topic, err)
		}
	}
	config.Up = func(ack *codec.Connack) {
		c.debugf("connected, session present: %v", ack.SessionPresent)
		l.report(nil)
	}
	config.Down = func(err error, pause time.Duration) {
		c.debugf("connection: %v; again in %v", err, pause)
		if pause > 0 && c.store == "" {
			l.report(err)
		}
	}
	var err error
	if config.Dial, err = c.dialer(); err != nil {
		return nil, err
	}
	l.ctx, l.stop = context.WithCancel(c.ctx)
	if c.timeout > 0 {
		l.ctx, l.stop = context.WithTimeoutCause(c.ctx, c.timeout, errTimeout)
	}
	if c.store != "" {
		if l.store, err = filelog.Open(c.store); err != nil {
			l.stop()
			return nil, err
		}
		if n := l.store.Torn(); n > 0 {
			c.debugf("store: %d bytes of a line that was never finished are cut off", n)
		}
		config.Store = l.store
	}
	if l.Client, err = mqttclient.Open(config); err != nil {
		l.close()
		return nil, err
	}
	select {
	case err = <-l.first:
	case <-l.Done():
		err = l.Err()
	case <-l.ctx.Done():
		err = context.Cause(l.ctx)
	}
	if err != nil {
		l.close()
		return nil, c.unwrapped(err)
	}
	return l, nil
}

// report says how the first connection went.
func (l *link) report(err error) {
	select {
	case l.first <- err:
	default:
	}
}

// close closes the client and its store, and returns why they failed, if so.
func (l *link) close() (err error) {
	defer l.stop()
	if l.Client != nil {
		err = l.Client.Close()
	}
	if l.store != nil {
		if e := l.store.Close(); err == nil {
			err = e
		}
	}
	return err
}

// ended turns the end of a context into why it has ended.
func (l *link) ended(err error) error {
	if err != nil && l.ctx.Err() != nil {
		return context.Cause(l.ctx)
	}
	return err
}

// unwrapped leaves out what the net package says around an error.
func (c *command) unwrapped(err error) error {
	var sys *os.SyscallError
	if errors.As(err, &sys) {
		return fmt.Errorf("%w: %s:%s", sys.Err, c.host, c.port)
	}
	return err
}

func (c *command) dialer() (func(context.Context) (net.Conn, error), error) {
	dialer := &net.Dialer{Timeout: 20 * time.Second}
	port := c.port
	if !c.tls.wanted() {
		if port == "" {
			port = "1883"
			c.port = port
		}
		address := net.JoinHostPort(c.host, port)
		return func(ctx context.Context) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", address) }, nil
	}
	if port == "" {
		port = "8883"
		c.port = port
	}
	config, err := c.tls.config(c.host)
	if err != nil {
		return nil, err
	}
	secure := &tls.Dialer{NetDialer: dialer, Config: config}
	address := net.JoinHostPort(c.host, port)
	return func(ctx context.Context) (net.Conn, error) { return secure.DialContext(ctx, "tcp", address) }, nil
}

func (c *command) debugf(format string, args ...any) {
	if c.debug {
		fmt.Fprintf(c.errs, "client: "+format+"\n", args...)
	}
}
