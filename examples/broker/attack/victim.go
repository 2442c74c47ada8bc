package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// The victims are innocent: one publishes at QoS 1 and pings, one is subscribed,
// one is subscribed and away, and one comes anew again and again. They come from
// another address than the attacker, as another user.
type victims struct {
	home  *arena
	topic string
	quiet chan struct{} // closed when they are to begin nothing more
	idle  chan struct{} // closed when no newcomer is on its way

	patience time.Duration // how long they wait for an answer

	mu       sync.Mutex
	Ping     time.Duration // the slowest PINGRESP
	Trip     time.Duration // the slowest message from one to the other
	Join     time.Duration // the slowest CONNECT, SUBSCRIBE and retained message
	Refused  int           // CONNECTs, SUBSCRIBEs and PUBLISHes refused, connections ended
	Lost     int           // messages that the broker has taken and not delivered
	Doubled  int           // messages that came twice
	Messages int           // that were published

	pings   []time.Time
	due     map[uint64]time.Time // published, not come
	unacked map[uint16]uint64
	taken   map[uint64]bool // acknowledged as taken
	came    map[uint64]int
}

const (
	pace      = 20 * time.Millisecond // of messages and PINGREQs
	unsettled = 256                   // messages on their way at most
)

// newVictims connects them. ctx ends them.
func newVictims(ctx context.Context, broker string, secure bool, patience time.Duration) (*victims, error) {
	home := newArena(ctx, broker, net.IPv4(127, 0, 0, 1), innocent, innocent, innocentPassword)
	home.secure = secure
	home.bytes.Store(1 << 30)
	home.connections.Store(64)
	v := &victims{home: home, topic: home.id + "t", quiet: make(chan struct{}), idle: make(chan struct{}), patience: patience, due: map[uint64]time.Time{},
		unacked: map[uint16]uint64{}, taken: map[uint64]bool{}, came: map[uint64]int{}}
	home.away(home.id+"away", v.topic)
	reader := home.join(home.id + "reader")
	reader.subscribe(1, v.topic)
	writer := home.join(home.id + "writer")
	writer.keep(publish(home.id+"kept", []byte("kept"), 0, true))
	writer.ping()
	if err := errors.Join(reader.why(), writer.why()); err != nil {
		home.leave()
		return nil, fmt.Errorf("the victims cannot connect: %w", err)
	}
	home.working.Go(func() { v.read(reader) })
	home.working.Go(func() { v.answers(writer) })
	home.working.Go(func() { v.write(writer) })
	home.working.Go(v.newcomers)
	return v, nil
}

// write publishes and pings.
func (v *victims) write(p *peer) {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for n := uint64(1); p.lives(); n++ {
		select {
		case <-v.quiet:
			return
		case <-v.home.ctx.Done():
			return
		case <-ticker.C:
		}
		v.mu.Lock()
		if len(v.due)+len(v.unacked) > unsettled || len(v.pings) > unsettled {
			v.mu.Unlock()
			continue
		}
		m := publish(v.topic, binary.BigEndian.AppendUint64(nil, n), 1, false)
		m.ID = uint16(n%60_000) + 1
		v.due[n], v.unacked[m.ID] = time.Now(), n
		v.pings = append(v.pings, time.Now())
		v.Messages++
		v.mu.Unlock()
		p.send(m, &codec.Pingreq{})
	}
}

func (v *victims) answers(p *peer) {
	for x := p.next(); x != nil; x = p.next() {
		v.mu.Lock()
		switch x := x.(type) {
		case *codec.Puback:
			n := v.unacked[x.ID]
			if delete(v.unacked, x.ID); x.Code.IsError() {
				v.Refused++
				delete(v.due, n)
			} else {
				v.taken[n] = true
			}
		case *codec.Pingresp:
			v.Ping = max(v.Ping, time.Since(v.pings[0]))
			v.pings = v.pings[1:]
		}
		v.mu.Unlock()
	}
	v.cut()
}

