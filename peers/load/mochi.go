package main

import (
	"fmt"
	"log/slog"
	"math"

	"github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
)

var mochiBroker = broker{
	name:    "mochi",
	about:   "v2.7.9, nothing persistent, no log, 65,535 in flight",
	command: serveAs("mochi"),
}

func serveMochi(_ string, port int) error {
	c := mqtt.NewDefaultServerCapabilities()
	c.MaximumInflight = math.MaxUint16
	c.ReceiveMaximum = math.MaxUint16
	// MaximumClientWritesPending stays at 8192: it is the size of a channel that
	// each client is given, and no row has so many messages wait for one.
	s := mqtt.New(&mqtt.Options{Capabilities: c, Logger: slog.New(slog.DiscardHandler)})
	if err := s.AddHook(new(auth.AllowHook), nil); err != nil {
		return err
	}
	if err := s.AddListener(listeners.NewTCP(listeners.Config{ID: "tcp", Address: fmt.Sprintf("127.0.0.1:%d", port)})); err != nil {
		return err
	}
	return s.Serve()
}
