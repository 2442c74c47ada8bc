package interop

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

var mosquittoVersions = []string{"mqttv31", "mqttv311", "mqttv5"}

// requireMosquitto skips a test where the clients are not installed.
func requireMosquitto(t *testing.T) {
	t.Helper()
	for _, name := range []string{"mosquitto_pub", "mosquitto_sub", "stdbuf"} {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("MQTTWIRE_REQUIRE_MOSQUITTO") != "" {
				t.Fatalf("MQTTWIRE_REQUIRE_MOSQUITTO is set, but %v", err)
			}
			complain(fmt.Sprintf("*** SKIPPED: %s: %v (Debian: apt-get install mosquitto-clients)\n", t.Name(), err))
			t.Skip(err)
		}
	}
}

// complain writes to the terminal where there is one: go test shows nothing of
// what a test that passes prints, and a skipped one passes.
func complain(text string) {
	out := os.Stderr
	if tty, err := os.OpenFile("/dev/tty", os.O_WRONLY, 0); err == nil {
		defer tty.Close()
		out = tty
	}
	out.WriteString(text)
}

// mosquitto runs one of the programs against a broker.
func mosquitto(t *testing.T, program, address string, args ...string) *exec.Cmd {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	// The programs hold back what they print into a pipe.
	return exec.CommandContext(ctx, "stdbuf", slices.Concat([]string{"-oL", program, "-h", host, "-p", port}, args)...)
}

func mosquittoPub(t *testing.T, address string, args ...string) {
	t.Helper()
	if out, err := mosquitto(t, "mosquitto_pub", address, args...).CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_pub %q: %v\n%s", args, err, out)
	}
}

// A mosquittoSub is a mosquitto_sub that runs.
type mosquittoSub struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string
}

// startMosquittoSub starts a mosquitto_sub and returns when it has its SUBACK.
func startMosquittoSub(t *testing.T, address string, args ...string) *mosquittoSub {
	t.Helper()
	s := &mosquittoSub{t: t, cmd: mosquitto(t, "mosquitto_sub", address, append(args, "-d")...), lines: make(chan string, 1000)}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.lines)
		for in := bufio.NewScanner(out); in.Scan(); {
			s.lines <- in.Text()
		}
	}()
	t.Cleanup(s.kill)
	for {
		switch line := s.line(); {
		case strings.HasPrefix(line, "Subscribed"):
			return s
		case line == "":
			t.Fatalf("mosquitto_sub %q ends without a SUBACK", args)
		}
	}
}

// kill ends the program as a crash would.
func (s *mosquittoSub) kill() {
	s.cmd.Process.Kill()
	for range s.lines {
	}
	s.cmd.Wait()
}

// line returns the next line, "" at the end.
func (s *mosquittoSub) line() string {
	s.t.Helper()
	return receive(s.t, s.lines, "line from mosquitto_sub")
}

// expect receives lines that are no remarks of its own.
func (s *mosquittoSub) expect(want ...string) {
	s.t.Helper()
	for _, w := range want {
		got := s.line()
		for strings.HasPrefix(got, "Client ") {
			got = s.line()
		}
		if got != w {
			s.t.Fatalf("mosquitto_sub says %q, want %q", got, w)
		}
	}
}

// Every version publishes to every version.
func TestMosquittoMessages(t *testing.T) {
	requireMosquitto(t)
	_, address := startBroker(t)
	var subs []*mosquittoSub
	for _, v := range mosquittoVersions {
		subs = append(subs, startMosquittoSub(t, address, "-V", v, "-i", "sub-"+v, "-t", "a/+/#", "-v"))
	}
	for _, v := range mosquittoVersions {
		levels := []string{"0", "1", "2"}
		if v == "mqttv5" {
			levels = levels[:1]
		}
		for _, level := range levels {
			text := "from " + v + " at " + level
			mosquittoPub(t, address, "-V", v, "-q", level, "-t", "a/b", "-m", text)
			mosquittoPub(t, address, "-V", v, "-q", level, "-t", "a", "-m", "not wanted")
			mosquittoPub(t, address, "-V", v, "-q", level, "-t", "a/b/c/d", "-m", text)
			for _, s := range subs {
				s.expect("a/b "+text, "a/b/c/d "+text)
			}
		}
	}
}

