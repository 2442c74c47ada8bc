// Package servertest runs the reference broker for a test of a client.
package servertest

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire/examples/broker/server"
)

// Start starts a broker on a port of the loopback address, which it returns, until
// stop, or the end of the test. It publishes nothing of its own.
func Start(t testing.TB, config server.Config) (address string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config.SysInterval = -1
	s := server.New(config)
	var served sync.WaitGroup
	served.Go(func() { s.Serve(l) })
	stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		served.Wait()
	})
	t.Cleanup(stop)
	return l.Addr().String(), stop
}
