package tokenauth_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/tokenauth"
)

// A fleet is an issuer, a server and a hundred clients in virtual time: the
// clocks of all differ, connections are lost at every step, tokens are revoked,
// the issuer fails, and now and then signs with a wrong key. The server's clock
// is the true one.
type fleet struct {
	*testing.T
	rand    *rand.Rand
	now     time.Time
	tokens  []issued
	clients []*fleetClient
	calm    bool // nothing goes wrong any more
	noIssue bool // the issuer is away
	acts    int
}

// issued is a token; its text is its place among all.
type issued struct {
	grant        tokenauth.Grant
	account      string
	bad, revoked bool
}

func (f *fleet) Verify(now time.Time, r tokenauth.Request) (*tokenauth.Grant, tokenauth.Code) {
	n, err := strconv.Atoi(string(r.Token))
	if err != nil || n >= len(f.tokens) {
		return nil, tokenauth.Forged
	}
	switch t := &f.tokens[n]; {
	case t.bad:
		return nil, tokenauth.SignatureInvalid
	case t.grant.Issued > now.Add(time.Minute).UnixMilli():
		return nil, tokenauth.Forged
	case t.grant.Type != r.Type:
		return nil, tokenauth.PermissionMismatch
	case t.account != r.AccessKeyID:
		return nil, tokenauth.AccountInvalid
	case t.grant.Expires <= now.UnixMilli():
		return nil, tokenauth.Expired
	case t.revoked:
		return nil, tokenauth.Revoked
	default:
		return &t.grant, tokenauth.Valid
	}
}

func (f *fleet) Recheck(_ string, g *tokenauth.Grant) tokenauth.Code {
	if n, _ := strconv.Atoi(g.ID); f.tokens[n].revoked {
		return tokenauth.Revoked
	}
	return tokenauth.Valid
}

// valid is the truth about a token, -1 for none.
func (f *fleet) valid(n int) bool {
	return n >= 0 && !f.tokens[n].bad && !f.tokens[n].revoked && f.now.UnixMilli() < f.tokens[n].grant.Expires
}

// happens has something go wrong once in n times.
func (f *fleet) happens(n int) bool { return !f.calm && f.rand.IntN(n) == 0 }

func (f *fleet) seconds(n int) time.Time {
	return f.now.Add(time.Duration(f.rand.IntN(n)) * time.Second)
}

// issue returns a token for a client, and when it expires by the issuer's clock.
func (f *fleet) issue(c *fleetClient, typ tokenauth.Type) (int, time.Time) {
	clock := f.now.Add([]time.Duration{-30 * time.Second, 0, 45 * time.Second}[f.rand.IntN(3)]) // of three issuers
	expires := clock.Add(20 * time.Minute)
	n := len(f.tokens)
	f.tokens = append(f.tokens, issued{account: c.machine.AccessKeyID, bad: f.happens(50), grant: tokenauth.Grant{
		Type: typ, ID: strconv.Itoa(n), Issued: clock.UnixMilli(), Expires: expires.UnixMilli(), Filters: filters("#"),
	}})
	if c.blind {
		expires = time.Time{}
	}
	return n, expires
}

// fleetClient is a client, its connection, and the server's side of it.
type fleetClient struct {
	*fleet
	machine tokenauth.Client
	session tokenauth.Session
	types   []tokenauth.Type
	version int           // 5.0, 3.1.1, and 3.1.1 with a server that acknowledges first
	skew    time.Duration // of its clock
	blind   bool          // it does not know when tokens expire

	link    string // "", "asking", "up"
	wire    []packet
	next    time.Time // when it tries another connection
	fetched time.Time // when the token that it waits for comes, zero for none
	typ     tokenauth.Type

	force                   [4]int // at the server, on this connection, by type
	shown, proven, given    [4]int
	conns, losses, renewals int
	stuck                   int // seconds without a connection, although nothing is in the way
}

// packet is on its way; do is what its receiver does.
type packet struct {
	at time.Time
	do func()
}

func (c *fleetClient) send(do func()) {
	at := c.seconds(3)
	if n := len(c.wire); n > 0 && c.wire[n-1].at.After(at) {
		at = c.wire[n-1].at
	}
	c.wire = append(c.wire, packet{at, do})
}

func (c *fleetClient) clock() time.Time { return c.now.Add(c.skew) }

