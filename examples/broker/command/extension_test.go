package command

import (
	"bytes"
	"errors"
	"flag"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/examples/broker/server"
)

// A part is an Extension that notes what it is told.
type part struct {
	name      string
	value     string // of its flag
	configure func(*server.Config) error
	start     func(*server.Server) error
	end       error
	told      *[]string
}

func (p *part) note(what string) { *p.told = append(*p.told, p.name+" "+what) }

func (p *part) Flags(f *flag.FlagSet) {
	p.note("flags")
	f.StringVar(&p.value, p.name, "", "`value` of "+p.name)
}

func (p *part) Configure(c *server.Config) error {
	p.note("configure")
	if p.configure != nil {
		return p.configure(c)
	}
	return nil
}

func (p *part) Start(s *server.Server) error {
	p.note("start")
	if p.start != nil {
		return p.start(s)
	}
	return nil
}

func (p *part) End() error {
	p.note("end")
	return p.end
}

// The flags of an extension are flags like all others.
func TestExtensionFlags(t *testing.T) {
	var told []string
	var out bytes.Buffer
	p := &part{name: "data", told: &told}
	if _, err := parse([]string{"-help"}, &out, p); err != flag.ErrHelp || !strings.Contains(out.String(), "-data value\n") || !strings.Contains(out.String(), "value of data") {
		t.Errorf("%v, -help says\n%s", err, &out)
	}
	for _, args := range [][]string{
		{"-data", "here"},
		{"-config", write(t, "config.json", `{"data": "here"}`)},
		{"-config", write(t, "config.json", `{"data": "there"}`), "-data", "here"},
	} {
		*p = part{name: "data", told: &told}
		if _, err := parse(args, &out, p); err != nil || p.value != "here" {
			t.Errorf("%q: %q, %v", args, p.value, err)
		}
	}
	if err := Run([]string{"-data"}, p); err == nil || !strings.Contains(err.Error(), "needs an argument: -data") {
		t.Errorf("without a value: %v", err)
	}
	if slices.Contains(told, "data configure") {
		t.Error("nothing was to be run")
	}
}

// Extensions are told of start and end in their turn, and may change the server.
func TestExtensions(t *testing.T) {
	var told []string
	peers := make(chan net.Conn)
	a := &part{name: "a", told: &told, configure: func(c *server.Config) error {
		c.MaximumKeepAlive = 7
		return nil
	}}
	b := &part{name: "b", told: &told, start: func(s *server.Server) error {
		go func() {
			for c := range peers {
				s.ServeConn(c)
			}
		}()
		return nil
	}}
	p := startWith(t, []string{"-listen", "127.0.0.1:0", "-b", "x"}, a, b)
	address := p.address()
	c := dial(t, address, mqttwire.V50, "c")
	if c.keepAlive != 7 {
		t.Errorf("the server's Keep Alive is %d", c.keepAlive)
	}
	ours, theirs := net.Pipe()
	peers <- theirs
	close(peers)
	piped := connect(t, ours, mqttwire.V311, "of the extension")
	p.signal(syscall.SIGTERM)
	c.expectShutdown()
	piped.expectShutdown()
	p.expectEnd()
	if want := []string{"a flags", "b flags", "a configure", "b configure", "a start", "b start", "b end", "a end"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	if b.value != "x" {
		t.Errorf("-b is %q", b.value)
	}
}

// What an extension says is wrong ends the broker, and those that were configured
// before are told.
func TestExtensionErrors(t *testing.T) {
	wrong, late := errors.New("wrong"), errors.New("late")
	refuse := func(*server.Config) error { return wrong }
	for _, x := range []struct {
		b    part
		args []string
		want []string // after the flags
		all  []error
	}{
		{part{configure: refuse, end: late}, nil, []string{"a configure", "b configure", "a end"}, []error{wrong}},
		{part{start: func(*server.Server) error { return wrong }, end: late}, nil,
			[]string{"a configure", "b configure", "a start", "b start", "b end", "a end"}, []error{wrong, late}},
		{part{end: late}, []string{"-listen", "nowhere"},
			[]string{"a configure", "b configure", "a start", "b start", "b end", "a end"}, []error{late}},
		{part{}, []string{"-acl", "/missing/file"}, nil, nil},
	} {
		var told []string
		a := &part{name: "a", told: &told}
		x.b.name, x.b.told = "b", &told
		err := Run(append([]string{"-listen", "127.0.0.1:0", "-log-level", "error"}, x.args...), a, &x.b)
		if err == nil {
			t.Error("it ended as if all were well")
		}
		for _, want := range x.all {
			if !errors.Is(err, want) {
				t.Errorf("%v, without %v", err, want)
			}
		}
		if !slices.Equal(told[2:], x.want) {
			t.Errorf("told %q, want %q", told[2:], x.want)
		}
	}
}
