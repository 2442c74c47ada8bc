package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
)

// serveCommand, as the first argument, has this program be one of the servers
// that come as a Go package, so that each is a process of its own.
const serveCommand = "serve-as"

// servers are those servers. Each returns once it accepts connections.
var servers = map[string]func(dir string, port int) error{
	"mochi":    serveMochi,
	"nats":     serveNATS,
	"nats-tls": serveNATSWithTLS,

	"nats-durable": serveNATSDurably,

	"echo": serveEcho,
}

// serveAs is how to start one of them.
func serveAs(name string) func(dir string, port int) (*exec.Cmd, error) {
	return func(dir string, port int) (*exec.Cmd, error) {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		return exec.Command(self, serveCommand, name, dir, strconv.Itoa(port)), nil
	}
}

// served reports whether this process was started as a server, and then
// returns when it is told to end.
func served() bool {
	if len(os.Args) != 5 || os.Args[1] != serveCommand {
		return false
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, syscall.SIGTERM)
	signal.Ignore(os.Interrupt) // Ctrl-C is for the tool, which then ends its servers
	port, err := strconv.Atoi(os.Args[4])
	if err == nil {
		if start := servers[os.Args[2]]; start != nil {
			err = start(os.Args[3], port)
		} else {
			err = errors.New("no such server")
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	<-interrupted
	return true
}
