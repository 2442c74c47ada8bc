package hub

import (
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/examples/broker/keep/keeptest"
	"github.com/mqttwire/mqttwire/qos"
)

// named lets everybody be who it says it is.
type named struct{}

func (named) Authenticate(who *Peer, p *codec.Connect) (Access, connack.Code, string) {
	if p.UserNameFlag {
		who.Principal = "user " + string(p.UserName)
	}
	return nil, connack.Success, ""
}

// by is a CONNECT of a user.
func by(user string, c *codec.Connect) *codec.Connect {
	c.UserNameFlag, c.UserName = user != "", []byte(user)
	return c
}

const anothers = connack.ClientIdentifierNotValid

// A session is its owner's, there or away, over restarts too: another gets none of
// it, and what waits is still there.
func TestOwner(t *testing.T) {
	disk := keeptest.NewRecorder()
	s := newStage(t, Config{Authenticator: named{}, Store: disk})
	alice := func() *codec.Connect { return by("alice", lasting(mqttwire.V50, "c")) }
	x := s.join(alice())
	x.subscribeAt("t", qos.AtLeastOnce)
	for _, user := range []string{"bob", ""} {
		for _, clean := range []bool{false, true} {
			c := by(user, lasting(mqttwire.V50, "c"))
			c.CleanStart = clean
			if code := s.answer(c); code != anothers {
				t.Errorf("%q takes a connection over: %v", user, code)
			}
		}
	}
	if x.gone {
		t.Fatal("the owner was thrown out")
	}
	x.close()
	s.connected(mqttwire.V50, "p").publish("t", "x", false)
	if code := s.answer(by("bob", lasting(mqttwire.V311, "c"))); code != 2 { // identifier rejected (3.1.1 §3.2.2.3)
		t.Errorf("another takes an absent session: %v", code)
	}
	again := newStage(t, Config{Authenticator: named{}, Store: keeptest.NewRecorder(disk.Records()...)})
	w := again.hub.Worker(again.now)
	if err := again.hub.Restore(w); err != nil {
		t.Fatal(err)
	}
	w.Finish()
	if code := again.answer(by("bob", lasting(mqttwire.V50, "c"))); code != anothers {
		t.Errorf("another takes a session that was restored: %v", code)
	}
	for _, stage := range []*stage{s, again} {
		x = stage.open(mqttwire.V50)
		x.send(alice())
		if ack, ok := x.next().(*codec.Connack); !ok || ack.Code != 0 || !ack.SessionPresent {
			t.Fatalf("the owner is answered with %v", ack)
		}
		x.expectPublish()
	}
}

// What is nobody's is everybody's, and who is somebody has it from then on.
func TestNobodysSession(t *testing.T) {
	s := newStage(t, Config{Authenticator: named{}})
	for _, user := range []string{"", "", "alice", "alice"} {
		if code := s.answer(by(user, lasting(mqttwire.V50, "c"))); code != 0 {
			t.Errorf("%q: %v", user, code)
		}
	}
	if code := s.answer(by("bob", lasting(mqttwire.V50, "c"))); code != anothers {
		t.Errorf("after alice: %v", code)
	}
	clean := by("alice", lasting(mqttwire.V50, "c"))
	clean.CleanStart, clean.Properties = true, codec.Properties{}
	x := s.join(clean)
	x.close()
	if code := s.answer(by("bob", lasting(mqttwire.V50, "c"))); code != 0 {
		t.Errorf("after the session has ended: %v", code)
	}
}

// By a rule an identifier is one user's: what another has squatted on ends, unless
// it is connected, and gives nothing away.
func TestOwnIdentifiers(t *testing.T) {
	s := newStage(t, Config{Authenticator: named{}})
	squatted := s.join(by("bob", lasting(mqttwire.V50, "alice")))
	squatted.subscribeAt("#", qos.AtLeastOnce)
	squatted.close()
	s.connected(mqttwire.V50, "p").publish("t", "for bob", false)
	s.hub.config.Own = func(who *Peer) bool { return who.Principal == "" || who.Principal == "user "+who.ClientID }
	if code := s.answer(by("bob", lasting(mqttwire.V50, "alice"))); code != anothers {
		t.Errorf("bob has an identifier of alice's: %v", code)
	}
	x := s.open(mqttwire.V50)
	x.send(by("alice", lasting(mqttwire.V50, "alice")))
	if ack, ok := x.next().(*codec.Connack); !ok || ack.Code != 0 || ack.SessionPresent {
		t.Fatalf("alice is answered with %v", ack)
	}
	x.expect()
	if s.hub.subscriptions.Len() != 0 || s.hub.kept.Load() != 0 {
		t.Error("something of the squatter's is left")
	}
}

// What a member of a Shared Subscription had not acknowledged when its session was
// ended for another goes to the others, as at the end of any session
// (5.0 §4.8.2).
func TestOwnIdentifierOfAMember(t *testing.T) {
	s := newStage(t, Config{Authenticator: named{}})
	squatted := s.join(by("bob", lasting(mqttwire.V50, "alice")))
	squatted.subscribeAt("$share/g/t", qos.AtLeastOnce)
	s.connected(mqttwire.V50, "p").publish("t", "for one of them", false)
	if _, ok := squatted.next().(*codec.Publish); !ok { // and does not acknowledge it
		t.Fatal("the member has got nothing")
	}
	squatted.close()
	other := s.connected(mqttwire.V50, "other")
	other.subscribeAt("$share/g/t", qos.AtLeastOnce)
	s.hub.config.Own = func(who *Peer) bool { return who.Principal == "" || who.Principal == "user "+who.ClientID }
	s.join(by("alice", lasting(mqttwire.V50, "alice")))
	other.expectPublish()
}

// A principal pays for its sessions, wherever it comes from, and is refused alone.
func TestPrincipalPays(t *testing.T) {
	s := newStage(t, Config{Authenticator: named{}, MaxAccountBytes: 100_000})
	for i, from := range []string{guilty, "198.51.100.8:1", "198.51.100.9:1"} {
		x := s.as(from).join(by("guilty", lasting(mqttwire.V50, from)))
		x.publish(from, mega[:40_000], true)
		if got, want := s.hub.retained.messages.Len(), min(i+1, 2); got != want {
			t.Errorf("%d messages of 40 KB retained, want %d", got, want)
		}
	}
	s.as(guilty)
	s.innocentGoesOn()
	if s.hub.account("user guilty", false).bytes.Load() < 80_000 || s.hub.account("address "+Origin(guilty), false).bytes.Load() > 5000 {
		t.Error("it is not the principal that pays")
	}
}
