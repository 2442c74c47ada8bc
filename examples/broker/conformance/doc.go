// Package conformance holds tests of a broker from the outside: bytes go in
// over TCP, packets come out, in MQTT 3.1, 3.1.1 and 5.0. They cover what the
// standards ask of a broker beyond the form of single packets, and what
// well-known interoperability suites check.
//
// Where a standard leaves a choice, either is accepted; what it says a broker
// should do is expected. TestDefaults alone expects what only this project's
// broker, with a zero Config, has to do.
//
// A test names in its comment the clauses that it covers; TestClauses fails
// where a clause of layer broker is left out (see the README of package
// testdata). Every test has a broker of its own: the one of package server, or
// with
//
//	go test ./examples/broker/conformance -broker 'mosquitto -p PORT'
//
// a process of another, started with a free port in place of PORT.
package conformance
