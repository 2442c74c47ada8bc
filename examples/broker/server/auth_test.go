package server

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/examples/broker/hub"
	"github.com/mqttwire/mqttwire/qos"
)

// A judge is an Authenticator that lets everybody in but "bad" and "locked",
// with the Access it has.
type judge struct{ access hub.Access }

func (j judge) Authenticate(who *hub.Peer, p *codec.Connect) (hub.Access, connack.Code, string) {
	switch who.UserName {
	case "bad":
		return nil, connack.BadUserNameOrPassword, "no such user"
	case "locked":
		return nil, connack.NotAuthorized, "locked"
	case "busy":
		return nil, connack.ServerBusy, "busy"
	}
	return j.access, connack.Success, ""
}

// rights allow all but topics and filters that have a word in them.
type rights struct{ mute, blind, deaf string }

func (r rights) Publish(topic []byte) mqttwire.Reason    { return without(topic, r.mute) }
func (r rights) Subscribe(filter []byte) mqttwire.Reason { return without(filter, r.blind) }
func (r rights) Receive(topic []byte) bool               { return without(topic, r.deaf) == 0 }

func without(b []byte, word string) mqttwire.Reason {
	if word != "" && bytes.Contains(b, []byte(word)) {
		return mqttwire.NotAuthorized
	}
	return mqttwire.Success
}

// strict is a StrictAccess, timed a TimedAccess, revocable a RevocableAccess.
type strict struct {
	rights
	order hub.Order
}

func (s *strict) Refused(_ mqttwire.PacketType, _ []byte, said bool) hub.Order {
	if said {
		return hub.Order{}
	}
	return s.order
}

type timed struct {
	rights
	at     time.Time
	orders []hub.Order // one each second
}

func (x *timed) Deadline() (time.Time, bool) { return x.at, len(x.orders) > 0 }

func (x *timed) Poll(now time.Time) hub.Order {
	if len(x.orders) == 0 || now.Before(x.at) {
		return hub.Order{}
	}
	o := x.orders[0]
	x.orders, x.at = x.orders[1:], x.at.Add(time.Second)
	return o
}

type revocable struct {
	rights
	order hub.Order
}

func (r *revocable) Recheck() hub.Order { return r.order }

func user(v mqttwire.Version, name string) *codec.Connect {
	return &codec.Connect{Version: v, CleanStart: true, ClientID: []byte("c"), UserNameFlag: true, UserName: []byte(name)}
}

func TestAuthenticator(t *testing.T) {
	tests := []struct {
		name         string
		code3, code5 connack.Code
	}{
		{"bad", 4, 0x86},
		{"locked", 5, 0x87},
		{"busy", 3, 0x89},
		{"good", 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			eachVersion(t, func(t *testing.T, v mqttwire.Version) {
				simulate(t, Config{Authenticator: judge{}}, func(t *testing.T, s *Server) {
					p := pipe(t, s, v)
					p.send(user(v, tt.name))
					want := tt.code3
					if v == mqttwire.V50 {
						want = tt.code5
					}
					if ack := p.receive().(*codec.Connack); ack.Code != want {
						t.Errorf("got %v, want 0x%02x", ack, uint8(want))
					}
					if want == 0 {
						p.expectNothing()
						return
					}
					p.expectClosed()
					synctest.Wait()
					if s.Stats().Clients != 0 {
						t.Error("a client is there")
					}
				})
			})
		})
	}
}

