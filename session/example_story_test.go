package session_test

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// accepting returns a server that has accepted a CONNECT.
func accepting(options *session.ServerOptions, state *session.Session, connect *codec.Connect) *session.Server {
	s := new(session.Server)
	s.Open(options, 0)
	var f codec.Framer
	b, err := connect.Append(nil, codec.Rules{Version: connect.Version, From: mqttwire.Client})
	if err != nil {
		fmt.Println(err)
	}
	f.Filled(copy(f.Buffer(), b))
	if _, _, _, err := s.Next(nil, &f, new(codec.Decoder), 0); err != nil {
		fmt.Println(err)
	}
	if _, _, err := s.Accept(nil, state, nil, 0); err != nil {
		fmt.Println(err)
	}
	return s
}

// A message for many subscribers is encoded once. Reserve says what differs from
// one to the other: the Packet Identifier.
func ExampleServer_Reserve() {
	var options session.ServerOptions
	var states [2]session.Session
	connect := codec.Connect{Version: mqttwire.V311, CleanStart: true, ClientID: []byte("c")}
	message := codec.Publish{Topic: []byte("roof"), Payload: []byte("21"), QoS: qos.AtLeastOnce, ID: 1}
	encoded, err := message.Append(nil, codec.Rules{Version: mqttwire.V311, From: mqttwire.Server})
	if err != nil {
		fmt.Println(err)
	}
	for i := range states {
		s := accepting(&options, &states[i], &connect)
		for range i { // the second has had a message before
			if _, err := s.Reserve(qos.AtLeastOnce, false, 10, 1, 0); err != nil {
				fmt.Println(err)
			}
		}
		a, err := s.Reserve(message.QoS, message.Retain, len(encoded), 7, 0)
		if err != nil {
			fmt.Println(err)
		}
		out := append([]byte(nil), encoded...)
		binary.BigEndian.PutUint16(out[2+2+len(message.Topic):], a.ID) // behind the topic
		fmt.Printf("% x, to keep: %v\n", out, a.Record())
	}
	// Output:
	// 32 0a 00 04 72 6f 6f 66 00 01 32 31, to keep: store sent QoS 1 id 1 token 7
	// 32 0a 00 04 72 6f 6f 66 00 02 32 31, to keep: store sent QoS 1 id 2 token 7
}

// Enhanced authentication: the server asks once more before it accepts. A method
// that it has not been told of is refused by the machine itself.
func ExampleServer_Auth() {
	options := session.ServerOptions{AuthenticationMethods: []string{"riddle"}}
	for _, method := range []string{"riddle", "password"} {
		var (
			state session.Session
			s     session.Server
			f     codec.Framer
			d     codec.Decoder
		)
		from := codec.Rules{Version: mqttwire.V50, From: mqttwire.Client}
		says := codec.AppendAuthenticationMethod(codec.Properties{}, method)
		b, _ := (&codec.Connect{CleanStart: true, ClientID: []byte("c"), Properties: says}).Append(nil, from)
		b, _ = (&codec.Auth{Code: mqttwire.ContinueAuthentication, Properties: codec.AppendAuthenticationData(says, "42")}).Append(b, from)
		f.Filled(copy(f.Buffer(), b))
		s.Open(&options, 0)
		for {
			out, ev, ok, err := s.Next(nil, &f, &d, 0)
			switch ev.Kind {
			case session.Connect:
				out, err = s.Auth(out, mqttwire.ContinueAuthentication, []byte("six times seven?"), codec.Properties{}, 0)
				fmt.Printf("%v, asks: % x\n", err, out[:3])
			case session.Auth:
				data, _ := ev.Packet.(*codec.Auth).Properties.AuthenticationData()
				out, _, err = s.Accept(out, &state, nil, 0)
				fmt.Printf("%s: %v, accepts: % x\n", data, err, out[:3])
			default:
				if err != nil {
					fmt.Printf("%v: % x\n", err, out)
				}
			}
			if !ok {
				break
			}
		}
	}
	// Output:
	// <nil>, asks: f0 1e 18
	// 42: <nil>, accepts: 20 0c 00
	// authentication method is not supported: 20 03 00 8c 00
}

// What is kept of a session when the process ends: its State and the Records
// since the beginning. The moment of the loss is kept as a time of the day.
func ExampleSession_Resume() {
	var options session.ServerOptions
	var state session.Session
	connect := codec.Connect{Version: mqttwire.V311, ClientID: []byte("c")}
	s := accepting(&options, &state, &connect)
	_, a, err := s.Publish(nil, &codec.Publish{Topic: []byte("t"), QoS: qos.ExactlyOnce}, 7, 0)
	if err != nil {
		fmt.Println(err)
	}
	record := a.Record() // of the step, before its bytes are written
	s.Close(5 * time.Second)
	kept := state.State() // it has changed

	var next session.Session // in another process, two seconds later
	if err := next.Apply(record); err != nil {
		fmt.Println(err)
	}
	kept.Lost -= 7 * time.Second // by the clock of that
	if err := next.Resume(kept, 0); err != nil {
		fmt.Println(err)
	}
	for x := range next.Sent() {
		fmt.Println(x.Token, x.Await)
	}
	fmt.Println(next.Exists(), next.Expiry() == session.Never)
	// Output:
	// 7 await PUBREC
	// true true
}
