package command

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/tokenauth"
	"github.com/mqttwire/mqttwire/tokenauth/hmactoken"
)

// patience is how long a test waits for what has to come.
const patience = 30 * time.Second

// A signal that comes when no broker runs does not end the tests.
func TestMain(m *testing.M) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGTERM, hangup)
	os.Exit(m.Run())
}

// A program is one run of the broker.
type program struct {
	t     *testing.T
	log   lines
	ended chan error
}

// lines are those of a log, as they come.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}

// start runs the broker, which ends with the test at the latest.
func start(t *testing.T, args ...string) *program {
	t.Helper()
	return startWith(t, args)
}

func startWith(t *testing.T, args []string, extensions ...Extension) *program {
	t.Helper()
	needSignals(t)
	p := &program{t: t, log: make(lines, 1000), ended: make(chan error, 1)}
	s, err := parse(args, io.Discard, extensions...)
	if err != nil {
		t.Fatal(err)
	}
	s.server.Log = slog.New(slog.NewTextHandler(p.log, nil))
	ended := make(chan struct{})
	go func() {
		err := run(s)
		close(ended) // first: who hears of the end sends no signal, which the next would get
		p.ended <- err
	}()
	t.Cleanup(func() {
		select {
		case <-ended:
		default:
			p.signal(syscall.SIGTERM)
			<-ended
		}
	})
	return p
}

func (p *program) signal(s syscall.Signal) {
	p.t.Helper()
	if err := raise(s); err != nil {
		p.t.Error(err)
	}
}

// logged returns the next line with a text. It passes over others.
func (p *program) logged(text string) string {
	p.t.Helper()
	late := time.After(patience)
	for {
		select {
		case line := <-p.log:
			if strings.Contains(line, text) {
				return line
			}
		case err := <-p.ended:
			p.t.Fatalf("run has ended: %v", err)
		case <-late:
			p.t.Fatalf("%q does not get into the log", text)
		}
	}
}

// address returns where it listens next.
func (p *program) address() string {
	p.t.Helper()
	_, address, _ := strings.Cut(p.logged("msg=listening"), " address=")
	return strings.TrimSpace(address)
}

// expectEnd passes where run returns without an error.
func (p *program) expectEnd() {
	p.t.Helper()
	select {
	case err := <-p.ended:
		if err != nil {
			p.t.Error(err)
		}
	case <-time.After(patience):
		p.t.Fatal("run does not return")
	}
}

// A peer is a client.
type peer struct {
	t    *testing.T
	conn net.Conn
	in   codec.Framer
	out  codec.Rules
	dec  codec.Decoder

	keepAlive uint16 // that the server sets
}

func dial(t *testing.T, address string, v mqttwire.Version, id string) *peer {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	return connect(t, conn, v, id)
}

func connect(t *testing.T, conn net.Conn, v mqttwire.Version, id string) *peer {
	t.Helper()
	return connectWith(t, conn, &codec.Connect{Version: v, CleanStart: true, ClientID: []byte(id)})
}

func connectWith(t *testing.T, conn net.Conn, c *codec.Connect) *peer {
	t.Helper()
	p, code := ask(t, conn, c)
	if code != connack.Success {
		t.Fatalf("%v is answered with %#x", c, uint8(code))
	}
	return p
}

// ask returns what a CONNECT is answered.
func ask(t *testing.T, conn net.Conn, c *codec.Connect) (*peer, connack.Code) {
	t.Helper()
	v := c.Version
	p := &peer{t: t, conn: conn, out: codec.Rules{Version: v, From: mqttwire.Client}}
	p.in.Rules = codec.Rules{Version: v, From: mqttwire.Server}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	p.send(c)
	ack, ok := p.receive().(*codec.Connack)
	if !ok {
		t.Fatalf("%v is not answered with a CONNACK", c)
	}
	p.keepAlive, _ = ack.Properties.ServerKeepAlive()
	return p, ack.Code
}