func TestAccessPublish(t *testing.T) {
	for level := range qos.Level(3) {
		t.Run(level.String(), func(t *testing.T) {
			eachVersion(t, func(t *testing.T, v mqttwire.Version) {
				simulate(t, Config{Authenticator: judge{rights{mute: "secret"}}}, func(t *testing.T, s *Server) {
					p := connected(t, s, v, "c")
					p.subscribe("#")
					id := uint16(min(level, 1)) * 5
					m := publicationAt("a/secret", "1", level, id)
					m.Retain = true
					p.send(m)
					code := mqttwire.Success
					if v == mqttwire.V50 {
						code = mqttwire.NotAuthorized
					}
					switch level {
					case qos.AtLeastOnce:
						p.expect(&codec.Puback{ID: id, Code: code})
					case qos.ExactlyOnce:
						p.expect(&codec.Pubrec{ID: id, Code: code})
					}
					p.expectNothing()
					if s.Stats().Retained != 0 {
						t.Error("it is retained")
					}
					p.send(publication("a/b", "2"))
					p.expect(publication("a/b", "2"))
				})
			})
		})
	}
}

func TestAccessSubscribe(t *testing.T) {
	codes := map[mqttwire.Version]mqttwire.Reason{mqttwire.V311: 0x80, mqttwire.V50: 0x87}
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		simulate(t, Config{Authenticator: judge{rights{blind: "secret"}}}, func(t *testing.T, s *Server) {
			p := connected(t, s, v, "c")
			p.send(subscribeTo(t, "a", "secret/#", "$share/g/secret"))
			if v == mqttwire.V31 { // it would read any SUBACK as granted
				p.expectClosed()
				return
			}
			p.expect(&codec.Suback{ID: 1, Codes: codec.ReasonCodes{}.Append(0, codes[v], codes[v])})
			p.send(publication("secret/a", "1"), publication("secret", "2"), publication("a", "3"))
			p.expect(publication("a", "3"))
			if n := s.Stats().Subscriptions; n != 1 {
				t.Errorf("%d subscriptions", n)
			}
		})
	})
}

// What a client may not receive it is not sent: live, retained, or queued.
func TestAccessReceive(t *testing.T) {
	for _, v := range versions[1:] {
		t.Run(v.String(), func(t *testing.T) {
			open := &rights{}
			simulate(t, Config{Authenticator: judge{open}}, func(t *testing.T, s *Server) {
				p := join(t, s, lasting(v, "c", 100))
				p.subscribeAt("#", qos.AtLeastOnce)
				p.conn.Close()
				synctest.Wait()
				other := connected(t, s, v, "other")
				for i, topic := range []string{"secret", "a"} { // which it may receive now
					m := publicationAt(topic, "queued", qos.AtLeastOnce, uint16(i+1))
					m.Retain = true
					other.send(m)
					other.expect(&codec.Puback{ID: uint16(i + 1)})
				}
				synctest.Wait()
				open.deaf = "secret"
				p = rejoin(t, s, lasting(v, "c", 100), true)
				p.expect(publicationAt("a", "queued", qos.AtLeastOnce, 1))
				p.send(&codec.Puback{ID: 1})
				other.send(publication("secret", "live"), publication("a", "live"))
				p.expect(publication("a", "live"))
				p.subscribe("+")
				p.expect(retainedPublication("a", "queued"))
				p.expectNothing()
			})
		})
	}
}

func TestAccessWill(t *testing.T) {
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		simulate(t, Config{Authenticator: judge{rights{mute: "secret"}}}, func(t *testing.T, s *Server) {
			p := pipe(t, s, v)
			p.send(&codec.Connect{Version: v, CleanStart: true, ClientID: []byte("c"), WillFlag: true, Will: codec.Will{Topic: []byte("secret")}})
			want := connack.Code(5)
			if v == mqttwire.V50 {
				want = connack.NotAuthorized
			}
			if ack := p.receive().(*codec.Connack); ack.Code != want {
				t.Errorf("got %v", ack)
			}
			p.expectClosed()
		})
	})
}

