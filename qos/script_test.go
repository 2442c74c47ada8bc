package qos_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
)

// A script is a sequence of operations, two bytes each, that a machine and its
// twin go through together. Peers in scripts are not honest.

var scriptConnections = []qos.Connection{
	{Version: mqttwire.V50, Resumed: true},
	{Version: mqttwire.V50, Resumed: true, ReceiveMaximum: 1},
	{Version: mqttwire.V50, Resumed: true, ReceiveMaximum: 3},
	{Version: mqttwire.V50, ReceiveMaximum: 40},
	{Version: mqttwire.V311, Resumed: true},
	{Version: mqttwire.V311, Resumed: true, Window: 2},
	{Version: mqttwire.V31},
	{Version: mqttwire.V311, Resumed: true, RepeatWithoutDup: true},
	{Version: mqttwire.V50, Resumed: true, ReceiveMaximum: 2, RepeatWithoutDup: true},
}

var scriptReasons = []mqttwire.Reason{0, 0, 0, mqttwire.NoMatchingSubscribers, mqttwire.QuotaExceeded}

func pick[T any](from []T, arg byte) T { return from[int(arg)%len(from)] }

// outScript is an Outbound and its twin.
type outScript struct {
	real  qos.Outbound
	twin  twinOut
	ids   map[uint64]uint16 // of the messages in flight
	token uint64
	lines []qos.Record // the journal
}

// replayed returns the machine that comes back from the journal.
func (s *outScript) replayed() (*qos.Outbound, error) {
	var o qos.Outbound
	for _, l := range s.lines {
		if err := o.Apply(l); err != nil {
			return nil, fmt.Errorf("%v: %w", l, err)
		}
	}
	return &o, nil
}

func newOutScript() *outScript { return &outScript{ids: map[uint64]uint16{}} }

// sent notes the id of a new packet.
func (s *outScript) sent(a qos.Action, err error) error {
	if err != nil {
		return nil
	}
	for token, id := range s.ids {
		if id == a.ID {
			return fmt.Errorf("id %d of token %d handed out again", id, token)
		}
	}
	if a.ID == 0 || a.Token != s.token {
		return fmt.Errorf("id %d, token %d", a.ID, a.Token)
	}
	s.ids[s.token] = a.ID
	return nil
}