func (c *fleetClient) end() {
	c.link, c.wire, c.next, c.session = "", nil, c.seconds(4), tokenauth.Session{}
}

func (c *fleetClient) lose() {
	if c.link != "" {
		c.losses++
		c.stuck = 0
		c.end()
	}
}

// connect is the CONNECT, and what the server and then the client make of it.
func (c *fleetClient) connect() {
	credentials, err := c.machine.Connect()
	if err != nil {
		return
	}
	c.conns++
	// Which of two types was refused a CONNACK does not say, so that each renewal
	// of one may cost two tries, until the other is renewed.
	if c.conns > 1+c.losses+c.renewals*len(c.types) {
		c.Fatalf("%v: connection %d, with %d losses and %d renewals", c.machine, c.conns, c.losses, c.renewals)
	}
	c.link = "asking"
	for i, token := range credentials.Tokens {
		if c.shown[i+1] = -1; token != nil {
			c.shown[i+1], _ = strconv.Atoi(string(token))
		}
	}
	user, _ := credentials.AppendUserName(nil)
	password, _ := credentials.AppendPassword(nil)
	c.send(func() {
		version := mqttwire.V311
		if c.version == 0 {
			version = mqttwire.V50
		}
		code, err := c.session.Connect(c.now, c.fleet, tokenauth.Connect{Version: version, UserName: user, Password: password})
		if err == nil {
			c.force = c.shown
		}
		c.send(func() {
			c.machine.Connack(code)
			if code != connack.Success {
				c.end()
				return
			}
			c.link, c.proven, c.stuck = "up", c.shown, 0
		})
	})
}

// out has the server say a notice, and close.
func (c *fleetClient) out(n tokenauth.Notice) {
	c.session = tokenauth.Session{}
	c.notice(n)
	c.send(c.lose)
}

func (c *fleetClient) notice(n tokenauth.Notice) {
	payload, err := n.Append(nil)
	if err == tokenauth.ErrType {
		return // to one who is out already
	} else if err != nil {
		c.Fatal(err)
	}
	c.send(func() {
		if _, err := c.machine.Notice([]byte(n.Topic()), payload); err != nil {
			c.Fatal(err)
		}
	})
}

// bring is the token that a client has waited for.
func (c *fleetClient) bring() {
	c.fetched = time.Time{}
	if c.noIssue || c.happens(10) {
		return
	}
	n, expires := c.issue(c, c.typ)
	c.renewals++
	c.given[c.typ] = n
	token := tokenauth.Secret(strconv.Itoa(n))
	if c.link != "up" {
		if err := c.machine.Set(c.clock(), c.typ, token, expires); err != nil {
			c.Fatal(err)
		}
		return
	}
	payload, err := c.machine.Update(nil, c.clock(), c.typ, token, expires)
	if err != nil {
		c.Fatal(err)
	}
	typ := c.typ
	acknowledge := func(reason mqttwire.Reason) {
		c.send(func() {
			// A notice may have ended the update before.
			if c.machine.Acknowledged(reason) == nil && !reason.IsError() {
				c.proven[typ] = n
			}
		})
	}
	c.send(func() {
		verdict := c.session.Update(c.now, payload)
		switch {
		case verdict.OK():
			c.force[typ] = n
			acknowledge(mqttwire.Success)
			return
		case c.version == 0:
			acknowledge(verdict.Code.Reason())
		case c.version == 2:
			acknowledge(mqttwire.Success)
		}
		c.out(verdict.Notice())
	})
}

// publish has a client act, and the server judge it.
func (c *fleetClient) publish() {
	if c.machine.Gate() != nil {
		return
	}
	c.send(func() {
		verdict := c.session.Publish(c.now, []byte("a"))
		truth := c.valid(c.force[tokenauth.Write]) || c.valid(c.force[tokenauth.ReadWrite])
		switch {
		case verdict.OK() && !truth:
			c.Fatalf("%v acts without a valid token", c.machine)
		case verdict.OK():
			c.acts++
		default:
			c.out(verdict.Notice())
		}
	})
}

