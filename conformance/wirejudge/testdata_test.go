package wirejudge_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/conformance/wirejudge"
	"github.com/mqttwire/mqttwire/testdata"
)

func roleOf(s string) mqttwire.Role {
	if s == "server" {
		return mqttwire.Server
	}
	return mqttwire.Client
}

func otherRole(r mqttwire.Role) mqttwire.Role { return mqttwire.Client + mqttwire.Server - r }

// unseen are conversations whose error is no fault of the peer, or none that the
// judge is sure of.
var unseen = map[string]string{
	"connect/will-above-maximum-qos":    "the CONNECT comes before the CONNACK that says it",
	"connect/will-retain-not-available": "the CONNECT comes before the CONNACK that says it",
	"auth/method-not-supported":         "the client cannot know which the server supports",
	"connect/keep-alive":                "the judge gives a second more than the server",
	"connect/server-keep-alive":         "the judge gives a second more than the server",
}

// stateRules are the rules that stand for the errors of layer state.
var stateRules = map[string][]wirejudge.Rule{
	"packet identifier is in use":                                                   {wirejudge.IDInUse, wirejudge.DupMissing},
	"more PUBLISH packets in flight than the receive maximum":                       {wirejudge.ReceiveMaximum},
	"acknowledgement does not fit the packet it acknowledges":                       {wirejudge.AckOfWrongKind, wirejudge.PubcompTooEarly, wirejudge.AnswerToNothing},
	"SUBACK or UNSUBACK with another number of codes than there were topic filters": {wirejudge.CodeCount},
	"packet larger than the receiver allows":                                        {wirejudge.PacketSize},
	"first packet is not CONNECT":                                                   {wirejudge.FirstPacket},
	"second CONNECT on a connection":                                                {wirejudge.SecondConnect},
	"packet from a server before its CONNACK":                                       {wirejudge.FirstPacket, wirejudge.DisconnectTooEarly},
	"second CONNACK on a connection":                                                {wirejudge.SecondConnack},
	"session present where the client has none":                                     {wirejudge.SessionPresentClean, wirejudge.SessionPresentUnknown},
	"assigned client identifier missing or not asked for":                           {wirejudge.AssignedMissing, wirejudge.AssignedUnasked},
	"topic alias over the topic alias maximum":                                      {wirejudge.AliasOverMaximum, wirejudge.AliasNotTaken},
	"topic alias that stands for nothing":                                           {wirejudge.AliasUnknown},
	"QoS over the server's maximum QoS":                                             {wirejudge.QoSNotSupported},
	"retained messages are not available":                                           {wirejudge.RetainNotSupported},
	"wildcard subscriptions are not available":                                      {wirejudge.WildcardNotSupported},
	"shared subscriptions are not available":                                        {wirejudge.SharedNotSupported},
	"subscription identifiers are not available":                                    {wirejudge.SubscriptionIDNotSupported},
	"session expiry interval in DISCONNECT after 0 in CONNECT":                      {wirejudge.ExpiryRaised},
	"reason string or user property that was not wanted":                            {wirejudge.ProblemInformation},
	"authentication method is not that of CONNECT":                                  {wirejudge.MethodChanged, wirejudge.MethodUnasked, wirejudge.MethodInConnack},
	"AUTH out of turn":                                                              {wirejudge.AuthOutOfTurn, wirejudge.AuthCode},
}

// tolerated is what the peers of conversations do that their ends take, as they
// should, and that is wrong all the same.
var tolerated = map[string][]wirejudge.Rule{
	"disconnect/last-packet":           {wirejudge.AckOfWrongKind},
	"receiver/qos-2":                   {wirejudge.DupMissing, wirejudge.SentAgain},
	"receiver/qos-2-copy-before":       {wirejudge.SentAgain},
	"sender/qos-1":                     {wirejudge.AckTwice, wirejudge.PubackOrder},
	"sender/qos-2":                     {wirejudge.AckTwice},
	"sender/not-resumed-client":        {wirejudge.SessionForgotten},
	"sender/pubrec-of-nothing":         {wirejudge.AckOfNothing},
	"size/pubcomp":                     {wirejudge.AckOfNothing},
	"receiver/qos-2-copy-before-pubre": {wirejudge.SentAgain},
}

// TestConversations replays the conversations of testdata: the end that they look
// at does nothing wrong, and its peer what stands in the step.
func TestConversations(t *testing.T) {
	all, err := testdata.Conversations()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		t.Run(c.Version+"/"+c.Name, func(t *testing.T) {
			var found []wirejudge.Finding
			j := wirejudge.Judge{OnFinding: func(f wirejudge.Finding) { found = append(found, f) }}
			conn := j.Open(0)
			end := roleOf(c.End)
			for i, s := range c.Steps {
				now := time.Duration(s.At) * time.Millisecond
				found = nil
				conn.Poll(now)
				conn.Bytes(otherRole(end), s.In.Bytes(), now)
				conn.Bytes(end, s.Out.Bytes(), now)
				conn.Poll(now)
				if s.Closes || s.Do == "lost" {
					conn.Close(end, now)
				}
				if s.Do == "lost" {
					conn = j.Open(now)
				}
				want := stateRules[s.Error]
				if want == nil {
					want = []wirejudge.Rule{wirejudge.Bytes}
				}
				hit := s.Error == "" || unseen[c.Name] != ""
				for _, f := range found {
					rules := slices.Clone(tolerated[c.Name])
					for name, more := range tolerated {
						if strings.HasPrefix(c.Name, name) {
							rules = append(rules, more...)
						}
					}
					switch {
					case f.By != end && slices.Contains(want, f.Rule) && (f.Rule != wirejudge.Bytes || f.Err.Error() == s.Error):
						hit = true
					case f.By != end && c.Leniency != "": // it is taken, and wrong all the same
					case f.By != end && (s.Error != "" || slices.Contains(rules, f.Rule)):
					case f.Level > wirejudge.Note:
						t.Errorf("step %d: %v (%v)", i+1, f, f.Rule)
					}
				}
				if !hit {
					t.Errorf("step %d: %s: found %v, none of %v", i+1, s.Error, found, want)
				}
			}
		})
	}
}

// TestVectors replays the vectors of testdata, each on a connection of its own:
// what is wrong with the bytes is found, and nothing where nothing is.
func TestVectors(t *testing.T) {
	all, err := testdata.Vectors()
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		v := &all[i]
		b := v.Bytes()
		kind := mqttwire.PacketType(b[0] >> 4)
		for _, from := range []mqttwire.Role{client, server} {
			if v.From != "either" && from != roleOf(v.From) {
				continue
			}
			var steps []step
			switch {
			case kind == mqttwire.CONNECT && from == client:
			case kind == mqttwire.CONNACK && from == server:
				steps = do(hi(clean))
			default:
				steps = do(hi(clean), ok())
			}
			found := play(t, versions[v.Version], new(wirejudge.Judge), append(steps, raw(from, string(b)), cut(from))...)
			found = slices.DeleteFunc(found, func(f wirejudge.Finding) bool { return f.Rule != wirejudge.Bytes })
			hit := slices.ContainsFunc(found, func(f wirejudge.Finding) bool { return f.Err.Error() == v.Error && f.By == from })
			if v.Valid() && len(found) > 0 || !v.Valid() && !hit {
				t.Errorf("%s %s from %v: found %v, want %q", v.Version, v.Name, from, found, v.Error)
			}
		}
	}
}
