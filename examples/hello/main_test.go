package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire/examples/broker/server"
)

func TestHello(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := server.New(server.Config{SysInterval: -1})
	var served sync.WaitGroup
	served.Go(func() { s.Serve(l) })
	if err := hello(l.Addr().String()); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	s.Shutdown(ctx)
	served.Wait()
	if err := hello(l.Addr().String()); err == nil {
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