func (v *victims) read(p *peer) {
	for x := p.next(); x != nil; x = p.next() {
		m, ok := x.(*codec.Publish)
		if !ok || len(m.Payload) != 8 {
			p.answer(x)
			continue
		}
		n := binary.BigEndian.Uint64(m.Payload)
		v.mu.Lock()
		if at, ok := v.due[n]; ok {
			v.Trip = max(v.Trip, time.Since(at))
		}
		delete(v.due, n)
		if v.came[n]++; v.came[n] > 1 {
			v.Doubled++
		}
		v.mu.Unlock()
		p.answer(m)
	}
	v.cut()
}

// cut notes that a victim has lost its connection, unless it was meant to.
func (v *victims) cut() {
	if v.home.ctx.Err() == nil {
		v.mu.Lock()
		v.Refused++
		v.mu.Unlock()
	}
}

// newcomers come one after the other.
func (v *victims) newcomers() {
	defer close(v.idle)
	for i := 0; v.home.goes(); i++ {
		select {
		case <-v.quiet:
			return
		default:
		}
		start := time.Now()
		why := v.newcomer(fmt.Sprintf("%snew%d", v.home.id, i%8))
		v.mu.Lock()
		v.Join = max(v.Join, time.Since(start))
		if why != nil {
			v.Refused++
			verbose("a newcomer is refused: ", why)
		}
		v.mu.Unlock()
		v.home.pause(5 * pace)
	}
}

// newcomer connects, subscribes, and gets what is retained.
func (v *victims) newcomer(id string) error {
	p := v.home.join(id)
	defer p.close()
	if p.conn != nil {
		p.conn.SetDeadline(time.Now().Add(v.patience))
	}
	s := codec.Subscribe{ID: 1}
	s.Subscriptions = s.Subscriptions.Append(codec.Subscription{Filter: []byte(v.home.id + "kept"), Options: 1})
	p.send(&s)
	if ack, ok := p.until(mqttwire.SUBACK).(*codec.Suback); ok {
		for code := range ack.Codes.All() {
			if code.IsError() {
				return fmt.Errorf("SUBSCRIBE: %v", code)
			}
		}
	}
	p.until(mqttwire.PUBLISH)
	return p.why()
}

// settle has them begin nothing more, waits for what is on its way, and has the
// one that was away come back. end is to end the context of newVictims.
func (v *victims) settle(end func(), later context.Context) {
	close(v.quiet)
	for at := time.Now(); time.Since(at) < v.patience; time.Sleep(pace) {
		v.mu.Lock()
		done := len(v.due)+len(v.pings)+len(v.unacked) == 0
		v.mu.Unlock()
		if done {
			break
		}
	}
	<-v.idle
	end()
	v.home.leave()
	v.home.ctx, v.home.peers = later, map[*peer]struct{}{}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, at := range v.due {
		v.Trip = max(v.Trip, min(time.Since(at), v.patience))
	}
	for _, at := range v.pings {
		v.Ping = max(v.Ping, min(time.Since(at), v.patience))
	}
	came := map[uint64]bool{} // to the one that was away
	p := v.home.join(v.home.id+"away", lasting)
	for at := time.Now(); !p.lives() && time.Since(at) < v.patience && v.home.goes(); p = v.home.join(v.home.id+"away", lasting) {
		time.Sleep(5 * pace)
	}
	for len(came) < len(v.taken) && p.conn != nil {
		p.conn.SetDeadline(time.Now().Add(v.patience / 5))
		m, ok := p.until(mqttwire.PUBLISH).(*codec.Publish)
		if !ok {
			break
		}
		if len(m.Payload) == 8 {
			came[binary.BigEndian.Uint64(m.Payload)] = true
		}
		p.answer(m)
	}
	p.close()
	for n := range v.taken {
		if v.came[n] == 0 || !came[n] {
			v.Lost++
		}
	}
	v.home.clean(later)
}
