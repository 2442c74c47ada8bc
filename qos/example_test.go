package qos_test

import (
	"fmt"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
)

// A sender's whole exchange, with a connection lost in the middle. A program
// would write a.Packet where this prints it, having made a.Change.Op() durable.
func ExampleOutbound() {
	var out qos.Outbound
	tell := func(a qos.Action, err error) {
		if err != nil {
			fmt.Println("wait:", err)
			return
		}
		if a.Event != qos.None {
			fmt.Printf("token %d %v\n", a.Token, a.Event)
		}
		if a.Packet != 0 {
			fmt.Printf("  write %v %d, DUP %v (%v before)\n", a.Packet, a.ID, a.Dup(), a.Change.Op())
		}
	}
	pull := func() {
		for a, ok := out.NextResend(); ok; a, ok = out.NextResend() {
			tell(out.Resend(a.ID, 0))
		}
	}

	out.Connect(qos.Connection{Version: mqttwire.V50, ReceiveMaximum: 2}) // as the CONNACK says
	tell(out.Publish(qos.ExactlyOnce, 100, 0))
	tell(out.Publish(qos.AtLeastOnce, 200, 0))
	tell(out.Publish(qos.AtLeastOnce, 300, 0)) // message 300 is queued by the caller
	tell(out.Pubrec(1, mqttwire.Success, 0))

	out.Disconnect() // the PUBREL may or may not have arrived
	out.Connect(qos.Connection{Version: mqttwire.V50, Resumed: true, ReceiveMaximum: 2})
	pull()

	tell(out.Pubcomp(1, mqttwire.Success))
	tell(out.Puback(2, mqttwire.Success))
	tell(out.Publish(qos.AtLeastOnce, 300, 0))

	// The server has lost the session.
	out.Connect(qos.Connection{Version: mqttwire.V50})
	for d, ok := out.NextDropped(); ok; d, ok = out.NextDropped() {
		fmt.Printf("token %d dropped in %q\n", d.Token, d.Await)
	}
	// Output:
	//   write PUBLISH 1, DUP false (store before)
	//   write PUBLISH 2, DUP false (store before)
	// wait: send quota is used up
	// token 100 released
	//   write PUBREL 1, DUP false (release before)
	//   write PUBREL 1, DUP false (nothing before)
	//   write PUBLISH 2, DUP true (nothing before)
	// token 100 completed
	// token 200 completed
	//   write PUBLISH 3, DUP false (store before)
	// token 300 dropped in "await PUBACK"
}

// A receiver's whole exchange, with a connection lost in the middle.
func ExampleInbound() {
	var in qos.Inbound
	tickets := map[uint16]qos.Ticket{}
	publish := func(id uint16, level qos.Level, dup bool) {
		a, err := in.Publish(id, level, dup)
		if err != nil {
			fmt.Println("close:", err)
			return
		}
		fmt.Printf("PUBLISH %d: %v\n", id, a.Event)
		if a.Event == qos.Deliver {
			tickets[id] = a.Ticket()
		}
	}
	finish := func(id uint16) {
		r, err := in.Finish(tickets[id], mqttwire.Success)
		if err != nil {
			fmt.Printf("message %d: %v\n", id, err)
		}
		fmt.Printf("  %v\n", r)
		for a, ok := in.NextAck(); ok; a, ok = in.NextAck() {
			fmt.Printf("  write %v %d\n", a.Packet, a.ID)
		}
	}

	in.Connect(qos.Connection{Version: mqttwire.V50, ReceiveMaximum: 10}) // as the CONNECT said
	publish(7, qos.ExactlyOnce, false)
	publish(8, qos.AtLeastOnce, false)
	finish(8) // waits for 7
	in.Disconnect()
	finish(7)

	in.Connect(qos.Connection{Version: mqttwire.V50, Resumed: true, ReceiveMaximum: 10})
	publish(7, qos.ExactlyOnce, true)
	publish(8, qos.AtLeastOnce, true)
	finish(8)

	a, _ := in.Pubrel(7, mqttwire.Success)
	fmt.Printf("PUBREL 7: %v\n  write %v %d (%v before)\n", a.Event, a.Packet, a.ID, a.Change.Op())
	// Output:
	// PUBLISH 7: deliver
	// PUBLISH 8: deliver
	//   accept received QoS 1 id 8
	//   accept received QoS 2 id 7
	// PUBLISH 7: duplicate
	// PUBLISH 8: deliver
	//   accept received QoS 1 id 8
	//   write PUBREC 7
	//   write PUBACK 8
	// PUBREL 7: freed
	//   write PUBCOMP 7 (forget before)
}