// step makes one operation and says how the machine differs from its twin.
func (s *outScript) step(op, arg byte) error {
	var a qos.Action
	var err error
	var want answer
	switch op %= 15; op {
	case 0, 1, 2, 3:
		s.token++
		level := qos.Level(1 + arg%2)
		a, err = s.real.Publish(level, s.token, 0)
		want = s.twin.send(level, s.token)
		if e := s.sent(a, err); e != nil {
			return e
		}
	case 4:
		s.token++
		if arg%2 == 0 {
			a, err = s.real.Subscribe(s.token)
			want = s.twin.request(qos.AwaitSuback, s.token)
		} else {
			a, err = s.real.Unsubscribe(s.token)
			want = s.twin.request(qos.AwaitUnsuback, s.token)
		}
		if e := s.sent(a, err); e != nil {
			return e
		}
	case 5, 6, 7, 8:
		t := pick([]mqttwire.PacketType{mqttwire.PUBACK, mqttwire.PUBREC, mqttwire.PUBCOMP, mqttwire.SUBACK, mqttwire.UNSUBACK}, arg/5)
		reason := pick(scriptReasons, arg)
		var token uint64
		if open := s.twin.inFlight(); len(open) != 0 {
			x := pick(open, arg)
			token = x.token
			if op != 8 { // what would fit
				t = map[qos.Await]mqttwire.PacketType{qos.AwaitPuback: mqttwire.PUBACK, qos.AwaitPubrec: mqttwire.PUBREC,
					qos.AwaitPubcomp: mqttwire.PUBCOMP, qos.AwaitSuback: mqttwire.SUBACK, qos.AwaitUnsuback: mqttwire.UNSUBACK}[x.await]
			}
		}
		a, err = s.ack(t, s.ids[token], reason)
		want = s.twin.acknowledge(t, token, reason)
		if want.Event != 0 && want.Event != qos.Unsolicited && a.Token != token {
			return fmt.Errorf("token %d, want %d", a.Token, token)
		}
		if l, _ := s.twin.find(token); l == nil {
			delete(s.ids, token)
		}
	case 9:
		id := uint16(arg) | 0x8000 // not handed out so soon
		t := pick([]mqttwire.PacketType{mqttwire.PUBACK, mqttwire.PUBREC, mqttwire.PUBCOMP, mqttwire.SUBACK, mqttwire.UNSUBACK}, arg)
		a, err = s.ack(t, id, pick(scriptReasons, arg))
		want = s.twin.acknowledge(t, 0, pick(scriptReasons, arg))
	case 10:
		c := pick(scriptConnections, arg)
		err = s.real.Connect(c)
		s.twin.connect(c)
		s.lines = append(s.lines, c.Record())
	case 11:
		s.real.Disconnect()
		s.twin.disconnect()
		snapshot := s.real.AppendSnapshot(nil)
		if arg%2 == 0 {
			var restored qos.Outbound
			err = restored.Restore(snapshot)
			if again := restored.AppendSnapshot(nil); !bytes.Equal(snapshot, again) {
				return fmt.Errorf("snapshot %x is %x when restored", snapshot, again)
			}
			for _, x := range s.twin.gone {
				if x.await >= qos.AwaitSuback {
					delete(s.ids, x.token)
				}
			}
			s.twin.gone = slices.DeleteFunc(s.twin.gone, func(x exchange) bool { return x.await >= qos.AwaitSuback })
			if e := s.real.Restore(snapshot); e != nil {
				return e
			}
		}
	case 12:
		var ok bool
		var token uint64
		if a, ok = s.real.NextResend(); ok {
			a, err = s.real.Resend(a.ID, 0)
		}
		want, token = s.twin.resend()
		if ok != (want.Packet != 0) || a.Token != token || a.ID != s.ids[token] {
			return fmt.Errorf("resends %+v %v, want %+v of token %d", a, ok, want, token)
		}
		want.Dup = want.Dup && a.Packet == mqttwire.PUBLISH
	case 13:
		d, ok := s.real.NextDropped()
		if ok != (len(s.twin.gone) != 0) {
			return fmt.Errorf("drops %+v %v, want %v", d, ok, s.twin.gone)
		}
		if ok {
			x := s.twin.gone[0]
			s.twin.gone = s.twin.gone[1:]
			if (d != qos.Dropped{Token: x.token, ID: s.ids[x.token], Await: x.await}) {
				return fmt.Errorf("drops %+v, want %+v", d, x)
			}
			delete(s.ids, x.token)
		}
	case 14:
		var token uint64
		if open := s.twin.inFlight(); len(open) != 0 {
			token = pick(open, arg).token
		}
		a, err = s.real.GiveUp(s.ids[token], 0)
		want = s.twin.giveUp(token)
		if l, _ := s.twin.find(token); l == nil {
			delete(s.ids, token)
		}
	}
	if got := answerOf(a, err); got != want {
		return fmt.Errorf("operation %d %d: %+v, want %+v", op, arg, got, want)
	}
	if r := a.Record(); r != (qos.Record{}) {
		s.lines = append(s.lines, r)
	}
	if op == 11 && len(s.twin.gone) == 0 {
		o, err := s.replayed()
		if err != nil {
			return err
		}
		// All but the id handed out last, which a request may have had.
		x, y := s.real.AppendSnapshot(nil), o.AppendSnapshot(nil)
		if !bytes.Equal(x[4:len(x)-4], y[4:len(y)-4]) {
			return fmt.Errorf("the journal gives %x, want %x", y, x)
		}
	}
	if n := len(s.twin.publish) + len(s.twin.release); s.real.InFlight() != n {
		return fmt.Errorf("%d in flight, want %d", s.real.InFlight(), n)
	}
	for _, x := range s.twin.inFlight() {
		if got, want := s.real.Find(s.ids[x.token]), (qos.Exchange{Token: x.token, ID: s.ids[x.token], Await: x.await}); got != want {
			return fmt.Errorf("%+v, want %+v", got, want)
		}
	}
	return nil
}

func (s *outScript) ack(t mqttwire.PacketType, id uint16, reason mqttwire.Reason) (qos.Action, error) {
	switch t {
	case mqttwire.PUBACK:
		return s.real.Puback(id, reason)
	case mqttwire.PUBREC:
		return s.real.Pubrec(id, reason, 0)
	case mqttwire.PUBCOMP:
		return s.real.Pubcomp(id, reason)
	case mqttwire.SUBACK:
		return s.real.Suback(id)
	}
	return s.real.Unsuback(id)
}

// inScript is an Inbound and its twin.
type inScript struct {
	real    qos.Inbound
	twin    twinIn
	tickets []numbered
	journal qos.Inbound // what comes back from the journal
}

type numbered struct {
	qos.Ticket
	delivery int
}

func newInScript() *inScript { return &inScript{twin: twinIn{ids: map[uint16]*received{}}} }

