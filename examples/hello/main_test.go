package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/mqttwire/mqttwire/examples/broker/server"
	"github.com/mqttwire/mqttwire/examples/broker/servertest"
)

func TestHello(t *testing.T) {
	address, stop := servertest.Start(t, server.Config{})
	if err := hello(address); err != nil {
		t.Error(err)
	}
	stop()
	if err := hello(address); err == nil {
		t.Error("a connection to nobody")
	}
}

// The README shows this program.
func TestReadme(t *testing.T) {
	program, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(readme), "```go\n")
	text, _, _ = strings.Cut(text, "```")
	if text != string(bytes.ReplaceAll(program, []byte("\r\n"), []byte("\n"))) {
		t.Error("the first program of the README is not that of examples/hello")
	}
}
