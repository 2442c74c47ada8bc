// Package jetstream is a [keeplog.Log] that lasts: a stream of one subject on an
// embedded nats-server, R1, in a directory of its own. The server listens nowhere:
// it is a library here, and NATS a log and nothing more.
//
// The files are looked through before the server gets them, since it cuts off what
// it cannot read, the rest of a file with it. A record that is cut short at the
// very end was never acknowledged and goes; anything else that is damaged stops
// the start, with nothing changed.
package jetstream
