package session_test

import (
	"runtime"
	"testing"
	"unsafe"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/session"
)

// idle is what a server holds for a client: the session, and its connection.
type idle struct {
	session session.Session
	server  session.Server
}

// heap returns the bytes that are in use.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestIdleSession measures what a connected server session holds that has been
// used, and has nothing in flight and no aliases; what an offline one does; and
// what a window adds.
func TestIdleSession(t *testing.T) {
	const n = 100_000
	options := session.ServerOptions{ReceiveMaximum: 16, TopicAliasMaximum: 16}
	p := connect(mqttwire.V50)
	p.Properties = codec.AppendSessionExpiryInterval(p.Properties, session.Never)
	hello := encode(t, mqttwire.V50, mqttwire.Client, p)
	ping := []byte{0xc0, 0}
	var d codec.Decoder
	var ack codec.Connack
	dst := make([]byte, 0, 1024)
	run := func(s *session.Server, b []byte) session.Event {
		h, body, _, _ := codec.Split(s.Rules(), b, 0)
		_, ev, err := s.Receive(dst, &d, h, body, 0)
		if err != nil {
			t.Fatal(err)
		}
		return ev
	}
	sessions := make([]*idle, n)
	before := heap()
	for i := range sessions {
		x := new(idle)
		x.server.Open(&options, 0)
		run(&x.server, hello)
		ack.Properties = ack.Properties.Reset()
		if _, _, err := x.server.Accept(dst, &x.session, &ack, 0); err != nil {
			t.Fatal(err)
		}
		run(&x.server, ping)
		sessions[i] = x
	}
	connected := float64(heap()-before) / n
	message := publish(qos.AtLeastOnce, 0)
	for _, x := range sessions {
		for range 16 {
			if _, _, err := x.server.Publish(dst, message, 1, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	window := float64(heap()-before)/n - connected
	var incoming []byte
	for id := range uint16(16) {
		incoming = encode(t, mqttwire.V50, mqttwire.Client, publish(qos.AtLeastOnce, id+1))
		for _, x := range sessions {
			run(&x.server, incoming)
		}
	}
	received := float64(heap()-before)/n - connected - window
	t.Logf("an idle session %.0f bytes (Session %d, Server %d), 16 messages sent %.0f more, 16 received %.0f more",
		connected, unsafe.Sizeof(session.Session{}), unsafe.Sizeof(session.Server{}), window, received)
	if connected > 512 {
		t.Errorf("an idle session is %.0f bytes", connected)
	}
	if window > 512 || received > 512 {
		t.Errorf("a window of 16 is %.0f bytes sent, %.0f received", window, received)
	}
	runtime.KeepAlive(sessions)
}
