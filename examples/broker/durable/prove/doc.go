// Package prove has tests that take the ground from under the broker of
// examples/broker/durable, as a user starts it: it is killed under load, stopped,
// its disk fills up, and loses what was not synced. A history of what clients were
// told is held against what they were given.
//
//	go test ./prove                                     # small
//	go test -timeout 0 -run TestKill ./prove -prove.kills 1000
package prove