// expectAcknowledged expects a PUBLISH that is refused to be acknowledged, at
// QoS 2 to the end of its handshake, so that nothing is left to send again.
func (p *peer) expectAcknowledged(level qos.Level, id uint16, code mqttwire.Reason) {
	p.t.Helper()
	switch level {
	case qos.AtLeastOnce:
		p.expect(&codec.Puback{ID: id, Code: code})
	case qos.ExactlyOnce:
		p.expect(&codec.Pubrec{ID: id, Code: code})
		if !code.IsError() {
			p.send(&codec.Pubrel{ID: id})
			p.expect(&codec.Pubcomp{ID: id})
		}
	}
}

// A StrictAccess has its say after the acknowledgement.
func TestStrictAccess(t *testing.T) {
	order := hub.Order{Tell: []hub.Told{{Topic: "why", Payload: []byte("no")}}, End: mqttwire.NotAuthorized, Text: "may not"}
	for level := range qos.Level(3) {
		t.Run(level.String(), func(t *testing.T) {
			eachVersion(t, func(t *testing.T, v mqttwire.Version) {
				simulate(t, Config{Authenticator: judge{&strict{rights{mute: "secret"}, order}}}, func(t *testing.T, s *Server) {
					p := connected(t, s, v, "c")
					id := uint16(min(level, 1)) * 5
					p.send(publicationAt("secret", "1", level, id))
					if v == mqttwire.V50 && level > 0 {
						p.expectAcknowledged(level, id, mqttwire.NotAuthorized)
						p.expectNothing()
						return
					}
					p.expectAcknowledged(level, id, mqttwire.Success)
					p.expect(publication("why", "no"))
					p.expectEnd(mqttwire.NotAuthorized)
				})
			})
		})
	}
	t.Run("only told", func(t *testing.T) {
		simulate(t, Config{Authenticator: judge{&strict{rights{mute: "secret"}, hub.Order{Tell: order.Tell}}}}, func(t *testing.T, s *Server) {
			p := connected(t, s, mqttwire.V311, "c")
			p.send(publicationAt("secret", "1", qos.AtLeastOnce, 5))
			p.expect(&codec.Puback{ID: 5}, publication("why", "no"))
			p.expectNothing()
		})
	})
	t.Run("subscribe", func(t *testing.T) {
		eachVersion(t, func(t *testing.T, v mqttwire.Version) {
			simulate(t, Config{Authenticator: judge{&always{strict{rights{blind: "secret"}, order}}}}, func(t *testing.T, s *Server) {
				p := connected(t, s, v, "c")
				p.send(subscribeTo(t, "secret/1", "a", "secret/2"))
				switch v {
				case mqttwire.V311:
					p.expect(&codec.Suback{ID: 1, Codes: codec.ReasonCodes{}.Append(0x80, 0, 0x80)})
				case mqttwire.V50:
					p.expect(&codec.Suback{ID: 1, Codes: codec.ReasonCodes{}.Append(0x87, 0, 0x87)})
				}
				p.expect(publication("why", "no")) // once
				p.expectEnd(mqttwire.NotAuthorized)
			})
		})
	})
}

// always is a StrictAccess that has its say whether the acknowledgement says it
// or not.
type always struct{ strict }

func (a *always) Refused(mqttwire.PacketType, []byte, bool) hub.Order { return a.order }

