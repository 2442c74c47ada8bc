// Command broker is a small MQTT broker for 3.1, 3.1.1 and 5.0, at QoS 0. It
// needs nothing but a port:
//
//	go run ./examples/broker
//
// It ends on SIGINT or SIGTERM, after telling its clients.
package main

import (
	"context"
	"flag"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/mqttwire/mqttwire/examples/broker/server"
)

func main() {
	var config server.Config
	listen := flag.String("listen", "127.0.0.1:1883", "`address` to listen on")
	verbose := flag.Bool("v", false, "log every packet")
	grace := flag.Duration("grace", 5*time.Second, "how long clients may take to leave at the end")
	flag.IntVar(&config.MaxPacketSize, "max-packet", 1<<20, "most `bytes` a packet may take")
	flag.IntVar(&config.MaxQueue, "max-queue", 1<<20, "most `bytes` that wait for a client; what comes on top is dropped")
	flag.DurationVar(&config.ConnectTimeout, "connect-timeout", 10*time.Second, "how long a connection may take to send its CONNECT")
	flag.Parse()

	level := slog.LevelInfo
	if *verbose {
		level = slog.LevelDebug
	}
	config.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	if err := run(*listen, config, *grace); err != nil {
		config.Log.Error("broker", "error", err)
		os.Exit(1)
	}
}

// run serves until a signal comes.
func run(address string, config server.Config, grace time.Duration) error {
	signals, done := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer done()
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	config.Log.Info("listening", "address", l.Addr())
	s := server.New(config)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	select {
	case err := <-served:
		return err
	case <-signals.Done():
	}
	done() // a second signal ends the program at once
	config.Log.Info("shutting down")
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	err = s.Shutdown(ctx)
	config.Log.Info("stopped", "dropped", s.Dropped())
	return err
}
