// Package conform has clients of other libraries judged by package
// conformance/clients: each connects, subscribes, publishes at every QoS a few
// times a second, and connects again whenever it is disconnected.
//
//	go test -run TestClients -v ./conform -conform.all
//
// plays all to all, in minutes, and prints what docs/clients.md has. Without the
// flag only a few checks are played, to see that it works.
package conform