// What comes with a PUBLISH that ends the connection: what is refused as well is
// acknowledged, at QoS 2 to the end, so that a client with a hundred of them
// comes back once. What would be taken waits for the next connection.
func TestFarewell(t *testing.T) {
	order := hub.Order{Tell: []hub.Told{{Topic: "why", Payload: []byte("no")}}, End: mqttwire.NotAuthorized, Text: "may not"}
	for _, v := range []mqttwire.Version{mqttwire.V31, mqttwire.V311} {
		t.Run(v.String(), func(t *testing.T) {
			simulate(t, Config{Authenticator: judge{&strict{rights{mute: "secret"}, order}}}, func(t *testing.T, s *Server) {
				spy := connected(t, s, v, "spy")
				spy.subscribe("#")
				p := connected(t, s, v, "c")
				p.send(publicationAt("secret", "1", qos.ExactlyOnce, 1), publicationAt("a", "2", qos.AtLeastOnce, 2),
					publicationAt("secret", "3", qos.AtLeastOnce, 3), publicationAt("b", "4", qos.ExactlyOnce, 4),
					publicationAt("$x", "5", qos.AtLeastOnce, 5), publicationAt("secret", "6", qos.ExactlyOnce, 6),
					publication("a", "7"), subscribeTo(t, "a"), &codec.Pubrel{ID: 1})
				p.expect(&codec.Pubrec{ID: 1}, &codec.Puback{ID: 3}, &codec.Puback{ID: 5}, &codec.Pubrec{ID: 6}, &codec.Pubcomp{ID: 1})
				time.Sleep(s.config.Linger / 2)
				p.expectNothing() // it waits for the other
				p.send(&codec.Pubrel{ID: 6})
				p.expect(&codec.Pubcomp{ID: 6}, publication("why", "no"))
				p.expectClosed()
				spy.expectNothing()
			})
		})
	}
	t.Run("heard out", func(t *testing.T) { // what comes by itself, but before the end
		simulate(t, Config{Authenticator: judge{&strict{rights{mute: "secret"}, order}}}, func(t *testing.T, s *Server) {
			p := connected(t, s, mqttwire.V311, "c")
			for id := uint16(1); id < 10; id++ {
				p.send(publicationAt("secret", "1", qos.AtLeastOnce, id))
				p.expect(&codec.Puback{ID: id})
			}
			p.expect(publication("why", "no"))
			p.expectClosed()
		})
	})
	t.Run("no PUBREL", func(t *testing.T) {
		simulate(t, Config{Authenticator: judge{&strict{rights{mute: "secret"}, order}}}, func(t *testing.T, s *Server) {
			p := connected(t, s, mqttwire.V311, "c")
			p.send(publicationAt("secret", "1", qos.ExactlyOnce, 1))
			p.expect(&codec.Pubrec{ID: 1}, publication("why", "no"))
			p.expectClosed()
		})
	})
	t.Run("gone", func(t *testing.T) {
		simulate(t, Config{Authenticator: judge{&strict{rights{mute: "secret"}, order}}}, func(t *testing.T, s *Server) {
			p := connected(t, s, mqttwire.V311, "c")
			p.send(publicationAt("secret", "1", qos.ExactlyOnce, 1))
			p.expect(&codec.Pubrec{ID: 1})
			p.conn.Close()
			synctest.Wait()
			connected(t, s, mqttwire.V311, "c")
		})
	})
}

// A TimedAccess has its say in time, whether the client says something or not.
func TestTimedAccess(t *testing.T) {
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		synctest.Test(t, func(t *testing.T) {
			access := &timed{at: time.Now().Add(10 * time.Second), orders: []hub.Order{
				{Tell: []hub.Told{{Topic: "soon", Payload: []byte("1")}, {Topic: "soon", Payload: []byte("2")}}},
				{},
				{Tell: []hub.Told{{Topic: "now", Payload: nil}}, End: mqttwire.MaximumConnectTime, Text: "time is over"},
			}}
			s := New(Config{SysInterval: -1, Authenticator: judge{access}})
			p := connected(t, s, v, "c")
			start := time.Now()
			p.expect(publication("soon", "1"), publication("soon", "2"))
			if waited := time.Since(start); waited != 10*time.Second {
				t.Error("told after", waited)
			}
			p.expect(publication("now", ""))
			if v == mqttwire.V50 {
				d := p.receive().(*codec.Disconnect)
				if text, _ := d.Properties.ReasonString(); d.Code != mqttwire.MaximumConnectTime || string(text) != "time is over" {
					t.Error(d)
				}
			}
			p.expectClosed()
			if waited := time.Since(start); waited != 12*time.Second {
				t.Error("ended after", waited)
			}
			s.running.Wait()
		})
	})
}

