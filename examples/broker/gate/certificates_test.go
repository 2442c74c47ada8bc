package gate

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
)

// Errors name the file.
func TestCertificateFiles(t *testing.T) {
	dir := t.TempDir()
	certificate, key, ca := newAuthority(t).files(dir)
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	read := func(path string) string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	whole := read(ca)
	empty, missing := write("empty.pem", "none here\n"), filepath.Join(dir, "missing.pem")
	// What is half written may begin with a certificate that is whole.
	half, torn := write("half.pem", whole+whole[:len(whole)/2]), write("torn.pem", read(certificate)+whole[:len(whole)/2])
	garbled := write("garbled.pem", strings.Replace(whole, "MII", "AAA", 1))
	for _, x := range []struct{ certificate, key, ca, in string }{
		{missing, key, ca, missing},
		{certificate, missing, ca, missing},
		{certificate, key, missing, missing},
		{certificate, key, empty, empty + ": no certificate"},
		{certificate, key, half, half + ": a certificate is broken"},
		{certificate, key, garbled, garbled + ": x509: "},
		{certificate, key, key, key + ": no certificate"},
		{torn, key, ca, torn},
		{key, certificate, ca, key + ", " + certificate + ": tls: "},
		{empty, key, ca, empty + ", " + key + ": tls: "},
		{certificate, key, "", "nobody signs them"},
	} {
		if c, err := OpenCertificates(CertificateFiles{x.certificate, x.key, x.ca, true}); c != nil || err == nil || !strings.Contains(err.Error(), x.in) {
			t.Errorf("%v: %v", x, err)
		}
	}
	both := write("both.pem", "Of the server:\n"+read(certificate)+read(key)+whole)
	for _, x := range []struct {
		certificate, key, ca string
		required             bool
		want                 tls.ClientAuthType
	}{
		{certificate, key, "", false, tls.NoClientCert},
		{certificate, key, ca, false, tls.VerifyClientCertIfGiven},
		{certificate, key, ca, true, tls.RequireAndVerifyClientCert},
		{both, both, both, true, tls.RequireAndVerifyClientCert},
	} {
		c, err := OpenCertificates(CertificateFiles{x.certificate, x.key, x.ca, x.required})
		if err != nil {
			t.Errorf("%+v: %v", x, err)
			continue
		}
		if config := c.config.Load(); config.ClientAuth != x.want || config.MinVersion < tls.VersionTLS12 || (config.ClientCAs != nil) != (x.ca != "") {
			t.Errorf("%+v: %+v", x, config)
		}
	}
}

// shown returns the certificate of the server of a connection, which cache may
// resume another with.
func (f *fortress) shown(trusted *authority, client *tls.Certificate, cache tls.ClientSessionCache) (serial string, resumed bool, err error) {
	f.t.Helper()
	c := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "127.0.0.1", ClientSessionCache: cache}
	c.RootCAs.AddCert(trusted.certificate)
	if client != nil {
		c.Certificates = []tls.Certificate{*client}
	}
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: time.Minute}, "tcp", f.address, c)
	if err != nil {
		return "", false, err
	}
	p := newPeer(f.t, conn, mqttwire.V50)
	p.patience = 20 * time.Second
	b, err := f.as(mqttwire.V50, "shown", "", "").Append(nil, p.rules)
	if err != nil {
		f.t.Fatal(err)
	}
	conn.Write(b) // in TLS 1.3 the client is through before the server has judged it
	if _, err := p.next(); err != nil {
		return "", false, err
	}
	conn.Close()
	state := conn.ConnectionState()
	return state.PeerCertificates[0].SerialNumber.String(), state.DidResume, nil
}

// What stands in the files counts for connections that begin. Those that there
// are stay; what does not parse changes nothing.
func TestReloadCertificates(t *testing.T) {
	f := newFortress(t, content{}, true)
	f.gate.Anonymous = true
	ours, theirs := f.authority, newAuthority(t)
	client, other := ours.client("c"), theirs.client("d")
	reload := func(want bool, in string) {
		t.Helper()
		changed, err := f.certificates.Reload()
		if changed != want || (in == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), in) {
			t.Fatalf("Reload: %v, %v; want %v, %q", changed, err, want, in)
		}
	}
	early := f.expectIn(f.dial(mqttwire.V50, client), f.as(mqttwire.V50, "early", "", ""))
	cache := tls.NewLRUClientSessionCache(4)
	first, _, err := f.shown(ours, client, cache)
	if err != nil {
		t.Fatal(err)
	}
	reload(false, "")
	if serial, resumed, err := f.shown(ours, client, cache); serial != first || !resumed || err != nil {
		t.Errorf("a TLS session is not resumed: %v, %v, %v", serial == first, resumed, err)
	}

	// The server's own, renewed.
	certificate, key, ca := f.path("server.pem"), f.path("server.key"), f.path("ca.pem")
	ours.files(f.dir)
	reload(true, "")
	second, _, err := f.shown(ours, client, nil)
	if second == first || err != nil {
		t.Errorf("the certificate is the one before: %v, %v", second == first, err)
	}

	// Broken, each for itself.
	good, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	f.write("server.key", "nonsense")
	reload(false, key)
	f.write("ca.pem", "nonsense")
	reload(false, certificate)
	reload(false, ca+": no certificate")
	if serial, _, err := f.shown(ours, client, nil); serial != second || err != nil {
		t.Errorf("what is broken has changed something: %v, %v", serial == second, err)
	}

	// Another signs clients: who was let in by the first is not, and cannot resume.
	theirs.files(f.dir)
	f.write("server.key", "nonsense")
	reload(true, key)
	if _, _, err := f.shown(ours, other, nil); err != nil {
		t.Errorf("the new authority's client: %v", err)
	}
	for _, cache := range []tls.ClientSessionCache{nil, cache} {
		if _, resumed, err := f.shown(ours, client, cache); err == nil {
			t.Errorf("the old authority's client is let in, resumed %v", resumed)
		}
	}
	f.write("server.key", string(good))
	reload(false, certificate) // which is of another key
	early.publish("a", "1")
	early.expectNothing()
}
