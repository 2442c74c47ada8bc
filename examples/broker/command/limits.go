package command

import (
	"flag"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/mqttwire/mqttwire/examples/broker/hub"
)

// limits are the limits on what strangers may do, by -limits: none, default, strict.
var limits = []struct {
	name                   string
	none, standard, strict int64
	usage                  string
}{
	{"max-connections", 0, 50_000, 50_000, "most `connections` there may be; 0 for no limit. It keeps files and memory for those who are there; one from an address that has none is let in a little longer"},
	{"max-address-connections", 0, 1000, 100, "most `connections` of one address, of IPv6 a /64; 0 for no limit. It keeps one address from holding all of -max-connections"},
	{"connect-rate", 0, 200, 20, "most `connections` a second from one address, of IPv6 a /64, with bursts of twice as many; 0 for no limit. It keeps processor time from who comes and goes"},
	{"ban-credentials", 0, 100, 10, "ban an address, of IPv6 a /64, after this `number` of refused credentials within -ban-window; 0 for never. It keeps passwords from being guessed"},
	{"ban-malformed", 0, 100, 10, "ban an address, of IPv6 a /64, and the client id of that user, after this `number` of malformed packets within -ban-window; 0 for never. It keeps processor time and the log from who speaks no MQTT"},
	{"max-total-bytes", math.MaxInt64, 1 << 30, 1 << 30, "most `bytes` that are kept for all: messages that wait or are retained, each once, wills, subscriptions, client ids, what is half received and what is not yet written. Then who keeps the most gives way: its oldest waiting messages, then its sessions that are longest absent, its oldest retained messages, its connections"},
	{"max-account-bytes", math.MaxInt64, 256 << 20, 32 << 20, "most of these `bytes` of one user or, without users, of one address. It keeps one from taking what is there for all"},
	{"max-shared", math.MaxInt32, 1000, 100, "most shared `subscriptions` of a client, each of which may get it a copy of a message"},
	{"max-identified", math.MaxInt32, 1000, 100, "most `subscriptions` of a client with an identifier and wildcards, each of which may add to a message"},
}

// defineLimits defines their flags, and that of all of them.
func (s *settings) defineLimits(f *flag.FlagSet) {
	c := &s.server
	to := map[string]func(int64) error{
		"max-connections":         into(&c.MaxConnections, 0),
		"max-address-connections": into(&c.MaxAddressConnections, 0),
		"connect-rate":            into(&c.ConnectRate, 0),
		"ban-credentials":         into(&c.Bans.Credentials, 0),
		"ban-malformed":           into(&c.Bans.Malformed, 0),
		"max-total-bytes":         into(&c.MaxTotalBytes, 1),
		"max-account-bytes":       into(&c.MaxAccountBytes, 1),
		"max-shared":              into(&c.MaxShared, 1),
		"max-identified":          into(&c.MaxIdentified, 1),
	}
	for _, x := range limits {
		v := &limit{set: to[x.name]}
		v.Set(strconv.FormatInt(x.standard, 10)) // of the table, and so in its range
		f.Var(v, x.name, x.usage)
	}
	f.StringVar(&s.limits, "limits", "default", "`which` limits on what strangers may do hold where they are not given by themselves: \"none\", \"default\" or \"strict\", which also has loopback addresses obey those by address")
	f.StringVar(&s.clientID, "client-id", "", "`which` client ids a user may have: \"user\" is its name alone, \"prefix\" is its name, alone or followed by one of -/:._ and anything. What another has left behind under one is ended; without this, a session belongs to who comes first. Clients without a user are not bound")
	f.Var(&s.exempt, "exempt", "`address` or network, such as 192.0.2.0/24, on which no limit and no ban by address falls: a load balancer's; give it again for another")
}

// limit is a flag for one of them.
type limit struct {
	value int64
	set   func(int64) error
}

func (l *limit) String() string { return strconv.FormatInt(l.value, 10) }

func (l *limit) Set(s string) error {
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return fmt.Errorf("not a number")
	}
	l.value = v
	return l.set(v)
}

func into[T ~int | ~int64](p *T, least int64) func(int64) error {
	most := int64(math.MaxInt32)
	if _, wide := any(*p).(int64); wide {
		most = math.MaxInt64
	}
	return func(v int64) error {
		if v < least || v > most {
			return fmt.Errorf("not from %d to %d", least, most)
		}
		*p = T(v)
		return nil
	}
}