func TestRecheck(t *testing.T) {
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		access := &revocable{}
		simulate(t, Config{Authenticator: judge{access}}, func(t *testing.T, s *Server) {
			p := connected(t, s, v, "c")
			s.Recheck()
			p.expectNothing()
			access.order = hub.Order{Tell: []hub.Told{{Topic: "beware", Payload: nil}}}
			s.Recheck()
			p.send(&codec.Pingreq{})
			p.expect(publication("beware", ""), &codec.Pingresp{})
			access.order = hub.Order{Tell: []hub.Told{{Topic: "gone", Payload: nil}}, End: mqttwire.NotAuthorized}
			go s.Recheck()
			p.expect(publication("gone", ""))
			p.expectEnd(mqttwire.NotAuthorized)
			p.conn.Close()
			synctest.Wait()
			s.Recheck() // nobody is there
		})
	})
}

func TestHandlers(t *testing.T) {
	var got []string
	config := Config{Authenticator: judge{&strict{}}, Handlers: map[string]hub.Handler{
		"$own/x": func(who *hub.Peer, access hub.Access, level qos.Level, payload []byte) hub.Order {
			if _, ok := access.(*strict); !ok || who.ClientID != "c" {
				return hub.Order{Answer: mqttwire.ImplementationSpecificError}
			}
			got = append(got, level.String()+" "+string(payload))
			switch string(payload) {
			case "no":
				return hub.Order{Answer: mqttwire.PayloadFormatInvalid}
			case "out":
				return hub.Order{Answer: mqttwire.NotAuthorized, Tell: []hub.Told{{Topic: "$own/reply", Payload: []byte("out")}}, End: mqttwire.NotAuthorized}
			}
			return hub.Order{Tell: []hub.Told{{Topic: "$own/reply", Payload: payload}}}
		},
	}}
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		got = nil
		simulate(t, config, func(t *testing.T, s *Server) {
			p, other := connected(t, s, v, "c"), connected(t, s, v, "other")
			other.subscribe("$own/#")
			other.subscribe("#")
			code := func(five mqttwire.Reason) mqttwire.Reason {
				if v == mqttwire.V50 {
					return five
				}
				return 0
			}
			m := publicationAt("$own/x", "yes", qos.AtLeastOnce, 5)
			m.Retain = true
			p.send(m)
			p.expect(&codec.Puback{ID: 5}, publication("$own/reply", "yes"))
			p.send(publicationAt("$own/x", "no", qos.ExactlyOnce, 6))
			p.expect(&codec.Pubrec{ID: 6, Code: code(mqttwire.PayloadFormatInvalid)})
			p.send(publicationAt("$own/y", "", qos.AtLeastOnce, 7)) // nobody's
			p.expect(&codec.Puback{ID: 7, Code: code(mqttwire.TopicNameInvalid)})
			other.expectNothing()
			if s.Stats().Retained != 0 {
				t.Error("it is retained")
			}
			p.send(publicationAt("$own/x", "out", qos.AtLeastOnce, 8))
			p.expect(&codec.Puback{ID: 8, Code: code(mqttwire.NotAuthorized)}, publication("$own/reply", "out"))
			p.expectEnd(mqttwire.NotAuthorized)
			if all := strings.Join(got, ", "); all != "QoS 1 yes, QoS 2 no, QoS 1 out" {
				t.Error(all)
			}
		})
	})
}

// A riddle is a Method that asks as many times as it has answers. Who gives all
// of them gets the access.
type riddle struct {
	answers []string
	access  hub.Access
}

type guess struct {
	*riddle
	step int
}

func (r *riddle) Start(*hub.Peer) hub.Exchange { return &guess{riddle: r} }

