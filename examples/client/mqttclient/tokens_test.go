package mqttclient

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/gate"
	"github.com/mqttwire/mqttwire/examples/broker/hub"
	"github.com/mqttwire/mqttwire/examples/broker/server"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/tokenauth"
	"github.com/mqttwire/mqttwire/tokenauth/hmactoken"
)

// A world is a broker with a gate, a client, and an issuer of tokens that live
// for 20 minutes, in virtual time.
type world struct {
	*testing.T
	sync.Mutex // of what follows
	serve      func(net.Conn)
	client     *Client
	store      *memory
	key        []byte
	unreached  bool     // the network is down
	silent     bool     // the issuer does not say when tokens expire
	broken     bool     // the issuer has none
	forged     bool     // it signs with another key
	conn       net.Conn // the last

	lossy bool // a connection ends when an upload has come, before the PUBACK

	dials, ups, fetches int
	uploads             map[string]int
	issued              []tokenauth.Secret
}

func (w *world) Dial(context.Context) (net.Conn, error) {
	w.Lock()
	defer w.Unlock()
	if w.unreached {
		return nil, errors.New("the network is down")
	}
	w.dials++
	ours, theirs := net.Pipe()
	go w.serve(theirs)
	w.conn = ours
	return ours, nil
}

func (w *world) fetch(_ context.Context, typ tokenauth.Type) (tokenauth.Secret, time.Time, error) {
	w.Lock()
	defer w.Unlock()
	w.fetches++
	if w.broken {
		return nil, time.Time{}, errors.New("no token today")
	}
	claims := hmactoken.Claims{KeyID: "k", AccessKeyID: "acme", InstanceID: "post-1", Type: typ,
		Issued: time.Now(), Expires: time.Now().Add(20 * time.Minute), Filters: []string{"#"}}
	key := w.key
	if w.forged {
		key = bytes.Repeat([]byte("x"), hmactoken.MinSecret)
	}
	token, err := claims.Append(nil, hmactoken.Keys{"k": key})
	w.issued = append(w.issued, token)
	if w.silent {
		claims.Expires = time.Time{}
	}
	return token, claims.Expires, err
}

// set changes the world.
func (w *world) set(change func()) {
	w.Lock()
	defer w.Unlock()
	change()
}

// publish fails the test where a message is not acknowledged.
func (w *world) publish() {
	w.Helper()
	if _, err := w.client.Publish(within(w.T), message("a", "", 1)); err != nil {
		w.Error(err)
	}
}

func inTokenWorld(t *testing.T, v mqttwire.Version, silent bool, test, check func(*world)) {
	t.Run(v.String(), func(t *testing.T) {
		key := bytes.Repeat([]byte("s"), hmactoken.MinSecret)
		keys := filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(keys, []byte("k "+base64.StdEncoding.EncodeToString(key)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) {
			g, err := gate.Open(gate.Files{TokenKeys: keys})
			if err != nil {
				t.Fatal(err)
			}
			config := server.Config{ServerOptions: hub.DefaultOptions(), SysInterval: -1, Authenticator: g, Handlers: g.Handlers()}
			w := &world{T: t, key: key, store: &memory{}, silent: silent, uploads: map[string]int{}}
			update := config.Handlers[tokenauth.TopicUpdate]
			config.Handlers[tokenauth.TopicUpdate] = func(who *hub.Peer, a hub.Access, level qos.Level, payload []byte) hub.Order {
				w.Lock()
				w.uploads[string(payload)]++
				if w.lossy {
					w.conn.Close()
				}
				w.Unlock()
				return update(who, a, level, payload)
			}
			s := server.New(config)
			defer s.Shutdown(context.Background())
			w.serve = s.ServeConn
			w.client, err = Open(Config{
				Dial: w.Dial, Connect: hello("c", v), Store: w.store,
				Tokens: &Tokens{
					Client: tokenauth.Client{AccessKeyID: "acme", InstanceID: "post-1"},
					Types:  []tokenauth.Type{tokenauth.Read, tokenauth.Write}, Fetch: w.fetch,
				},
				Up: func(*codec.Connack) { w.set(func() { w.ups++ }) },
			})
			if err != nil {
				t.Fatal(err)
			}
			w.publish()
			test(w)
			w.Lock()
			check(w)
			w.Unlock()
			if err := w.client.Close(); err != nil {
				t.Error(err)
			}
			for _, line := range w.store.lines {
				for _, token := range w.issued {
					if strings.Contains(string(line), string(token)) {
						t.Fatal("a token is in the store")
					}
				}
			}
		})
	})
}

