package clients

import (
	"slices"
	"strings"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/testdata"
)

func levelOf(n uint8) qos.Level { return qos.Level(n) }

// toClose is the rule that a client closes on what is wrong. In 5.0 it should,
// in 3.1.1 it must.
var toClose = conformance.Cite("3.1.1 4.8.0-1; 5.0 E-4.13.1/3")

// wrong says that the client has not closed.
func (s *stage) wrong() {
	if s.closes(s.window()) {
		return
	}
	if s.Version == mqttwire.V50 {
		s.Advise(toClose, "the end of the connection", "the client goes on")
	} else {
		s.Fault(toClose, "the end of the connection", "the client goes on")
	}
}

// hostile are checks of what a client does with what no server may send: a
// malformed packet of each kind, and violations that take a state to see.
func hostile() []check {
	all := malformed(false)
	add := func(name, about string, play func(*stage)) {
		c := check{conformance.Check{Name: "hostile/" + name, About: about, Clauses: toClose,
			Versions: []mqttwire.Version{mqttwire.V311, mqttwire.V50}}, func(s *stage) {
			s.accept()
			play(s)
			s.w.forget()
			s.wrong()
		}}
		all = append(all, c)
	}
	add("second-connack", "A second CONNACK.", func(s *stage) { s.send(&codec.Connack{}) })
	add("connect", "A CONNECT from a server.", func(s *stage) {
		s.send(&codec.Connect{Version: s.Version, CleanStart: true, ClientID: []byte("x")})
	})
	add("wrong-acknowledgement", "A PUBACK for a message of QoS 2.", func(s *stage) {
		s.send(&codec.Puback{ID: s.published(2, hold)})
	})
	add("suback-count", "A SUBACK with a code too many.", func(s *stage) {
		var id uint16
		if !s.serve(s.Patience(), func(p codec.Packet) reply {
			if x, is := p.(*codec.Subscribe); is {
				id = x.ID
				return stopHere
			}
			return answer
		}) {
			s.Skip("the client subscribes to nothing")
		}
		s.send(&codec.Suback{ID: id, Codes: codec.ReasonCodes{}.Append(0, 0, 0, 0, 0, 0, 0, 0, 0)})
	})
	only5 := func(name, about string, play func(*stage)) {
		add(name, about, play)
		all[len(all)-1].Versions = []mqttwire.Version{mqttwire.V50}
	}
	only5("alias-unknown", "A Topic Alias that stands for nothing.", func(s *stage) {
		n, _ := s.connect.Properties.TopicAliasMaximum()
		m := s.message(nil, 0, "x")
		m.Properties = codec.AppendTopicAlias(m.Properties, max(n, 1))
		s.subscribed(0)
		s.send(m)
	})
	only5("alias-over-maximum", "A Topic Alias over the client's maximum.", func(s *stage) {
		n, _ := s.connect.Properties.TopicAliasMaximum()
		if n == 65535 {
			s.Skip("the client takes all Topic Aliases")
		}
		m := s.message(s.subscribed(0), 0, "x")
		m.Properties = codec.AppendTopicAlias(m.Properties, n+1)
		s.send(m)
	})
	only5("packet-size", "A packet over the client's Maximum Packet Size.", func(s *stage) {
		n, ok := s.connect.Properties.MaximumPacketSize()
		if !ok || n > 1<<22 {
			s.Skip("the client has no Maximum Packet Size")
		}
		s.send(s.message(s.subscribed(0), 0, string(make([]byte, n))))
	})
	only5("auth", "An AUTH, and the client has named no method.", func(s *stage) {
		if _, ok := s.connect.Properties.AuthenticationMethod(); ok {
			s.Skip("the client authenticates")
		}
		s.send(&codec.Auth{Code: mqttwire.ContinueAuthentication, Properties: codec.AppendAuthenticationMethod(codec.Properties{}, "x")})
	})
	return all
}

// malformed are checks with the vectors of testdata: the first of each error, of
// CONNACK and of what a server may send after it.
// After a bad CONNACK some do not come again: these are apart.
func malformed(connacks bool) (all []check) {
	vectors, err := testdata.Vectors()
	if err != nil {
		panic(err) // the data is part of the program
	}
	vectors = slices.Clone(vectors)                                 // they are everybody's
	slices.SortStableFunc(vectors, func(a, b testdata.Vector) int { // what a client sees most, first
		return rank(a.Name) - rank(b.Name)
	})
	at := map[string]int{}
	for i := range vectors {
		v := &vectors[i]
		if v.Valid() || v.Leniency != "" && v.Leniency != "reserved-flags" || v.From == "client" || v.Version == "3.1" {
			continue
		}
		b := v.Bytes()
		kind := mqttwire.PacketType(b[0] >> 4)
		if kind == mqttwire.CONNECT || connacks != (kind == mqttwire.CONNACK) {
			continue
		}
		j, known := at[v.Error]
		if !known {
			j = len(all)
			at[v.Error] = j
			all = append(all, check{conformance.Check{Name: "hostile/" + v.Name, About: "A server that sends what is malformed: " + v.Error + ".", Clauses: toClose}, nil})
		}
		version := mqttwire.V50
		if v.Version == "3.1.1" {
			version = mqttwire.V311
		}
		c := &all[j]
		if slices.Contains(c.Versions, version) {
			continue
		}
		c.Versions = append(c.Versions, version)
		before := c.play
		c.play = func(s *stage) {
			if s.Version != version {
				before(s)
				return
			}
			if connacks { // in place of the good one
				s.hello()
			} else {
				s.accept()
				s.serve(100*time.Millisecond, nil)
			}
			s.w.forget()
			s.c.Write(b)
			s.wrong()
		}
	}
	return all
}

func rank(name string) int {
	for i, kind := range []string{"publish/", "suback/", "puback/"} {
		if strings.HasPrefix(name, kind) {
			return i
		}
	}
	return 9
}
