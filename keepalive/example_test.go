package keepalive_test

import (
	"fmt"
	"time"

	"github.com/mqttwire/mqttwire/keepalive"
)

// A client's connection from CONNACK to the loss of its server. Time is made
// up here; a program reads it with time.Since(start).
func ExampleClient() {
	var c keepalive.Client
	at := func(s int) time.Duration { return time.Duration(s) * time.Second }

	c.Start(at(0), 60) // CONNACK: 60 s, or the Server Keep Alive
	c.Sent(at(10))     // a PUBLISH, say

	for {
		// Sleep until the deadline, or until something is sent or received.
		now, ok := c.Deadline()
		if !ok {
			break
		}
		switch c.Poll(now) {
		case keepalive.SendPingreq:
			fmt.Println(now, "write PINGREQ")
			if now < at(100) { // the server is alive for 100 s
				c.Pingresp(now + time.Second)
			}
		case keepalive.Close:
			fmt.Println(now, "close: no PINGRESP")
		}
	}
	fmt.Println(c.State())
	// Output:
	// 45s write PINGREQ
	// 1m30s write PINGREQ
	// 2m15s write PINGREQ
	// 2m45s close: no PINGRESP
	// dead
}

// A server's view of the same: anything that comes is a sign of life.
func ExampleServer() {
	var s keepalive.Server
	s.Start(0, 60) // the Keep Alive of the CONNECT

	s.Received(50 * time.Second)
	fmt.Println(s.Deadline())
	fmt.Println(s.Poll(139 * time.Second)) // too early: harmless
	fmt.Println(s.Poll(140 * time.Second))
	// Output:
	// 2m20s true
	// none
	// close
}
