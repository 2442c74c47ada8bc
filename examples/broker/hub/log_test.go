package hub

import (
	"bytes"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// A connection that says nothing, such as a health check, is no news.
func TestLogOfHealthChecks(t *testing.T) {
	var log bytes.Buffer
	s := newStage(t, Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	s.open(mqttwire.V50).close()
	if log.Len() > 0 {
		t.Error(log.String())
	}
	x := s.open(mqttwire.V50)
	x.sent = []byte("GET / HTTP/1.1\r\n\r\n")
	s.settle()
	if !strings.Contains(log.String(), "not connected") {
		t.Errorf("%q", log.String())
	}
}

// Names are cut, at a character.
func TestLogOfLongNames(t *testing.T) {
	var log bytes.Buffer
	s := newStage(t, Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	s.connected(mqttwire.V50, "x"+strings.Repeat("ü", 30_000)).close()
	if n := log.Len(); n > 1000 || !strings.Contains(log.String(), "client=x"+strings.Repeat("ü", 127)+"…") {
		t.Errorf("%d bytes: %s", n, log.String())
	}
}

// Who is not let in cannot fill the log: not with more than it has sent, and a
// fixed amount. What is left out is counted.
func TestLogOfStrangers(t *testing.T) {
	const lines = 2000
	for _, name := range []string{"", "a", strings.Repeat("long", 1000)} {
		var log bytes.Buffer
		s := newStage(t, Config{Log: slog.New(slog.NewTextHandler(&log, nil)), MaxSessions: 1})
		s.join(lasting(mqttwire.V50, "in"))
		log.Reset()
		sent := 0
		for i := range lines {
			x := s.open(mqttwire.V50)
			c := lasting(mqttwire.V50, fmt.Sprint(name, i))
			b, _ := c.Append(nil, codec.Rules{Version: mqttwire.V50, From: mqttwire.Client})
			sent += len(b)
			x.send(c)
			if !x.gone {
				t.Fatal("it is let in")
			}
			s.all = s.all[:1]
		}
		if n := log.Len(); n > sent+quotaSize+quotaSize/2 || n == 0 {
			t.Errorf("%d bytes of log for %d received", n, sent)
		}
		left := s.hub.doors.quota.unlogged
		told := left
		for _, m := range regexp.MustCompile(`unlogged=(\d+)`).FindAllStringSubmatch(log.String(), -1) {
			n, _ := strconv.Atoi(m[1])
			told += n
		}
		if n := strings.Count(log.String(), "\n") + told; n != lines || (told > 0) == (len(name) > 100) {
			t.Errorf("%d lines, %d of them counted", n, told)
		}
		s.now += time.Hour
		log.Reset()
		s.open(mqttwire.V50).send(lasting(mqttwire.V50, "again"))
		if !strings.Contains(log.String(), "client=again") || strings.Contains(log.String(), fmt.Sprint("unlogged=", left)) == (left == 0) {
			t.Error(log.String())
		}
	}
}

// Clients of an address that come and go cannot fill the log: not with more than
// they have sent, and a fixed amount. Others are logged as ever.
func TestLogOfClients(t *testing.T) {
	const times = 2000
	var log bytes.Buffer
	s := newStage(t, Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	sent := 0
	for range times {
		x := s.open(mqttwire.V50)
		c := lasting(mqttwire.V50, "again and again")
		b, _ := c.Append(nil, codec.Rules{Version: mqttwire.V50, From: mqttwire.Client})
		sent += len(b)
		x.send(c)
		x.close()
		s.all = s.all[:0]
	}
	if n := log.Len(); n > sent+2*knownSize || n < knownSize {
		t.Errorf("%d bytes of log for %d received", n, sent)
	}
	told := 0
	for _, m := range regexp.MustCompile(`unlogged=(\d+)`).FindAllStringSubmatch(log.String(), -1) {
		n, _ := strconv.Atoi(m[1])
		told += n
	}
	if n := strings.Count(log.String(), "\n") + told; n < 2*times-10 || n > 2*times {
		t.Errorf("%d lines, %d of them counted", n, told)
	}
	s.from = guilty
	log.Reset()
	if s.connected(mqttwire.V50, "other").close(); strings.Count(log.String(), "client=other") != 2 {
		t.Error(log.String())
	}
}
