package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
)

// ours is examples/broker, the program at path.
func ours(name, path string) *broker {
	return &broker{
		name:  name,
		about: "examples/broker, its defaults",
		command: func(_ string, port int) (*exec.Cmd, error) {
			return exec.Command(path, "-listen", fmt.Sprintf("127.0.0.1:%d", port)), nil
		},
		secure: func(dir string, port int) (*exec.Cmd, error) {
			certificate, key := secureFiles(dir)
			return exec.Command(path, "-listen-tls", fmt.Sprintf("127.0.0.1:%d", port), "-tls-cert", certificate, "-tls-key", key), nil
		},
	}
}

// buildOurs builds it into a directory and returns where it is.
func buildOurs(dir string) (string, error) {
	path := filepath.Join(dir, "broker")
	out, err := exec.Command("go", "build", "-buildvcs=false", "-o", path, "github.com/mqttwire/mqttwire/examples/broker").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building examples/broker: %w: %s", err, out)
	}
	return path, nil
}
