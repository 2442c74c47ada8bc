package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// broker is a contender: how to start it in a directory of its own, on a port
// of 127.0.0.1.
type broker struct {
	name    string
	command func(dir string, port int) (*exec.Cmd, error)
	// secure is command with TLS, by the files of secureFiles; nil where there is
	// none.
	secure func(dir string, port int) (*exec.Cmd, error)
	// about says how it is run, where that matters.
	about string
}

// process is a broker that runs.
type process struct {
	cmd  *exec.Cmd
	port int
	tls  bool
	dir  string
	done chan struct{} // closed when it has ended
}

// start starts a broker, on a core where core is not negative, and returns once
// it answers.
func (k *broker) start(ctx context.Context, core int, tls bool) (p *process, err error) {
	for range 3 { // somebody else may take the port
		if p, err = k.startOnce(ctx, core, tls); err == nil || ctx.Err() != nil {
			break
		}
	}
	return p, err
}

func (k *broker) startOnce(ctx context.Context, core int, tls bool) (*process, error) {
	dir, err := os.MkdirTemp("", "mqttload-")
	if err != nil {
		return nil, err
	}
	p := &process{dir: dir, tls: tls, done: make(chan struct{})}
	if p.port, err = freePort(); err == nil {
		err = p.run(k, core)
	}
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	if err := p.answers(ctx, k != &echoBroker); err != nil {
		err = fmt.Errorf("%s did not start: %w%s", k.name, err, p.said())
		p.stop()
		return nil, err
	}
	return p, nil
}

func (p *process) run(k *broker, core int) (err error) {
	command := k.command
	if p.tls {
		if err := writeSecureFiles(p.dir); err != nil {
			return err
		}
		command = k.secure
	}
	if p.cmd, err = command(p.dir, p.port); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(p.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = endWithUs()
	if core < 0 {
		err = p.cmd.Start()
	} else {
		err = onCore(core, p.cmd.Start)
	}
	if err != nil {
		return err
	}
	go func() {
		p.cmd.Wait()
		close(p.done)
	}()
	return nil
}

// stop ends the process. What it has in memory and on disk is of no use, so it
// is not asked to.
func (p *process) stop() {
	p.cmd.Process.Kill()
	<-p.done
	os.RemoveAll(p.dir)
}

// said is the end of what the process has logged, for an error.
func (p *process) said() string {
	b, err := os.ReadFile(filepath.Join(p.dir, "log"))
	if err != nil || len(b) == 0 {
		return ""
	}
	return ": " + strings.TrimSpace(string(b[max(0, len(b)-500):]))
}

// ended reports whether the process is no longer there.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// answers waits until the broker takes a connection and, where it speaks MQTT,
// a CONNECT.
func (p *process) answers(ctx context.Context, mqtt bool) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		if err = p.try(ctx, mqtt); err == nil {
			return nil
		}
		select {
		case <-p.done:
			return errors.New("it ended")
		case <-ctx.Done():
			return err
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (p *process) try(ctx context.Context, mqtt bool) error {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", p.port))
	if err != nil {
		return err
	}
	defer c.Close()
	if !mqtt {
		return nil
	}
	if p.tls {
		c = tls.Client(c, anybody)
	}
	c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(connectPacket("ready", true)); err != nil {
		return err
	}
	var connack [4]byte
	if _, err := io.ReadFull(c, connack[:]); err != nil {
		return err
	}
	if connack[3] != 0 {
		return fmt.Errorf("CONNECT was answered with % x", connack)
	}
	_, err = c.Write(disconnectPacket)
	return err
}
