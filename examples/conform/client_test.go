package main

import (
	"bytes"
	"context"
	"testing"
)

// TestClientArguments holds what goes with -client.
func TestClientArguments(t *testing.T) {
	for _, args := range [][]string{{"-client"}, {"-client", "-addr", "x:1"}, {"-listen", "x:1", "-addr", "x:1"}, {"-client", "-listen", "nowhere:x"}} {
		var out bytes.Buffer
		if code := run(context.Background(), args, &out, &out); code != cannot {
			t.Errorf("%v: exit status %d", args, code)
		}
	}
	var out bytes.Buffer
	if code := run(context.Background(), []string{"-client", "-list"}, &out, &out); code != pass || !bytes.Contains(out.Bytes(), []byte("send/resend-pubrel")) {
		t.Errorf("-list: exit status %d\n%s", code, out.String())
	}
}

// TestClientThatDoesNotSpeak has commands in place of a client: they end in
// bounded time, with a result.
func TestClientThatDoesNotSpeak(t *testing.T) {
	for _, command := range []string{"no-such-program-here", "sleep 60", "true"} {
		var out bytes.Buffer
		if code := run(context.Background(), []string{"-client", "-patience", "200ms", "-start", command}, &out, &out); code != cannot {
			t.Errorf("%s: exit status %d\n%s", command, code, out.String())
		}
	}
}