func tokenWorlds(t *testing.T, silent bool, test, check func(*world)) {
	for _, v := range []mqttwire.Version{mqttwire.V31, mqttwire.V311, mqttwire.V50} {
		inTokenWorld(t, v, silent, test, check)
	}
}

// Over hours one connection is enough, whether the client knows when its tokens
// expire or the server has to say so; also where the issuer fails for a while.
func TestTokensRenewedWhileConnected(t *testing.T) {
	for _, silent := range []bool{false, true} {
		tokenWorlds(t, silent, func(w *world) {
			for i := range 3 * 60 {
				w.set(func() { w.broken = i%40 < 4 })
				time.Sleep(time.Minute)
				w.publish()
			}
		}, func(w *world) {
			w.Logf("%d times a token was fetched", w.fetches)
			if w.dials != 1 || w.ups != 1 {
				w.Errorf("%d connections, %d accepted", w.dials, w.ups)
			}
			if w.fetches < 2*9 || w.fetches > 2*(18+5*4*6) {
				w.Errorf("%d times a token was fetched", w.fetches)
			}
		})
	}
}

// The tokens expire while there is no network, and nobody knows: the CONNECT is
// refused, and the next has new ones.
func TestTokensRenewedAfterRefusal(t *testing.T) {
	tokenWorlds(t, true, func(w *world) {
		w.set(func() { w.unreached = true; w.conn.Close() })
		time.Sleep(time.Hour)
		w.set(func() { w.broken, w.unreached = true, false })
		time.Sleep(10 * time.Minute) // the issuer is not there yet: no connection is tried again and again
		w.set(func() { w.broken = false })
		w.publish()
	}, func(w *world) {
		if w.ups != 2 || w.dials != 3 {
			w.Errorf("%d connections, %d accepted", w.dials, w.ups)
		}
	})
}

// A new token that is no good costs a connection before 5.0 says so; the old one
// is good still.
func TestTokensBadUpload(t *testing.T) {
	tokenWorlds(t, false, func(w *world) {
		w.set(func() { w.forged = true })
		time.Sleep(10*time.Minute + time.Second)
		w.set(func() { w.forged = false })
		w.publish()
		time.Sleep(time.Hour)
		w.publish()
	}, func(w *world) {
		w.Logf("%d connections, %d accepted", w.dials, w.ups)
		if w.ups > 3 || w.dials > 5 {
			w.Errorf("%d connections, %d accepted", w.dials, w.ups)
		}
	})
}

// The connection is lost with an upload on its way, over and over: it is not
// sent again on the next, whose CONNECT has the token.
func TestTokensUploadLost(t *testing.T) {
	tokenWorlds(t, false, func(w *world) {
		w.set(func() { w.lossy = true })
		time.Sleep(61 * time.Minute)
		w.publish()
	}, func(w *world) {
		if len(w.uploads) < 6 || w.dials != 1+len(w.uploads) || w.ups != w.dials {
			w.Errorf("%d uploads, %d connections, %d accepted", len(w.uploads), w.dials, w.ups)
		}
		for _, n := range w.uploads {
			if n != 1 {
				w.Errorf("an upload came %d times", n)
			}
		}
	})
}
