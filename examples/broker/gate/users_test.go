package gate

import (
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
)

func TestUsers(t *testing.T) {
	file := userLine("alice", "secret of alice") + locked(userLine("bob", "secret of bob"))
	simulateEach(t, content{users: file}, func(b *bench, v mqttwire.Version) {
		b.join(b.as(v, "c", "alice", "secret of alice")).expectNothing()
		const bad, denied = connack.BadUserNameOrPassword, connack.NotAuthorized
		for _, x := range []struct {
			user, password string
			want           connack.Code
		}{
			{"alice", "Secret of alice", bad},
			{"alice", "secret of alice ", bad},
			{"alice", "", bad},
			{"carol", "secret of alice", bad},
			{"Alice", "secret of alice", bad},
			{"bob", "secret of bob", denied},
			{"bob", "not that of bob", bad}, // nobody learns that bob is locked out
			{"", "", denied},
			{tokenUser, "RW|T1.k.token.without", bad}, // where there are no tokens it is a user like others
		} {
			b.refused(b.as(v, "c", x.user, x.password), x.want)
		}
		empty := b.as(v, "c", "", "")
		empty.UserNameFlag = true
		b.refused(empty, bad)
		if log := b.log.String(); !strings.Contains(log, "bad user name or password") || !strings.Contains(log, "the user is locked") {
			b.t.Errorf("the log does not say why clients were refused:\n%s", log)
		}
	})
}

// In 5.0 the CONNACK says why.
func TestRefusalInWords(t *testing.T) {
	simulate(t, content{users: locked(userLine("bob", "secret of bob"))}, func(b *bench) {
		p := b.pipe(mqttwire.V50)
		p.send(b.as(mqttwire.V50, "c", "bob", "secret of bob"))
		p.expect(&codec.Connack{Code: connack.NotAuthorized, Properties: codec.AppendReasonString(codec.Properties{}, "the user is locked")})
		p.expectClosed()
	})
}

// A password without a user name, which 5.0 allows, is nobody's.
func TestPasswordAlone(t *testing.T) {
	simulate(t, content{users: userLine("alice", "secret of alice")}, func(b *bench) {
		b.refused(b.as(mqttwire.V50, "c", "", "secret of alice"), connack.NotAuthorized)
	})
}

// Who gives no user name is let in where the anonymous are; who gives one is
// judged by it all the same.
func TestAnonymous(t *testing.T) {
	simulateEach(t, content{users: userLine("alice", "secret of alice")}, func(b *bench, v mqttwire.Version) {
		b.gate.Anonymous = true
		b.join(b.as(v, "c", "", ""))
		b.refused(b.as(v, "d", "alice", "wrong secret"), connack.BadUserNameOrPassword)
		b.refused(b.as(v, "d", "nobody", "any secret"), connack.BadUserNameOrPassword)
	})
}

// Without files everybody is anonymous, whatever they are called, and has the
// rights of nobody in particular.
func TestNobodyChecks(t *testing.T) {
	simulateEach(t, content{acl: "pattern write home/%u/#\ntopic write public/#\n"}, func(b *bench, v mqttwire.Version) {
		b.refused(b.as(v, "c", "alice", "any secret"), connack.NotAuthorized)
		b.gate.Anonymous = true
		watcher := b.join(b.as(v, "w", "", ""))
		watcher.expectRefused("home/#")
		p := b.join(b.as(v, "c", "alice", "any secret"))
		p.expectNoAccess("home/alice/x")
		p.publish("public/x", "1")
	})
}

// Connections of one address take turns as one, except where many share it.
func TestOrigin(t *testing.T) {
	const a, b = "192.0.2.1:1", "192.0.2.1:2"
	var g Gate
	if g.origin(a) != g.origin(b) {
		t.Error("two connections of one address are two origins")
	}
	g.Shared = func(string) bool { return true }
	if g.origin(a) == g.origin(b) {
		t.Error("all that a load balancer brings is one origin")
	}
}
