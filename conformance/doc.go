// Package conformance judges an MQTT broker or client from the outside, clause
// by clause: bytes go in over a network connection, packets come out.
//
// A Check is a value: what it is called, which clauses of the standards it is
// about, what it needs, and a function of a T. A Runner runs checks against one
// subject, in parallel, and returns a Report of values: for each check and
// version a Result with its state, the clause, what was sent, expected and got,
// and the bytes exchanged. Package brokers has the checks of brokers, package
// conformancetest runs them as tests of package testing, and
// examples/conform is the program.
//
// # What a check says
//
// A check judges the clauses that it is for and no others. What else it sees is
// a finding of the other clause, and does not fail the check. A check that
// cannot get as far as what it is for is Blocked, with the cause: so is every
// check that comes after one that did not pass (Check.After). A requirement of
// level SHOULD is reported, and is no failure of the subject. What a standard
// leaves open is a choice: any is right, and T.Choose holds the subject to the
// one that it made first.
//
// # Manners
//
// Every check has Client Identifiers and topics of its own, is bounded in time
// however the subject behaves, and leaves neither sessions nor retained
// messages where it can help it. Nothing is sized by what the subject
// announces.
package conformance