// applyLimits sets those that are not given as -limits says, and whom they bind.
func (s *settings) applyLimits(f *flag.FlagSet, given map[string]bool) error {
	for _, x := range limits {
		value := map[string]int64{"none": x.none, "default": x.standard, "strict": x.strict}
		v, ok := value[s.limits]
		if !ok {
			return fmt.Errorf("-limits: %q is none of none, default, strict", s.limits)
		}
		if !given[x.name] {
			f.Set(x.name, strconv.FormatInt(v, 10))
		}
	}
	if s.clientID != "" && s.clientID != "user" && s.clientID != "prefix" {
		return fmt.Errorf("-client-id: %q is neither user nor prefix", s.clientID)
	}
	for _, text := range s.exempt.values {
		p, err := netip.ParsePrefix(text)
		if a, aerr := netip.ParseAddr(text); aerr == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return fmt.Errorf("-exempt: %q is neither an address nor a network", text)
		}
		s.networks = append(s.networks, p)
	}
	return nil
}

// isShared reports whether an address is exempt, because many share it.
func (s *settings) isShared(address string) bool {
	a, err := netip.ParseAddrPort(address)
	return err == nil && slices.ContainsFunc(s.networks, func(p netip.Prefix) bool { return p.Contains(a.Addr().Unmap()) })
}

// isExempt reports whether no limit and no ban falls on an address.
func (s *settings) isExempt(address string) bool {
	a, err := netip.ParseAddrPort(address)
	return err == nil && s.limits != "strict" && a.Addr().Unmap().IsLoopback() || s.isShared(address)
}

// owns reports whether a client id is its user's own, as -client-id says.
func (s *settings) owns(who *hub.Peer) bool {
	rest, ok := strings.CutPrefix(who.ClientID, who.UserName)
	return who.Principal == "" || ok && (rest == "" || s.clientID == "prefix" && strings.ContainsRune("-/:._", rune(rest[0])))
}

// isLimit reports whether a setting is one that -limits sets.
func isLimit(name string) bool {
	for _, x := range limits {
		if x.name == name {
			return true
		}
	}
	return false
}

// contradict says which limits cannot hold together: one that is given, and another
// that is given or as -limits says. Those by default bow to what is given.
func (s *settings) contradict(given map[string]bool) error {
	c := &s.server
	for _, x := range []struct {
		name, of string
		value    int64
		more, to string
		most     int64
	}{
		{"max-account-bytes", "one", c.MaxAccountBytes, "max-total-bytes", "all", c.MaxTotalBytes},
		{"max-queued-bytes", "a session", int64(c.MaxQueuedBytes), "max-total-bytes", "all", c.MaxTotalBytes},
		{"max-queued-bytes", "a session", int64(c.MaxQueuedBytes), "max-account-bytes", "who has it", c.MaxAccountBytes},
		{"max-packet", "one", int64(c.MaximumPacketSize), "max-account-bytes", "who sends it", c.MaxAccountBytes},
		{"max-connect", "one", int64(c.MaximumConnectSize), "max-account-bytes", "who sends it", c.MaxAccountBytes},
		{"max-address-connections", "one", int64(c.MaxAddressConnections), "max-connections", "all", int64(c.MaxConnections)},
	} {
		if given[x.name] && x.value > x.most && x.most > 0 {
			return fmt.Errorf("-%s of %s is more than -%s of %s", x.name, x.of, x.more, x.to)
		}
	}
	if c.Bans.Credentials+c.Bans.Malformed == 0 {
		for _, name := range []string{"ban-for", "ban-window"} {
			if given[name] {
				return fmt.Errorf("-%s needs -ban-credentials or -ban-malformed", name)
			}
		}
	}
	if given["exempt"] && len(s.networks) > 0 && c.MaxAddressConnections == 0 && c.ConnectRate == 0 && c.Bans.Credentials+c.Bans.Malformed == 0 && c.MaxAccountBytes == math.MaxInt64 {
		return fmt.Errorf("-exempt means nothing with -limits %s", s.limits)
	}
	return nil
}

// ownFiles is how many files the broker needs besides connections.
const ownFiles = 64

// fit lowers -max-connections to what so many files are enough for, and reports
// whether it has: who comes when no file is left cannot even be told so. Files are for
// as many as may be there and an eighth more, and for as many who are only told that
// there is no room. An address may then have a quarter at most.
func (s *settings) fit(files int64) bool {
	c := &s.server
	most := int(min(max(1, (files-ownFiles)/17*8), math.MaxInt32))
	if c.MaxConnections <= most { // also no limit
		return false
	}
	c.MaxConnections = most
	c.MaxAddressConnections = min(c.MaxAddressConnections, most/4+1)
	return true
}
