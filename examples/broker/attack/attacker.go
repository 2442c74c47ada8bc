package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"time"
)

// An order is what an attacker is told. It is a process of its own, so that the
// victims wait for the broker and not for the attacker.
type order struct {
	Attack      string
	Broker      string
	Secure      bool
	Bind        net.IP
	Victim      string // begins the victims' Client Identifiers
	Bytes       int64
	Connections int64
	Time        time.Duration
}

// An outcome is what an attacker has to tell.
type outcome struct{ Sent, Dialed, Refused, Owed int64 }

// attack attacks until the time is up.
func (o order) attack(ctx context.Context, a attack) (*arena, outcome) {
	limited, stop := context.WithTimeout(ctx, o.Time)
	defer stop()
	scene := newArena(limited, o.Broker, o.Bind, guilty, guilty, guiltyPassword)
	scene.secure, scene.victim = o.Secure, o.Victim
	scene.bytes.Store(o.Bytes)
	scene.connections.Store(o.Connections)
	a.run(scene)
	scene.leave()
	return scene, outcome{scene.sent.Load(), scene.dialed.Load(), scene.refused.Load(), scene.owed.Load()}
}

// tidying is how long it may take to take away what was left behind.
const tidying = 15 * time.Second

// An attacker attacks, and leaves: where the broker goes on, it takes away what it
// has left behind, as far as the broker lets it.
type attacker interface {
	attack(ctx context.Context) (outcome, error)
	leave(ctx context.Context, clean bool)
}

// A guest is an attacker in this process.
type guest struct {
	order  order
	what   attack
	behind *arena
}

func (g *guest) attack(ctx context.Context) (o outcome, err error) {
	g.behind, o = g.order.attack(ctx, g.what)
	return o, nil
}

func (g *guest) leave(ctx context.Context, clean bool) {
	if !clean {
		return
	}
	ctx, stop := context.WithTimeout(ctx, tidying)
	defer stop()
	g.behind.clean(ctx)
}

// A stranger is an attacker in another process, which is this program. It reads its
// order, a line of JSON, and writes its outcome; a line "stop" ends the attack, a
// line "clean" has it tidy up, the end of the input ends it.
type stranger struct {
	order   order
	command *exec.Cmd
	in      io.WriteCloser
}

func (s *stranger) attack(ctx context.Context) (o outcome, err error) {
	self, err := os.Executable()
	if err != nil {
		return o, err
	}
	s.command = exec.Command(self, "attacker")
	s.command.Stderr = os.Stderr
	if s.in, err = s.command.StdinPipe(); err != nil {
		return o, err
	}
	out, err := s.command.StdoutPipe()
	if err != nil {
		return o, err
	}
	if err := s.command.Start(); err != nil {
		return o, err
	}
	defer time.AfterFunc(s.order.Time+tidying, func() { s.command.Process.Kill() }).Stop()
	json.NewEncoder(s.in).Encode(s.order)
	stop := context.AfterFunc(ctx, func() { fmt.Fprintln(s.in, "stop") })
	defer stop()
	return o, json.NewDecoder(out).Decode(&o)
}

func (s *stranger) leave(_ context.Context, clean bool) {
	if s.command == nil || s.command.Process == nil {
		return
	}
	if clean {
		fmt.Fprintln(s.in, "clean")
	}
	s.in.Close()
	s.command.Wait()
}

// beStranger is the other end of a stranger.
func beStranger(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	var o order
	if lines.Scan(); json.Unmarshal(lines.Bytes(), &o) != nil {
		return fmt.Errorf("no order: %q", lines.Text())
	}
	all := attacks()
	i := slices.IndexFunc(all, func(a attack) bool { return a.name == o.Attack })
	if i < 0 {
		return fmt.Errorf("no attack: %q", o.Attack)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	clean := make(chan bool, 1)
	go func() {
		for lines.Scan() && lines.Text() != "clean" {
			stop()
		}
		clean <- lines.Text() == "clean"
	}()
	behind, result := o.attack(ctx, all[i])
	if err := json.NewEncoder(out).Encode(result); err != nil {
		return err
	}
	if <-clean {
		tidy, stop := context.WithTimeout(context.Background(), tidying)
		defer stop()
		behind.clean(tidy)
	}
	return nil
}
