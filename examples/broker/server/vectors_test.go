package server

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/session"
	"github.com/mqttwire/mqttwire/testdata"
)

func versionOf(t testing.TB, v *testdata.Vector) mqttwire.Version {
	for _, version := range versions {
		if version.String() == v.Version {
			return version
		}
	}
	t.Fatalf("%s: version %q", v.Name, v.Version)
	return 0
}

func vectors(t testing.TB) []testdata.Vector {
	all, err := testdata.Vectors()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// askedVersion returns the version that a CONNECT asks for, 0 where it is cut
// before that or asks for one that does not exist: then the server cannot know
// which version's answer the vector has. TestRefusals is about those.
func askedVersion(b []byte) mqttwire.Version {
	rules := codec.Rules{From: mqttwire.Client}
	h, body, n, _ := codec.Split(rules, b, 0)
	if n == 0 {
		return 0
	}
	var p codec.Connect
	p.Decode(rules, h, body)
	return p.Version
}

// Every packet that a client may not send is answered as its vector says, and
// ends the connection.
func TestInvalidVectors(t *testing.T) {
	config := withOptions(func(o *session.ServerOptions) { o.MaximumPacketSize = codec.MaxPacketSize }) // no vector is about ours
	for _, v := range vectors(t) {
		first := strings.HasPrefix(v.Name, "connect/")
		if v.Valid() || v.From == "server" || first && askedVersion(v.Bytes()) == 0 {
			continue
		}
		t.Run(v.Version+"/"+v.Name, func(t *testing.T) {
			version := versionOf(t, &v)
			simulate(t, config, func(t *testing.T, s *Server) {
				var p *peer
				if first {
					p = pipe(t, s, version)
				} else {
					p = connected(t, s, version, "c")
				}
				go p.conn.Write(v.Bytes()) // which may be cut short
				if v.Answer == nil {
					p.expectClosed()
					return
				}
				switch x := p.receive().(type) {
				case *codec.Connack:
					if !first || v.Answer.Packet != "CONNACK" || x.Code != connack.Code(v.Answer.Code) {
						t.Errorf("got %v, want %v", x, *v.Answer)
					}
				case *codec.Disconnect:
					if first || v.Answer.Packet != "DISCONNECT" || x.Code != mqttwire.Reason(v.Answer.Code) {
						t.Errorf("got %v, want %v", x, *v.Answer)
					}
				default:
					t.Errorf("got %v, want %v", x, *v.Answer)
				}
				p.expectClosed()
			})
		})
	}
}

// Whatever comes, after CONNECT or instead of it, the server survives, sends
// nothing but packets of the version, and lets go of the connection.
func FuzzServeConn(f *testing.F) {
	for _, v := range vectors(f) {
		connect := byte(0)
		if !strings.HasPrefix(v.Name, "connect/") {
			connect = byte(versionOf(f, &v))
		}
		f.Add(connect, v.Bytes())
	}
	s := New(Config{})
	f.Fuzz(func(t *testing.T, connect byte, b []byte) {
		version := mqttwire.Version(connect)
		if version.Valid() {
			b = append(encode(t, version, &codec.Connect{ClientID: []byte("c")}), b...)
		}
		ours, theirs := net.Pipe()
		received := make(chan []byte)
		go func() {
			got, _ := io.ReadAll(ours)
			received <- got
		}()
		go func() {
			ours.Write(b)
			ours.Close()
		}()
		s.ServeConn(theirs)
		got := <-received
		if !version.Valid() {
			return
		}
		rules := codec.Rules{Version: version, From: mqttwire.Server}
		var d codec.Decoder
		for len(got) > 0 {
			h, body, n, err := codec.Split(rules, got, 0)
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				break // cut by the end of the connection
			}
			if _, err := d.Decode(rules, h, body); err != nil {
				t.Fatal(err)
			}
			got = got[n:]
		}
	})
}
