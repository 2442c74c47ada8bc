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

// The loop of a server's connection: read into a Framer, give each packet to
// the machine, answer its event, write all at once. The decoder and dst may be
// shared by all the connections that one goroutine serves.
func ExampleServer() {
	sessions := map[string]*session.Session{} // one for each Client Identifier
	var d codec.Decoder
	var framer codec.Framer
	var s session.Server
	options := session.ServerOptions{TopicAliasMaximum: 10, ConnectTimeout: 10 * time.Second}
	s.Open(&options, 0)

	serve := func(bytes []byte, now time.Duration) (dst []byte) {
		framer.Filled(copy(framer.Buffer(), bytes)) // conn.Read(framer.Buffer())
		for {
			framer.Rules, framer.MaxSize = s.Rules(), s.MaxSize()
			h, body, ok, err := framer.Next()
			if err != nil {
				return s.Fail(dst, h.Type, err)
			}
			if !ok {
				return dst
			}
			var ev session.Event
			if dst, ev, err = s.Receive(dst, &d, h, body, now); err != nil {
				fmt.Println("error:", err)
				return dst // write it, close the connection, then s.Close(now)
			}
			switch p := ev.Packet.(type) {
			case *codec.Connect:
				if string(p.UserName) != "alice" {
					dst, _ = s.Refuse(dst, connack.NotAuthorized, codec.Properties{})
					continue
				}
				// Take over here: if the session is Connected, Disconnect and
				// Close the Server that has it.
				id := string(p.ClientID)
				if sessions[id] == nil {
					sessions[id] = new(session.Session)
				}
				var ack codec.Connack
				dst, _, _ = s.Accept(dst, sessions[id], &ack, now)
				fmt.Println("accepted, session present:", ack.SessionPresent)
			case *codec.Publish:
				if ev.Kind == session.Deliver {
					fmt.Printf("%s: %s\n", p.Topic, p.Payload)
					dst, _, _ = s.Ack(dst, ev.Ticket(), mqttwire.Success, codec.Properties{}, 0)
				}
			case *codec.Subscribe:
				var ack codec.Suback
				for sub := range p.Subscriptions.All() {
					ack.Codes = ack.Codes.Append(options.Grant(sub))
				}
				dst, _ = s.Suback(dst, ev.Request(), &ack)
			}
		}
	}

	fmt.Printf("% x\n", serve([]byte("\x10\x14\x00\x04MQTT\x04\x82\x00\x3c\x00\x01c\x00\x05alice"), time.Second))
	fmt.Printf("% x\n", serve([]byte("\x32\x0a\x00\x04roof\x00\x0121"), 2*time.Second))
	at, _ := s.Deadline()
	fmt.Println("silent until", at)
	s.Close(3 * time.Second)
	fmt.Println("session left:", sessions["c"].Exists())
	// Output:
	// accepted, session present: false
	// 20 02 00 00
	// roof: 21
	// 40 02 00 01
	// silent until 1m32s
	// session left: false
}

