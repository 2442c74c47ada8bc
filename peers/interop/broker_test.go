package interop

import (
	"context"
	"flag"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire/examples/broker/server"
)

var logBroker = flag.Bool("broker.log", false, "log what the broker receives and sends")

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// A broker runs on a port of the loopback interface until its test ends.
type broker struct {
	*server.Server
	address string
}

func startBroker(t *testing.T, change ...func(*server.Config)) *broker {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config := server.Config{SysInterval: -1}
	if *logBroker {
		config.Log = slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	for _, f := range change {
		f(&config)
	}
	b := &broker{server.New(config), l.Addr().String()}
	if *judgeAll {
		defer func() { b.address = judged(t, b.address, nil).address }()
	}
	served := make(chan error, 1)
	go func() { served <- b.Serve(l) }()
	t.Cleanup(func() {
		if err := b.shutdown(); err != nil {
			t.Error("shutdown:", err)
		}
		if err := receive(t, served, "end of the server"); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *broker) shutdown() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return b.Shutdown(ctx)
}

type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Logf("%s", b)
	return len(b), nil
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

// shortKeepAlive is what clients of 5.0 are told, seconds: such that a busy
// machine is no reason to miss it.
const shortKeepAlive = 3

func withShortKeepAlive(c *server.Config) { c.MaximumKeepAlive = shortKeepAlive }