// second is what happens in a second.
func (c *fleetClient) second(away bool) {
	for n := c.session.Poll(c.now); !n.IsZero(); n = c.session.Poll(c.now) {
		if n.Final() {
			c.out(n)
			break
		}
		c.notice(n)
	}
	for len(c.wire) > 0 && !c.wire[0].at.After(c.now) && c.link != "" {
		p := c.wire[0]
		c.wire = c.wire[1:]
		if c.happens(100) {
			c.lose()
			break
		}
		if p.do(); c.happens(100) {
			c.lose()
		}
	}
	if away {
		c.lose()
	}
	if c.fetched.IsZero() {
		if c.typ = c.machine.Poll(c.clock()); c.typ != 0 {
			c.fetched = c.seconds(5)
		}
	} else if !c.fetched.After(c.now) {
		c.bring()
	}
	switch {
	case c.link == "" && !away && !c.next.After(c.now):
		c.connect()
	case c.link == "up" && c.rand.IntN(30) == 0:
		c.publish()
	}
	entitled := !away && c.link != "up"
	for _, typ := range c.types {
		entitled = entitled && (c.valid(c.proven[typ]) || c.valid(c.given[typ]))
	}
	if c.stuck++; !entitled {
		c.stuck = 0
	}
	if c.stuck > 60 {
		c.Fatalf("%v is locked out with valid tokens", c.machine)
	}
}

// TestFleet: nobody is locked out who has a valid token, nobody acts who has
// none, and nobody makes more connections than losses, renewals, and one.
func TestFleet(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { runFleet(t, seed, 4*time.Hour) })
	}
}

func runFleet(t *testing.T, seed uint64, d time.Duration) {
	f := &fleet{T: t, rand: rand.New(rand.NewPCG(seed, 0)), now: epoch}
	types := [][]tokenauth.Type{{tokenauth.Write}, {tokenauth.ReadWrite}, {tokenauth.Read, tokenauth.Write}}
	for i := range 100 {
		c := &fleetClient{
			fleet: f, types: types[i%3], version: i / 3 % 3, blind: f.rand.IntN(3) == 0,
			machine: tokenauth.Client{AccessKeyID: fmt.Sprint("client-", i), InstanceID: "post-1"},
			skew:    time.Duration(f.rand.IntN(240)-120) * time.Second,
			force:   [4]int{-1, -1, -1, -1}, shown: [4]int{-1, -1, -1, -1}, proven: [4]int{-1, -1, -1, -1}, given: [4]int{-1, -1, -1, -1},
		}
		if i%10 == 0 {
			c.skew = []time.Duration{-time.Hour, time.Hour}[i/10%2]
		}
		for _, typ := range c.types {
			n, expires := f.issue(c, typ)
			c.given[typ] = n
			if err := c.machine.Set(c.clock(), typ, tokenauth.Secret(strconv.Itoa(n)), expires); err != nil {
				t.Fatal(err)
			}
		}
		f.clients = append(f.clients, c)
	}
	away := map[int]int{} // seconds without a network
	for second := range int(d / time.Second) {
		f.now = f.now.Add(time.Second)
		f.calm = second > int((d-20*time.Minute)/time.Second)
		f.noIssue = !f.calm && second/600%5 == 4 // ten minutes of fifty
		if f.happens(60) {
			away[f.rand.IntN(len(f.clients))] = f.rand.IntN(3600)
		}
		if f.happens(300) {
			for range 5 {
				c := f.clients[f.rand.IntN(len(f.clients))]
				if n := c.given[c.types[0]]; n >= 0 {
					f.tokens[n].revoked = true
				}
			}
			for _, c := range f.clients {
				if verdict := c.session.Recheck(); !verdict.OK() {
					c.out(verdict.Notice())
				}
			}
		}
		for i, c := range f.clients {
			if away[i]--; f.calm {
				away[i] = 0
			}
			c.second(away[i] > 0)
		}
	}
	conns, losses, renewals := 0, 0, 0
	for _, c := range f.clients {
		if c.link != "up" {
			t.Errorf("%v of version %d, clock %v: not connected in the end", c.machine, c.version, c.skew)
		}
		if c.conns > 1+c.losses+c.renewals {
			t.Errorf("%v: %d connections, %d losses, %d renewals", c.machine, c.conns, c.losses, c.renewals)
		}
		conns, losses, renewals = conns+c.conns, losses+c.losses, renewals+c.renewals
	}
	t.Logf("%d tokens; %d connections, %d losses, %d renewals; %d publications", len(f.tokens), conns, losses, renewals, f.acts)
	if losses < 1000 || renewals < 1000 || f.acts < 10000 {
		t.Error("too little has happened")
	}
}
