package gate

import (
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/tokenauth"
)

// Every bench looks for secrets in its log when it ends. This one makes sure
// that there is a log, of every packet, and that the look finds what is there.
func TestSecrets(t *testing.T) {
	simulateEach(t, content{users: people, tokens: true}, func(b *bench, v mqttwire.Version) {
		b.alice(v)
		b.refused(b.as(v, "wrong", "alice", "another secret"), connack.BadUserNameOrPassword)
		b.refused(b.as(v, "wrong", tokenUser, "a password that is none"), connack.BadUserNameOrPassword)
		p := b.joinToken(v, "p", "W|"+b.token(writes, time.Hour, "a"))
		p.update(writes, b.token(writes, 2*time.Hour, "a"))
		p.send(publicationAt(tokenauth.TopicUpdate, upload(writes, b.changed(b.token(writes, time.Hour, "a"))), qos.AtLeastOnce, 1))
		p.expectOut(tokenauth.SignatureInvalid, writes)

		// One that cannot be read may be a secret still.
		for _, level := range levels {
			p := b.joinToken(v, "q", "W|"+b.token(writes, time.Hour, "a"))
			p.send(at(tokenauth.TopicUpdate, b.token(writes, time.Hour, "a"), level))
			p.expectOut(tokenauth.Forged, writes)
		}

		log := b.log.String()
		for _, what := range []string{"CONNECT", "CONNACK", "PUBLISH", tokenauth.TopicUpdate, "connected", "disconnected", "client=wrong user=alice", "client=wrong user=Token|acme|post-1"} {
			if !strings.Contains(log, what) {
				b.t.Errorf("%s is not in the log:\n%s", what, log)
			}
		}
	})
}

// The look itself, in a log that gives a password away.
func TestSecretsAreFound(t *testing.T) {
	b := &bench{t: t}
	b.secret("hunter2 of the test")
	for _, x := range []struct {
		log  string
		want bool
	}{{"nothing", false}, {"before hunter2 of the test after", true}, {"68756e74657232206f66207468652074657374", true}} {
		b.log.text.Reset()
		b.log.Write([]byte(x.log))
		if got := b.leaked() != ""; got != x.want {
			t.Errorf("%q: %v", x.log, got)
		}
	}
}

// A client that asks for problem information gets no secret back either.
func TestSecretsInReasons(t *testing.T) {
	simulate(t, content{users: people, tokens: true}, func(b *bench) {
		for _, password := range []string{"RW|nonsense of a token", "nonsense", "X|" + b.token(writes, time.Hour, "a")} {
			p := b.pipe(mqttwire.V50)
			p.send(b.as(mqttwire.V50, "c", tokenUser, password))
			ack, ok := p.receive().(*codec.Connack)
			if !ok {
				b.t.Fatal("no CONNACK")
			}
			reason, _ := ack.Properties.ReasonString()
			for _, s := range b.secrets {
				if strings.Contains(string(reason), s) {
					b.t.Errorf("a secret is in the reason: %s", reason)
				}
			}
			p.expectClosed()
		}
	})
}