func (g *guess) Next(data []byte) ([]byte, hub.Access, hub.ExchangeState) {
	if g.step > 0 && string(data) != g.answers[g.step-1] || g.step == 0 && string(data) == "wrong" {
		return nil, nil, hub.Denied
	}
	if g.step++; g.step > len(g.answers) {
		return []byte("welcome"), g.access, hub.Granted
	}
	return []byte{'?', byte('0' + g.step)}, nil, hub.Continued
}

func authentication(code mqttwire.Reason, data string) *codec.Auth {
	p := codec.AppendAuthenticationMethod(codec.Properties{}, "riddle")
	if data != "" {
		p = codec.AppendAuthenticationData(p, data)
	}
	return &codec.Auth{Code: code, Properties: p}
}

func enhanced(data string) *codec.Connect {
	p := authentication(0, data).Properties
	return &codec.Connect{Version: mqttwire.V50, ClientID: []byte("c"), Properties: p}
}

func riddles(access hub.Access) Config {
	return Config{Methods: map[string]hub.Method{"riddle": &riddle{[]string{"one", "two"}, access}, "none": &riddle{}}}
}

func TestEnhancedAuthentication(t *testing.T) {
	const goOn = mqttwire.ContinueAuthentication
	tests := []struct {
		name    string
		connect *codec.Connect
		answers []codec.Packet // to each step
		code    connack.Code   // of the CONNACK; none where closed
		closed  bool
	}{
		{"good", enhanced("hello"), []codec.Packet{authentication(goOn, "one"), authentication(goOn, "two")}, 0, false},
		{"good, no data", enhanced(""), []codec.Packet{authentication(goOn, "one"), authentication(goOn, "two")}, 0, false},
		{"wrong at once", enhanced("wrong"), nil, connack.NotAuthorized, false},
		{"wrong at the first step", enhanced(""), []codec.Packet{authentication(goOn, "two")}, connack.NotAuthorized, false},
		{"wrong at the second step", enhanced(""), []codec.Packet{authentication(goOn, "one"), authentication(goOn, "one")}, connack.NotAuthorized, false},
		{"PUBLISH in the middle", enhanced(""), []codec.Packet{publication("a", "")}, connack.ProtocolError, false},
		{"re-authentication in the middle", enhanced(""), []codec.Packet{authentication(mqttwire.ReAuthenticate, "one")}, connack.ProtocolError, false},
		{"another method in the middle", enhanced(""), []codec.Packet{&codec.Auth{Code: goOn, Properties: codec.AppendAuthenticationMethod(codec.Properties{}, "none")}}, connack.ProtocolError, false},
		{"unknown method", &codec.Connect{Version: mqttwire.V50, ClientID: []byte("c"), Properties: codec.AppendAuthenticationMethod(codec.Properties{}, "x")}, nil, connack.BadAuthenticationMethod, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			simulate(t, riddles(rights{mute: "secret"}), func(t *testing.T, s *Server) {
				p := pipe(t, s, mqttwire.V50)
				p.send(tt.connect)
				for i, answer := range tt.answers {
					p.expect(authentication(goOn, "?"+string(rune('1'+i))))
					p.send(answer)
				}
				ack := p.receive().(*codec.Connack)
				if ack.Code != tt.code {
					t.Errorf("got %v, want 0x%02x", ack, uint8(tt.code))
				}
				method, _ := ack.Properties.AuthenticationMethod()
				data, _ := ack.Properties.AuthenticationData()
				if tt.code != 0 {
					if len(data) > 0 {
						t.Error(ack)
					}
					p.expectClosed()
					synctest.Wait()
					if s.Stats().Clients > 0 {
						t.Error("there is a client")
					}
					return
				}
				if string(method) != "riddle" || string(data) != "welcome" {
					t.Error(ack)
				}
				p.send(publicationAt("secret", "", qos.AtLeastOnce, 1)) // its Access counts
				p.expect(&codec.Puback{ID: 1, Code: mqttwire.NotAuthorized})
			})
		})
	}
}

