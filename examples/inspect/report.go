package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/conformance/wirejudge"
	"github.com/mqttwire/mqttwire/examples/inspect/proxy"
)

// A report says what is seen: in lines as it happens, and in a summary at the
// end. Its methods are called one at a time.
type report struct {
	out  *output
	opts options
	// byConn is what there is to say of each connection at the end, of the first
	// maxConns; rest is of all others together.
	byConn map[int]*summary
	order  []*summary
	rest   *summary
	musts  int
}

// maxConns is how many connections have a summary of their own.
const maxConns = 1000

// A summary is what a connection, or all, came to.
type summary struct {
	Conn    int     `json:"conn,omitempty"` // 0: of several
	Conns   int     `json:"conns,omitempty"`
	Client  string  `json:"client,omitempty"`
	Version string  `json:"version,omitempty"`
	Seconds float64 `json:"seconds"`
	Ended   string  `json:"ended,omitempty"` // by whom
	Sides   [2]half `json:"sides"`           // of the client, of the server
}

// half is what came from one side.
type half struct {
	Side     string    `json:"side"`
	Packets  int64     `json:"packets"`
	Bytes    int64     `json:"bytes"`
	Findings []counted `json:"findings,omitempty"`
}

// counted is how often something was found.
type counted struct {
	Level   string `json:"level"`
	Clause  string `json:"clause"`
	Rule    string `json:"rule"`
	Times   int    `json:"times"`
	Wording string `json:"wording"`
	level   wirejudge.Level
}

func newSummary(conn int) *summary {
	return &summary{Conn: conn, Sides: [2]half{{Side: "client"}, {Side: "server"}}}
}

func (h *half) count(f wirejudge.Finding) {
	for i := range h.Findings {
		if c := &h.Findings[i]; c.Clause == f.Clause && c.level == f.Level && c.Rule == f.Rule.String() {
			c.Times++
			return
		}
	}
	if len(h.Findings) < 500 { // there are not that many
		h.Findings = append(h.Findings, counted{f.Level.String(), f.Clause, f.Rule.String(), 1, f.Wording(), f.Level})
	}
}

// watch has a proxy report here.
func (r *report) watch(p *proxy.Proxy) {
	r.byConn = map[int]*summary{}
	p.OnOpen = func(c *wirejudge.Conn, from net.Addr) {
		s := newSummary(c.Number)
		r.byConn[c.Number] = s
		r.say(event{Event: "open", Conn: c.Number, Text: "from " + from.String()})
	}
	p.OnRefused = func(from net.Addr, err error) {
		r.say(event{Event: "refused", Text: fmt.Sprintf("from %v: %v", from, err)})
	}
	p.OnClose = r.closed
	p.Judge.OnPacket = r.packet
	p.Judge.OnFinding = r.finding
}

// event is a line of -json.
type event struct {
	Event   string   `json:"event"` // open, packet, finding, close, refused
	At      float64  `json:"at"`    // seconds
	Conn    int      `json:"conn,omitempty"`
	Client  string   `json:"client,omitempty"`
	From    string   `json:"from,omitempty"`   // who sent the packet, or did what was found
	Packet  int      `json:"packet,omitempty"` // its number on that side
	Size    int      `json:"size,omitempty"`
	Level   string   `json:"level,omitempty"`
	Rule    string   `json:"rule,omitempty"`
	Clause  string   `json:"clause,omitempty"`
	Wording string   `json:"wording,omitempty"`
	Text    string   `json:"text"`
	Fields  []string `json:"fields,omitempty"`
	Hex     string   `json:"hex,omitempty"`

	at time.Duration
}

func (r *report) packet(p *wirejudge.Packet) {
	if r.opts.quiet {
		return
	}
	e := event{Event: "packet", at: p.At, Conn: p.Conn, Client: p.Client, From: p.From.String(), Packet: p.Number, Size: p.Size, Text: p.String()}
	if r.opts.fields {
		e.Fields = slices.Collect(p.Fields())
	}
	if r.opts.hex {
		e.Hex = string(p.AppendHex(nil, maxHex))
		if len(p.In.Bytes()) > maxHex {
			e.Hex += " ..."
		}
	}
	r.say(e)
}

// maxHex is how many bytes of a packet are shown in hex.
const maxHex = 4096

func (r *report) finding(f wirejudge.Finding) {
	if s := r.byConn[f.Conn]; s != nil {
		s.Sides[f.By-mqttwire.Client].count(f)
	}
	if f.Level == wirejudge.Must {
		r.musts++
	}
	r.say(event{Event: "finding", at: f.At, Conn: f.Conn, Client: f.Client, From: f.By.String(), Packet: f.Packet,
		Level: f.Level.String(), Rule: f.Rule.String(), Clause: f.Clause, Wording: f.Wording(), Text: f.Text})
}

