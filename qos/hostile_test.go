package qos_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
)

// hostile is both machines of an end whose peer, clock and caller do what they
// like, and beside each the machine that its Records give. Whatever happens, no
// step panics, a step that fails changes nothing, and the two agree.
type hostile struct {
	out, outJournal qos.Outbound
	in, inJournal   qos.Inbound
	tickets         []qos.Ticket
	early           map[uint16]bool // ids whose Record was kept before they were decided
	token           uint64
	now             time.Duration
}

var hostileIDs = []uint16{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 24, 0x8001, 65535}

var hostileConnections = []qos.Connection{
	{Version: mqttwire.V50, Resumed: true, ReceiveMaximum: 2},
	{Version: mqttwire.V311, Resumed: true, Retry: 1},
	{Version: mqttwire.V31, Resumed: true, Retry: 3, Window: 3},
	{Version: mqttwire.V50, Resumed: true, Window: 20},
	{Version: mqttwire.V50},
	{Version: mqttwire.V311, Retry: 1},
	{},
}

// state is what an end would find again after a crash, and how many it has in
// flight.
func (h *hostile) state() string {
	return fmt.Sprintf("%x %x %d %d %d", h.out.AppendSnapshot(nil), h.in.AppendSnapshot(nil), h.out.InFlight(), h.out.Quota(), h.in.InFlight())
}

// step makes one step and says what is wrong with it.
func (h *hostile) step(op, arg byte) error {
	before := h.state()
	records, err := h.do(op, arg)
	if err != nil {
		if after := h.state(); after != before {
			return fmt.Errorf("%v changed %s to %s", err, before, after)
		}
		if len(records) != 0 {
			return fmt.Errorf("%v with Records %v", err, records)
		}
	}
	for _, r := range records {
		if err := h.journal(r); err != nil {
			return err
		}
	}
	return h.compare()
}

// journal takes a Record to the machines that are made of them.
func (h *hostile) journal(r qos.Record) error {
	clears := r.Op() == qos.Clear
	if clears || r.Direction() == qos.Sent {
		if err := h.outJournal.Apply(r); err != nil {
			return fmt.Errorf("%v: %w", r, err)
		}
	}
	if clears || r.Direction() == qos.Received {
		if err := h.inJournal.Apply(r); err != nil {
			return fmt.Errorf("%v: %w", r, err)
		}
		delete(h.early, r.ID)
	}
	if clears {
		h.early = map[uint16]bool{}
	}
	return nil
}

// do makes one step and returns its Records.
func (h *hostile) do(op, arg byte) ([]qos.Record, error) {
	id, reason := pick(hostileIDs, arg), mqttwire.Reason(arg)
	of := func(a qos.Action, err error) ([]qos.Record, error) {
		if r := a.Record(); r != (qos.Record{}) {
			return []qos.Record{r}, err
		}
		return nil, err
	}
	one := func(r qos.Record, err error) ([]qos.Record, error) {
		if r == (qos.Record{}) {
			return nil, err
		}
		return []qos.Record{r}, err
	}
	var ticket qos.Ticket
	if len(h.tickets) != 0 {
		ticket = pick(h.tickets, arg)
	}
	switch op %= 28; op {
	case 0, 1, 2, 3:
		h.token++
		return of(h.out.Publish(qos.Level(arg%4), h.token, h.now))
	case 4:
		_, err := h.out.Subscribe(1)
		return nil, err
	case 5:
		_, err := h.out.Unsubscribe(1)
		return nil, err
	case 6:
		return of(h.out.Puback(id, reason/16*16))
	case 7, 8:
		return of(h.out.Pubrec(id, reason/16*16, h.now))
	case 9:
		return of(h.out.Pubcomp(id, reason))
	case 10:
		return of(h.out.Suback(id))
	case 11:
		return of(h.out.Unsuback(id))
	case 12:
		h.now += time.Duration(arg % 8)
		if a, ok := h.out.Poll(h.now); ok && arg%2 == 0 {
			return of(h.out.Resend(a.ID, h.now))
		}
	case 13:
		h.drainClock()
	case 14:
		return of(h.out.Resend(id, h.now))
	case 15, 16:
		a, ok := h.out.NextResend()
		if b, again := h.out.NextResend(); b != a || again != ok {
			panic(fmt.Sprintf("NextResend %+v %v, then %+v %v", a, ok, b, again))
		}
		if ok {
			sent, err := h.out.Resend(a.ID, h.now)
			if err != nil || sent != a {
				panic(fmt.Sprintf("Resend %+v, %v; NextResend %+v", sent, err, a))
			}
		}
	case 17:
		return of(h.out.GiveUp(id, h.now))
	case 18:
		c := pick(hostileConnections, arg)
		err := h.out.Connect(c)
		if err2 := h.in.Connect(c); err2 != err {
			panic(err2)
		}
		if err != nil {
			return nil, err
		}
		return one(c.Record(), nil)
	case 19:
		h.out.Disconnect()
		h.in.Disconnect()
	case 20:
		h.out.Compact()
		h.in.Compact()
	case 21:
		h.out.NextDropped()
	case 22:
		return h.apply(arg)
	case 23:
		h.restart(arg)
	case 24, 25:
		a, err := h.in.Publish(id, qos.Level(op%2+1), arg > 128)
		if a.Event == qos.Deliver {
			h.tickets = append(h.tickets, a.Ticket())
			if len(h.tickets) > 20 {
				h.tickets = h.tickets[1:]
			}
		}
		return of(a, err)
	case 26:
		switch arg % 8 {
		case 0:
			return one(h.in.Abandon(ticket))
		case 1:
			if x := h.in.Find(ticket.ID()); x.Token == uint64(ticket) && ticket.Level() == q2 {
				if err := h.inJournal.Apply(ticket.Record()); err != nil {
					panic(err)
				}
				h.early[ticket.ID()] = true
			}
		case 2, 3, 4:
			return one(h.in.Finish(ticket, reason/16*16))
		default:
			a, _ := h.in.NextAck()
			return of(a, nil)
		}
	case 27:
		return of(h.in.Pubrel(id, reason))
	}
	return nil, nil
}

