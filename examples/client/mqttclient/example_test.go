package mqttclient_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"time"

	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/client/filelog"
	"github.com/mqttwire/mqttwire/examples/client/mqttclient"
)

// A client whose session survives the process: it receives, and publishes what
// it has made of that.
func ExampleOpen() {
	store, err := filelog.Open("session")
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	client, err := mqttclient.Open(mqttclient.Config{
		Dial: func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:1883")
		},
		Connect:       codec.Connect{ClientID: []byte("roof"), KeepAlive: 60},
		Subscriptions: []codec.Subscription{{Filter: []byte("roof/#"), Options: 2}},
		Store:         store,
		Down:          func(err error, pause time.Duration) { log.Printf("%v; again in %v", err, pause) },
		Lost:          func(p *codec.Publish, err error) { log.Printf("%s: %v", p.Topic, err) },
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	ctx := context.Background()
	for {
		m, err := client.Receive(ctx)
		if err != nil {
			log.Fatal(err) // it has ended: refused for good, or the disk is full
		}
		answer := codec.Publish{Topic: []byte("seen"), Payload: fmt.Appendf(nil, "%s: %s", m.Topic, m.Payload), QoS: 1}
		if _, err := client.Send(ctx, &answer); err != nil { // once it is kept
			log.Fatal(err)
		}
		if err := m.Ack(); err != nil { // only now the message is ours
			log.Print(err)
		}
	}
}
