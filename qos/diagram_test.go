package qos

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/internal/mermaid"
)

// diagram gathers the transitions of one id of a machine.
type diagram map[string]bool

// step notes what an input does; nothing where it does nothing, or nothing but
// say that it does not belong there.
func (d diagram) step(from, to, input string, a Action, err error) {
	var out []string
	if a.Packet != 0 {
		reply := a.Packet.String()
		if a.Packet == mqttwire.PUBLISH && a.Dup() {
			reply += " with DUP"
		}
		if a.Reason != 0 {
			reply += fmt.Sprintf(" 0x%02X", uint8(a.Reason))
		}
		out = append(out, reply)
	}
	if a.Event != None {
		out = append(out, a.Event.String())
	}
	if err != nil {
		out = append(out, "error")
	}
	if from == to && a.Packet == 0 && (a.Event == None || a.Event == Unsolicited) {
		return
	}
	line := from + " --> " + to + ": " + input
	if len(out) != 0 {
		line += " / " + strings.Join(out, ", ")
	}
	d[line] = true
}

func (d diagram) compare(t *testing.T, heading string) {
	t.Helper()
	var lines []string
	for line := range d {
		lines = append(lines, line)
	}
	slices.Sort(lines)
	if diff := cmp.Diff(lines, mermaid.Arrows(t, heading)); diff != "" {
		t.Errorf("code (-) and README (+):\n%s\nthe code's:\n%s", diff, strings.Join(lines, "\n"))
	}
}

func TestSenderDiagram(t *testing.T) {
	c := Connection{Version: v50, Resumed: true}
	name := func(o *Outbound) string {
		x := o.Find(1)
		if x.Await == 0 {
			return "Idle"
		}
		words := strings.Fields(x.Await.String())
		for i := range words {
			words[i] = strings.ToUpper(words[i][:1]) + strings.ToLower(words[i][1:])
		}
		return strings.Join(words, "")
	}
	ways := []func(*Outbound){
		func(*Outbound) {},
		func(o *Outbound) { o.Publish(q1, 0, 0) },
		func(o *Outbound) { o.Publish(q2, 0, 0) },
		func(o *Outbound) { o.Publish(q2, 0, 0); o.Pubrec(1, 0, 0) },
		func(o *Outbound) { o.Subscribe(0) },
		func(o *Outbound) { o.Unsubscribe(0) },
	}
	inputs := map[string]func(*Outbound) (Action, error){
		"PUBACK":      func(o *Outbound) (Action, error) { return o.Puback(1, 0) },
		"PUBACK 0x80": func(o *Outbound) (Action, error) { return o.Puback(1, 0x80) },
		"PUBREC":      func(o *Outbound) (Action, error) { return o.Pubrec(1, 0, 0) },
		"PUBREC 0x80": func(o *Outbound) (Action, error) { return o.Pubrec(1, 0x80, 0) },
		"PUBCOMP":     func(o *Outbound) (Action, error) { return o.Pubcomp(1, 0) },
		"SUBACK":      func(o *Outbound) (Action, error) { return o.Suback(1) },
		"UNSUBACK":    func(o *Outbound) (Action, error) { return o.Unsuback(1) },
		"session resumed": func(o *Outbound) (Action, error) {
			err := o.Connect(c)
			if a, ok := o.NextResend(); ok {
				return o.Resend(a.ID, 0)
			}
			return Action{}, err
		},
		"session lost": func(o *Outbound) (Action, error) { return Action{}, o.Connect(Connection{Version: v50}) },
		"give up": func(o *Outbound) (Action, error) {
			if w := o.Find(1).Await; w == AwaitPuback || w == AwaitPubrec {
				o.Connect(c)
			}
			return o.GiveUp(1, 0)
		},
	}
	fresh := map[string]func(*Outbound) (Action, error){
		"Publish QoS 1": func(o *Outbound) (Action, error) { return o.Publish(q1, 0, 0) },
		"Publish QoS 2": func(o *Outbound) (Action, error) { return o.Publish(q2, 0, 0) },
		"Subscribe":     func(o *Outbound) (Action, error) { return o.Subscribe(0) },
		"Unsubscribe":   func(o *Outbound) (Action, error) { return o.Unsubscribe(0) },
	}
	d := diagram{}
	for i, way := range ways {
		for _, from := range []map[string]func(*Outbound) (Action, error){inputs, fresh} {
			if i > 0 && from["Subscribe"] != nil {
				continue // would be another id
			}
			for input, do := range from {
				var o Outbound
				o.Connect(c)
				way(&o)
				before := name(&o)
				a, err := do(&o)
				d.step(before, name(&o), input, a, err)
			}
		}
	}
	d.compare(t, "Sender")
}