// drainClock polls what is due; after that nothing is.
func (h *hostile) drainClock() {
	for range h.out.InFlight() + 1 {
		a, ok := h.out.Poll(h.now)
		if !ok {
			if at, ok := h.out.Deadline(); ok && at <= h.now {
				panic(fmt.Sprintf("nothing is due at %v, and the deadline is %v", h.now, at))
			}
			return
		}
		if _, err := h.out.Resend(a.ID, h.now); err != nil {
			panic(err)
		}
	}
	panic("more is due than there is")
}

// apply applies a Record that may be anything.
func (h *hostile) apply(arg byte) ([]qos.Record, error) {
	h.token++
	r := qos.Record{Token: h.token, ID: pick(hostileIDs, arg), Change: qos.Op(arg%8).Of(qos.Direction(arg>>3&1), qos.Level(arg>>4&3))}
	if x := h.out.Find(r.ID); r.Direction() == qos.Sent && r.Op() != qos.Store && x.Await != 0 {
		r.Token = x.Token
	}
	if r.Direction() == qos.Received || r.Op() == qos.Clear {
		r.Token = 0
	}
	if r.Op() == qos.Clear {
		r = qos.Record{Change: qos.Change(qos.Clear)}
		if err := h.out.Apply(r); err != nil {
			return nil, err
		}
		return []qos.Record{r}, h.in.Apply(r)
	}
	apply := h.out.Apply
	if r.Direction() == qos.Received {
		apply = h.in.Apply
	}
	if err := apply(r); err != nil || r.Change == 0 {
		return nil, err
	}
	return []qos.Record{r}, nil
}

// restart replaces both machines by their snapshots, or by those of their
// journals.
func (h *hostile) restart(arg byte) {
	out, in := &h.out, &h.in
	if arg%2 == 0 {
		out, in = &h.outJournal, &h.inJournal
		h.early = map[uint16]bool{}
	}
	if err := h.out.Restore(out.AppendSnapshot(nil)); err != nil {
		panic(err)
	}
	if err := h.in.Restore(in.AppendSnapshot(nil)); err != nil {
		panic(err)
	}
	if arg%2 != 0 && len(h.early) != 0 { // the snapshot replaces the journal
		var fresh qos.Inbound
		if err := fresh.Restore(h.in.AppendSnapshot(nil)); err != nil {
			panic(err)
		}
		h.inJournal, h.early = fresh, map[uint16]bool{}
	}
}

// compare says how the machines differ from what their Records give.
func (h *hostile) compare() error {
	messages := func(o *qos.Outbound) (all []qos.Exchange) {
		for x := range o.All() {
			if x != o.Find(x.ID) {
				return nil
			}
			if x.Await <= qos.AwaitPubcomp {
				all = append(all, x)
			}
		}
		return all
	}
	got, want := messages(&h.outJournal), messages(&h.out)
	if !slices.Equal(got, want) || len(want) != h.out.InFlight() {
		return fmt.Errorf("the Records give %v, want %v", got, want)
	}
	held := map[uint16]bool{}
	n := 0
	for x := range h.in.All() {
		if n++; x.Await == qos.AwaitPubrel {
			held[x.ID] = true
		}
	}
	if n != h.in.InFlight() {
		return fmt.Errorf("%d ids held, and the machine thinks %d", n, h.in.InFlight())
	}
	for x := range h.inJournal.All() {
		if !held[x.ID] && !h.early[x.ID] {
			return fmt.Errorf("the Records give a held id %d", x.ID)
		}
		delete(held, x.ID)
	}
	if len(held) != 0 {
		return fmt.Errorf("the Records lack held ids %v", held)
	}
	return nil
}

func runHostile(t *testing.T, script []byte) {
	t.Helper()
	h := hostile{early: map[uint16]bool{}}
	for i := 0; i+1 < len(script); i += 2 {
		if err := h.step(script[i], script[i+1]); err != nil {
			t.Fatalf("step %d (%d, %d): %v", i/2, script[i]%28, script[i+1], err)
		}
	}
}

func TestHostile(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	for range 500 {
		script := make([]byte, 2+r.IntN(1500))
		for i := range script {
			script[i] = byte(r.Uint32())
		}
		if !t.Run("", func(t *testing.T) { runHostile(t, script) }) {
			return
		}
	}
}

func FuzzHostile(f *testing.F) {
	f.Add([]byte{18, 1, 0, 1, 12, 8, 6, 1, 6, 1, 20, 0, 6, 1, 0, 1}) // a PUBACK too many, before and after Compact
	f.Add([]byte{18, 3, 0, 2, 18, 3, 17, 1, 9, 1, 0, 2, 23, 0, 18, 3, 15, 0})
	f.Add([]byte{18, 3, 25, 1, 26, 1, 27, 1, 26, 2, 25, 1, 26, 2, 26, 5, 23, 0, 22, 0x2b})
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 4096 {
			return
		}
		runHostile(t, script)
	})
}
