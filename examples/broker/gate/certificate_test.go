package gate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/examples/broker/server"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/tokenauth"
)

// An authority signs certificates.
type authority struct {
	t           *testing.T
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	var c tls.Certificate
	c, a.key = a.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	a.certificate = c.Leaf
	return a
}

// issue signs a certificate, by itself where the authority has none yet.
func (a *authority) issue(c *x509.Certificate) (tls.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, key
}

// client returns the certificate of a client.
func (a *authority) client(name string) *tls.Certificate {
	c, _ := a.issue(&x509.Certificate{Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return &c
}

// files writes the files of a server and of the authority.
func (a *authority) files(dir string) (certificate, key, ca string) {
	a.t.Helper()
	own, private := a.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "server"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		a.t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			a.t.Fatal(err)
		}
		return path
	}
	return write("server.pem", "CERTIFICATE", own.Certificate[0]), write("server.key", "PRIVATE KEY", der), write("ca.pem", "CERTIFICATE", a.certificate.Raw)
}

// A fortress is a bench behind TLS.
type fortress struct {
	*bench
	authority    *authority
	certificates *Certificates
	address      string
}

func newFortress(t *testing.T, with content, required bool) *fortress {
	t.Helper()
	f := &fortress{bench: newBench(t, t.TempDir(), with), authority: newAuthority(t)}
	certificate, key, ca := f.authority.files(f.dir)
	var err error
	if f.certificates, err = OpenCertificates(CertificateFiles{certificate, key, ca, required}); err != nil {
		t.Fatal(err)
	}
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := listener{plain, f.certificates}
	f.address = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- f.server.Serve(l) }()
	t.Cleanup(func() {
		l.Close()
		<-served
	})
	return f
}

type listener struct {
	net.Listener
	certificates *Certificates
}

func (l listener) Accept() (net.Conn, error) {
	n, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return server.TLS(n, l.certificates.TLS()), nil
}

// dial returns a peer that has sent nothing yet, with a certificate or nil.
func (f *fortress) dial(v mqttwire.Version, certificate *tls.Certificate) *peer {
	f.t.Helper()
	c := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "127.0.0.1"}
	c.RootCAs.AddCert(f.authority.certificate)
	if certificate != nil { // also one that the server has not asked for
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return certificate, nil }
	}
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: time.Minute}, "tcp", f.address, c)
	if err != nil {
		f.t.Fatal(err) // in TLS 1.3 the client is through before the server has judged it
	}
	p := newPeer(f.t, conn, v)
	p.patience = 20 * time.Second
	return p
}

func (f *fortress) expectIn(p *peer, c *codec.Connect) *peer {
	f.t.Helper()
	if code := p.connect(c); code != connack.Success {
		f.t.Fatalf("%v is answered with %#x", c, uint8(code))
	}
	return p
}

func (f *fortress) expectCode(p *peer, c *codec.Connect, want connack.Code) {
	f.t.Helper()
	want, _ = want.In(c.Version)
	if code := p.connect(c); code != want {
		f.t.Errorf("%v is answered with %#x, want %#x", c, uint8(code), uint8(want))
	}
}

// expectNoHandshake passes where the client is refused before MQTT begins. It
// sends nothing: a reset could take the alert away.
func (f *fortress) expectNoHandshake(p *peer, alert string) {
	f.t.Helper()
	if x, err := p.next(); err == nil || !strings.Contains(err.Error(), alert) {
		f.t.Errorf("got %v, %v, want %s", x, err, alert)
	}
}

func eachVersion(t *testing.T, test func(t *testing.T, v mqttwire.Version)) {
	for _, v := range versions {
		t.Run(v.String(), func(t *testing.T) { test(t, v) })
	}
}

// The Common Name of a certificate is the user, for the access list too, and
// needs no password and no place in the file of users.
func TestCertificateNames(t *testing.T) {
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		f := newFortress(t, content{users: people, acl: rules + "user device-7\ntopic write measured\n"}, false)
		f.gate.CertificateNames = true
		root := f.expectIn(f.dial(v, nil), f.as(v, "cr", "root", "secret of root"))
		root.subscribe("#", qos.AtMostOnce)
		p := f.expectIn(f.dial(v, f.authority.client("device-7")), f.as(v, "c", "", ""))
		for _, topic := range []string{"home/device-7/x", "measured"} {
			p.publish(topic, "1")
			root.expect(publication(topic, "1"))
		}
		p.expectNoAccess("home/alice/x")

		// What it says in CONNECT besides is not asked.
		q := f.expectIn(f.dial(v, f.authority.client("alice")), f.as(v, "d", "bob", "not that of bob"))
		q.publish("home/alice/x", "2")
		root.expect(publication("home/alice/x", "2"))
		q.expectNoAccess("home/bob/x")

		// Without a certificate, or with one without a name, it takes a password.
		for _, certificate := range []*tls.Certificate{nil, f.authority.client("")} {
			f.expectCode(f.dial(v, certificate), f.as(v, "e", "", ""), connack.NotAuthorized)
			f.expectCode(f.dial(v, certificate), f.as(v, "e", "bob", "not that of bob"), connack.BadUserNameOrPassword)
			bob := f.expectIn(f.dial(v, certificate), f.as(v, "e", "bob", "secret of bob"))
			bob.publish("home/bob/x", "3")
			root.expect(publication("home/bob/x", "3"))
		}
		root.expectNothing()
	})
}

// Where certificates are not users they prove nothing but that they are there.
func TestCertificateIsNoUser(t *testing.T) {
	f := newFortress(t, content{users: people, acl: rules}, true)
	const v = mqttwire.V50
	alice := f.authority.client("alice")
	f.expectCode(f.dial(v, alice), f.as(v, "c", "", ""), connack.NotAuthorized)
	f.expectIn(f.dial(v, alice), f.as(v, "c", "bob", "secret of bob")).expectNoAccess("home/alice/x")
}

func TestCertificateRequired(t *testing.T) {
	eachVersion(t, func(t *testing.T, v mqttwire.Version) {
		f := newFortress(t, content{users: people}, true)
		f.gate.CertificateNames, f.gate.Anonymous = true, true
		f.expectNoHandshake(f.dial(v, nil), "certificate required")
		f.expectIn(f.dial(v, f.authority.client("alice")), f.as(v, "c", "", "")).expectNothing()
	})
}

// A certificate that another authority has signed, or that is not for clients,
// is refused, required or not.
func TestCertificateForeign(t *testing.T) {
	foreign := newAuthority(t).client("alice")
	for _, required := range []bool{false, true} {
		f := newFortress(t, content{}, required)
		f.gate.CertificateNames, f.gate.Anonymous = true, true
		ofServer, _ := f.authority.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "alice"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
		f.expectNoHandshake(f.dial(mqttwire.V50, foreign), "unknown certificate authority")
		f.expectNoHandshake(f.dial(mqttwire.V50, &ofServer), "bad certificate")
	}
}

// A token counts behind TLS too, before a certificate.
func TestCertificateAndToken(t *testing.T) {
	f := newFortress(t, content{tokens: true, acl: "topic readwrite #\n"}, true)
	f.gate.CertificateNames = true
	const v = mqttwire.V50
	p := f.expectIn(f.dial(v, f.authority.client("alice")), f.as(v, "c", tokenUser, "W|"+f.token(tokenauth.Write, time.Hour, "a/#")))
	p.publish("a/x", "1")
	p.send(publicationAt("b/x", "2", qos.AtLeastOnce, 1))
	p.expect(&codec.Puback{ID: 1, Code: mqttwire.NotAuthorized})
}
