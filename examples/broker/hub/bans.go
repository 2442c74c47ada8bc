package hub

import (
	"log/slog"
	"time"
)

// Bans say after how many offences an address is banned, and a client of a principal,
// by its Client Identifier: for what others do under that, or who has no name, it is
// not, or any stranger could have it banned.
type Bans struct {
	// Credentials and Malformed are how many refused credentials, and how many
	// connections ended for a packet that breaks the standard, within Window
	// get an address banned, and Malformed a client. 0: never.
	Credentials, Malformed int
	// Window is how long an offence counts, For how long a ban lasts. Defaults
	// one minute, ten minutes.
	Window, For time.Duration
}

// bans counts offences. It remembers no more than maxOffenders at a time, so
// that who comes from many addresses cannot fill the memory.
type bans struct {
	config *Config
	known  map[offender]*record
}

const maxOffenders = 10_000

// An offender is an address (of IPv6: a /64), or a principal's Client Identifier.
type offender struct{ address, principal, client string }

type record struct {
	since                  time.Duration // the first offence that counts
	credentials, malformed int
	until                  time.Duration // of a ban
}

func (b *bans) init(c *Config) {
	defaultTo(&c.Bans.Window, time.Minute)
	defaultTo(&c.Bans.For, 10*time.Minute)
	b.config, b.known = c, make(map[offender]*record)
}

func (b *bans) active() bool { return b.config.Bans.Credentials > 0 || b.config.Bans.Malformed > 0 }

// banned reports whether a connection is banned, by its address or by whose client it
// is, once that is known.
func (b *bans) banned(c *Conn, now time.Duration) bool {
	if !b.active() {
		return false
	}
	c.hub.locks.bans.Lock()
	defer c.hub.locks.bans.Unlock()
	for _, o := range c.offenders() {
		if r := b.known[o]; r != nil && now < r.until {
			return true
		}
	}
	return false
}

// offenders are who answers for a connection.
func (c *Conn) offenders() (all []offender) {
	if !c.door.exempt {
		all = append(all, offender{address: Origin(c.who.Address)})
	}
	if c.who.Principal != "" && !c.assigned {
		all = append(all, offender{principal: c.who.Principal, client: c.who.ClientID})
	}
	return all
}

func (b *bans) credentials(c *Conn, now time.Duration) {
	if b.config.Bans.Credentials > 0 {
		b.note(c, now, func(r *record) bool { r.credentials++; return r.credentials >= b.config.Bans.Credentials })
	}
}

func (b *bans) malformed(c *Conn, now time.Duration) {
	if b.config.Bans.Malformed > 0 {
		b.note(c, now, func(r *record) bool { r.malformed++; return r.malformed >= b.config.Bans.Malformed })
	}
}

func (b *bans) note(c *Conn, now time.Duration, enough func(*record) bool) {
	c.hub.locks.bans.Lock()
	defer c.hub.locks.bans.Unlock()
	for _, o := range c.offenders() {
		r := b.known[o]
		if r == nil || now-r.since > b.config.Bans.Window && now > r.until {
			b.makeRoom(now)
			r = &record{since: now}
			b.known[o] = r
		}
		if enough(r) && now >= r.until {
			r.until = now + b.config.Bans.For
			c.log(slog.LevelWarn, "banned", "address", o.address, "principal", o.principal, "client", o.client, "for", b.config.Bans.For, "credentials", r.credentials, "malformed", r.malformed)
		}
	}
}

// makeRoom forgets what does not count any more, and if need be anything: so much that
// it is not to be done again soon.
func (b *bans) makeRoom(now time.Duration) {
	if len(b.known) < maxOffenders {
		return
	}
	for o, r := range b.known {
		if now-r.since > b.config.Bans.Window && now > r.until {
			delete(b.known, o)
		}
	}
	for o := range b.known {
		if len(b.known) <= maxOffenders/2 {
			break
		}
		delete(b.known, o)
	}
}

// rates limits how many connections an address may open: a bucket each, of two
// seconds' worth.
type rates struct {
	buckets map[string]*bucket
	crowd   int // how many there may be before those that are full again are looked for
}

// telling is how many connections are told that they may not be opened for each that
// may.
const telling = 4

type bucket struct {
	left, told float64 // connections that may be opened, and those that may be told that they may not
	at         time.Duration
}

// allow reports whether one connection more may be opened from an address and, if not,
// whether it is told so: that costs about as much, above all with TLS. It is called
// under the lock of the doors.
func (r *rates) allow(config *Config, name string, now time.Duration) (open, told bool) {
	if config.ConnectRate <= 0 {
		return true, false
	}
	if r.buckets == nil {
		r.buckets = make(map[string]*bucket)
	}
	rate := float64(config.ConnectRate)
	if len(r.buckets) >= max(r.crowd, maxOffenders) {
		for a, b := range r.buckets {
			if now-b.at > 2*time.Second {
				delete(r.buckets, a)
			}
		}
		r.crowd = 2 * len(r.buckets) // so rarely that it costs nothing for each that comes
	}
	b := r.buckets[name]
	if b == nil {
		b = &bucket{2 * rate, telling * rate, now}
		r.buckets[name] = b
	}
	passed := (now - b.at).Seconds()
	b.left, b.told, b.at = min(2*rate, b.left+passed*rate), min(telling*rate, b.told+passed*telling*rate), now
	switch {
	case b.left >= 1:
		b.left--
		return true, false
	case b.told >= 1:
		b.told--
		return false, true
	}
	return false, false
}
