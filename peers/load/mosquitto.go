package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

var mosquittoBroker = broker{
	name:    "mosquitto",
	about:   "nothing persistent, no log, no limit on what is queued, 1000 in flight, TCP_NODELAY",
	command: func(dir string, port int) (*exec.Cmd, error) { return mosquittoCommand(dir, port) },
	secure: func(dir string, port int) (*exec.Cmd, error) {
		certificate, key := secureFiles(dir)
		return mosquittoCommand(dir, port, "certfile "+certificate, "keyfile "+key)
	},
}

// mosquittoPath returns where mosquitto is: Debian has it where only root's
// PATH leads.
func mosquittoPath() (string, error) {
	for _, name := range []string{"mosquitto", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("mosquitto is not installed: apt-get install mosquitto")
}

func mosquittoCommand(dir string, port int, more ...string) (*exec.Cmd, error) {
	return mosquittoCommandWith(dir, port, []string{"persistence false"}, more...)
}

// mosquittoCommandWith has lines on what it keeps, and more of its listener.
func mosquittoCommandWith(dir string, port int, keeps []string, more ...string) (*exec.Cmd, error) {
	path, err := mosquittoPath()
	if err != nil {
		return nil, err
	}
	config := []string{
		fmt.Sprintf("listener %d 127.0.0.1", port),
		"allow_anonymous true",
		"log_type none",
		"connection_messages false",
		"max_inflight_messages 1000",
		"max_queued_messages 0",
		"max_queued_bytes 0",
		"set_tcp_nodelay true", // as Go's are: without it some messages wait for a TCP acknowledgement
	}
	config = slices.Insert(config, 1, more...) // of the listener
	config = append(config, keeps...)
	if os.Geteuid() == 0 {
		// Else it becomes another user, and would outlive a tool that is killed.
		config = append(config, "user root")
	}
	file := filepath.Join(dir, "mosquitto.conf")
	if err := os.WriteFile(file, []byte(strings.Join(config, "\n")+"\n"), 0o600); err != nil {
		return nil, err
	}
	return exec.Command(path, "-c", file), nil
}
