// Command client publishes and subscribes from a shell:
//
//	client pub -t TOPIC -m MESSAGE
//	client sub -t FILTER
//	client rr  -t TOPIC -e RESPONSE-TOPIC -m MESSAGE
//
// It has the habits of mosquitto's clients: their options, their output, their
// exit codes. It connects again when a connection is lost; with -store DIRECTORY
// its session, and what it has sent and not seen acknowledged, survives the end of
// the process at any moment.
//
// What it is made of is in packages mqttclient, a client to import or to copy, and
// filelog, its store.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/mqttwire/mqttwire/examples/client/mqttclient"
)

// Exit codes, as those of mosquitto's clients. A CONNECT that is refused exits
// with the code of the CONNACK.
const (
	exitOK      = 0
	exitError   = 1
	exitTimeout = 27
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// errTimeout is that -W has passed.
var errTimeout = errors.New("timed out")

// errDenied is that the server has granted no subscription.
var errDenied = errors.New("all subscription requests were denied")

// usageError is what is wrong with the command line.
type usageError string

func (e usageError) Error() string { return string(e) }

func usagef(format string, args ...any) error { return usageError(fmt.Sprintf(format, args...)) }

// run runs the program and returns its exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	commands := map[string]func(*command) error{"pub": (*command).publish, "sub": (*command).subscribe, "rr": (*command).request}
	if len(args) == 0 || commands[args[0]] == nil {
		if len(args) > 0 && (args[0] == "-help" || args[0] == "--help" || args[0] == "help") {
			help(out, "")
			return exitOK
		}
		fmt.Fprintln(errs, "Error: the first argument is pub, sub or rr.\n\nUse 'client --help' to see usage.")
		return exitError
	}
	c := &command{name: args[0], in: in, out: out, errs: errs, ctx: ctx}
	err := c.parse(args[1:])
	if err == errHelp {
		help(out, c.name)
		return exitOK
	}
	if err == nil {
		err = commands[c.name](c)
	}
	var refused *mqttclient.RefusedError
	var usage usageError
	switch {
	case err == nil, ctx.Err() != nil: // an interrupt is how sub ends
		return exitOK
	case err == errTimeout:
		fmt.Fprintln(errs, "Timed out")
		return exitTimeout
	case err == errDenied:
		fmt.Fprintln(errs, "All subscription requests were denied.")
		return exitError
	case errors.As(err, &refused):
		fmt.Fprintf(errs, "Connection error: %v.\n", refused.Code)
		return int(refused.Code)
	case errors.As(err, &usage):
		fmt.Fprintf(errs, "Error: %v\n\nUse 'client %s --help' to see usage.\n", err, c.name)
		return exitError
	}
	fmt.Fprintf(errs, "Error: %v\n", err)
	return exitError
}
