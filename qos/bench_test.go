package qos

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// Each benchmark of a machine has a bare twin: the same moves of lists and
// queues on the same memory, without the protocol. Windows are full and
// acknowledgements scattered.

var benchWindows = []int{16, 1024, 32768}

// scattered returns which of n exchanges is next, for ever.
func scattered(n int) []uint16 {
	order := make([]uint16, 1<<16)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range order {
		order[i] = uint16(r.IntN(n))
	}
	return order
}

func benchOutbound(b *testing.B, level Level, step func(*Outbound, uint16) uint16) {
	for _, n := range benchWindows {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var o Outbound
			o.Connect(Connection{Version: v50, Resumed: true})
			ids := make([]uint16, n)
			for i := range ids {
				a, err := o.Publish(level, uint64(i), 0)
				if err != nil {
					b.Fatal(err)
				}
				ids[i] = a.ID
			}
			order := scattered(n)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				p := &ids[order[uint16(i)]]
				*p = step(&o, *p)
			}
		})
	}
}

func BenchmarkSenderQoS1Bare(b *testing.B) {
	benchOutbound(b, q1, func(o *Outbound, id uint16) uint16 {
		w := &o.window
		s := w.at(id)
		w.remove(&o.publish, s)
		w.give(s)
		s = w.take()
		s.state = uint8(AwaitPuback)
		w.push(&o.publish, s)
		return s.id
	})
}

func BenchmarkSenderQoS1(b *testing.B) {
	benchOutbound(b, q1, func(o *Outbound, id uint16) uint16 {
		if a, err := o.Puback(id, 0); err != nil || a.Event != Completed {
			panic("not completed")
		}
		a, err := o.Publish(q1, 7, 0)
		if err != nil {
			panic(err)
		}
		return a.ID
	})
}

func BenchmarkSenderQoS2Bare(b *testing.B) {
	benchOutbound(b, q2, func(o *Outbound, id uint16) uint16 {
		w := &o.window
		s := w.at(id)
		w.remove(&o.publish, s)
		s.state = uint8(AwaitPubcomp)
		w.push(&o.release, s)
		s = w.at(id)
		w.remove(&o.release, s)
		w.give(s)
		s = w.take()
		s.state = uint8(AwaitPubrec)
		w.push(&o.publish, s)
		return s.id
	})
}

func BenchmarkSenderQoS2(b *testing.B) {
	benchOutbound(b, q2, func(o *Outbound, id uint16) uint16 {
		if a, err := o.Pubrec(id, 0, 0); err != nil || a.Event != Released {
			panic("not released")
		}
		if a, err := o.Pubcomp(id, 0); err != nil || a.Event != Completed {
			panic("not completed")
		}
		a, err := o.Publish(q2, 7, 0)
		if err != nil {
			panic(err)
		}
		return a.ID
	})
}

// benchInbound keeps n QoS 2 ids held, and lets one go for each new one.
func benchInbound(b *testing.B, step func(in *Inbound, old, id uint16)) {
	for _, n := range benchWindows {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var in Inbound
			in.Connect(Connection{Version: v50, Resumed: true})
			ids := make([]uint16, n)
			for i := range ids {
				ids[i] = uint16(i + 1)
				a, err := in.Publish(ids[i], q2, false)
				if err != nil {
					b.Fatal(err)
				}
				in.Finish(a.Ticket(), 0)
				in.NextAck()
			}
			order := scattered(n)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				// A sender like ours: the next id is one round on.
				p := &ids[order[uint16(i)]]
				next := *p + uint16(n)
				if next == 0 {
					next = uint16(n)
				}
				step(&in, *p, next)
				*p = next
			}
		})
	}
}

func BenchmarkReceiverQoS2Bare(b *testing.B) {
	benchInbound(b, func(in *Inbound, old, id uint16) {
		in.index.remove(in.index.find(old))
		in.push(in.index.insert(id))
		in.index.entries[in.index.find(id)].state |= decided
		in.remove(&in.index.entries[in.order.head])
	})
}

func BenchmarkReceiverQoS2(b *testing.B) {
	benchInbound(b, func(in *Inbound, old, id uint16) {
		if a, err := in.Pubrel(old, 0); err != nil || a.Event != Freed {
			panic("not freed")
		}
		a, err := in.Publish(id, q2, false)
		if err != nil || a.Event != Deliver {
			panic("not delivered")
		}
		if _, err := in.Finish(a.Ticket(), 0); err != nil {
			panic("not finished")
		}
		if _, ok := in.NextAck(); !ok {
			panic("no PUBREC")
		}
	})
}

// benchInboundQoS1 lets n deliveries wait.
func benchInboundQoS1(b *testing.B, step func(in *Inbound, old Ticket, id uint16) Ticket) {
	for _, n := range benchWindows {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var in Inbound
			in.Connect(Connection{Version: v50, Resumed: true})
			tickets := make([]Ticket, n)
			for i := range tickets {
				a, err := in.Publish(uint16(i+1), q1, false)
				if err != nil {
					b.Fatal(err)
				}
				tickets[i] = a.Ticket()
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				p := &tickets[i&(n-1)]
				next := p.ID() + uint16(n)
				if next == 0 {
					next = uint16(n)
				}
				*p = step(&in, *p, next)
			}
		})
	}
}

func BenchmarkReceiverQoS1Bare(b *testing.B) {
	benchInboundQoS1(b, func(in *Inbound, old Ticket, id uint16) Ticket {
		in.index.entries[in.index.find(old.ID())].state |= decided
		p := in.order.head
		in.remove(&in.index.entries[p])
		in.index.remove(p)
		p = in.index.insert(id)
		in.push(p)
		return in.index.entries[p].ticket()
	})
}

func BenchmarkReceiverQoS1(b *testing.B) {
	benchInboundQoS1(b, func(in *Inbound, old Ticket, id uint16) Ticket {
		if _, err := in.Finish(old, 0); err != nil {
			panic("not finished")
		}
		if _, ok := in.NextAck(); !ok {
			panic("no PUBACK")
		}
		a, err := in.Publish(id, q1, false)
		if err != nil {
			panic(err)
		}
		return a.Ticket()
	})
}
