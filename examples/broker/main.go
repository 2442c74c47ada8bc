// Command broker is an MQTT broker for 3.1, 3.1.1 and 5.0. It needs nothing but
// a port:
//
//	go run ./examples/broker
//
// -help lists what can be set. It ends on SIGINT or SIGTERM, after telling its
// clients, and looks at its files of users, access, tokens and certificates again
// on SIGHUP, where there is one.
package main

import "github.com/mqttwire/mqttwire/examples/broker/command"

func main() { command.Main() }
