package wirejudge_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance/wirejudge"
	"github.com/mqttwire/mqttwire/testdata"
)

// watch gives a judge what a script says: a byte that tells what happens, and
// the bytes of a side up to the next 0xf5, which no UTF-8 has. It returns what
// was told.
func watch(t *testing.T, script []byte, chunk int) (said []string) {
	j := &wirejudge.Judge{Limits: wirejudge.Limits{Head: 1024, Sessions: 4, InFlight: 64, Subscriptions: 8, Aliases: 1024, Messages: 16}, Whole: true}
	j.OnPacket = func(p *wirejudge.Packet) {
		said = append(said, fmt.Sprint(p.Conn, p.From, p.Number, p, string(p.AppendHex(nil, 64)), slices.Collect(p.Fields())))
	}
	j.OnFinding = func(f wirejudge.Finding) { said = append(said, f.String()) }
	now := time.Duration(0)
	conns := []*wirejudge.Conn{j.Open(now)}
	for len(script) > 1 {
		op := script[0]
		script = script[1:]
		n := slices.Index(script, 0xf5)
		if n < 0 {
			n = len(script)
		}
		c := conns[int(op>>4)%len(conns)]
		switch op % 6 {
		case 0, 1, 2, 3:
			from := mqttwire.Client + mqttwire.Role(op%2)
			for part := range slices.Chunk(script[:n], chunk) {
				c.Bytes(from, part, now)
			}
			script = script[min(n+1, len(script)):]
		case 4:
			now += time.Duration(op) * 100 * time.Millisecond
			c.Poll(now)
		case 5:
			c.Close(mqttwire.Role(op>>4)%3, now)
			if len(conns) < 6 {
				conns = append(conns, j.Open(now))
			} else {
				conns[int(op>>4)%len(conns)] = j.Open(now)
			}
		}
		if wrong := j.Check(conns...); wrong != "" {
			t.Fatal(wrong)
		}
	}
	for _, c := range conns {
		c.Close(mqttwire.Either, now)
	}
	if wrong := j.Check(); wrong != "" {
		t.Fatal(wrong)
	}
	return said
}

// FuzzJudge holds that no bytes make a judge panic or hold more than its limits,
// and that it says the same however they are cut.
func FuzzJudge(f *testing.F) {
	all, err := testdata.Conversations()
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range all {
		var script []byte
		for _, s := range c.Steps {
			for i, b := range [][]byte{s.In.Bytes(), s.Out.Bytes()} {
				if len(b) > 0 {
					op := byte(i)
					if c.End == "client" {
						op = 1 - op
					}
					script = append(append(append(script, op), b...), 0xf5)
				}
			}
			if s.Do == "lost" {
				script = append(script, 5)
			}
		}
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 1<<14 {
			return
		}
		whole, cut := watch(t, script, 1<<20), watch(t, script, 1)
		if !slices.Equal(whole, cut) {
			t.Errorf("in one piece:\n%s\nbyte by byte:\n%s", strings.Join(whole, "\n"), strings.Join(cut, "\n"))
		}
	})
}

// TestHostile has both sides do what they like, for longer than the limits.
func TestHostile(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, v := range versions {
		j := &wirejudge.Judge{Limits: wirejudge.Limits{Head: 2048, Sessions: 8, InFlight: 500, Subscriptions: 20, Aliases: 4096, Messages: 50}}
		j.OnPacket = func(p *wirejudge.Packet) { _ = p.String() }
		found := 0
		j.OnFinding = func(wirejudge.Finding) { found++ }
		w := &world{t: t, version: v, judge: j, conn: j.Open(0)}
		for i := range 2000 {
			from := mqttwire.Client + mqttwire.Role(r.IntN(2))
			id := uint16(1 + r.IntN(2000))
			switch r.IntN(14) {
			case 0:
				if r.IntN(40) == 0 {
					w.conn.Close(from, w.now)
					w.conn = j.Open(w.now)
					hi(as(fmt.Sprint(r.IntN(30))), expiry(uint32(r.IntN(100))))(w)
					ok(func(p codec.Packet) { p.(*codec.Connack).SessionPresent = v != mqttwire.V31 && r.IntN(2) == 0 }, aliasMaximum(100))(w)
				}
			case 1, 2, 3, 4, 5:
				q := q0 + 1
				if r.IntN(2) == 0 {
					q = q2
				}
				pub(from, id, q, fmt.Sprint(r.IntN(1000)), topic(strings.Repeat("t", 1+r.IntN(200))), alias(uint16(1+r.IntN(200))))(w)
			case 6:
				puback(from, id)(w)
			case 7:
				pubrec(from, id)(w)
			case 8:
				pubrel(from, id)(w)
			case 9:
				pubcomp(from, id)(w)
			case 10:
				sub(id, fmt.Sprintf("t/%d", r.IntN(500)), 0)(w)
			case 11:
				suback(id, 0)(w)
			case 12:
				raw(from, "\x30\xff\xff\x01\x00\x01t"+strings.Repeat("x", 32764+1-3))(w)
			case 13:
				w.now += time.Second
				w.conn.Poll(w.now)
			}
			if i%64 == 0 {
				if wrong := j.Check(w.conn); wrong != "" {
					t.Fatal(wrong)
				}
			}
		}
		if found == 0 {
			t.Error("nothing found")
		}
	}
}