func (r *report) closed(c *wirejudge.Conn, by mqttwire.Role, lasted time.Duration) {
	s := r.byConn[c.Number]
	delete(r.byConn, c.Number)
	s.Client, s.Version, s.Seconds = c.ClientID(), c.Version().String(), lasted.Seconds()
	for i := range s.Sides {
		t := c.Tally(mqttwire.Client + mqttwire.Role(i))
		s.Sides[i].Packets, s.Sides[i].Bytes = t.Packets, t.Bytes
	}
	if s.Ended = by.String(); by == mqttwire.Either {
		s.Ended = "the proxy"
	}
	r.say(event{Event: "close", Conn: c.Number, Client: s.Client, From: s.Ended, Text: fmt.Sprintf("by %s after %.1f s", s.Ended, s.Seconds)})
	if len(r.order) < maxConns {
		r.order = append(r.order, s)
		return
	}
	if r.rest == nil {
		r.rest = newSummary(0)
	}
	r.rest.add(s)
}

// add adds what a connection came to.
func (s *summary) add(x *summary) {
	s.Conns++
	s.Seconds += x.Seconds
	for i := range s.Sides {
		s.Sides[i].Packets += x.Sides[i].Packets
		s.Sides[i].Bytes += x.Sides[i].Bytes
		for _, c := range x.Sides[i].Findings {
			j := slices.IndexFunc(s.Sides[i].Findings, func(y counted) bool { return y.Clause == c.Clause && y.Rule == c.Rule && y.level == c.level })
			if j < 0 {
				s.Sides[i].Findings = append(s.Sides[i].Findings, c)
			} else {
				s.Sides[i].Findings[j].Times += c.Times
			}
		}
	}
}

// say writes an event.
func (r *report) say(e event) {
	if e.at == 0 {
		e.at = r.out.now()
	}
	e.At = e.at.Seconds()
	if r.opts.json {
		line, _ := json.Marshal(e)
		r.out.put(append(line, '\n'))
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%9.3f #%d ", e.At, e.Conn)
	name := e.Client
	if len(name) > 23 {
		name = name[:20] + "..."
	}
	const indent = "                "
	switch e.Event {
	case "packet":
		arrow := "->"
		if e.From == "server" {
			arrow = "<-"
		}
		fmt.Fprintf(&b, "%q %s %s\n", name, arrow, e.Text)
		for _, f := range e.Fields {
			fmt.Fprintf(&b, "%s%s\n", indent, f)
		}
		for hex := e.Hex; hex != ""; {
			n := min(len(hex), 3*32)
			fmt.Fprintf(&b, "%s%s\n", indent, hex[:n])
			hex = hex[n:]
		}
	case "finding":
		fmt.Fprintf(&b, "%q %s %s: %s [%s]\n", name, mark(e.Level), e.From, e.Text, e.Clause)
		if e.Wording != "" {
			fmt.Fprintf(&b, "%s%s: %s\n", indent, e.Clause, e.Wording)
		}
	default:
		fmt.Fprintf(&b, "%s %s\n", e.Event, e.Text)
	}
	r.out.put([]byte(b.String()))
}

func mark(level string) string {
	if level == "MUST" {
		return "!! MUST"
	}
	return " ! " + level
}

// end writes the summary.
func (r *report) end() {
	total := newSummary(0)
	all := r.order
	for _, s := range all {
		total.add(s)
	}
	if r.rest != nil {
		n := total.Conns + r.rest.Conns
		total.add(r.rest)
		total.Conns = n
		all = append(all, r.rest)
	}
	if r.opts.json {
		line, _ := json.Marshal(struct {
			Event string     `json:"event"`
			Total *summary   `json:"total"`
			Conns []*summary `json:"conns"`
			Lost  int        `json:"lostLines,omitempty"`
		}{"summary", total, all, r.out.lost()})
		r.out.put(append(line, '\n'))
		return
	}
	var b strings.Builder
	for _, s := range all {
		s.write(&b)
	}
	if len(all) != 1 {
		total.write(&b)
	}
	if n := r.out.lost(); n > 0 {
		fmt.Fprintf(&b, "%d lines are not shown: the output was too slow.\n", n)
	}
	r.out.put([]byte(b.String()))
}

func (s *summary) write(w io.Writer) {
	if s.Conn > 0 {
		fmt.Fprintf(w, "\nConnection %d, client %q, MQTT %s, %.1f s, ended by %s\n", s.Conn, s.Client, s.Version, s.Seconds, s.Ended)
	} else {
		fmt.Fprintf(w, "\nTogether: %d connections\n", s.Conns)
	}
	for i := range s.Sides {
		h := &s.Sides[i]
		fmt.Fprintf(w, "  %s: %d packets, %d bytes", h.Side, h.Packets, h.Bytes)
		if len(h.Findings) == 0 {
			fmt.Fprint(w, ", nothing found\n")
			continue
		}
		fmt.Fprintln(w)
		slices.SortStableFunc(h.Findings, func(a, b counted) int {
			return cmp.Or(cmp.Compare(b.level, a.level), strings.Compare(a.Clause, b.Clause))
		})
		for _, c := range h.Findings {
			fmt.Fprintf(w, "    %-6s %5d x  %-16s %s (%s)\n", c.Level, c.Times, c.Clause, c.Wording, c.Rule)
		}
	}
}
