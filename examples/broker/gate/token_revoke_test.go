package gate

import (
	"encoding/base64"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/tokenauth"
	"github.com/mqttwire/mqttwire/tokenauth/hmactoken"
)

// A token that is revoked, one whose account is suspended, and one whose key is
// withdrawn: its clients are told, turned out, and not let in again. All others
// stay.
func TestTokenRevoked(t *testing.T) {
	for _, x := range []struct {
		name   string
		revoke func(b *bench, id string)
		code   tokenauth.Code
		again  connack.Code
	}{
		{"token", func(b *bench, id string) { b.write("revoked", "token "+id+"\n") }, tokenauth.Revoked, connack.NotAuthorized},
		{"account", func(b *bench, _ string) { b.write("revoked", "account acme\n") }, tokenauth.AccountInvalid, connack.NotAuthorized},
		{"key", func(b *bench, _ string) {
			b.write("keys", "l "+base64.StdEncoding.EncodeToString(b.key)+"\n")
		}, tokenauth.Revoked, connack.BadUserNameOrPassword},
	} {
		t.Run(x.name, func(t *testing.T) {
			simulateEach(t, content{users: people, tokens: true}, func(b *bench, v mqttwire.Version) {
				b.write("keys", "k "+base64.StdEncoding.EncodeToString(b.key)+"\nl "+base64.StdEncoding.EncodeToString(b.key)+"\n")
				b.reload()
				c := claims(readsWrite, time.Hour, "#")
				c.KeyID, c.AccessKeyID = "l", "other"
				other := b.join(b.as(v, "other", "Token|other|post-1", "RW|"+b.sign(c)))
				other.subscribe("a/#", qos.AtLeastOnce)
				alice := b.alice(v)

				token := b.token(readsWrite, time.Hour, "a/#")
				id, err := hmactoken.ID([]byte(token))
				if err != nil {
					b.t.Fatal(err)
				}
				password := "RW|" + token + "|W|" + b.token(writes, 2*time.Hour, "#")
				p, q := b.joinToken(v, "p", password), b.joinToken(v, "q", "RW|"+token)
				p.subscribe("a/#", qos.AtLeastOnce)
				x.revoke(b, id)
				if changed, err := b.gate.Reload(); !changed || err != nil {
					b.t.Fatal(changed, err)
				}
				q.expectNothing() // they stay until they are asked
				b.server.Recheck()
				typ := readsWrite
				if x.name != "token" { // the other token is no good either, and comes before
					typ = writes
				}
				p.expectOut(x.code, typ)
				q.expectOut(x.code, readsWrite)
				b.refused(b.as(v, "p", tokenUser, password), x.again)
				alice.publish("a/x", "1")
				other.expectMessage("a/x", "1")
				b.server.Recheck()
				other.expectNothing()
			})
		})
	}
}

// What was replaced in time may be revoked without harm.
func TestTokenRevokedAfterUpdate(t *testing.T) {
	simulateEach(t, content{tokens: true}, func(b *bench, v mqttwire.Version) {
		token := b.token(writes, time.Hour, "a")
		p := b.joinToken(v, "p", "W|"+token)
		time.Sleep(time.Millisecond)
		p.update(writes, b.token(writes, time.Hour, "a"))
		id, err := hmactoken.ID([]byte(token))
		if err != nil {
			b.t.Fatal(err)
		}
		b.write("revoked", "token "+id+"\n")
		b.reload()
		p.publish("a", "1")
		p.send(publicationAt(tokenauth.TopicUpdate, upload(writes, token), qos.AtLeastOnce, 1))
		p.expectAcknowledged(qos.AtLeastOnce, 1, mqttwire.NotAuthorized)
		p.expectOut(tokenauth.Revoked, writes)
	})
}

// What a client with tokens has left behind goes with the token that it was left by, and
// with no other of its tokens; it goes with the key and the account too, and stays where
// the token has merely expired.
func TestWhatWaitsOnATokenRevoked(t *testing.T) {
	const life = time.Hour
	for _, x := range []struct {
		name              string
		revoke            func(b *bench, read, write string)
		session, retained bool // are still there
	}{
		{"nothing", func(b *bench, _, _ string) { b.write("revoked", "# nothing\n") }, true, true},
		{"read", func(b *bench, read, _ string) { b.write("revoked", "token "+read+"\n") }, true, true},
		{"write", func(b *bench, _, write string) { b.write("revoked", "token "+write+"\n") }, true, false},
		{"both", func(b *bench, read, write string) { b.write("revoked", "token "+read+"\ntoken "+write+"\n") }, false, false},
		{"account", func(b *bench, _, _ string) { b.write("revoked", "account acme\n") }, false, false},
		{"key", func(b *bench, _, _ string) {
			b.write("keys", "l "+base64.StdEncoding.EncodeToString(b.key)+"\n")
		}, false, false},
		{"expired", func(b *bench, _, _ string) {
			time.Sleep(2 * life)
			b.write("revoked", "# nothing\n")
		}, true, true},
	} {
		for _, there := range []bool{false, true} {
			t.Run(fmt.Sprint(x.name, "/", there), func(t *testing.T) {
				simulateEach(t, content{users: people, tokens: true}, func(b *bench, v mqttwire.Version) {
					read, write := b.token(tokenauth.Read, life, "#"), b.token(writes, life, "#")
					readID, err1 := hmactoken.ID([]byte(read))
					writeID, err2 := hmactoken.ID([]byte(write))
					if err1 != nil || err2 != nil {
						b.t.Fatal(err1, err2)
					}
					hello := kept(b.as(v, "c", tokenUser, "R|"+read+"|W|"+write))
					if v == mqttwire.V50 {
						hello.Properties = codec.AppendSessionExpiryInterval(codec.Properties{}, 1_000_000)
					}
					p := b.join(hello)
					p.subscribe("q", qos.AtLeastOnce)
					p.send(&codec.Publish{Topic: []byte("kept"), Payload: []byte("x"), Retain: true, QoS: qos.AtLeastOnce, ID: 1})
					p.receive()
					if !there {
						p.conn.Close()
						synctest.Wait()
					}
					x.revoke(b, readID, writeID)
					if _, err := b.gate.Reload(); err != nil {
						b.t.Fatal(err)
					}
					b.server.Recheck()
					p.conn.Close()
					time.Sleep(time.Second)
					s := b.server.Stats()
					if session, retained := s.Clients == 1, s.Retained == 1; session != x.session || retained != x.retained {
						b.t.Errorf("session %v, retained %v, want %v, %v", session, retained, x.session, x.retained)
					}
				})
			})
		}
	}
}