func (p *peer) send(x codec.Packet) {
	p.t.Helper()
	b, err := x.Append(nil, p.out)
	if err == nil {
		_, err = p.conn.Write(b)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) next() (codec.Packet, error) {
	for {
		h, body, ok, err := p.in.Next()
		switch {
		case err != nil:
			return nil, err
		case ok:
			return p.dec.Decode(p.in.Rules, h, body)
		}
		n, err := p.conn.Read(p.in.Buffer())
		p.in.Filled(n)
		if n == 0 && err != nil {
			return nil, err
		}
	}
}

func (p *peer) receive() codec.Packet {
	p.t.Helper()
	x, err := p.next()
	if err != nil {
		p.t.Fatal(err)
	}
	return x
}

// publish returns what a PUBLISH of QoS 1 is answered.
func (p *peer) publish(topic string) mqttwire.Reason {
	p.t.Helper()
	p.send(&codec.Publish{Topic: []byte(topic), QoS: qos.AtLeastOnce, ID: 1})
	ack, ok := p.receive().(*codec.Puback)
	if !ok {
		p.t.Fatal("PUBLISH is not answered")
	}
	return ack.Code
}

// expectShutdown passes where the server says that it goes, as the version lets
// it, and closes the connection.
func (p *peer) expectShutdown() {
	p.t.Helper()
	if p.out.Version == mqttwire.V50 {
		if d, ok := p.receive().(*codec.Disconnect); !ok || d.Code != mqttwire.ServerShuttingDown {
			p.t.Errorf("got %v, want DISCONNECT 0x8B", d)
		}
	}
	if x, err := p.next(); !errors.Is(err, io.EOF) {
		p.t.Errorf("the connection is not closed: %v, %v", x, err)
	}
	p.conn.Close()
}

// The broker tells its clients that it goes, on all listeners, and ends.
func TestRun(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		p := start(t, "-listen", "127.0.0.1:0", "-listen", "127.0.0.1:0")
		addresses := []string{p.address(), p.address()}
		var peers []*peer
		for i, v := range []mqttwire.Version{mqttwire.V31, mqttwire.V311, mqttwire.V50} {
			peers = append(peers, dial(t, addresses[i%2], v, v.String()))
		}
		p.signal(s)
		for _, peer := range peers {
			peer.expectShutdown()
		}
		p.expectEnd()
		for _, address := range addresses {
			if conn, err := net.Dial("tcp", address); err == nil {
				conn.Close()
				t.Error("it still listens")
			}
		}
	}
}

