// Package keep is what a broker keeps of its sessions and retained messages over
// a restart: a sequence of [Record] values. A [Store] keeps them; the broker
// tells it what happens through a [Journal], and has them played back when it
// starts. [Compact] leaves out what has become void.
//
// It imports nothing but the library packages, does no I/O, starts no goroutine
// and reads no clock. Package keeptest tests a Store.
package keep
