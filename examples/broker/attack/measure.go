package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// A result is what came of an attack. Times are in seconds, memory in MiB.
type result struct {
	Attack  string
	Skipped string   `json:",omitempty"`
	Faults  []string `json:",omitempty"`

	Ping, Trip, Join       float64
	Refused, Lost, Doubled int
	Messages               int

	Sent          float64 // MiB of the attacker
	Connections   int64   // that the attacker has opened
	TurnedAway    int64   // packets of the attacker that were refused
	Log           float64 // MiB that the broker has written to its log
	Before        float64
	Peak          float64
	After         float64
	Processor     float64 // seconds, without what the victims cost
	ProcessorByte float64 // nanoseconds for a byte of the attacker
}

const mebi = 1 << 20

// measure has an attack take place.
func (s settings) measure(ctx context.Context, a attack) (r result) {
	r.Attack = a.name
	address, p := s.address, process{s.pid}
	var broker *started
	command := s.startOpen
	switch {
	case a.users:
		command = s.startUsers
	case a.tls:
		command = s.startTLS
	}
	switch {
	case s.startOpen+s.startUsers+s.startTLS != "" && command == "":
		r.Skipped = "no broker for it"
		return r
	case command != "":
		var err error
		if broker, err = start(ctx, command); err != nil {
			r.Skipped = err.Error()
			return r
		}
		defer broker.end()
		address, p = broker.Addr, process{broker.Pid()}
	case a.users && !s.users:
		r.Skipped = "the broker does not know the users"
		return r
	case a.tls != s.tls:
		r.Skipped = "the broker speaks TLS, or does not"
		return r
	}

	scene, end := context.WithCancel(ctx)
	defer end()
	v, err := newVictims(scene, address, a.tls, s.patience)
	if err != nil {
		r.Skipped = err.Error()
		return r
	}
	time.Sleep(s.calm / 2) // until they are in
	cost := p.processor()
	time.Sleep(s.calm)
	cost = p.processor() - cost // of the victims alone
	r.Before = float64(p.memory()) / mebi

	attacking, stop := context.WithCancel(ctx)
	defer stop()
	who := s.attacker(a, address, v.home.id)
	begun, spent, said := time.Now(), p.processor(), broker.words()
	var watching sync.WaitGroup
	watched, unwatch := context.WithCancel(ctx)
	watching.Go(func() {
		for watched.Err() == nil {
			r.Peak = max(r.Peak, float64(p.memory())/mebi)
			if r.Peak-r.Before > float64(2*s.memory)/mebi {
				stop()
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
	done, err := who.attack(attacking)
	later, stopLater := context.WithTimeout(ctx, 2*s.patience)
	defer stopLater()
	v.settle(end, later)
	took := time.Since(begun)
	r.Processor = max(0, (p.processor()-spent).Seconds()-cost.Seconds()*took.Seconds()/s.calm.Seconds())
	r.Log = float64(broker.words()-said) / mebi
	unwatch()
	watching.Wait()
	alive := p.alive()
	who.leave(ctx, alive)
	r.After = float64(p.memory()) / mebi
	for at := time.Now(); time.Since(at) < s.settle && r.After > r.Before+32 && ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		r.After = float64(p.memory()) / mebi
	}
	r.Ping, r.Trip, r.Join = v.Ping.Seconds(), v.Trip.Seconds(), v.Join.Seconds()
	r.Refused, r.Doubled, r.Messages = v.Refused, v.Doubled, v.Messages
	r.Lost = v.Lost + int(max(done.Owed, 0))
	r.Sent = float64(done.Sent) / mebi
	r.Connections, r.TurnedAway = done.Dialed, done.Refused
	if err != nil {
		r.Skipped = err.Error()
	}
	if r.Sent > 0 {
		r.ProcessorByte = r.Processor * 1e9 / (r.Sent * mebi)
	}
	r.judge(s, alive)
	return r
}

// attacker returns who makes an attack.
func (s settings) attacker(a attack, broker, victim string) attacker {
	o := order{Attack: a.name, Broker: broker, Secure: a.tls, Bind: s.bind, Victim: victim, Bytes: s.bytes, Connections: s.connections, Time: s.time}
	if s.here {
		return &guest{order: o, what: a}
	}
	return &stranger{order: o}
}

// judge finds the faults.
func (r *result) judge(s settings, alive bool) {
	fault := func(is bool, format string, args ...any) {
		if is {
			r.Faults = append(r.Faults, fmt.Sprintf(format, args...))
		}
	}
	slowest := max(r.Ping, r.Trip, r.Join)
	fault(!alive, "broker gone")
	fault(r.Refused > 0, "%d refused", r.Refused)
	fault(r.Lost > 0, "%d lost", r.Lost)
	fault(r.Doubled > 0, "%d twice", r.Doubled)
	fault(slowest > s.slow.Seconds(), "%.1f s", slowest)
	fault(r.Peak-r.Before > float64(s.memory)/mebi, "%.0f MiB", r.Peak-r.Before)
}
