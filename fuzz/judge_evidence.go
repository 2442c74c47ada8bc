package fuzz

import (
	"strings"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// evidence is a packet with what a parser has to say of it.
type evidence struct {
	rules   codec.Rules
	packet  []byte
	verdict Verdict
	name    string
}

// faultKey is what makes faults one and the same.
type faultKey struct {
	kind FaultKind
	text string
}

// judge collects what a parser does wrong.
type judge struct {
	watch  *watch
	faults map[faultKey]*Fault
	order  []faultKey // in which they were found
	calls  int
	hung   bool
}

// try has the parser judge a packet, and judges the parser.
func (j *judge) try(c evidence) {
	if j.hung {
		return
	}
	kind, key, said := j.ask(c)
	if kind == noFault {
		return
	}
	f := j.faults[key]
	if f == nil {
		f = &Fault{Kind: kind, Packet: c.packet}
		j.faults[key] = f
		j.order = append(j.order, key)
	}
	if f.Count++; f.Count == 1 || len(c.packet) < len(f.Packet) {
		f.Rules, f.Packet, f.Name, f.Said = c.rules, c.packet, c.name, said
		f.Error, f.Clause = broken(c)
		f.verdict = c.verdict
	}
}

// ask calls the parser, and returns what is wrong with what it says.
func (j *judge) ask(c evidence) (kind FaultKind, key faultKey, said string) {
	j.calls++
	a, ok := j.watch.call(c)
	switch {
	case !ok:
		j.hung = true
		return Hangs, faultKey{Hangs, ""}, ""
	case a.panicked != "":
		return Panics, faultKey{Panics, withoutNumbers(a.panicked)}, a.panicked
	case a.refused && c.verdict == Valid:
		return Refuses, faultKey{Refuses, packetName(c.packet) + " " + withoutNumbers(a.said)}, a.said
	case !a.refused && (c.verdict == Invalid || c.verdict == Incomplete):
		text, _ := broken(c)
		return Accepts, faultKey{Accepts, text}, ""
	}
	return noFault, faultKey{}, ""
}

// broken returns what is wrong with a packet that is to be refused, and the
// clause that says so.
func broken(c evidence) (text, clause string) {
	if c.verdict == Valid || c.verdict == Unsure {
		return "", ""
	}
	err := check(c.rules, c.packet)
	if err, ok := err.(mqttwire.Error); ok {
		clause, _ = err.Clause(c.rules.Version)
		return err.Error(), clause
	}
	return "bytes are missing", ""
}

// check is this module's own parser: nil for exactly one packet.
func check(r codec.Rules, packet []byte) error {
	h, body, n, err := codec.Split(r, packet, 0)
	switch {
	case err != nil:
		return err
	case n == 0:
		return errCut
	case n < len(packet):
		return mqttwire.ErrTrailing
	}
	_, err = new(codec.Decoder).Decode(r, h, body)
	return err
}

type cut struct{}

func (cut) Error() string { return "bytes are missing" }

var errCut cut

func packetName(b []byte) string {
	if len(b) == 0 {
		return "nothing"
	}
	return mqttwire.PacketType(b[0] >> 4).String()
}

// withoutNumbers makes one of texts that differ in a number, such as an offset
// or a length.
func withoutNumbers(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, s)
}
