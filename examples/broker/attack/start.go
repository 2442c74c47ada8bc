package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/examples/broker/access"
)

// The users that a broker is to know for the attacks that take users.
const (
	innocent         = "innocent"
	guilty           = "guilty"
	innocentPassword = "the password of the innocent"
	guiltyPassword   = "the password of the guilty"
)

// A started broker is one that this program has started, and ends.
type started struct {
	*conformance.Process
	dir  string
	said atomic.Int64 // bytes
}

// start starts a broker: in command PORT stands for its port and DIR for a directory
// with files for it.
func start(ctx context.Context, command string) (*started, error) {
	dir, err := os.MkdirTemp("", "attack-")
	if err != nil {
		return nil, err
	}
	s := &started{dir: dir}
	if err = writeFiles(dir); err == nil {
		s.Process, err = conformance.Start(ctx, strings.ReplaceAll(command, "DIR", dir), s)
	}
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return s, nil
}

// Write takes what the broker says.
func (s *started) Write(b []byte) (int, error) {
	s.said.Add(int64(len(b)))
	if debugging {
		return os.Stderr.Write(b)
	}
	return len(b), nil
}

// words returns how many bytes the broker has said.
func (s *started) words() int64 {
	if s == nil {
		return 0
	}
	return s.said.Load()
}

// end ends the broker.
func (s *started) end() {
	s.Stop()
	os.RemoveAll(s.dir)
}

// writeFiles writes what brokers need to know: users, acl, cert.pem and key.pem for
// examples/broker, mosquitto.conf and mosquitto-users.conf for mosquitto, and
// mosquitto-tls, a script that runs it with TLS on a port.
func writeFiles(dir string) error {
	var users, passwords, rules strings.Builder
	for _, u := range [][2]string{{innocent, innocentPassword}, {guilty, guiltyPassword}} {
		line, err := access.HashPassword(u[0], []byte(u[1]))
		if err != nil {
			return err
		}
		users.WriteString(line + "\n")
		salt := []byte("twelve bytes")
		key, err := pbkdf2.Key(sha512.New, u[1], salt, 101, 64)
		if err != nil {
			return err
		}
		b64 := base64.StdEncoding.EncodeToString
		fmt.Fprintf(&passwords, "%s:$7$101$%s$%s\n", u[0], b64(salt), b64(key))
	}
	for _, u := range []string{innocent, guilty} {
		fmt.Fprintf(&rules, "user %s\n", u)
		fmt.Fprintf(&rules, "topic readwrite %s/#\n", u)
		for i := range 500 {
			fmt.Fprintf(&rules, "topic readwrite allowed/%d\n", i)
		}
	}
	certificate, key, err := certify()
	if err != nil {
		return err
	}
	common := "log_type none\nset_tcp_nodelay true\n"
	if os.Geteuid() == 0 {
		common += "user root\n"
	}
	for name, content := range map[string]string{
		"users": users.String(), "acl": rules.String(), "mosquitto-users": passwords.String(), "cert.pem": certificate, "key.pem": key,
		"mosquitto.conf":       common + "allow_anonymous true\n",
		"mosquitto-users.conf": common + fmt.Sprintf("password_file %s/mosquitto-users\nacl_file %s/acl\n", dir, dir),
		// With -p it speaks no TLS, so its port is to stand in the file.
		"mosquitto-tls": fmt.Sprintf("cd %s && cat mosquitto.conf - >tls.conf <<END\nlistener $1 127.0.0.1\ncertfile %[1]s/cert.pem\nkeyfile %[1]s/key.pem\nEND\nexec mosquitto -c tls.conf\n", dir),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// certify returns a certificate that nobody believes, and its key, as PEM.
func certify() (certificate, key string, err error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour)}
	b, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		return "", "", err
	}
	kb, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return "", "", err
	}
	text := func(t string, b []byte) string { return string(pem.EncodeToMemory(&pem.Block{Type: t, Bytes: b})) }
	return text("CERTIFICATE", b), text("PRIVATE KEY", kb), nil
}