func TestReceiverDiagram(t *testing.T) {
	c := Connection{Version: v50, Resumed: true}
	name := func(in *Inbound) string {
		p := in.index.find(1)
		if p == 0 {
			return "Unknown"
		}
		e := &in.index.entries[p]
		switch {
		case e.held():
			return "Held"
		case e.state&(twice|decided) == 0:
			return "Delivered1"
		case e.state&(twice|decided) == twice:
			return "Delivered2"
		case e.state&twice == 0:
			return "Decided1"
		}
		return "Refused2"
	}
	publish := func(l Level, dup bool) func(*Inbound) (Action, error) {
		return func(in *Inbound) (Action, error) { return in.Publish(1, l, dup) }
	}
	finish := func(l Level, r mqttwire.Reason) func(*Inbound) {
		return func(in *Inbound) { in.Publish(1, l, false); in.Finish(Ticket(in.Find(1).Token), r) }
	}
	ways := []func(*Inbound){
		func(*Inbound) {},
		func(in *Inbound) { in.Publish(1, q1, false) },
		func(in *Inbound) { in.Publish(1, q2, false) },
		finish(q1, 0), finish(q1, 0x80), finish(q2, 0), finish(q2, 0x80),
		func(in *Inbound) { finish(q2, 0)(in); in.NextAck() },
		func(in *Inbound) { finish(q2, 0x80)(in); in.Connect(c) },
	}
	decide := func(r mqttwire.Reason) func(*Inbound) (Action, error) {
		return func(in *Inbound) (Action, error) {
			if p := in.index.find(1); p != 0 && in.index.entries[p].state&decided == 0 {
				_, err := in.Finish(Ticket(in.Find(1).Token), r)
				return Action{}, err
			}
			return Action{}, nil
		}
	}
	type input struct {
		name string
		do   func(*Inbound) (Action, error)
	}
	inputs := []input{
		{"PUBLISH QoS 1", publish(q1, false)},
		{"PUBLISH QoS 1", publish(q1, true)},
		{"PUBLISH QoS 2", publish(q2, false)},
		{"PUBLISH QoS 2", publish(q2, true)},
		{"accept", decide(0)},
		{"refuse", decide(0x80)},
		{"abandon", func(in *Inbound) (Action, error) {
			_, err := in.Abandon(Ticket(in.Find(1).Token))
			return Action{}, err
		}},
		{"PUBREL", func(in *Inbound) (Action, error) { return in.Pubrel(1, 0) }},
		{"NextAck", func(in *Inbound) (Action, error) { a, _ := in.NextAck(); return a, nil }},
		{"session resumed", func(in *Inbound) (Action, error) { return Action{}, in.Connect(c) }},
		{"session lost", func(in *Inbound) (Action, error) { return Action{}, in.Connect(Connection{Version: v50}) }},
	}
	d := diagram{}
	for _, way := range ways {
		for _, input := range inputs {
			var in Inbound
			in.Connect(c)
			way(&in)
			before := name(&in)
			a, err := input.do(&in)
			d.step(before, name(&in), input.name, a, err)
		}
	}
	d.compare(t, "Receiver")
}
