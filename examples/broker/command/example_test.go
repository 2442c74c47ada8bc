package command_test

import (
	"errors"
	"flag"
	"fmt"

	"github.com/mqttwire/mqttwire/examples/broker/command"
	"github.com/mqttwire/mqttwire/examples/broker/server"
)

// greeting adds a setting to the broker.
type greeting struct{ text string }

func (g *greeting) Flags(f *flag.FlagSet) {
	f.StringVar(&g.text, "greeting", "", "`text` for clients that ask for response information")
}

func (g *greeting) Configure(c *server.Config) error {
	if g.text != "" && c.ResponseInformation != "" {
		return errors.New("-greeting and -response-information say the same to a client: give one")
	}
	c.ResponseInformation = g.text
	return nil
}

func (g *greeting) Start(*server.Server) error { return nil }

func (g *greeting) End() error { return nil }

// A program with the flags of the broker and one of its own.
func ExampleRun() {
	err := command.Run([]string{"-listen", "127.0.0.1:0", "-greeting", "hello", "-response-information", "r/%c"}, new(greeting))
	fmt.Println(err)
	// Output: -greeting and -response-information say the same to a client: give one
}
