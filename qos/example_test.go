package qos_test

import (
	"fmt"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
)

// A sender's whole exchange, with a connection lost in the middle. A program
// would write a.Packet where this prints it, having made a.Record() durable.
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

// What is to be sent again goes out in its order, each packet once its caller
// can write it. One that it never can is given up.
func ExampleOutbound_NextResend() {
	tooLarge := func(token uint64) bool { return token == 200 }
	resumed := qos.Connection{Version: mqttwire.V50, Resumed: true}
	var out qos.Outbound
	out.Connect(resumed)
	out.Publish(qos.ExactlyOnce, 100, 0)
	out.Publish(qos.ExactlyOnce, 200, 0)

	out.Connect(resumed)
	for a, ok := out.NextResend(); ok; a, ok = out.NextResend() {
		if tooLarge(a.Token) {
			a, _ = out.GiveUp(a.ID, 0)
		} else {
			a, _ = out.Resend(a.ID, 0)
		}
		fmt.Println(a.Event, a.Packet, a.ID)
	}
	// Output:
	// none PUBLISH 1
	// given up PUBREL 2
}

// A message that is given up at QoS 2 ends with a PUBREL, since the receiver may
// have it.
func ExampleOutbound_GiveUp() {
	resumed := qos.Connection{Version: mqttwire.V50, Resumed: true}
	var out qos.Outbound
	out.Connect(resumed)
	out.Publish(qos.ExactlyOnce, 100, 0)

	out.Connect(resumed)
	a, _ := out.GiveUp(1, 0)
	fmt.Println(a.Event, a.Packet, a.Record())
	a, _ = out.Pubcomp(1, mqttwire.PacketIdentifierNotFound)
	fmt.Println(a.Event, a.Record())
	// Output:
	// given up PUBREL release sent QoS 2 id 1 token 100
	// completed forget sent QoS 2 id 1 token 100
}

// A session comes back from its Records.
func ExampleOutbound_Apply() {
	var journal []qos.Record
	var out qos.Outbound
	c := qos.Connection{Version: mqttwire.V50}
	out.Connect(c)
	a, _ := out.Publish(qos.ExactlyOnce, 100, 0)
	b, _ := out.Pubrec(a.ID, mqttwire.Success, 0)
	journal = append(journal, c.Record(), a.Record(), b.Record())

	var again qos.Outbound // after a crash
	for _, r := range journal {
		fmt.Println(r)
		again.Apply(r)
	}
	fmt.Println(again.Find(1).Await)
	// Output:
	// clear
	// store sent QoS 2 id 1 token 100
	// release sent QoS 2 id 1 token 100
	// await PUBCOMP
}

func ExampleOutbound_All() {
	var out qos.Outbound
	out.Connect(qos.Connection{Version: mqttwire.V50})
	out.Publish(qos.AtLeastOnce, 100, 0)
	out.Publish(qos.ExactlyOnce, 200, 0)
	out.Subscribe(300)
	for x := range out.All() {
		fmt.Println(x.ID, x.Await, x.Token)
	}
	// Output:
	// 1 await PUBACK 100
	// 2 await PUBREC 200
	// 3 await SUBACK 300
}

// A caller that keeps a message together with its Record has it once, even if
// the process ends before Finish.
func ExampleTicket_Record() {
	var in qos.Inbound
	in.Connect(qos.Connection{Version: mqttwire.V50, Resumed: true})
	a, _ := in.Publish(7, qos.ExactlyOnce, false)
	kept := a.Ticket().Record() // with the message

	var again qos.Inbound // after a crash
	again.Apply(kept)
	again.Connect(qos.Connection{Version: mqttwire.V50, Resumed: true})
	a, _ = again.Publish(7, qos.ExactlyOnce, true)
	ack, _ := again.NextAck()
	fmt.Println(a.Event, ack.Packet)
	// Output: duplicate PUBREC
}
