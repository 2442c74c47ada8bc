package session_test

import (
	"fmt"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// The loop of a server's connection: read into a Framer, take each packet with
// Next, answer its event, write all at once. The decoder and dst may be shared
// by all the connections that one goroutine serves.
func ExampleServer() {
	sessions := map[string]*session.Session{} // one for each Client Identifier
	var d codec.Decoder
	var framer codec.Framer
	var s session.Server
	options := session.ServerOptions{TopicAliasMaximum: 10, ConnectTimeout: 10 * time.Second}
	s.Open(&options, 0)

	answer := func(dst []byte, ev session.Event, now time.Duration) (_ []byte, err error) {
		switch p := ev.Packet.(type) {
		case *codec.Connect:
			if string(p.UserName) != "alice" {
				return s.Refuse(dst, connack.NotAuthorized, codec.Properties{})
			}
			// Take over here: if the session is Connected, Disconnect and Close
			// the Server that has it.
			id := string(p.ClientID)
			if sessions[id] == nil {
				sessions[id] = new(session.Session)
			}
			var ack codec.Connack
			dst, _, err = s.Accept(dst, sessions[id], &ack, now)
			fmt.Println("accepted, session present:", ack.SessionPresent)
		case *codec.Publish:
			if ev.Kind == session.Deliver {
				fmt.Printf("%s: %s\n", p.Topic, p.Payload)
				dst, _, err = s.Ack(dst, ev.Ticket(), mqttwire.Success, codec.Properties{}, now)
			}
		case *codec.Subscribe:
			var ack codec.Suback
			for sub := range p.Subscriptions.All() {
				ack.Codes = ack.Codes.Append(options.Grant(sub))
			}
			dst, err = s.Suback(dst, ev.Request(), &ack)
		}
		return dst, err
	}
	serve := func(bytes []byte, now time.Duration) (dst []byte) {
		framer.Filled(copy(framer.Buffer(), bytes)) // conn.Read(framer.Buffer())
		for {
			out, ev, ok, err := s.Next(dst, &framer, &d, now)
			if dst = out; ok {
				dst, err = answer(dst, ev, now)
			}
			if err != nil {
				fmt.Println("error:", err) // write dst, close the connection, then s.Close(now)
			}
			if !ok || err != nil {
				return dst
			}
		}
	}

	fmt.Printf("% x\n", serve([]byte("\x10\x14\x00\x04MQTT\x04\x82\x00\x3c\x00\x01c\x00\x05alice"), time.Second))
	fmt.Printf("% x\n", serve([]byte("\x82\x06\x00\x02\x00\x01#\x01\x32\x0a\x00\x04roof\x00\x0121"), 2*time.Second))
	at, _ := s.Deadline()
	fmt.Println("silent until", at)
	s.Close(3 * time.Second)
	fmt.Println("session left:", sessions["c"].Exists())
	// Output:
	// accepted, session present: false
	// 20 02 00 00
	// roof: 21
	// 90 03 00 02 01 40 02 00 01
	// silent until 1m32s
	// session left: false
}

// A client: it connects, subscribes, and does what its deadlines ask for.
func ExampleClient() {
	var (
		options session.ClientOptions
		state   session.Session
		d       codec.Decoder
		framer  codec.Framer
		c       session.Client
		now     time.Duration
	)
	write := func(b []byte, err error) { fmt.Printf("% x %v\n", b, err) }
	read := func(bytes string) {
		framer.Filled(copy(framer.Buffer(), bytes))
		for ok := true; ok; {
			var dst []byte
			var ev session.Event
			var err error
			if dst, ev, ok, err = c.Next(nil, &framer, &d, now); ev.Kind == session.Deliver {
				dst, _, err = c.Ack(dst, ev.Ticket(), mqttwire.Success, codec.Properties{}, now)
			}
			if ok {
				fmt.Println(ev.Type, ev.Kind, ev.Token)
			}
			if len(dst) > 0 || err != nil {
				write(dst, err)
			}
		}
	}
	hello := codec.Connect{Version: mqttwire.V311, CleanStart: true, ClientID: []byte("c"), KeepAlive: 60}
	write(c.Connect(nil, &state, &hello, &options, now))
	read("\x20\x02\x00\x00")
	var subscribe codec.Subscribe
	subscribe.Subscriptions = subscribe.Subscriptions.Append(codec.Subscription{Filter: []byte("roof/#"), Options: codec.SubscriptionOptions(qos.AtLeastOnce)})
	b, _, err := c.Subscribe(nil, &subscribe, 100, now)
	write(b, err)
	read("\x90\x03\x00\x01\x01\x32\x0a\x00\x04roof\x00\x0721")

	now, _ = c.Deadline()
	b, _, err = c.Poll(nil, now)
	write(b, err)
	read("\xd0\x00")
	write(c.Disconnect(nil, mqttwire.NormalDisconnection, codec.Properties{}))
	c.Close(now) // once the connection is closed
	// Output:
	// 10 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 63 <nil>
	// CONNACK accepted 0
	// 82 0b 00 01 00 06 72 6f 6f 66 2f 23 01 <nil>
	// SUBACK subscribed 100
	// PUBLISH deliver 4295032839
	// 40 02 00 07 <nil>
	// c0 00 <nil>
	// PINGRESP none 0
	// e0 00 <nil>
}

// A whole exchange: a client publishes at QoS 2, the connection is lost before
// the server's PUBREC arrives, and the next connection resumes the session. The
// message is delivered once.
func Example() {
	var (
		client             session.Client
		server             session.Server
		ours, theirs       session.Session // what each end keeps while there is no connection
		toClient, toServer codec.Framer    // what has come to each
		d                  codec.Decoder
		now                time.Duration
		clientConf         session.ClientOptions
		serverConf         session.ServerOptions
	)
	message := codec.Publish{Topic: []byte("roof/temperature"), Payload: []byte("21"), QoS: qos.ExactlyOnce}
	send := func(f *codec.Framer, b []byte, err error) { // to the other end
		if err != nil {
			fmt.Println("error:", err)
		}
		f.Filled(copy(f.Buffer(), b))
	}
	dial := func() {
		server.Open(&serverConf, now)
		p := codec.Connect{Version: mqttwire.V50, ClientID: []byte("roof"), KeepAlive: 60}
		p.Properties = codec.AppendSessionExpiryInterval(p.Properties, 3600)
		b, err := client.Connect(nil, &ours, &p, &clientConf, now)
		send(&toServer, b, err)
	}
	runServer := func() {
		for {
			b, ev, ok, err := server.Next(nil, &toServer, &d, now)
			if ok {
				fmt.Println("server:", ev.Type, ev.Kind)
			}
			switch ev.Kind {
			case session.Connect:
				b, _, err = server.Accept(b, &theirs, nil, now)
			case session.Deliver:
				b, _, err = server.Ack(b, ev.Ticket(), mqttwire.Success, codec.Properties{}, now)
			}
			if send(&toClient, b, err); !ok {
				return
			}
		}
	}
	runClient := func() {
		for {
			b, ev, ok, err := client.Next(nil, &toClient, &d, now)
			if ok {
				fmt.Println("client:", ev.Type, ev.Kind)
			}
			for again := ev.Kind == session.Accepted; again && err == nil; {
				if b, ev, again = client.NextResend(b, now); ev.Kind == session.Resend { // the message with token ev.Token
					b, _, err = client.Resend(b, ev, &message, now)
				}
			}
			if send(&toServer, b, err); !ok {
				return
			}
		}
	}

	dial()
	runServer()
	runClient()
	b, _, err := client.Publish(nil, &message, 1, now)
	send(&toServer, b, err)
	runServer()

	fmt.Println("connection lost")
	toServer, toClient = codec.Framer{}, codec.Framer{}
	client.Close(now)
	server.Close(now)

	now += time.Minute
	dial()
	for range 3 {
		runServer()
		runClient()
	}
	sent, _ := ours.InFlight()
	fmt.Println("in flight:", sent)
	// Output:
	// server: CONNECT connect
	// client: CONNACK accepted
	// server: PUBLISH deliver
	// connection lost
	// server: CONNECT connect
	// client: CONNACK accepted
	// server: PUBLISH duplicate
	// client: PUBREC released
	// server: PUBREL freed
	// client: PUBCOMP completed
	// in flight: 0
}
