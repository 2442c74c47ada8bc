package gate

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/tokenauth"
	"github.com/mqttwire/mqttwire/tokenauth/hmactoken"
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
		p.expectAcknowledged(qos.AtLeastOnce, 1, mqttwire.NotAuthorized)
		p.expectOut(tokenauth.SignatureInvalid, writes)

		// One that cannot be read may be a secret still.
		for _, level := range levels {
			p := b.joinToken(v, "q", "W|"+b.token(writes, time.Hour, "a"))
			p.send(at(tokenauth.TopicUpdate, b.token(writes, time.Hour, "a"), level))
			p.expectAcknowledged(level, 21, mqttwire.NotAuthorized)
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

// Who has connected is named with the account and the tokens, by what is no
// secret. A token that a client has put anywhere else stays out of the log too.
func TestTokensInTheLog(t *testing.T) {
	simulateEach(t, content{users: people, tokens: true}, func(b *bench, v mqttwire.Version) {
		r, w := b.token(reads, time.Hour, "#"), b.token(writes, time.Hour, "#")
		ids := func(tokens ...string) string {
			var ids []string
			for _, token := range tokens {
				id, err := hmactoken.ID([]byte(token))
				if err != nil {
					b.t.Fatal(err)
				}
				ids = append(ids, id)
			}
			return strings.Join(ids, " ")
		}
		expect := func(want string) {
			b.t.Helper()
			if log := b.log.String(); !strings.Contains(log, want) {
				b.t.Errorf("%s is not in the log:\n%s", want, log)
			}
		}
		b.joinToken(v, "p", "W|"+w+"|R|"+r)
		expect("msg=connected client=p version=" + v.String() + " resumed=false user=Token|acme|post-1 tokens=\"[" + ids(r, w) + "]\"")
		b.alice(v)
		expect("user=alice from=")

		as, shown := w, "client=\"[token "+ids(w)+"]\""
		if v == mqttwire.V31 { // which has no room for it
			as, shown = "short", "client=short"
		}
		b.refused(b.as(v, as, "Token|acme|"+w, "W|"+w), connack.NotAuthorized)
		expect(shown + " user=\"Token|acme|[token " + ids(w) + "]\"")
		b.refused(b.as(v, "u", w, "W|"+w), connack.BadUserNameOrPassword)
		b.refused(b.as(v, "u", "Token|"+w+"|post-1", "W|"+w), connack.NotAuthorized)
		b.refused(b.as(v, "u", "Token|W|"+w, w), connack.BadUserNameOrPassword)
		b.refused(b.as(v, "u", tokenUser+"|W|"+w, "W|"+w), connack.BadUserNameOrPassword)
		c := b.as(v, as, tokenUser, "W|"+w+"|R|"+r)
		c.WillFlag, c.Will = true, codec.Will{Topic: []byte(w), Payload: []byte(w)}
		p := b.join(c)
		p.subscribe(r+"/#", qos.AtMostOnce)
		p.publish(w, w)
		p.publish("a/"+w+"/b", "the token is "+w)
		p.conn.Close()
		b.join(b.as(v, as, tokenUser, "R|"+r)).expectNothing()
	})
}

// Discreet keeps tokens out of all forms of what is logged, and leaves the rest.
func TestDiscreet(t *testing.T) {
	const token, hidden = "T1.k1.secret.secret", "[token]"
	var out, plain strings.Builder
	options := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}
	for _, x := range []struct {
		to   slog.Handler
		with string
	}{{Discreet(slog.NewJSONHandler(&out, options)), token}, {slog.NewJSONHandler(&plain, options), hidden}} {
		log := slog.New(x.to).With("with", x.with).WithGroup("group").With("more", "a "+x.with)
		log.Debug("not even enabled " + x.with)
		log.Info("of "+x.with, "text", x.with, "error", errors.New(x.with), "number", 7, "none", nil, "list", []string{"a", "b"},
			"time", time.Second, slog.Group("in", "text", x.with, "also", x.with), "version", mqttwire.V50)
	}
	if out.String() != plain.String() || strings.Contains(out.String(), "secret") {
		t.Errorf("logged %swant   %s", &out, &plain)
	}
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
