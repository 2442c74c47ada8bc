package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// A secured scenario has a broker with TLS. Its connections have a goroutine each:
// the generator's own cost is not what is measured.
type secured interface{ secured() }

// overTLS makes a scenario one, for brokers that do TLS.
type overTLS struct{}

func (overTLS) secured() {}

func (overTLS) brokers(all []*broker) (able []*broker) {
	for _, k := range all {
		if k.secure != nil {
			able = append(able, k)
		}
	}
	return able
}

var anybody = &tls.Config{InsecureSkipVerify: true}

// secureFiles are those of a broker's certificate and key.
func secureFiles(dir string) (certificate, key string) {
	return filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
}

func writeSecureFiles(dir string) error {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &private.PublicKey, private)
	if err != nil {
		return err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	certificate, key := secureFiles(dir)
	return errors.Join(os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o644))
}

// connectTLS opens a clean session over TLS.
func (b *bench) connectTLS(name string) (*tls.Conn, error) {
	n, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", b.port))
	if err != nil {
		return nil, err
	}
	c := tls.Client(n, anybody)
	c.SetDeadline(time.Now().Add(time.Minute))
	var ack [4]byte
	if _, err = c.Write(connectPacket(name, true)); err == nil {
		_, err = io.ReadFull(c, ack[:])
	}
	if err == nil && ack[3] != 0 {
		err = fmt.Errorf("CONNECT was answered with % x", ack)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// secureIdle is idle over TLS, of a tenth as many.
type secureIdle struct{ overTLS }

func (secureIdle) columns() []column { return idle{}.columns() }

func (secureIdle) run(b *bench, v []float64) error {
	all := make([]*tls.Conn, 0, b.settings.idle/10+20)
	defer func() {
		for _, c := range all {
			c.Close()
		}
	}()
	connect := func(n int) error {
		for range n {
			c, err := b.connectTLS(fmt.Sprintf("idle-%d", len(all)))
			if err != nil {
				return err
			}
			all = append(all, c)
		}
		return nil
	}
	if err := connect(20); err != nil {
		return err
	}
	before, err := b.settled()
	if err != nil {
		return err
	}
	n, cpu := max(1, b.settings.idle/10), b.cpu()
	if err := connect(n); err != nil {
		return err
	}
	v[1] = float64((b.cpu() - cpu).Nanoseconds()) / 1000 / float64(n)
	each, err := b.grown(before, n)
	v[0], v[2] = each/1024, 1
	return err
}

// securePairs is publishers with a subscriber each, over TLS: each sends so many
// messages, a record each, and waits until they have come.
type securePairs struct {
	pairs, window int
	overTLS
}

func (securePairs) columns() []column {
	return []column{{"CPU us/msg", 2, median}, {"msg/s", 0, median}, {"delivered", 4, lowest}}
}

func (s securePairs) run(b *bench, v []float64) error {
	type outcome struct {
		n   int
		err error
	}
	var (
		ended = make(chan outcome, s.pairs)
		ready = make(chan error, s.pairs)
		begin = make(chan struct{})
		end   time.Time
	)
	for i := range s.pairs {
		go func() {
			topic := fmt.Sprintf("site-1/machine-%02d/value", i)
			in, out, err := b.securePair(i, topic)
			if ready <- err; err != nil {
				return
			}
			defer in.Close()
			defer out.Close()
			form := newMessage(topic, 0, false)
			m := form.append(nil, 0, stamp{})
			batch := make([]byte, s.window*len(m))
			<-begin
			n := 0
			for err == nil && time.Now().Before(end) {
				for range s.window {
					out.Write(m)
				}
				if _, err = io.ReadFull(in, batch); err == nil {
					n += s.window
				}
			}
			ended <- outcome{n, err}
		}()
	}
	for range s.pairs {
		if err := <-ready; err != nil {
			return err
		}
	}
	before, cpu := time.Now(), b.cpu()
	end = before.Add(b.settings.warmUp + b.settings.time)
	close(begin)
	total := 0
	for range s.pairs {
		o := <-ended
		if o.err != nil {
			return o.err
		}
		total += o.n
	}
	v[0] = float64((b.cpu() - cpu).Nanoseconds()) / 1000 / float64(total)
	v[1], v[2] = float64(total)/time.Since(before).Seconds(), 1
	return nil
}

func (b *bench) securePair(i int, topic string) (in, out *tls.Conn, err error) {
	if in, err = b.connectTLS(fmt.Sprintf("subscriber-%d", i)); err != nil {
		return nil, nil, err
	}
	if _, err = in.Write(subscribePacket(0, topic)); err == nil {
		_, err = io.ReadFull(in, make([]byte, 5))
	}
	if err == nil {
		out, err = b.connectTLS(fmt.Sprintf("publisher-%d", i))
	}
	if err != nil {
		in.Close()
	}
	return in, out, err
}
