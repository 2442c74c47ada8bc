package hub

import (
	"net/netip"
	"strings"
	"sync/atomic"
	"time"
)

// An account is who pays for what a peer has the hub keep: its principal or, where it
// has none, the address it came from. It is charged at its size, a message once for
// all sessions of an account that hold it, and once to the whole. What is charged is
// freed with what it was charged for.
//
// An account that is full is refused alone. Where the whole is full, those are that
// have more than their part, and the heaviest gives way: of what waits for its
// sessions the oldest goes first. So nobody who holds little is refused because
// others hold much.
type account struct {
	name   string
	exempt bool         // no limit on one account or address binds it
	bytes  atomic.Int64 // charged

	connections atomic.Int64         // from its address
	clients     map[*client]struct{} // whose sessions it pays for, by the lock of the clients
	quota       logQuota             // by the lock of the doors
	budget      budget               // by the lock of the accounts

	oldest, newest *message // of its retained messages, by the lock of those
}

type accounts struct {
	all    map[string]*account
	whole  atomic.Int64 // bytes charged to anybody
	number atomic.Int64 // of accounts, to divide the whole by
	crowd  int          // how many may be there before the idle are looked for
	relief relief
}

// slack is how much more than the whole may be charged while the heaviest gives
// way: one part in so many.
const slack = 8

// Origin returns who answers for what comes from an address such as
// 192.0.2.1:1883: the address without its port, of IPv6 its /64, since who has one
// address of that has all. Another text is itself.
func Origin(address string) string {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return address // of no IP network
	}
	ip := to.Addr().Unmap().WithZone("")
	if ip.Is6() {
		prefix, _ := ip.Prefix(64) // of an address that has as many bits
		return prefix.String()
	}
	return ip.String()
}

// addressAccount returns the account of an address.
func (h *Hub) addressAccount(address string) *account {
	exempt := h.config.Exempt != nil && h.config.Exempt(address)
	return h.account("address "+Origin(address), exempt)
}

// account returns the account of a name, a new one if need be.
func (h *Hub) account(name string, exempt bool) *account {
	h.locks.accounts.Lock()
	defer h.locks.accounts.Unlock()
	all := &h.accounts
	a := all.all[name]
	if a == nil {
		if len(all.all) >= all.crowd {
			all.purge()
		}
		a = &account{name: name, exempt: exempt, clients: map[*client]struct{}{}}
		all.all[name] = a
		all.number.Store(int64(len(all.all)))
	}
	return a
}

// purge forgets accounts that nobody uses: so rarely that it costs nothing for each
// that comes. One that somebody is about to use is a new one then.
func (all *accounts) purge() {
	for name, a := range all.all {
		if a.bytes.Load() == 0 && a.connections.Load() == 0 { // a client has its size charged
			delete(all.all, name)
		}
	}
	all.crowd = 2*len(all.all) + 1024
}

// charge charges so many bytes more, or frees them.
func (h *Hub) charge(a *account, n int) {
	if n != 0 && a != nil {
		a.bytes.Add(int64(n))
		h.accounts.whole.Add(int64(n))
	}
}

// hasRoom reports whether so many bytes more may be charged to an account. It has
// the heaviest give way where the whole is full.
func (h *Hub) hasRoom(a *account, n int) bool {
	return h.hasRoomUpTo(a, n, h.config.MaxAccountBytes)
}

func (h *Hub) hasRoomUpTo(a *account, n int, limit int64) bool {
	if a == nil {
		return true
	}
	own := a.bytes.Load() + int64(n)
	if !a.exempt && own > limit {
		return false
	}
	total := h.config.MaxTotalBytes
	whole := h.accounts.whole.Load() + int64(n)
	if whole <= total {
		return true
	}
	h.set(&h.accounts.relief.timer, time.Duration(h.accounts.relief.pause.Load()))
	return whole <= total+total/slack && own <= total/max(1, h.accounts.number.Load())
}

// A holding is that sessions of an account hold a message.
type holding struct {
	m    *message
	by   *account
	refs atomic.Int32
}

// take has one session more hold the message.
func (x *holding) take(h *Hub) {
	if x.refs.Add(1) > 1 {
		return
	}
	n := int64(x.m.size())
	x.by.bytes.Add(n)
	if x.m.holders.Add(1) == 1 {
		h.kept.Add(n)
		h.accounts.whole.Add(n)
	}
}

// give has one session less hold it.
func (x *holding) give(h *Hub) {
	if x.refs.Add(-1) > 0 {
		return
	}
	n := int64(x.m.size())
	x.by.bytes.Add(-n)
	if x.m.holders.Add(-1) == 0 {
		h.kept.Add(-n)
		h.accounts.whole.Add(-n)
	}
}

// holding returns the publication as what sessions of an account hold, the same for
// all of them.
func (pub *posting) holding(by *account) *holding {
	if x := pub.last; x != nil && x.by == by {
		return x
	}
	fresh := pub.kept == nil
	m := pub.keep()
	x := pub.holdings[by]
	switch { // mostly there is one, and it needs no map
	case x != nil:
	case fresh:
		m.first.m, m.first.by = m, by
		x = &m.first
	default:
		x = &holding{m: m, by: by}
	}
	if last := pub.last; last != nil {
		if pub.holdings == nil {
			pub.holdings = map[*account]*holding{}
		}
		pub.holdings[last.by], pub.holdings[by] = last, x
	}
	pub.last = x
	return x
}

// sizes of what is kept besides messages, in bytes, about.
const (
	clientSize       = 1500
	subscriptionSize = 300
	levelSize        = 170 // of a Topic Filter, or of the topic of a retained message
)

func sizeOfClient(id string) int { return clientSize + 2*len(id) }

func sizeOfFilter(filter []byte) int {
	return subscriptionSize + 2*len(filter) + levelSize*(1+strings.Count(string(filter), "/"))
}

// weighInput charges what has come of a packet that has not all come, and the topics
// that the client has given Topic Aliases to. It reports false where the account has
// no room for it, which is a little more than for what is kept: else no packet would
// come whole that is to be answered.
func (c *Conn) weighInput() bool {
	n := c.framer.Buffered() + c.machine.ReceivedAliasBytes()
	if n < 4096 { // as much as anybody needs
		n = 0
	}
	more := n - c.input
	if limit := c.hub.config.MaxAccountBytes; more > 0 && !c.hub.hasRoomUpTo(c.payer(), more, limit+limit/slack) {
		return false
	}
	c.hub.charge(c.payer(), more)
	c.input = n
	return true
}

// weighOutput charges what is to be written, and the topics that have Topic Aliases at
// the client, in steps of 16 KiB.
func (c *Conn) weighOutput() {
	n := (c.out.Len() + c.writing + c.machine.GivenAliasBytes()) &^ (16<<10 - 1)
	if more := n - c.output; more != 0 {
		c.hub.charge(c.payer(), more)
		c.output = n
	}
}

// account returns who pays for a session that begins.
func (c *Conn) account() *account {
	if c.who.Principal != "" {
		return c.hub.principalAccount(c.who.Principal)
	}
	return c.door
}

// principalAccount returns the account of a principal.
func (h *Hub) principalAccount(name string) *account { return h.account(name, false) }

// payer is who pays for what the connection has kept.
func (c *Conn) payer() *account {
	if c.client != nil {
		return c.client.account
	}
	return c.door
}

// settleAccount frees what the connection was charged for.
func (c *Conn) settleAccount() {
	c.lock()
	defer c.unlock()
	c.hub.charge(c.payer(), -c.input-c.output)
	c.input, c.output = 0, 0
}
