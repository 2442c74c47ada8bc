package session_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// TestJournal runs a connection whose Records are kept, and brings the session
// back from the snapshot at its start, and from nothing.
func TestJournal(t *testing.T) {
	for _, v := range versions {
		s := connected(t, session.ServerOptions{}, kept(v))
		start := s.state.AppendSnapshot(nil, 0)
		var records []qos.Record
		publish := func(level qos.Level, token uint64) {
			_, a, err := s.Publish(nil, publish(level, 0), token, 0)
			if err != nil {
				t.Fatal(err)
			}
			records = append(records, a.Record())
		}
		acked := func(p codec.Packet) {
			if _, err := s.send(p); err != nil {
				t.Fatal(err)
			}
			if r := s.last.Record(); r != (qos.Record{}) {
				records = append(records, r)
			}
		}
		received := func(id uint16, level qos.Level) {
			p := codec.Publish{Topic: []byte("t"), QoS: level, ID: id}
			if _, err := s.send(&p); err != nil || s.last.Kind != session.Deliver {
				t.Fatal(err, s.last)
			}
			_, r, err := s.Ack(nil, s.last.Ticket(), 0, codec.Properties{}, 0)
			if err != nil || r != s.last.Ticket().Record() {
				t.Fatal(r, err)
			}
			records = append(records, r)
		}
		publish(1, 11)
		publish(2, 12)
		publish(2, 13)
		publish(2, 14)
		acked(&codec.Puback{ID: 1})
		acked(&codec.Pubrec{ID: 2})
		acked(&codec.Pubrec{ID: 3})
		acked(&codec.Pubcomp{ID: 2})
		publish(1, 15)
		received(7, 2)
		received(8, 1)
		received(9, 2)
		acked(&codec.Pubrel{ID: 7})
		want := []qos.Record{
			{Token: 11, ID: 1, Change: qos.Store.Of(qos.Sent, 1)},
			{Token: 12, ID: 2, Change: qos.Store.Of(qos.Sent, 2)},
			{Token: 13, ID: 3, Change: qos.Store.Of(qos.Sent, 2)},
			{Token: 14, ID: 4, Change: qos.Store.Of(qos.Sent, 2)},
			{Token: 11, ID: 1, Change: qos.Forget.Of(qos.Sent, 1)},
			{Token: 12, ID: 2, Change: qos.Release.Of(qos.Sent, 2)},
			{Token: 13, ID: 3, Change: qos.Release.Of(qos.Sent, 2)},
			{Token: 12, ID: 2, Change: qos.Forget.Of(qos.Sent, 2)},
			{Token: 15, ID: 5, Change: qos.Store.Of(qos.Sent, 1)},
			{ID: 7, Change: qos.Accept.Of(qos.Received, 2)},
			{ID: 8, Change: qos.Accept.Of(qos.Received, 1)},
			{ID: 9, Change: qos.Accept.Of(qos.Received, 2)},
			{ID: 7, Change: qos.Forget.Of(qos.Received, 2)},
		}
		if len(records) != len(want) {
			t.Fatalf("%v: %v", v, records)
		}
		for i, r := range records {
			if r != want[i] {
				t.Errorf("%v: record %d: %v, want %v", v, i, r, want[i])
			}
		}

		var a, b session.Session
		if err := a.Restore(start, 0); err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			for _, s := range []*session.Session{&a, &b} {
				if err := s.Apply(r); err != nil {
					t.Fatalf("%v: %v: %v", v, r, err)
				}
			}
		}
		s.Close(0)
		if err := b.Resume(s.state.State(), 0); err != nil {
			t.Fatal(err)
		}
		if a.State() != s.state.State() || b.State() != s.state.State() {
			t.Errorf("%v: %+v, %+v, want %+v", v, a.State(), b.State(), s.state.State())
		}
		// Tickets are numbered on in a snapshot only: compare what they share.
		if got, want := a.AppendSnapshot(nil, 0), s.state.AppendSnapshot(nil, 0); !bytes.Equal(got[:len(want)-40], want[:len(want)-40]) {
			t.Errorf("%v: % x\nwant % x", v, got, want)
		}
		for _, r := range []*session.Session{&a, &b} {
			if got, want := exchanges(r), exchanges(&s.state); got != want {
				t.Errorf("%v: %s\nwant %s", v, got, want)
			}
		}
	}
}

// exchanges tells all that is in flight.
func exchanges(s *session.Session) string {
	var all []string
	for x := range s.Sent() {
		all = append(all, fmt.Sprintf("sent %d token %d %v", x.ID, x.Token, x.Await))
	}
	n := len(all)
	for x := range s.Received() {
		all = append(all, fmt.Sprintf("received %d %v", x.ID, x.Await))
	}
	slices.Sort(all[n:])
	return strings.Join(all, ", ")
}
