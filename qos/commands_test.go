package qos_test

import (
	"fmt"
	"testing"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/commands"
	"github.com/leanovate/gopter/gen"
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/qos"
)

// model is the state of the sender's twin, and what its last step said.
type model struct {
	twin  *twinOut
	token uint64
	last  answer
}

// system is the sender, and which id each token has.
type system struct {
	out   qos.Outbound
	ids   map[uint64]uint16
	token uint64
}

// command is one step of both.
type command struct {
	name string
	real func(*system) answer
	next func(*model) answer
}

func (c command) Run(s commands.SystemUnderTest) commands.Result { return c.real(s.(*system)) }
func (c command) PreCondition(commands.State) bool               { return true }
func (c command) String() string                                 { return c.name }

func (c command) NextState(s commands.State) commands.State {
	m := s.(model)
	m.twin = m.twin.clone()
	m.last = c.next(&m)
	return m
}

func (c command) PostCondition(s commands.State, r commands.Result) *gopter.PropResult {
	if got, want := r.(answer), s.(model).last; got != want {
		return &gopter.PropResult{Status: gopter.PropFalse, Labels: []string{fmt.Sprintf("%s: %+v, want %+v", c.name, got, want)}}
	}
	return &gopter.PropResult{Status: gopter.PropTrue}
}

func publishCommand(level qos.Level) command {
	return command{
		fmt.Sprint("publish ", level),
		func(s *system) answer {
			s.token++
			a, err := s.out.Publish(level, s.token, 0)
			if err == nil {
				s.ids[s.token] = a.ID
			}
			return answerOf(a, err)
		},
		func(m *model) answer { m.token++; return m.twin.send(level, m.token) },
	}
}

// ackCommand acknowledges the message of a token; whether it is in flight or
// not is as it comes.
func ackCommand(t mqttwire.PacketType, token uint64, reason mqttwire.Reason) command {
	return command{
		fmt.Sprintf("%v of token %d, 0x%02X", t, token, uint8(reason)),
		func(s *system) answer {
			id, ok := s.ids[token]
			if x := s.out.Find(id); !ok || x.Await == 0 || x.Token != token {
				id = 65535 // not its any more
			}
			switch t {
			case mqttwire.PUBACK:
				return answerOf(s.out.Puback(id, reason))
			case mqttwire.PUBREC:
				return answerOf(s.out.Pubrec(id, reason, 0))
			}
			return answerOf(s.out.Pubcomp(id, reason))
		},
		func(m *model) answer { return m.twin.acknowledge(t, token, reason) },
	}
}

func connectCommand(c qos.Connection) command {
	return command{
		fmt.Sprintf("connect %+v", c),
		func(s *system) answer {
			err := s.out.Connect(c)
			for ok := true; ok; {
				_, ok = s.out.NextDropped()
			}
			return answer{Err: err}
		},
		func(m *model) answer { m.twin.connect(c); m.twin.gone = nil; return answer{} },
	}
}

var resendCommand = command{
	"resend",
	func(s *system) answer {
		a, ok := s.out.NextResend()
		if !ok {
			return answer{}
		}
		return answerOf(s.out.Resend(a.ID, 0))
	},
	func(m *model) answer { a, _ := m.twin.resend(); return a },
}

func giveUpCommand(token uint64) command {
	return command{
		fmt.Sprintf("give up token %d", token),
		func(s *system) answer {
			id, ok := s.ids[token]
			if x := s.out.Find(id); !ok || x.Token != token {
				id = 65535
			}
			return answerOf(s.out.GiveUp(id, 0))
		},
		func(m *model) answer { return m.twin.giveUp(token) },
	}
}

func TestCommands(t *testing.T) {
	toCommand := func(c command) commands.Command { return c }
	acks := gopter.CombineGens(
		gen.OneConstOf(mqttwire.PUBACK, mqttwire.PUBREC, mqttwire.PUBREC, mqttwire.PUBCOMP),
		gen.UInt64Range(1, 12),
		gen.OneConstOf(mqttwire.Success, mqttwire.Success, mqttwire.QuotaExceeded),
	).Map(func(v []any) commands.Command {
		return ackCommand(v[0].(mqttwire.PacketType), v[1].(uint64), v[2].(mqttwire.Reason))
	})
	start := model{twin: &twinOut{}}
	start.twin.connect(scriptConnections[0])
	all := &commands.ProtoCommands{
		NewSystemUnderTestFunc: func(commands.State) commands.SystemUnderTest {
			s := &system{ids: map[uint64]uint16{}}
			s.out.Connect(scriptConnections[0])
			return s
		},
		InitialStateGen: gen.Const(start),
		GenCommandFunc: func(commands.State) gopter.Gen {
			return gen.Weighted([]gen.WeightedGen{
				{Weight: 4, Gen: gen.OneConstOf(q1, q2).Map(func(l qos.Level) commands.Command { return toCommand(publishCommand(l)) })},
				{Weight: 8, Gen: acks},
				{Weight: 1, Gen: gen.IntRange(0, len(scriptConnections)-1).Map(func(i int) commands.Command { return toCommand(connectCommand(scriptConnections[i])) })},
				{Weight: 2, Gen: gen.Const(resendCommand).Map(toCommand)},
				{Weight: 1, Gen: gen.UInt64Range(1, 12).Map(func(token uint64) commands.Command { return toCommand(giveUpCommand(token)) })},
			})
		},
	}
	parameters := gopter.DefaultTestParametersWithSeed(1)
	parameters.MinSuccessfulTests = 300
	properties := gopter.NewProperties(parameters)
	properties.Property("sender", commands.Prop(all))
	properties.TestingRun(t)
}
