// Command durable is the broker of examples/broker with a memory that lasts:
//
//	go run . -data DIR
//
// It has all flags of the broker, and those of package keeping.
package main

import (
	"github.com/mqttwire/mqttwire/examples/broker/command"
	"github.com/mqttwire/mqttwire/examples/broker/durable/keeping"
)

func main() { command.Main(new(keeping.Extension)) }
