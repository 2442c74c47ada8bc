// Package clients does the same work with examples/client/mqttclient and with
// autopaho, the client of github.com/eclipse/paho.golang that connects again by
// itself, side by side: each file holds what a program has to say for it.
//
//	go test -run TestTable -v ./clients -table
package clients

import "context"

// A client publishes and receives, whatever it is made of.
type client interface {
	// publish publishes a message, and returns when it is delivered as its QoS
	// promises.
	publish(ctx context.Context, topic string, payload []byte, qos byte) error
	close()
}

// options are what a client is to do.
type options struct {
	address string // of the broker
	id      string
	filter  string // to subscribe to at QoS 2; "" for none
	handle  func(payload []byte)
}
