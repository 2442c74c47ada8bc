package server

import (
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/examples/broker/hub"
)

// Who comes when there are as many as may be is told, and twice as many are not
// even heard.
func TestConnectionsNotHeard(t *testing.T) {
	codes := map[mqttwire.Version]connack.Code{mqttwire.V31: 3, mqttwire.V311: 3, mqttwire.V50: connack.ServerBusy}
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		simulate(t, Config{MaxConnections: 2}, func(t *testing.T, s *Server) {
			a := connected(t, s, v, "a")
			connected(t, s, v, "b")
			p := pipe(t, s, v)
			p.send(&codec.Connect{Version: v, CleanStart: true, ClientID: []byte("c")})
			if ack := p.receive().(*codec.Connack); ack.Code != codes[v] {
				t.Error(ack)
			}
			p.expectClosed()
			synctest.Wait()
			pipe(t, s, v)
			pipe(t, s, v)
			pipe(t, s, v).expectClosed()
			a.conn.Close()
			synctest.Wait()
			s.life.Lock()
			n := len(s.conns)
			s.life.Unlock()
			if n > 3 {
				t.Errorf("%d connections", n)
			}
		})
	})
}

// Who connects too often is told, in every version, and may again later.
func TestConnectRateOverTime(t *testing.T) {
	codes := map[mqttwire.Version]connack.Code{mqttwire.V31: 3, mqttwire.V311: 3, mqttwire.V50: connack.ConnectionRateExceeded}
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		simulate(t, Config{ConnectRate: 2}, func(t *testing.T, s *Server) {
			try := func() connack.Code {
				t.Helper()
				p := pipe(t, s, v)
				p.send(&codec.Connect{Version: v, CleanStart: true, ClientID: []byte("c")})
				code := p.receive().(*codec.Connack).Code
				p.conn.Close()
				return code
			}
			count := func(attempts, want int) {
				t.Helper()
				n := 0
				for range attempts {
					switch code := try(); code {
					case connack.Success:
						n++
					case codes[v]:
					default:
						t.Error("code", code)
					}
				}
				if n != want {
					t.Errorf("%d of %d may connect, want %d", n, attempts, want)
				}
			}
			count(10, 4)
			time.Sleep(time.Second)
			count(10, 2)
			time.Sleep(time.Hour)
			count(10, 4)
		})
	})
}

// from is a connection from an address of its own.
type from struct {
	net.Conn
	address net.Addr
}

func (f from) RemoteAddr() net.Addr { return f.address }

// try connects from an address and returns the code of the CONNACK, or 0xFF
// where there is none.
func try(t *testing.T, s *Server, v mqttwire.Version, ip, id, name string, more ...byte) connack.Code {
	t.Helper()
	ours, theirs := net.Pipe()
	served := make(chan struct{})
	go func() {
		defer close(served)
		s.ServeConn(from{theirs, &net.TCPAddr{IP: net.ParseIP(ip), Port: 1}})
	}()
	p := newPeer(t, ours, v)
	c := user(v, name)
	c.ClientID = []byte(id)
	p.send(c)
	code := connack.Code(0xff)
	if ack, ok := p.receive().(*codec.Connack); ok {
		code = ack.Code
	}
	if len(more) > 0 {
		p.write(more)
		p.drained()
	}
	p.conn.Close()
	<-served
	return code
}

// proof is a judge who knows who is good.
type proof struct{ judge }

func (p proof) Authenticate(who *hub.Peer, c *codec.Connect) (hub.Access, connack.Code, string) {
	who.Principal = "user " + who.UserName
	return p.judge.Authenticate(who, c)
}

// An address that guesses, or breaks the standard, is banned for a time, and so
// is a client; others are not.
func TestBansOfAddresses(t *testing.T) {
	config := Config{Authenticator: proof{}, Bans: hub.Bans{Credentials: 3, Malformed: 2, Window: time.Minute, For: 10 * time.Minute}}
	banned := map[mqttwire.Version]connack.Code{mqttwire.V31: 5, mqttwire.V311: 5, mqttwire.V50: connack.Banned}
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		t.Run("credentials", func(t *testing.T) {
			simulate(t, config, func(t *testing.T, s *Server) {
				for range 3 {
					if code := try(t, s, v, "1.1.1.1", "a", "bad"); code == 0 || code == banned[v] && v == mqttwire.V50 {
						t.Errorf("code 0x%02x", uint8(code))
					}
				}
				if code := try(t, s, v, "1.1.1.1", "b", "good"); code != banned[v] {
					t.Errorf("the address is not banned: 0x%02x", uint8(code))
				}
				if code := try(t, s, v, "2.2.2.2", "b", "good"); code != 0 {
					t.Errorf("another address: 0x%02x", uint8(code))
				}
				time.Sleep(10*time.Minute + 1)
				if code := try(t, s, v, "1.1.1.1", "b", "good"); code != 0 {
					t.Errorf("the ban does not end: 0x%02x", uint8(code))
				}
			})
		})
		t.Run("too seldom", func(t *testing.T) {
			simulate(t, config, func(t *testing.T, s *Server) {
				for range 5 {
					try(t, s, v, "1.1.1.1", "a", "bad")
					time.Sleep(time.Minute)
				}
				if code := try(t, s, v, "1.1.1.1", "b", "good"); code != 0 {
					t.Errorf("it is banned: 0x%02x", uint8(code))
				}
			})
		})
		t.Run("malformed", func(t *testing.T) {
			simulate(t, config, func(t *testing.T, s *Server) {
				for i := range 2 { // from several addresses
					try(t, s, v, fmt.Sprint("1.1.1.", i), "a", "good", 0xd0, 0)
				}
				if code := try(t, s, v, "2.2.2.2", "a", "good"); code != banned[v] {
					t.Errorf("the client is not banned: 0x%02x", uint8(code))
				}
				if code := try(t, s, v, "1.1.1.1", "b", "good"); code != 0 {
					t.Errorf("an address with one offence: 0x%02x", uint8(code))
				}
				if code := try(t, s, v, "2.2.2.2", "a", "another"); code != 0 {
					t.Errorf("another's client of that name: 0x%02x", uint8(code))
				}
			})
		})
		t.Run("anonymous", func(t *testing.T) {
			anonymous := config
			anonymous.Authenticator = nil
			simulate(t, anonymous, func(t *testing.T, s *Server) {
				for i := range 4 { // who has a name for himself is not known
					try(t, s, v, fmt.Sprint("1.1.1.", i), "a", "good", 0xd0, 0)
				}
				if code := try(t, s, v, "2.2.2.2", "a", "good"); code != 0 {
					t.Errorf("strangers have it banned: 0x%02x", uint8(code))
				}
			})
		})
	})
}
