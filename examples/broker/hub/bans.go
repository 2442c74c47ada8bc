package hub

import (
	"log/slog"
	"time"

	"github.com/mqttwire/mqttwire"
)

// Bans say after how many offences an address or Client Identifier is banned: a
// Client Identifier only for what was done after its CONNECT was accepted, or
// any stranger could have it banned.
type Bans struct {
	// Credentials and Malformed are how many refused credentials, and how many
	// connections ended for a packet that breaks the standard, within Window
	// get an address and a Client Identifier banned. 0: never.
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

// An offender is an address (of IPv6: a /64) or a Client Identifier.
type offender struct {
	client bool
	name   string
}

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

// offenders are who a connection stands for. Its Client Identifier is not to be
// banned for what is done in its name by who was never let in.
func offenders(c *Conn, named bool) []offender {
	var all []offender
	if !c.door.exempt {
		all = append(all, offender{false, Origin(c.who.Address)})
	}
	if named && c.who.ClientID != "" && !c.assigned {
		all = append(all, offender{true, c.who.ClientID})
	}
	return all
}

// judge returns Banned where a connection is.
func (b *bans) judge(c *Conn, now time.Duration) mqttwire.Reason {
	if !b.active() {
		return 0
	}
	c.hub.locks.bans.Lock()
	defer c.hub.locks.bans.Unlock()
	for _, o := range offenders(c, true) {
		if r := b.known[o]; r != nil && now < r.until {
			return mqttwire.Banned
		}
	}
	return 0
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
	for _, o := range offenders(c, c.client != nil) {
		r := b.known[o]
		if r == nil || now-r.since > b.config.Bans.Window && now > r.until {
			b.makeRoom(now)
			r = &record{since: now}
			b.known[o] = r
		}
		if enough(r) && now >= r.until {
			r.until = now + b.config.Bans.For
			c.log(slog.LevelWarn, "banned", "who", o.name, "for", b.config.Bans.For, "credentials", r.credentials, "malformed", r.malformed)
		}
	}
}

// makeRoom forgets what does not count any more, and if need be anything.
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
		if len(b.known) < maxOffenders {
			break
		}
		delete(b.known, o)
	}
}

// rates limits how many connections an address may open: a bucket each, of two
// seconds' worth.
type rates struct {
	buckets map[string]*bucket
}

type bucket struct {
	left float64
	at   time.Duration
}

// allow is called under the lock of the connections.
func (r *rates) allow(config *Config, name string, now time.Duration) bool {
	if config.ConnectRate <= 0 {
		return true
	}
	if r.buckets == nil {
		r.buckets = make(map[string]*bucket)
	}
	rate := float64(config.ConnectRate)
	if len(r.buckets) >= maxOffenders {
		for a, b := range r.buckets {
			if now-b.at > 2*time.Second || len(r.buckets) > 2*maxOffenders {
				delete(r.buckets, a)
			}
		}
	}
	b := r.buckets[name]
	if b == nil {
		b = &bucket{2 * rate, now}
		r.buckets[name] = b
	}
	b.left = min(2*rate, b.left+(now-b.at).Seconds()*rate)
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
