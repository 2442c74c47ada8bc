// Package proxy is a transparent proxy of TCP connections with a judge in it: it
// passes bytes on as they come, changes none, and gives them to a
// wirejudge.Judge.
package proxy

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/conformance/wirejudge"
)

// A Proxy takes connections and makes one to a server for each. Its fields are
// set before Serve.
type Proxy struct {
	// Judge looks on. Its callbacks, like those below, are called one at a time,
	// and a connection waits for them: they must not block.
	Judge wirejudge.Judge
	// Dial makes a connection to the server.
	Dial func() (net.Conn, error)
	// OnOpen is called for each connection, OnClose when it is gone, with who
	// ended it first, and OnRefused for one that the server could not be reached
	// for. nil: not wanted.
	OnOpen    func(c *wirejudge.Conn, from net.Addr)
	OnClose   func(c *wirejudge.Conn, by mqttwire.Role, lasted time.Duration)
	OnRefused func(from net.Addr, err error)

	start time.Time
	mu    sync.Mutex // the judge, and what follows
	links map[*link]bool
	done  bool
	wg    sync.WaitGroup
}

// size is how many bytes of a direction are under way at most.
const size = 64 << 10

// link is a connection of a client and the one made for it.
type link struct {
	p     *Proxy
	ends  [3]net.Conn // by mqttwire.Role
	judge *wirejudge.Conn
	begun time.Duration
	first mqttwire.Role // who ended it first
	whole [3]bool       // all that an end has sent was read, to its FIN
}

// Serve takes connections from l until l or the Proxy is closed, which it returns
// nil for. It leaves no goroutine behind once Close has returned.
func (p *Proxy) Serve(l net.Listener) error {
	p.mu.Lock()
	if p.start.IsZero() {
		p.start, p.links = time.Now(), map[*link]bool{}
	}
	p.mu.Unlock()
	stop := make(chan struct{})
	p.wg.Add(1)
	go p.poll(stop)
	defer close(stop)
	for {
		client, err := l.Accept()
		var passing net.Error
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case errors.As(err, &passing) && passing.Timeout(), errors.Is(err, syscall.EMFILE):
			time.Sleep(50 * time.Millisecond)
			continue
		case err != nil:
			return err
		}
		p.mu.Lock()
		if p.done {
			client.Close()
		} else {
			p.wg.Add(1)
			go p.link(client)
		}
		p.mu.Unlock()
	}
}

// Close ends all connections, and returns when they have been told of. Close the
// listener first.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.done = true
	for l := range p.links {
		l.ends[mqttwire.Client].Close()
		l.ends[mqttwire.Server].Close()
	}
	p.mu.Unlock()
	p.wg.Wait()
}

func (p *Proxy) now() time.Duration { return time.Since(p.start) }

// poll tells the judge what time it is.
func (p *Proxy) poll(stop chan struct{}) {
	defer p.wg.Done()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			p.mu.Lock()
			for l := range p.links {
				l.judge.Poll(p.now())
			}
			p.mu.Unlock()
		}
	}
}

func (p *Proxy) link(client net.Conn) {
	defer p.wg.Done()
	defer client.Close()
	server, err := p.Dial()
	if err != nil {
		p.mu.Lock()
		if p.OnRefused != nil {
			p.OnRefused(client.RemoteAddr(), err)
		}
		p.mu.Unlock()
		return
	}
	defer server.Close()
	l := &link{p: p, ends: [3]net.Conn{nil, client, server}}
	p.mu.Lock()
	if p.done {
		p.mu.Unlock()
		return
	}
	l.begun = p.now()
	l.judge = p.Judge.Open(l.begun)
	p.links[l] = true
	if p.OnOpen != nil {
		p.OnOpen(l.judge, client.RemoteAddr())
	}
	p.mu.Unlock()

	var both sync.WaitGroup
	for _, from := range []mqttwire.Role{mqttwire.Client, mqttwire.Server} {
		both.Go(func() { l.pass(from) })
	}
	both.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
	for _, r := range []mqttwire.Role{mqttwire.Client, mqttwire.Server} {
		if !l.whole[r] {
			l.judge.Missed(r)
		}
	}
	l.judge.Close(l.first, p.now())
	if p.OnClose != nil {
		p.OnClose(l.judge, l.first, p.now()-l.begun)
	}
}

// pass passes on what one end sends, until it ends. The judge sees the bytes
// first, so that it sees no answer before what it answers.
func (l *link) pass(from mqttwire.Role) {
	src, dst := l.ends[from], l.ends[mqttwire.Client+mqttwire.Server-from]
	buf := make([]byte, size)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			l.p.mu.Lock()
			l.judge.Bytes(from, buf[:n], l.p.now())
			l.p.mu.Unlock()
			if _, err := dst.Write(buf[:n]); err != nil {
				// Its reader notices too, and says who ended the connection. What
				// comes from here has nowhere to go.
				src.Close()
				return
			}
		}
		if err != nil {
			l.ended(from, err, dst)
			return
		}
	}
}

// ended passes the end of a direction on: a FIN as a FIN, a RST as a RST.
func (l *link) ended(from mqttwire.Role, err error, dst net.Conn) {
	l.p.mu.Lock()
	if l.first == mqttwire.Either && !errors.Is(err, net.ErrClosed) {
		l.first = from
	}
	l.whole[from] = errors.Is(err, io.EOF)
	l.p.mu.Unlock()
	half, ok := dst.(interface{ CloseWrite() error })
	if errors.Is(err, io.EOF) && ok {
		half.CloseWrite()
		return
	}
	if tcp, ok := dst.(*net.TCPConn); ok && errors.Is(err, syscall.ECONNRESET) {
		tcp.SetLinger(0)
	}
	dst.Close()
}
