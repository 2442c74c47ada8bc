package session_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/commands"
	"github.com/leanovate/gopter/gen"
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/session"
)

// life is the life of a server's session as the standard tells it, slowly: what
// is to happen is kept as a list of moments.
type life struct {
	now     time.Duration
	exists  bool
	online  bool
	will    bool          // there is one that is not published
	willAt  time.Duration // offline
	endAt   time.Duration // offline
	expiry  time.Duration
	delay   time.Duration
	told    string
	present bool
}

func (l *life) publishWill() {
	if l.will {
		l.will = false
		l.told += "will "
	}
}

func (l *life) end() {
	l.publishWill() // 5.0 §3.1.2.5: when the session ends at the latest
	l.exists, l.online = false, false
	l.told += "ended "
}

func (l *life) pass(d time.Duration) {
	for ; d >= 0; d -= second { // whole seconds, one by one
		if l.exists && !l.online {
			if l.now >= l.willAt {
				l.publishWill()
			}
			if l.now >= l.endAt {
				l.end()
			}
		}
		if d > 0 {
			l.now += second
		}
	}
}

func (l *life) lose() {
	if l.online {
		l.online = false
		l.willAt, l.endAt = l.now+l.delay, l.now+l.expiry
		l.pass(0)
	}
}

func (l *life) connect(clean bool, expiry, delay time.Duration) {
	l.lose()
	l.present = l.exists && !clean
	if l.exists && clean {
		l.end()
	}
	l.exists, l.online, l.will = true, true, true // a will that waited is gone [MQTT-3.1.3-9]
	l.expiry, l.delay = expiry, delay
}

// lifeCommand is one step of both.
type lifeCommand struct {
	name string
	real func(*server) (present bool)
	next func(*life)
}

type lifeResult struct {
	told            string
	exists, present bool
}

func (c lifeCommand) PreCondition(commands.State) bool { return true }
func (c lifeCommand) String() string                   { return c.name }

func (c lifeCommand) Run(sut commands.SystemUnderTest) commands.Result {
	s := sut.(*server)
	present := c.real(s)
	return lifeResult{happened(&s.state, s.now), s.state.Exists(), present}
}

func (c lifeCommand) NextState(state commands.State) commands.State {
	l := state.(life)
	l.told, l.present = "", false
	c.next(&l)
	return l
}

func (c lifeCommand) PostCondition(state commands.State, r commands.Result) *gopter.PropResult {
	l := state.(life)
	if got, want := r.(lifeResult), (lifeResult{l.told, l.exists, l.present}); got != want {
		return &gopter.PropResult{Status: gopter.PropFalse, Labels: []string{fmt.Sprintf("%s: %+v, want %+v", c.name, got, want)}}
	}
	return &gopter.PropResult{Status: gopter.PropTrue}
}

func connectCommand(clean bool, expiry, delay uint32) lifeCommand {
	return lifeCommand{
		fmt.Sprintf("connect, clean %v, expiry %d, delay %d", clean, expiry, delay),
		func(s *server) bool {
			p := with(sessionExpiry(expiry))
			p.CleanStart, p.WillFlag, p.Will.Topic = clean, true, []byte("w")
			p.Will.Properties = codec.AppendWillDelayInterval(codec.Properties{}, delay)
			return s.again(p).SessionPresent
		},
		func(l *life) { l.connect(clean, time.Duration(expiry)*second, time.Duration(delay)*second) },
	}
}

// TestLife holds the life of a session against that of the model, over drawn
// sequences of what can happen to it.
func TestLife(t *testing.T) {
	steps := []lifeCommand{
		lifeCommand{"lose", func(s *server) bool { s.Close(s.now); return false }, (*life).lose},
		lifeCommand{"say goodbye", func(s *server) bool {
			if s.Phase() == session.Connected {
				if _, err := s.send(&codec.Disconnect{}); err != nil {
					s.t.Error(err)
				}
			}
			s.Close(s.now)
			return false
		}, func(l *life) {
			if l.online {
				l.will = false
				l.lose()
			}
		}},
		lifeCommand{"say goodbye with the will", func(s *server) bool {
			if s.Phase() == session.Connected {
				if _, err := s.send(&codec.Disconnect{Code: mqttwire.DisconnectWithWillMessage}); err != nil {
					s.t.Error(err)
				}
			}
			s.Close(s.now)
			return false
		}, (*life).lose},
		lifeCommand{"end", func(s *server) bool { s.state.End(); return false }, func(l *life) {
			if l.exists && !l.online {
				l.end()
			}
		}},
		lifeCommand{"store and restore", func(s *server) bool {
			b := s.state.AppendSnapshot(nil, s.now)
			s.Close(s.now)
			if err := s.state.Restore(b, s.now); err != nil {
				s.t.Error(err)
			}
			return false
		}, (*life).lose},
	}
	for _, d := range []time.Duration{1, 4, 7} {
		steps = append(steps, lifeCommand{fmt.Sprint("wait ", d*second),
			func(s *server) bool { s.now += d * second; return false }, func(l *life) { l.pass(d * second) }})
	}
	for _, clean := range []bool{false, true} {
		for _, expiry := range []uint32{0, 6, 12} {
			for _, delay := range []uint32{0, 3, 9} {
				steps = append(steps, connectCommand(clean, expiry, delay))
			}
		}
	}
	parameters := gopter.DefaultTestParametersWithSeed(5)
	parameters.MinSuccessfulTests = 150
	properties := gopter.NewProperties(parameters)
	properties.Property("a session lives as the model does", commands.Prop(&commands.ProtoCommands{
		NewSystemUnderTestFunc: func(commands.State) commands.SystemUnderTest { return &server{t: t} },
		InitialStateGen:        gen.Const(life{}),
		GenCommandFunc: func(commands.State) gopter.Gen {
			return gen.IntRange(0, len(steps)-1).Map(func(i int) commands.Command { return steps[i] })
		},
	}))
	properties.TestingRun(t)
}