func TestMosquittoLargeMessage(t *testing.T) {
	requireMosquitto(t)
	_, address := startBroker(t)
	file := t.TempDir() + "/large"
	if err := os.WriteFile(file, []byte(strings.Repeat("0123456789", 100_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, v := range mosquittoVersions {
		s := startMosquittoSub(t, address, "-V", v, "-t", "large", "-F", "%l")
		mosquittoPub(t, address, "-V", v, "-t", "large", "-f", file)
		s.expect("1000000")
	}
}

func TestMosquittoRetained(t *testing.T) {
	requireMosquitto(t)
	for _, v := range mosquittoVersions {
		t.Run(v, func(t *testing.T) {
			_, address := startBroker(t)
			mosquittoPub(t, address, "-V", v, "-t", "r/1", "-m", "old", "-r")
			mosquittoPub(t, address, "-V", v, "-t", "r/1", "-m", "kept", "-r")
			mosquittoPub(t, address, "-V", v, "-t", "r/2", "-m", "removed", "-r")
			mosquittoPub(t, address, "-V", v, "-t", "r/2", "-n", "-r")
			s := startMosquittoSub(t, address, "-V", v, "-t", "r/+", "-F", "%r %t %p")
			s.expect("1 r/1 kept")
			mosquittoPub(t, address, "-V", v, "-t", "r/1", "-m", "live", "-r")
			s.expect("0 r/1 live")
		})
	}
}

func TestMosquittoWill(t *testing.T) {
	requireMosquitto(t)
	for _, v := range mosquittoVersions {
		t.Run(v, func(t *testing.T) {
			_, address := startBroker(t)
			watcher := startMosquittoSub(t, address, "-V", v, "-t", "will/#", "-v")
			lost := startMosquittoSub(t, address, "-V", v, "-t", "x", "--will-topic", "will/lost", "--will-payload", "gone")
			lost.kill()
			watcher.expect("will/lost gone")
		})
	}
}

func TestMosquittoProperties(t *testing.T) {
	requireMosquitto(t)
	_, address := startBroker(t)
	s := startMosquittoSub(t, address, "-V", "mqttv5", "-t", "p/#", "-D", "subscribe", "subscription-identifier", "300",
		"-F", "%t|%p|%C|%D|%E|%F|%P|%R|%S")
	mosquittoPub(t, address, "-V", "mqttv5", "-t", "p/1", "-m", "x", "-D", "publish", "content-type", "text/plain",
		"-D", "publish", "correlation-data", "abc", "-D", "publish", "message-expiry-interval", "3600",
		"-D", "publish", "payload-format-indicator", "1", "-D", "publish", "user-property", "k", "1",
		"-D", "publish", "user-property", "k", "2", "-D", "publish", "response-topic", "r/1")
	s.expect("p/1|x|text/plain|abc|3600|1|k:1 k:2|r/1|300")
}

func TestMosquittoWillProperties(t *testing.T) {
	requireMosquitto(t)
	_, address := startBroker(t)
	watcher := startMosquittoSub(t, address, "-V", "mqttv5", "-t", "will", "-F", "%t|%p|%C|%D|%E|%F|%P|%R")
	lost := startMosquittoSub(t, address, "-V", "mqttv5", "-t", "x", "--will-topic", "will", "--will-payload", "gone",
		"-D", "will", "content-type", "text/plain", "-D", "will", "correlation-data", "abc", "-D", "will", "message-expiry-interval", "3600",
		"-D", "will", "payload-format-indicator", "1", "-D", "will", "user-property", "k", "1",
		"-D", "will", "response-topic", "r/1", "-D", "will", "will-delay-interval", "0")
	lost.kill()
	watcher.expect("will|gone|text/plain|abc|3600|1|k:1|r/1")
}

// What a 5.0 client publishes reaches the Go clients of 3.1.1, and back.
func TestMosquittoAndPaho(t *testing.T) {
	requireMosquitto(t)
	_, address := startBroker(t)
	three := dialPaho3(t, address, "three", 4, nil)
	three.subscribe("to/paho", 0)
	s := startMosquittoSub(t, address, "-V", "mqttv5", "-t", "to/mosquitto", "-v")
	mosquittoPub(t, address, "-V", "mqttv5", "-t", "to/paho", "-m", "1", "-D", "publish", "user-property", "k", "v")
	three.expect("to/paho", "1", false)
	three.publish("to/mosquitto", "2", 2, false)
	s.expect("to/mosquitto 2")
}
