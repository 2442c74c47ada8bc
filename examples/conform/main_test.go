package main

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire/conformance"
	"github.com/mqttwire/mqttwire/examples/broker/server"
	"github.com/mqttwire/mqttwire/examples/broker/servertest"
)

func conform(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), args, &out, &errs)
	return status, out.String(), errs.String()
}

func TestPass(t *testing.T) {
	t.Parallel()
	addr, _ := servertest.Start(t, server.Config{})
	page := filepath.Join(t.TempDir(), "report.html")
	status, out, errs := conform(t, "-addr", addr, "-run", "retained/cleared$", "-html", page, "-v")
	if status != pass || !strings.Contains(out, "retained/cleared") || !strings.Contains(out, "0 clauses broken") {
		t.Errorf("status %d\n%s\n%s", status, out, errs)
	}
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"check":"retained/cleared"`, `"state":"passed"`, "prefers-color-scheme: dark"} {
		if !bytes.Contains(b, []byte(want)) {
			t.Errorf("the page has no %s", want)
		}
	}
	// Nothing is fetched.
	for _, fetches := range []string{"http:", "https:", "@import", "<link rel=\"stylesheet", "src="} {
		if bytes.Contains(page0(b), []byte(fetches)) {
			t.Errorf("the page has %q", fetches)
		}
	}
}

// page0 is the page without the report.
func page0(b []byte) []byte {
	before, rest, _ := bytes.Cut(b, []byte(`id="data">`))
	_, after, _ := bytes.Cut(rest, []byte("</script>"))
	return append(bytes.Clone(before), after...)
}

func TestJSON(t *testing.T) {
	t.Parallel()
	addr, _ := servertest.Start(t, server.Config{})
	status, out, errs := conform(t, "-addr", addr, "-run", "ping/", "-versions", "5.0", "-json")
	var report struct {
		Results []struct{ Check, Version, State string }
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || status != pass {
		t.Fatalf("status %d, %v\n%s%s", status, err, out, errs)
	}
	if n := len(report.Results); n != 2 || report.Results[1].Check != "ping/answered" || report.Results[1].State != "passed" {
		t.Errorf("%+v", report)
	}
}

// However a program behaves that is no broker, it is judged to be none in time.
func TestCannot(t *testing.T) {
	for name, serve := range map[string]func(net.Conn){
		"hangs":   func(net.Conn) {},
		"closes":  func(c net.Conn) { c.Close() },
		"garbage": func(c net.Conn) { c.Write([]byte("SSH-2.0-OpenSSH_9.2\r\n")) },
		"floods": func(c net.Conn) {
			for {
				if _, err := c.Write(bytes.Repeat([]byte{0xd0, 0}, 1000)); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					defer c.Close()
					go serve(c)
				}
			}()
			begin := time.Now()
			status, out, errs := conform(t, "-addr", l.Addr().String(), "-patience", "200ms")
			if status != cannot || !strings.Contains(out, "cannot be judged") {
				t.Errorf("status %d\n%s\n%s", status, out, errs)
			}
			if time.Since(begin) > 20*time.Second {
				t.Errorf("it took %v", time.Since(begin))
			}
		})
	}
	for name, tt := range map[string]struct {
		says string
		args []string
	}{
		"nothing there":    {"nothing listens on 127.0.0.1:1\n", []string{"-addr", "127.0.0.1:1"}},
		"no broker":        {"give either -addr or -start", nil},
		"no such flag":     {"-addr HOST:PORT", []string{"-nonsense"}},
		"no such version":  {"there is no \"4\"", []string{"-addr", "x:1", "-versions", "4"}},
		"no such program":  {"no-such-program-as-this", []string{"-start", "no-such-program-as-this PORT"}},
		"no program stays": {"has ended before it accepted a connection", []string{"-start", "true PORT"}},
		"no port":          {"has no PORT in it", []string{"-start", "mosquitto -p 1883"}},
	} {
		t.Run(name, func(t *testing.T) {
			if status, out, errs := conform(t, tt.args...); status != cannot || !strings.Contains(out+errs, tt.says) {
				t.Errorf("status %d, without %q\n%s\n%s", status, tt.says, out, errs)
			}
		})
	}
}

func TestFail(t *testing.T) {
	var out bytes.Buffer
	report := &conformance.Report{Subject: "a broker", Results: []*conformance.Result{{
		Check: "ping/answered", Version: "5.0", State: conformance.Failed, Faults: []conformance.Fault{{Clause: "5.0 MQTT-3.12.4-1", Rule: "an answer", Expected: "PINGRESP", Got: "<nothing>"}}}}}
	if report.Pass() {
		t.Error("it passes")
	}
	if err := writeText(&out, report, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"FAILED ping/answered in 5.0", "expected PINGRESP", "got      <nothing>", "1 clause broken"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	page := filepath.Join(t.TempDir(), "page.html")
	if err := writePage(page, report); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(page); bytes.Contains(b, []byte("<nothing>")) || !bytes.Contains(b, []byte(`\u003cnothing\u003e`)) {
		t.Error("what the broker says is part of the page")
	}
}

func TestList(t *testing.T) {
	status, out, _ := conform(t, "-list", "-run", "^will/")
	if status != pass || !strings.Contains(out, "will/delay") || strings.Contains(out, "retained/") {
		t.Errorf("status %d\n%s", status, out)
	}
}
