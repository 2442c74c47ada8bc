package gate

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
)

// CertificateFiles name what a listener with TLS needs, as PEM.
type CertificateFiles struct {
	Certificate, Key string // the server's own
	ClientCA         string // who signs those of clients, "" where they need none
	Required         bool   // clients must have one
}

// Certificates are what the files of certificates say, for connections that
// begin. They are safe for concurrent use, except for Reload.
type Certificates struct {
	files   CertificateFiles
	sum     [2][sha256.Size]byte // of certificate and key that are in force
	own     tls.Certificate
	signers file
	pool    *x509.CertPool // nil without
	config  atomic.Pointer[tls.Config]
}

// OpenCertificates reads the files, which must all be there. Its errors name the
// file.
func OpenCertificates(f CertificateFiles) (*Certificates, error) {
	if f.Required && f.ClientCA == "" {
		return nil, errors.New("client certificates are required, and nobody signs them")
	}
	c := &Certificates{files: f}
	c.signers = file{name: f.ClientCA, take: func(b []byte) (int, error) {
		all, err := parseCertificates(b)
		if err != nil {
			return 0, err
		}
		c.pool = x509.NewCertPool()
		for _, x := range all {
			c.pool.AddCert(x)
		}
		return 0, nil
	}}
	if _, err := c.Reload(); err != nil {
		return nil, err
	}
	return c, nil
}

// Reload reads the files that have changed, and reports whether connections begin
// with something else now. Those that there are stay. Certificate and key are read
// together, as they must fit, and the file of the clients' for itself. The error
// is of all that could not be read, joined as by [errors.Join]: of these, what was
// read before stays in force. Reload is not to be called by several goroutines at
// once.
func (c *Certificates) Reload() (changed bool, err error) {
	own, err := c.reloadOwn()
	signers, signersErr := c.signers.reload()
	if own || signers {
		c.config.Store(c.make())
	}
	return own || signers, errors.Join(err, signersErr)
}

func (c *Certificates) reloadOwn() (changed bool, err error) {
	certificate, err := os.ReadFile(c.files.Certificate)
	if err != nil {
		return false, err
	}
	key, err := os.ReadFile(c.files.Key)
	if err != nil {
		return false, err
	}
	sum := [2][sha256.Size]byte{sha256.Sum256(certificate), sha256.Sum256(key)}
	if sum == c.sum {
		return false, nil
	}
	own, err := tls.X509KeyPair(certificate, key)
	if err == nil { // which has not looked at those that follow
		_, err = parseCertificates(certificate)
	}
	if err != nil {
		return false, fmt.Errorf("%s, %s: %w", c.files.Certificate, c.files.Key, err)
	}
	c.own, c.sum = own, sum
	return true, nil
}

// make makes a new Config, which has keys of its own for resuming a TLS session:
// who was let in by what is no longer in force begins anew.
func (c *Certificates) make() *tls.Config {
	config := &tls.Config{Certificates: []tls.Certificate{c.own}, MinVersion: tls.VersionTLS12, ClientCAs: c.pool,
		DynamicRecordSizingDisabled: true} // what the broker writes together goes out together
	switch {
	case c.files.Required:
		config.ClientAuth = tls.RequireAndVerifyClientCert
	case c.pool != nil:
		config.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return config
}

// TLS returns what is in force, for a connection that begins.
func (c *Certificates) TLS() *tls.Config { return c.config.Load() }

var (
	errNoCertificate     = errors.New("no certificate")
	errBrokenCertificate = errors.New("a certificate is broken")
)

// parseCertificates reads certificates, and passes over what else there is. What
// crypto/tls and crypto/x509 pass over as well, a certificate that is broken or
// breaks off, is an error: such a file is not yet written.
func parseCertificates(b []byte) (all []*x509.Certificate, err error) {
	begins := bytes.Count(b, []byte("-----BEGIN "))
	blocks := 0
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		blocks++
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	switch {
	case blocks != begins:
		return nil, errBrokenCertificate
	case len(all) == 0:
		return nil, errNoCertificate
	}
	return all, nil
}
