package conformance

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/examples/broker/server"
)

// A broker that goes says so to clients of 5.0, closes all connections, and
// takes no more.
func TestShutdown(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := server.New(server.Config{})
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	b := &broker{t, l.Addr().String()}
	var clients []*client
	for _, v := range versions {
		clients = append(clients, b.clean(v, v.String()))
	}
	half := b.dial(mqttwire.V50) // has not sent its CONNECT
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	down := make(chan error, 1)
	go func() { down <- s.Shutdown(ctx) }()
	for _, c := range clients {
		c.ended(mqttwire.ServerShuttingDown)
		c.conn.Close()
	}
	half.closed()
	half.conn.Close()
	if err := <-down; err != nil {
		t.Error("Shutdown:", err)
	}
	select {
	case err := <-served:
		if err != nil {
			t.Error("Serve:", err)
		}
	case <-time.After(patience):
		t.Error("Serve has not returned")
	}
	if conn, err := net.DialTimeout("tcp", b.addr, patience); err == nil {
		conn.Close()
		t.Error("connections are accepted still")
	}
}
