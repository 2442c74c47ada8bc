package session_test

import (
	"fmt"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

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
		var f codec.Framer
		f.Filled(copy(f.Buffer(), "\x10\x13\x00\x04MQTT\x05\x00\x00\x3c\x05\x11\x00\x00\x00\x3c\x00\x01c"))
		s.Open(&options, 0)
		_, ev, _, err := s.Next(nil, &f, &d, 0)
		fmt.Println(ev.Kind, err)
	}
	connect(&first)
	var ack codec.Connack
	b, _, err := first.Accept(nil, &state, &ack, 0)
	fmt.Printf("first: % x %v, present %v\n", b, err, ack.SessionPresent)
	message := codec.Publish{Topic: []byte("t"), QoS: qos.AtLeastOnce}
	b, _, err = first.Publish(nil, &message, 7, 0)
	fmt.Printf("first: % x %v\n", b, err)

	connect(&next)
	if state.Connected() {
		b, err = first.Disconnect(nil, mqttwire.SessionTakenOver, codec.Properties{})
		fmt.Printf("first: % x %v\n", b, err) // write it, close the connection
		first.Close(0)
	}
	ack.Properties = ack.Properties.Reset()
	b, _, err = next.Accept(nil, &state, &ack, 0)
	fmt.Printf("next: % x %v, present %v\n", b, err, ack.SessionPresent)
	for {
		b, ev, ok := next.NextResend(nil, 0)
		if !ok {
			break
		}
		if ev.Kind == session.Resend {
			b, _, err = next.Resend(b, ev, &message, 0)
		}
		fmt.Printf("next: % x %v, token %d\n", b, err, ev.Token)
	}
	// Output:
	// connect <nil>
	// first: 20 03 00 00 00 <nil>, present false
	// first: 32 06 00 01 74 00 01 00 <nil>
	// connect <nil>
	// first: e0 01 8e <nil>
	// next: 20 03 01 00 00 <nil>, present true
	// next: 3a 06 00 01 74 00 01 00 <nil>, token 7
}

// A session without a connection: it costs its machines and two deadlines, can
// be stored, and says when its will is due and when it is over.
func ExampleSession_Poll() {
	var s session.Session // of an hour, with a will delayed by a minute
	state := session.State{Exists: true, Will: true, Expiry: 3600, WillDelay: 60, Lost: 10 * time.Second}
	if err := s.Resume(state, 10*time.Second); err != nil {
		fmt.Println(err)
	}
	snapshot := s.AppendSnapshot(nil, 20*time.Second)
	if err := s.Restore(snapshot, 0); err != nil { // in another process, whose clock starts anew
		fmt.Println(err)
	}
	for now, ok := s.Deadline(); ok; now, ok = s.Deadline() {
		for ev := s.Poll(now); ev.Kind != session.None; ev = s.Poll(now) {
			fmt.Println(now, ev.Kind)
		}
	}
	// Output:
	// 50s will
	// 59m50s ended
}

// A journal: each step says what must be durable before its bytes are written.
// After a crash the session comes back from that.
func ExampleSession_Apply() {
	var (
		records []qos.Record  // the journal, and
		state   session.State // the last State
		live    session.Session
		c       session.Client
		d       codec.Decoder
		framer  codec.Framer
		options session.ClientOptions
	)
	keep := func(r qos.Record) {
		if r != (qos.Record{}) {
			records = append(records, r)
			fmt.Println(r)
		}
	}
	hello := codec.Connect{Version: mqttwire.V311, ClientID: []byte("c")}
	if _, err := c.Connect(nil, &live, &hello, &options, 0); err != nil {
		fmt.Println(err)
	}
	message := codec.Publish{Topic: []byte("t"), QoS: qos.ExactlyOnce}
	// A CONNACK; a message of the server's, then the PUBREC of ours.
	framer.Filled(copy(framer.Buffer(), "\x20\x02\x00\x00\x34\x05\x00\x01t\x00\x09\x50\x02\x00\x01"))
	for ok := true; ok; {
		var ev session.Event
		var err error
		var r qos.Record
		_, ev, ok, err = c.Next(nil, &framer, &d, 0)
		keep(ev.Record())
		if ev.State {
			state = live.State()
		}
		switch ev.Kind {
		case session.Accepted:
			var a qos.Action
			_, a, err = c.Publish(nil, &message, 1001, 0)
			r = a.Record()
		case session.Deliver: // keep the message together with the Record
			_, r, err = c.Ack(nil, ev.Ticket(), mqttwire.Success, codec.Properties{}, 0)
		}
		if err != nil {
			fmt.Println(err)
		}
		keep(r)
	}

	var s session.Session // in the next process
	if !state.Exists {
		// Nothing was kept: what the server may have kept of it goes on.
		state = session.State{Exists: true, Expiry: session.Never}
	}
	for _, r := range records {
		if err := s.Apply(r); err != nil {
			fmt.Println(err)
		}
	}
	if err := s.Resume(state, 0); err != nil {
		fmt.Println(err)
	}
	for x := range s.Sent() {
		fmt.Println("sent", x.ID, x.Token, x.Await)
	}
	for x := range s.Received() {
		fmt.Println("received", x.ID, x.Await)
	}
	fmt.Println("exists:", s.Exists())
	// Output:
	// store sent QoS 2 id 1 token 1001
	// accept received QoS 2 id 9
	// release sent QoS 2 id 1 token 1001
	// sent 1 1001 await PUBCOMP
	// received 9 await PUBREL
	// exists: true
}

// A message that is not to be sent any more: its id becomes free at both ends, at
// QoS 2 by a PUBREL, in its turn on the next connection.
func ExampleSession_GiveUp() {
	var s session.Session // of a journal
	for level := qos.AtLeastOnce; level <= qos.ExactlyOnce; level++ {
		r := qos.Record{Token: 1000 + uint64(level), ID: uint16(level), Change: qos.Store.Of(qos.Sent, level)}
		if err := s.Apply(r); err != nil {
			fmt.Println(err)
		}
	}
	for id := uint16(1); id <= 2; id++ {
		ev, err := s.GiveUp(id)
		fmt.Println(ev.Kind, ev.Token, err, "-", ev.Record())
	}
	for x := range s.Sent() {
		fmt.Println(x.ID, x.Await)
	}
	// Output:
	// given up 1001 <nil> - forget sent QoS 1 id 1 token 1001
	// given up 1002 <nil> - release sent QoS 2 id 2 token 1002
	// 2 await PUBCOMP
}