// A client that leaves in the middle has nothing done for it.
func TestLeavingWhileAuthenticating(t *testing.T) {
	for name, leave := range map[string]func(p *peer){
		"DISCONNECT": func(p *peer) { p.send(&codec.Disconnect{}); p.drained() },
		"lost":       func(p *peer) { p.conn.Close() },
		"silent":     func(p *peer) { p.drained() },
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, riddles(nil), func(t *testing.T, s *Server) {
				watcher := connected(t, s, mqttwire.V50, "watcher")
				watcher.subscribe("w")
				p := pipe(t, s, mqttwire.V50)
				c := enhanced("")
				c.WillFlag, c.Will.Topic = true, []byte("w")
				p.send(c)
				p.expect(authentication(mqttwire.ContinueAuthentication, "?1"))
				start := time.Now()
				leave(p)
				synctest.Wait()
				if waited := time.Since(start); waited > 10*time.Second+glance {
					t.Error("it took", waited)
				}
				watcher.expectNothing()
				if s.Stats().Clients != 1 || len(s.conns) != 1 {
					t.Errorf("%d clients, %d connections", s.Stats().Clients, len(s.conns))
				}
			})
		})
	}
}

func TestReAuthentication(t *testing.T) {
	const goOn, again = mqttwire.ContinueAuthentication, mqttwire.ReAuthenticate
	in := func(t *testing.T, s *Server) *peer {
		p := pipe(t, s, mqttwire.V50)
		p.send(enhanced(""))
		for i, answer := range []string{"one", "two"} {
			p.expect(authentication(goOn, "?"+string(rune('1'+i))))
			p.send(authentication(goOn, answer))
		}
		if ack := p.receive().(*codec.Connack); ack.Code != 0 {
			t.Fatal(ack)
		}
		return p
	}
	t.Run("good", func(t *testing.T) {
		config := riddles(rights{})
		simulate(t, config, func(t *testing.T, s *Server) {
			p := in(t, s)
			r := config.Methods["riddle"].(*riddle)
			r.access = &timed{rights: rights{mute: "secret"}, at: time.Now().Add(10 * time.Second), orders: []hub.Order{{Tell: []hub.Told{{Topic: "told", Payload: nil}}}}}
			p.send(authentication(again, ""))
			p.expect(authentication(goOn, "?1"))
			p.send(publicationAt("secret", "", qos.AtLeastOnce, 1), &codec.Pingreq{}) // what there was is in force
			p.expect(&codec.Puback{ID: 1, Code: mqttwire.NoMatchingSubscribers}, &codec.Pingresp{})
			p.send(authentication(goOn, "one"))
			p.expect(authentication(goOn, "?2"))
			p.send(authentication(goOn, "two"))
			p.expect(authentication(mqttwire.Success, "welcome"))
			p.send(publicationAt("secret", "", qos.AtLeastOnce, 1))
			p.expect(&codec.Puback{ID: 1, Code: mqttwire.NotAuthorized})
			p.expect(publication("told", "")) // the new access is one that changes by itself
		})
	})
	tests := []struct {
		name string
		send []codec.Packet
		code mqttwire.Reason
	}{
		{"wrong at once", []codec.Packet{authentication(again, "wrong")}, mqttwire.NotAuthorized},
		{"wrong later", []codec.Packet{authentication(again, ""), authentication(goOn, "two")}, mqttwire.NotAuthorized},
		{"not asked", []codec.Packet{authentication(goOn, "one")}, mqttwire.ProtocolError},
		{"twice", []codec.Packet{authentication(again, ""), authentication(again, "")}, mqttwire.ProtocolError},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			simulate(t, riddles(rights{}), func(t *testing.T, s *Server) {
				p := in(t, s)
				for i, x := range tt.send {
					if i > 0 {
						p.expect(authentication(goOn, "?1"))
					}
					p.send(x)
				}
				p.expectEnd(tt.code)
			})
		})
	}
}
