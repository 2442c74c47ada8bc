package conformance

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/server"
	"github.com/mqttwire/mqttwire/examples/broker/servertest"
)

// A broker that goes says so to clients of 5.0, closes all connections, and
// takes no more.
func TestShutdown(t *testing.T) {
	t.Parallel()
	const patience = 5 * time.Second
	addr, stop := servertest.Start(t, server.Config{})
	versions := []mqttwire.Version{0, mqttwire.V31, mqttwire.V311, mqttwire.V50} // 0: has not sent its CONNECT
	conns := map[mqttwire.Version]net.Conn{}
	readers := map[mqttwire.Version]*bufio.Reader{}
	for _, v := range versions {
		conn, err := net.DialTimeout("tcp", addr, patience)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		conns[v], readers[v] = conn, bufio.NewReader(conn)
		if v == 0 {
			continue
		}
		p := &codec.Connect{Version: v, CleanStart: true, ClientID: []byte(v.String())}
		b, err := p.Append(nil, codec.Rules{Version: v, From: mqttwire.Client})
		if err != nil {
			t.Fatal(err)
		}
		conn.Write(b)
		head := make([]byte, 2)
		if _, err := io.ReadFull(readers[v], head); err != nil || head[0] != 0x20 {
			t.Fatalf("%v: no CONNACK: % x, %v", v, head, err)
		}
		io.CopyN(io.Discard, readers[v], int64(head[1]))
	}
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	for _, v := range versions {
		rest, err := io.ReadAll(readers[v])
		if err != nil {
			t.Errorf("%v: %v", v, err)
		}
		if v == mqttwire.V50 && (len(rest) < 3 || rest[0] != 0xe0 || rest[2] != byte(mqttwire.ServerShuttingDown)) || v != mqttwire.V50 && len(rest) > 0 {
			t.Errorf("%v: got % x before the end", v, rest)
		}
		conns[v].Close()
	}
	<-stopped
	if conn, err := net.DialTimeout("tcp", addr, patience); err == nil {
		conn.Close()
		t.Error("connections are accepted still")
	}
}