func (s *inScript) step(op, arg byte) error {
	var a qos.Action
	var r qos.Record
	var err error
	var want answer
	// Ids that meet in any table: multiples of 64, and their neighbours.
	id := uint16(arg>>2)<<6 | uint16(arg&3) | 1
	switch op %= 12; op {
	case 0, 1, 2, 3:
		level, dup := qos.Level(1+op%2), op/2 == 1
		known := s.real.Knows(id, level, dup)
		a, err = s.real.Publish(id, level, dup)
		if err == nil && known != (a.Event == qos.Duplicate) {
			return fmt.Errorf("Knows says %v, the event is %v", known, a.Event)
		}
		want = s.twin.publish(id, level, dup)
		if a.Event == qos.Deliver {
			s.tickets = append(s.tickets, numbered{a.Ticket(), s.twin.deliveries})
		}
	case 4, 5, 6:
		if len(s.tickets) == 0 {
			return nil
		}
		i := int(arg) % len(s.tickets)
		t := s.tickets[i]
		if op == 6 && arg%4 == 3 {
			r, err = s.real.Abandon(t.Ticket)
			want = s.twin.abandon(t.ID(), t.delivery)
			break
		}
		r, err = s.real.Finish(t.Ticket, pick(scriptReasons, arg))
		want = s.twin.finish(t.ID(), t.delivery, pick(scriptReasons, arg))
		if op != 6 {
			s.tickets = slices.Delete(s.tickets, i, i+1)
		}
	case 7, 8:
		var ok bool
		var ack uint16
		a, ok = s.real.NextAck()
		want, ack = s.twin.ack()
		if ok != (want.Packet != 0) || a.ID != ack {
			return fmt.Errorf("acknowledges %+v %v, want %+v of id %d", a, ok, want, ack)
		}
	case 9:
		a, err = s.real.Pubrel(id, 0)
		want = s.twin.pubrel(id)
	case 10:
		c := pick(scriptConnections, arg)
		c.Window = 0
		err = s.real.Connect(c)
		s.twin.connect(c)
		r = c.Record()
	case 11:
		if arg%2 == 0 {
			s.real.Disconnect()
			s.twin.disconnect()
			break
		}
		snapshot := s.real.AppendSnapshot(nil)
		if err = s.real.Restore(snapshot); err != nil {
			break
		}
		if again := s.real.AppendSnapshot(nil); !bytes.Equal(snapshot, again) {
			return fmt.Errorf("snapshot %x is %x when restored", snapshot, again)
		}
		s.twin.restart()
	}
	got := answerOf(a, err)
	if r == (qos.Record{}) {
		r = a.Record()
	}
	if got.Op = r.Op(); op == 10 {
		got.Op = 0
	}
	if got != want {
		return fmt.Errorf("operation %d %d: %+v, want %+v", op, arg, got, want)
	}
	if err := s.journal.Apply(r); err != nil {
		return fmt.Errorf("%v: %w", r, err)
	}
	if n := s.journal.InFlight(); n > s.real.InFlight() {
		return fmt.Errorf("the journal holds %d ids, more than %d", n, s.real.InFlight())
	}
	if n := len(s.twin.ids); s.real.InFlight() != n {
		return fmt.Errorf("%d ids held, want %d", s.real.InFlight(), n)
	}
	return nil
}

func runScript(t *testing.T, script []byte) {
	t.Helper()
	out, in := newOutScript(), newInScript()
	for i := 0; i+1 < len(script); i += 2 {
		if err := out.step(script[i], script[i+1]); err != nil {
			t.Fatalf("Outbound, step %d: %v", i/2, err)
		}
		if err := in.step(script[i], script[i+1]); err != nil {
			t.Fatalf("Inbound, step %d: %v", i/2, err)
		}
	}
}

func TestScripts(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	for range 300 {
		script := make([]byte, 2+r.IntN(1500))
		for i := range script {
			script[i] = byte(r.Uint32())
		}
		script[0], script[1] = 10, 0 // begin with a connection
		if !t.Run("", func(t *testing.T) { runScript(t, script) }) {
			return
		}
	}
}

func FuzzScript(f *testing.F) {
	f.Add([]byte{10, 0, 0, 1, 1, 0, 2, 1, 5, 0, 5, 1, 10, 1, 12, 0, 12, 0, 12, 0, 13, 0})
	f.Add([]byte{10, 2, 0, 4, 1, 8, 2, 4, 4, 1, 4, 0, 7, 0, 7, 0, 9, 8, 11, 1})
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 4096 {
			return
		}
		runScript(t, script)
	})
}
