package server

import (
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"testing"
)

// A proxy takes connections to a server, cuts what goes through them into
// pieces, and after some bytes cuts them off.
type proxy struct {
	l    net.Listener
	to   string
	most int // bytes, until a connection is cut

	mu      sync.Mutex
	open    map[net.Conn]struct{}
	closed  bool
	cuts    int
	running sync.WaitGroup
}

func newProxy(t *testing.T, to string, most int) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{l: l, to: to, most: most, open: map[net.Conn]struct{}{}}
	p.running.Go(p.serve)
	t.Cleanup(p.close)
	return p
}

func (p *proxy) address() string { return p.l.Addr().String() }

func (p *proxy) serve() {
	for {
		client, err := p.l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.to)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		if p.closed {
			client.Close()
			server.Close()
			p.mu.Unlock()
			return
		}
		p.open[client], p.open[server] = struct{}{}, struct{}{}
		p.mu.Unlock()
		end := sync.OnceFunc(func() { p.cut(client, server) })
		p.running.Go(func() { defer end(); p.copy(server, client) })
		p.running.Go(func() { defer end(); p.copy(client, server) })
	}
}

// copy carries some bytes, in pieces of any size.
func (p *proxy) copy(to io.Writer, from io.Reader) {
	left := 1 + rand.IntN(p.most)
	b := make([]byte, 2048)
	for left > 0 {
		n, err := from.Read(b[:1+rand.IntN(len(b))])
		if err != nil {
			return
		}
		for rest := b[:min(n, left)]; len(rest) > 0; {
			k := 1 + rand.IntN(len(rest))
			if _, err := to.Write(rest[:k]); err != nil {
				return
			}
			rest = rest[k:]
			runtime.Gosched()
		}
		left -= n
	}
}

func (p *proxy) cut(both ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cuts++
	for _, c := range both {
		if rand.IntN(2) == 0 {
			c.(*net.TCPConn).SetLinger(0) // has Close reset the connection
		}
		c.Close()
		delete(p.open, c)
	}
}

func (p *proxy) close() {
	p.l.Close()
	p.mu.Lock()
	p.closed = true
	for c := range p.open {
		c.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}