// A client that does not leave when it is told is cut off.
func TestRunGrace(t *testing.T) {
	p := start(t, "-listen", "127.0.0.1:0", "-linger", "1h", "-grace", "50ms")
	dial(t, p.address(), mqttwire.V50, "stays") // and does not close
	p.signal(syscall.SIGTERM)
	select {
	case err := <-p.ended:
		if err == nil || !strings.Contains(err.Error(), "-grace") {
			t.Errorf("nobody says that a client was cut off: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("run does not return")
	}
}

// What -acl says is read again now and then, and on SIGHUP. A file that is
// broken changes nothing, and is told of once.
func TestRunReload(t *testing.T) {
	for _, every := range []string{"1ms", "0"} {
		acl := write(t, "acl", "topic readwrite a\n")
		p := start(t, "-listen", "127.0.0.1:0", "-acl", acl, "-reload", every)
		c := dial(t, p.address(), mqttwire.V50, "c")
		replace := func(text, want string) {
			t.Helper()
			if err := os.WriteFile(acl+".new", []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(acl+".new", acl); err != nil {
				t.Fatal(err)
			}
			if every == "0" {
				p.signal(hangup)
			}
			line := p.logged("read")
			if !strings.Contains(line, want) {
				t.Errorf("logged %s, want %s", line, want)
			}
		}
		expect := func(topic string, want mqttwire.Reason) {
			t.Helper()
			if got := c.publish(topic); got != want && !(want == 0 && got == mqttwire.NoMatchingSubscribers) {
				t.Errorf("PUBLISH to %s is answered with %#x, want %#x", topic, uint8(got), uint8(want))
			}
		}
		expect("a", 0)
		expect("b", mqttwire.NotAuthorized)
		replace("topic readwrite b\n", "read again")
		expect("a", mqttwire.NotAuthorized)
		expect("b", 0)
		replace("topic readwrite a\nnonsense\n", "acl:2: ")
		expect("b", 0)
		replace("topic readwrite a\n", "read again")
		expect("a", 0)
	}
}

// A list of what is revoked that is gone is told of, and told of again when it
// is back, and nothing else happens.
func TestRunRevokedGone(t *testing.T) {
	revoked := write(t, "revoked", "account acme\n")
	p := start(t, "-listen", "127.0.0.1:0", "-token-keys", write(t, "keys", "# none\n"), "-token-revoked", revoked, "-reload", "1ms")
	p.address()
	if err := os.Rename(revoked, revoked+".away"); err != nil {
		t.Fatal(err)
	}
	if line := p.logged("what was read before stays in force"); !strings.Contains(line, "level=ERROR") || !strings.Contains(line, revoked) {
		t.Error(line)
	}
	if err := os.Rename(revoked+".away", revoked); err != nil {
		t.Fatal(err)
	}
	p.logged("all files can be read again")
}

// A broker that is no instance in particular says what that means.
func TestRunInstance(t *testing.T) {
	args := []string{"-listen", "127.0.0.1:0", "-token-keys", write(t, "keys", "# none\n")}
	p := start(t, args...)
	p.logged("level=WARN msg=\"clients of all instances have the same topics")
	p.signal(syscall.SIGTERM)
	p.expectEnd()
	if line := <-start(t, append(args, "-token-instance", "post-1")...).log; strings.Contains(line, "instances") {
		t.Error(line)
	}
}

// Where there are users it takes one to get in, and who is removed is turned
// out.
func TestRunRecheck(t *testing.T) {
	var line bytes.Buffer
	if err := hashPassword("alice", strings.NewReader("secret"), &line); err != nil {
		t.Fatal(err)
	}
	users := write(t, "users", line.String())
	p := start(t, "-listen", "127.0.0.1:0", "-users", users, "-reload", "1ms")
	address := p.address()
	dial := func() net.Conn {
		conn, err := net.DialTimeout("tcp", address, patience)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	if _, code := ask(t, dial(), &codec.Connect{Version: mqttwire.V50, CleanStart: true}); code != connack.NotAuthorized {
		t.Errorf("who gives no name is answered with %#x", uint8(code))
	}
	c := connectWith(t, dial(), &codec.Connect{Version: mqttwire.V50, CleanStart: true, ClientID: []byte("c"),
		UserNameFlag: true, UserName: []byte("alice"), PasswordFlag: true, Password: []byte("secret")})
	if err := os.WriteFile(users, []byte("# nobody\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if d, ok := c.receive().(*codec.Disconnect); !ok || d.Code != mqttwire.NotAuthorized {
		t.Errorf("got %v, want DISCONNECT 0x87", d)
	}
}

// Who gives no name is let in where somebody says so.
func TestRunAnonymous(t *testing.T) {
	users := write(t, "users", "# nobody\n")
	for arg, want := range map[string]connack.Code{"-anonymous=true": connack.Success, "-anonymous=false": connack.NotAuthorized} {
		p := start(t, "-listen", "127.0.0.1:0", "-users", users, arg)
		conn, err := net.DialTimeout("tcp", p.address(), patience)
		if err != nil {
			t.Fatal(err)
		}
		if _, code := ask(t, conn, &codec.Connect{Version: mqttwire.V50, CleanStart: true}); code != want {
			t.Errorf("%s: answered with %#x", arg, uint8(code))
		}
		p.signal(syscall.SIGTERM)
		conn.Close()
		p.expectEnd()
	}
}

// A token of one of the keys lets its client in, and no other does.
func TestRunTokens(t *testing.T) {
	key := bytes.Repeat([]byte("k"), 32)
	p := start(t, "-listen", "127.0.0.1:0", "-token-keys", write(t, "keys", "k "+base64.StdEncoding.EncodeToString(key)+"\n"))
	address := p.address()
	for _, x := range []struct {
		key  []byte
		want connack.Code
	}{{key, connack.Success}, {bytes.Repeat([]byte("x"), 32), connack.BadUserNameOrPassword}} {
		claims := hmactoken.Claims{KeyID: "k", AccessKeyID: "acme", InstanceID: "post-1", Type: tokenauth.ReadWrite, Issued: time.Now(),
			Expires: time.Now().Add(time.Hour), Filters: []string{"a"}}
		token, err := claims.Append(nil, hmactoken.Keys{"k": x.key})
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.DialTimeout("tcp", address, patience)
		if err != nil {
			t.Fatal(err)
		}
		if _, code := ask(t, conn, &codec.Connect{Version: mqttwire.V50, CleanStart: true, ClientID: []byte("c"), UserNameFlag: true,
			UserName: []byte("Token|acme|post-1"), PasswordFlag: true, Password: append([]byte("RW|"), token...)}); code != x.want {
			t.Errorf("answered with %#x, want %#x", uint8(code), uint8(x.want))
		}
	}
}

func TestRunErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	missing := filepath.Join(t.TempDir(), "missing")
	for _, x := range []struct {
		want string
		args []string
	}{
		{taken.Addr().String(), []string{"-listen", "127.0.0.1:0", "-listen", taken.Addr().String()}},
		{"nowhere", []string{"-listen", "nowhere"}},
		{missing, []string{"-users", missing}},
		{missing, []string{"-acl", missing}},
		{missing, []string{"-token-keys", missing}},
		{missing, []string{"-token-keys", write(t, "keys", "# none\n"), "-token-revoked", missing}},
		{"revoked:2: ", []string{"-token-keys", write(t, "keys", "# none\n"), "-token-revoked", write(t, "revoked", "account a\nnonsense\n")}},
		{"users:1: ", []string{"-users", write(t, "users", "alice\n")}},
		{missing, []string{"-listen-tls", "127.0.0.1:0", "-tls-cert", missing, "-tls-key", missing}},
	} {
		if !strings.Contains(strings.Join(x.args, " "), "-listen") {
			x.args = append(x.args, "-listen", "127.0.0.1:0")
		}
		s := mustParse(t, x.args...)
		s.server.Log = slog.New(slog.DiscardHandler)
		if err := run(s); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%q: %v", x.args, err)
		}
	}
}

// Certificates of clients are asked for, needed, and taken for a name, as the
// settings say.
func TestRunClientCertificates(t *testing.T) {
	certificate, key := selfSigned(t)
	ours, theirs := selfSigned(t)
	other, others := selfSigned(t)
	ca := write(t, "ca.pem", ours)
	client, err := tls.X509KeyPair([]byte(ours), []byte(theirs))
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := tls.X509KeyPair([]byte(other), []byte(others))
	if err != nil {
		t.Fatal(err)
	}
	const in, refused = connack.Success, connack.NotAuthorized
	const cut connack.Code = 0xff // in the handshake
	for _, x := range []struct {
		args                     []string
		none, ofOurs, ofStranger connack.Code
	}{
		{nil, in, in, in}, // nobody asks
		{[]string{"-tls-client-ca", ca}, in, in, cut},
		{[]string{"-tls-client-ca", ca, "-tls-require-cert"}, cut, in, cut},
		{[]string{"-tls-client-ca", ca, "-anonymous=false"}, refused, refused, cut},
		{[]string{"-tls-client-ca", ca, "-anonymous=false", "-tls-cert-user"}, refused, in, cut},
	} {
		p := start(t, append([]string{"-listen-tls", "127.0.0.1:0", "-tls-cert", write(t, "cert.pem", certificate), "-tls-key", write(t, "key.pem", key)}, x.args...)...)
		address := p.address()
		for i, certificates := range [][]tls.Certificate{nil, {client}, {stranger}} {
			conn, err := dialTLS(address, certificate, certificates...)
			if err != nil {
				t.Fatal(err) // in TLS 1.3 the client is through before the server has judged it
			}
			want, got := []connack.Code{x.none, x.ofOurs, x.ofStranger}[i], cut
			b, err := (&codec.Connect{CleanStart: true, ClientID: []byte("c")}).Append(nil, codec.Rules{Version: mqttwire.V50, From: mqttwire.Client})
			if err != nil {
				t.Fatal(err)
			}
			conn.SetDeadline(time.Now().Add(patience))
			conn.Write(b)
			var answer [4]byte
			if _, err := io.ReadFull(conn, answer[:]); err == nil {
				got = connack.Code(answer[3])
			}
			conn.Close()
			if got != want {
				t.Errorf("%q, certificate %d: %#x, want %#x", x.args, i, uint8(got), uint8(want))
			}
		}
		p.signal(syscall.SIGTERM)
		p.expectEnd()
	}
}

// Where one address cannot be listened on, none is.
func TestOpenAllOrNone(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	all, _, err := mustParse(t, "-listen", "127.0.0.1:0", "-listen", taken.Addr().String()).open()
	if err == nil || len(all) != 1 {
		t.Fatalf("%d listeners, %v", len(all), err)
	}
	if err := all[0].(*net.TCPListener).SetDeadline(time.Now()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("one is open: %v", err)
	}
}

// selfSigned returns a certificate for the loopback address and its key, PEM.
func selfSigned(t *testing.T) (certificate, private string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{Subject: pkix.Name{CommonName: "alice"}, SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

// dialTLS trusts one certificate, and shows its own, asked or not.
func dialTLS(address, certificate string, own ...tls.Certificate) (*tls.Conn, error) {
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM([]byte(certificate))
	return tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", address, &tls.Config{RootCAs: trusted,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &append(own, tls.Certificate{})[0], nil
		}})
}

// Certificate and key are read again now and then, and on SIGHUP. Connections
// stay. A pair that does not fit changes nothing, and is told of.
func TestRunCertificates(t *testing.T) {
	for _, every := range []string{"1ms", "0"} {
		first, firstKey := selfSigned(t)
		second, secondKey := selfSigned(t)
		cert, key := write(t, "cert.pem", first), write(t, "key.pem", firstKey)
		p := start(t, "-listen-tls", "127.0.0.1:0", "-tls-cert", cert, "-tls-key", key, "-reload", every)
		address := p.address()
		expect := func(certificate, other string) *tls.Conn {
			t.Helper()
			if conn, err := dialTLS(address, other); err == nil {
				conn.Close()
				t.Error("it shows another certificate")
			}
			conn, err := dialTLS(address, certificate)
			if err != nil {
				t.Fatal(err)
			}
			return conn
		}
		replace := func(path, text, want string) {
			t.Helper()
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if every == "0" {
				p.signal(hangup)
			}
			p.logged(want)
		}
		early := connect(t, expect(first, second), mqttwire.V50, "early")
		replace(cert, second, "level=ERROR msg=\"what was read before stays in force\"") // whose key is not there yet
		expect(first, second).Close()
		replace(key, secondKey, "read the certificates again")
		connect(t, expect(second, first), mqttwire.V50, "late")
		early.publish("a") // is answered
	}
}

func TestRunTLS(t *testing.T) {
	certificate, key := selfSigned(t)
	p := start(t, "-listen-tls", "127.0.0.1:0", "-tls-cert", write(t, "cert.pem", certificate), "-tls-key", write(t, "key.pem", key))
	address := p.address()
	conn, err := dialTLS(address, certificate)
	if err != nil {
		t.Fatal(err)
	}
	peer := connect(t, conn, mqttwire.V50, "c")

	// Who does not speak TLS gets no word of MQTT.
	plain, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	plain.SetDeadline(time.Now().Add(patience))
	b, err := (&codec.Connect{CleanStart: true, ClientID: []byte("plain")}).Append(nil, codec.Rules{Version: mqttwire.V50, From: mqttwire.Client})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plain.Write(b); err != nil {
		t.Fatal(err)
	}
	if got, _ := io.ReadAll(plain); bytes.HasPrefix(got, []byte{0x20}) {
		t.Errorf("a CONNACK without TLS: %x", got)
	}
	p.signal(syscall.SIGTERM)
	peer.expectShutdown()
	p.expectEnd()
}
