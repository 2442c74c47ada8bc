package connack_test

import (
	"errors"
	"fmt"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/connack"
)

// A client decides what to do about the code that it was sent. The same lines
// serve a server of any version.
func ExampleCode_Remedy() {
	for _, code := range []connack.Code{0, 3, 4, 0x86, 0x9D, 0x8A} {
		switch code.Remedy() {
		case connack.Proceed:
			fmt.Println("connected")
		case connack.Retry:
			fmt.Println("wait and try again:", code)
		case connack.ChangeCredentials:
			fmt.Println("ask the user:", code)
		case connack.ChangeServer:
			fmt.Println("go elsewhere:", code)
		default:
			fmt.Println("give up:", code)
		}
	}
	// Output:
	// connected
	// wait and try again: connection refused: server unavailable
	// ask the user: connection refused: bad user name or password
	// ask the user: connection refused: bad user name or password
	// go elsewhere: connection refused: server has moved
	// give up: connection refused: client is banned
}

// A server that reasons in the codes of 5.0 answers a client of 3.1.1. For some
// there is no code: it closes the connection without a CONNACK.
func ExampleCode_In() {
	for _, code := range []connack.Code{connack.NotAuthorized, connack.ServerBusy, connack.QoSNotSupported} {
		if c, ok := code.In(mqttwire.V311); ok {
			fmt.Printf("%s: CONNACK with %d, %s\n", code.String(), uint8(c), c.String())
		} else {
			fmt.Printf("%s: close\n", code.String())
		}
	}
	// Output:
	// Not authorized: CONNACK with 5, not authorized
	// Server busy: CONNACK with 3, Server unavailable
	// QoS not supported: close
}

// A dial function returns the code of a refusal as its error.
func ExampleCode_Err() {
	dial := func() error { return connack.RefusedNotAuthorized.Err() }

	err := dial()
	if errors.Is(err, connack.NotAuthorized) { // of 5.0, or the 5 of 3.1.1
		fmt.Println(err)
	}
	var code connack.Code
	if errors.As(err, &code) {
		fmt.Println("worth a retry:", code.Temporary())
	}
	// Output:
	// connection refused: not authorized
	// worth a retry: false
}
