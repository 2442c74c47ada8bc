package main

import (
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/session"
)

func main() {
	if err := hello("127.0.0.1:1883"); err != nil {
		log.Fatal(err)
	}
}

// hello subscribes, publishes what it has subscribed to, and ends when that has
// come back.
func hello(address string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	var (
		start   = time.Now()
		client  session.Client
		state   session.Session // what would outlive the connection
		options session.ClientOptions
		framer  codec.Framer // owns the bytes that were read
		decoder codec.Decoder
	)
	now := func() time.Duration { return time.Since(start) }
	connect := codec.Connect{Version: mqttwire.V50, CleanStart: true, KeepAlive: 60}
	out, err := client.Connect(nil, &state, &connect, &options, now())
	if err != nil {
		return err
	}
	for {
		if _, err := conn.Write(out); err != nil {
			return err
		}
		if out = out[:0]; client.Phase() == session.Closing {
			return nil
		}
		if at, ok := client.Deadline(); ok {
			conn.SetReadDeadline(start.Add(at))
		}
		n, err := conn.Read(framer.Buffer())
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if out, _, err = client.Poll(out, now()); err != nil { // the Keep Alive
				return err
			}
			continue
		} else if err != nil {
			return err
		}
		framer.Filled(n)
		for ok := true; ok; {
			var ev session.Event
			if out, ev, ok, err = client.Next(out, &framer, &decoder, now()); err != nil {
				conn.Write(out) // it tells the server why
				return err
			}
			switch ev.Kind {
			case session.Refused:
				return ev.Packet.(*codec.Connack).Code
			case session.Accepted:
				p := codec.Subscribe{Subscriptions: codec.Subscriptions{}.Append(codec.Subscription{Filter: []byte("a/#"), Options: 1})}
				out, _, err = client.Subscribe(out, &p, 0, now())
			case session.Subscribed:
				for code := range ev.Packet.(*codec.Suback).Codes.All() {
					if code.IsError() {
						return fmt.Errorf("SUBSCRIBE: %v", code)
					}
				}
				out, _, err = client.Publish(out, &codec.Publish{Topic: []byte("a/b/c"), Payload: []byte("hello"), QoS: 1}, 0, now())
			case session.Deliver:
				p := ev.Packet.(*codec.Publish)
				fmt.Printf("%s: %s\n", p.Topic, p.Payload)
				if out, _, err = client.Ack(out, ev.Ticket(), mqttwire.Success, codec.Properties{}, now()); err == nil {
					out, err = client.Disconnect(out, mqttwire.NormalDisconnection, codec.Properties{})
				}
			case session.Rejected, session.Disconnect:
				return fmt.Errorf("%v: %v", ev.Type, ev.Reason)
			}
			if err != nil {
				return err
			}
		}
	}
}