// A client: it connects, subscribes, and does what its deadlines ask for.
func ExampleClient() {
	var (
		options session.ClientOptions
		state   session.Session
		d       codec.Decoder
		c       session.Client
		now     time.Duration
	)
	receive := func(b []byte) (dst []byte) { // what a read has brought
		for len(b) > 0 {
			h, body, n, err := codec.Split(c.Rules(), b, c.MaxSize())
			if err != nil {
				return c.Fail(dst, h.Type, err)
			}
			b = b[n:]
			var ev session.Event
			if dst, ev, err = c.Receive(dst, &d, h, body, now); err != nil {
				fmt.Println("error:", err)
				return dst
			}
			fmt.Println(h.Type, ev.Kind, ev.Token)
			if ev.Kind == session.Deliver {
				dst, _, _ = c.Ack(dst, ev.Ticket(), mqttwire.Success, codec.Properties{}, 0)
			}
		}
		return dst
	}
	hello := codec.Connect{Version: mqttwire.V311, CleanStart: true, ClientID: []byte("c"), KeepAlive: 60}
	b, _ := c.Connect(nil, &state, &hello, &options, now)
	fmt.Printf("% x\n", b)
	receive([]byte("\x20\x02\x00\x00"))
	var subscribe codec.Subscribe
	subscribe.Subscriptions = subscribe.Subscriptions.Append(codec.Subscription{Filter: []byte("roof/#"), Options: codec.SubscriptionOptions(qos.AtLeastOnce)})
	b, id, _ := c.Subscribe(nil, &subscribe, 100, now)
	fmt.Printf("% x, id %d\n", b, id)
	receive([]byte("\x90\x03\x00\x01\x01"))

	now, _ = c.Deadline()
	b, _, _ = c.Poll(nil, now)
	fmt.Printf("%v: % x\n", now, b)
	receive([]byte("\xd0\x00"))
	b, _ = c.Disconnect(nil, mqttwire.NormalDisconnection, codec.Properties{})
	fmt.Printf("% x\n", b) // write it, close the connection
	c.Close(now)
	// Output:
	// 10 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 63
	// CONNACK accepted 0
	// 82 0b 00 01 00 06 72 6f 6f 66 2f 23 01, id 1
	// SUBACK subscribed 100
	// 45s: c0 00
	// PINGRESP none 0
	// e0 00
}

// network carries bytes between two ends, framed, as long as it is up.
type network struct{ toServer, toClient []byte }