// TestSecrets holds that nothing that is said of a packet shows a secret, whole or
// not.
func TestSecrets(t *testing.T) {
	const secret = "hunter2hunter2"
	hexed := fmt.Sprintf("% x", secret[:4])
	for name, v := range versions {
		for cutAt := range 40 {
			var said strings.Builder
			j := new(wirejudge.Judge)
			j.OnPacket = func(p *wirejudge.Packet) {
				fmt.Fprintln(&said, p, p.Client, string(p.AppendHex(nil, 0)), slices.Collect(p.Fields()))
				fmt.Fprintf(&said, "%#v %+v", p, p)
			}
			found := play(t, v, j,
				hi(clean, func(p codec.Packet) {
					c := p.(*codec.Connect)
					c.UserNameFlag, c.PasswordFlag, c.UserName, c.Password = true, true, []byte("u"), []byte(secret)
				}, method("m"), prop(codec.AppendAuthenticationData[string], secret)),
				ok(method("m"), aliasMaximum(1)),
				send(client, &codec.Publish{ID: 1, QoS: 1, Topic: []byte("$SYS/uploadToken"), Payload: []byte(secret)}, alias(1)),
				func(w *world) {
					p := codec.Publish{ID: 2, QoS: 1, Topic: []byte("$SYS/uploadToken"), Payload: []byte(secret)}
					b, err := p.Append(nil, codec.Rules{Version: v, From: client})
					if err != nil {
						t.Fatal(err)
					}
					w.conn.Bytes(client, b[:min(cutAt, len(b))], 0)
				}, cut(client))
			fmt.Fprint(&said, found)
			for _, s := range []string{secret, secret[:6], hexed} {
				if i := strings.Index(said.String(), s); i >= 0 {
					t.Fatalf("%s, cut at %d: %q is shown: ...%s", name, cutAt, s, said.String()[max(0, i-100):i+20])
				}
			}
		}
	}
}

// TestSecretsOfBroken holds the same of a CONNECT with a byte that is not what it
// was, so that its password may be read as something else.
func TestSecretsOfBroken(t *testing.T) {
	const secret = "hunter2hunter2"
	for name, v := range versions {
		hello := codec.Connect{Version: v, CleanStart: true, ClientID: []byte("me"), UserNameFlag: true, UserName: []byte("u"), PasswordFlag: true, Password: []byte(secret)}
		rules := codec.Rules{Version: v, From: client}
		good, err := hello.Append(nil, rules)
		if err != nil {
			t.Fatal(err)
		}
		flags := bytes.Index(good, []byte{byte(v), 0xc2}) + 1 // other ones make a will of it
		for at := range len(good) - len(secret) {
			if at == flags {
				continue
			}
			for i := range 40 { // all flips of a bit, and small and other lengths
				value := good[at] ^ 1<<(i%8)
				if i >= 8 {
					value = byte(i-8) * byte(1+i%3*4)
				}
				b := slices.Clone(good)
				b[at] = value
				if b[0]>>4 != 1 {
					continue // it is no CONNECT then
				}
				if h, body, n, err := codec.Split(codec.Rules{From: client}, b, 0); n > 0 && err == nil && new(codec.Connect).Decode(rules, h, body) == nil {
					continue // and has no password there, as far as anybody can tell
				}
				var said strings.Builder
				j := new(wirejudge.Judge)
				j.OnPacket = func(p *wirejudge.Packet) {
					fmt.Fprintln(&said, p, p.Client, string(p.AppendHex(nil, 0)), slices.Collect(p.Fields()))
				}
				fmt.Fprint(&said, play(t, v, j, func(w *world) { w.conn.Bytes(client, b, 0) }, cut(client)))
				for _, s := range []string{secret[:6], fmt.Sprintf("% x", secret[:4])} {
					if strings.Contains(said.String(), s) {
						t.Fatalf("%s, byte %d is %#x: %q is shown: %s", name, at, value, s, &said)
					}
				}
			}
		}
	}
}
