package interop

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire/examples/broker/server"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// startBroker runs a broker on a port of the loopback interface until the test
// ends and returns it and its address.
func startBroker(t *testing.T) (*server.Server, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := server.New(server.Config{})
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return s, l.Addr().String()
}

// receive returns what comes from a channel, in time.
func receive[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case x := <-from:
		return x
	case <-time.After(patience):
		t.Fatalf("no %s came", what)
	}
	panic("not reached")
}