// A whole exchange: a client publishes at QoS 2, the connection is lost before
// the server's PUBREC arrives, and the next connection resumes the session. The
// message is delivered once.
func Example() {
	var (
		client       session.Client
		server       session.Server
		ours, theirs session.Session // what each end keeps while there is no connection
		d            codec.Decoder
		now          time.Duration
		net          network
		clientConf   session.ClientOptions
		serverConf   session.ServerOptions
	)
	message := codec.Publish{Topic: []byte("roof/temperature"), Payload: []byte("21"), QoS: qos.ExactlyOnce}

	dial := func() {
		server.Open(&serverConf, now)
		p := codec.Connect{Version: mqttwire.V50, ClientID: []byte("roof"), KeepAlive: 60}
		p.Properties = codec.AppendSessionExpiryInterval(p.Properties, 3600)
		net.toServer, _ = client.Connect(net.toServer, &ours, &p, &clientConf, now)
	}
	runServer := func() {
		in := net.toServer
		for net.toServer = nil; len(in) > 0; {
			h, body, n, _ := codec.Split(server.Rules(), in, server.MaxSize())
			in = in[n:]
			var ev session.Event
			net.toClient, ev, _ = server.Receive(net.toClient, &d, h, body, now)
			fmt.Println("server:", h.Type, ev.Kind)
			switch ev.Kind {
			case session.Connect:
				net.toClient, _, _ = server.Accept(net.toClient, &theirs, nil, now)
			case session.Deliver:
				net.toClient, _, _ = server.Ack(net.toClient, ev.Ticket(), mqttwire.Success, codec.Properties{}, 0)
			}
		}
	}
	runClient := func() {
		in := net.toClient
		for net.toClient = nil; len(in) > 0; {
			h, body, n, _ := codec.Split(client.Rules(), in, client.MaxSize())
			in = in[n:]
			var ev session.Event
			net.toServer, ev, _ = client.Receive(net.toServer, &d, h, body, now)
			fmt.Println("client:", h.Type, ev.Kind)
			if ev.Kind != session.Accepted {
				continue
			}
			for {
				var ok bool
				if net.toServer, ev, ok = client.NextResend(net.toServer, now); !ok {
					break
				}
				if ev.Kind == session.Resend { // the message with token ev.Token
					net.toServer, _, _ = client.Resend(net.toServer, ev, &message, 0)
				}
			}
		}
	}

	dial()
	runServer()
	runClient()
	net.toServer, _, _ = client.Publish(net.toServer, &message, 1, now)
	runServer()

	fmt.Println("connection lost")
	net = network{}
	client.Close(now)
	server.Close(now)

	now += time.Minute
	dial()
	runServer()
	runClient()
	runServer()
	runClient()
	runServer()
	runClient()
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

// Two connections of one client: the second takes the session over from the
// first, and resumes it.
func ExampleServer_Accept() {
	var (
		options     session.ServerOptions
		state       session.Session // of Client Identifier "c"
		d           codec.Decoder
		first, next session.Server
	)
	connect := func(s *session.Server) {
		s.Open(&options, 0)
		b := []byte("\x10\x13\x00\x04MQTT\x05\x00\x00\x3c\x05\x11\x00\x00\x00\x3c\x00\x01c")
		h, body, _, _ := codec.Split(s.Rules(), b, s.MaxSize())
		_, ev, _ := s.Receive(nil, &d, h, body, 0)
		fmt.Println(ev.Kind)
	}
	connect(&first)
	var ack codec.Connack
	b, _, _ := first.Accept(nil, &state, &ack, 0)
	fmt.Printf("first: % x, present %v\n", b, ack.SessionPresent)
	message := codec.Publish{Topic: []byte("t"), QoS: qos.AtLeastOnce}
	b, _, _ = first.Publish(nil, &message, 7, 0)
	fmt.Printf("first: % x\n", b)

	connect(&next)
	if state.Connected() {
		b, _ = first.Disconnect(nil, mqttwire.SessionTakenOver, codec.Properties{})
		fmt.Printf("first: % x\n", b) // write it, close the connection
		first.Close(0)
	}
	ack.Properties = ack.Properties.Reset()
	b, _, _ = next.Accept(nil, &state, &ack, 0)
	fmt.Printf("next: % x, present %v\n", b, ack.SessionPresent)
	for {
		b, ev, ok := next.NextResend(nil, 0)
		if !ok {
			break
		}
		if ev.Kind == session.Resend {
			b, _, _ = next.Resend(b, ev, &message, 0)
		}
		fmt.Printf("next: % x, token %d\n", b, ev.Token)
	}
	// Output:
	// connect
	// first: 20 03 00 00 00, present false
	// first: 32 06 00 01 74 00 01 00
	// connect
	// first: e0 01 8e
	// next: 20 03 01 00 00, present true
	// next: 3a 06 00 01 74 00 01 00, token 7
}

// A session without a connection: it costs its machines and two deadlines, can
// be stored, and says when its will is due and when it is over.
func ExampleSession_Poll() {
	var (
		options session.ServerOptions
		state   session.Session
		d       codec.Decoder
		s       session.Server
	)
	hello := codec.Connect{Version: mqttwire.V50, ClientID: []byte("c"), WillFlag: true, Will: codec.Will{Topic: []byte("w")}}
	hello.Properties = codec.AppendSessionExpiryInterval(hello.Properties, 3600)
	hello.Will.Properties = codec.AppendWillDelayInterval(hello.Will.Properties, 60)
	b, _ := hello.Append(nil, codec.Rules{From: mqttwire.Client})
	s.Open(&options, 0)
	h, body, _, _ := codec.Split(s.Rules(), b, s.MaxSize())
	s.Receive(nil, &d, h, body, 0)
	s.Accept(nil, &state, nil, 0)
	s.Close(10 * time.Second) // the network has failed

	snapshot := state.AppendSnapshot(nil, 20*time.Second)
	var restored session.Session // in another process, whose clock starts anew
	if err := restored.Restore(snapshot, 0); err != nil {
		fmt.Println(err)
	}
	for {
		now, ok := restored.Deadline()
		if !ok {
			break
		}
		for ev := restored.Poll(now); ev.Kind != session.None; ev = restored.Poll(now) {
			fmt.Println(now, ev.Kind)
		}
	}
	// Output:
	// 50s will
	// 59m50s ended
}
