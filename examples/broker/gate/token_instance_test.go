package gate

import (
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/tokenauth"
	"github.com/mqttwire/mqttwire/tokenauth/hmactoken"
)

// ofInstance is the user name and the password of another instance.
func (b *bench) ofInstance(name string) (user, password string) {
	return "Token|acme|" + name, "RW|" + b.but(claims(readsWrite, time.Hour, "#"), func(c *hmactoken.Claims) { c.InstanceID = name })
}

// A broker that is an instance lets in nobody of another.
func TestTokenInstance(t *testing.T) {
	simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
		b.gate.Instance = "post-1"
		user, password := b.ofInstance("post-9")
		b.refused(b.as(v, "c", user, password), connack.NotAuthorized)
		if want := tokenauth.ResourceMismatch.Error(); !strings.Contains(b.log.String(), want) {
			b.t.Errorf("%q is not in the log", want)
		}
		_, own := b.ofInstance("post-1")
		b.joinToken(v, "c", own)
		b.refused(b.as(v, "c", tokenUser, password), connack.NotAuthorized)
	})
}

// A broker that is none lets in clients of all, with tokens of their own
// instance. They are not separate: all have the same topics.
func TestTokenInstancesShareTopics(t *testing.T) {
	simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
		_, password1 := b.ofInstance("post-1")
		user9, password9 := b.ofInstance("post-9")
		one, nine := b.joinToken(v, "one", password1), b.join(b.as(v, "nine", user9, password9))
		one.subscribe("a", qos.AtMostOnce)
		nine.send(publication("a", "from post-9"))
		one.expect(publication("a", "from post-9"))
		b.refused(b.as(v, "c", tokenUser, password9), connack.NotAuthorized)
	})
}
