package main

import (
	"crypto/pbkdf2"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

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
	command *exec.Cmd
	address string
	dir     string
	ended   chan struct{}
}

// start starts a broker: in command %p stands for its port and %d for a directory
// with files for it.
func start(command string) (s *started, err error) {
	for range 5 { // another process may have taken the port meanwhile
		if s, err = startOnce(command); err == nil {
			break
		}
	}
	return s, err
}

func startOnce(command string) (*started, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
	l.Close()
	dir, err := os.MkdirTemp("", "attack-")
	if err != nil {
		return nil, err
	}
	s := &started{address: "127.0.0.1:" + port, dir: dir, ended: make(chan struct{})}
	if err := writeFiles(dir, port); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	words := strings.Fields(strings.NewReplacer("%p", port, "%d", dir).Replace(command))
	if len(words) == 0 {
		return nil, errors.New("no command")
	}
	s.command = exec.Command(words[0], words[1:]...)
	if debugging {
		s.command.Stderr = os.Stderr
	}
	if err := s.command.Start(); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	go func() {
		s.command.Wait()
		close(s.ended)
	}()
	for range 200 {
		c, err := net.Dial("tcp", s.address)
		if err == nil {
			c.Close()
			return s, nil
		}
		select {
		case <-s.ended:
			s.end()
			return nil, errors.New("the broker has ended at once")
		case <-time.After(50 * time.Millisecond):
		}
	}
	s.end()
	return nil, errors.New("the broker does not listen")
}

// end ends the broker, by force where it does not go by itself.
func (s *started) end() {
	s.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(5 * time.Second):
		s.command.Process.Kill()
		<-s.ended
	}
	os.RemoveAll(s.dir)
}

// writeFiles writes what brokers need to know of users and rules: users and acl
// for examples/broker, mosquitto.conf and mosquitto-users.conf for mosquitto.
func writeFiles(dir, port string) error {
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
	common := fmt.Sprintf("listener %s 127.0.0.1\nlog_type none\nset_tcp_nodelay true\n", port)
	if os.Geteuid() == 0 {
		common += "user root\n"
	}
	for name, content := range map[string]string{
		"users": users.String(), "acl": rules.String(), "mosquitto-users": passwords.String(),
		"mosquitto.conf":       common + "allow_anonymous true\n",
		"mosquitto-users.conf": common + fmt.Sprintf("password_file %s/mosquitto-users\nacl_file %s/acl\n", dir, dir),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func closeWrite(p *peer) { p.conn.(*net.TCPConn).CloseWrite() }
