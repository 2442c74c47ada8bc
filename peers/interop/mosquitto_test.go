package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/mqttwire/mqttwire"
)

var mosquittoPrograms = requirement{
	variable: "MQTTWIRE_REQUIRE_MOSQUITTO",
	hint:     "Debian: apt-get install mosquitto-clients",
	look: sync.OnceValue(func() error {
		for _, name := range []string{"mosquitto_pub", "mosquitto_sub", "mosquitto_rr", "stdbuf"} {
			if _, err := exec.LookPath(name); err != nil {
				return err
			}
		}
		return nil
	}),
}

func missingMosquitto() error { return mosquittoPrograms.lacks() }

var mosquittoVersions = map[mqttwire.Version]string{v31: "mqttv31", v311: "mqttv311", v50: "mqttv5"}

// mosquitto returns a command of one of the programs, to be run against an
// address.
func mosquitto(ctx context.Context, program, address string, version mqttwire.Version, args ...string) *exec.Cmd {
	host, port, _ := net.SplitHostPort(address)
	// The programs hold back what they print into a pipe.
	cmd := exec.CommandContext(ctx, "stdbuf", slices.Concat([]string{"-oL", program, "-h", host, "-p", port,
		"-V", mosquittoVersions[version]}, args)...)
	cmd.WaitDelay = patience
	return cmd
}

// A mosquittoClient drives a mosquitto_sub, and runs a mosquitto_pub for each
// message that it publishes.
type mosquittoClient struct {
	c      *client
	ctx    context.Context
	cancel context.CancelFunc
	sub    *exec.Cmd     // nil without subscriptions
	done   chan struct{} // sub has ended
	dup    map[string]bool
}

func openMosquitto(c *client, address string, o options) error {
	m := &mosquittoClient{c: c, dup: map[string]bool{}}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	c.driver = m
	if len(o.subscribe) == 0 && o.will == nil {
		return nil
	}
	m.sub = mosquitto(m.ctx, "mosquitto_sub", address, c.flavor.version, mosquittoSubArgs(c.flavor.version, o)...)
	out, err := m.sub.StdoutPipe()
	if err != nil {
		return err
	}
	var complaint bytes.Buffer
	m.sub.Stderr = &complaint
	if err := m.sub.Start(); err != nil {
		return err
	}
	granted := make(chan []byte, 100)
	m.done = make(chan struct{})
	go func() {
		defer close(m.done)
		for in := bufio.NewReader(out); ; {
			line, err := in.ReadBytes('\n')
			m.line(bytes.TrimSuffix(line, []byte("\n")), granted)
			if err != nil {
				break
			}
		}
		m.sub.Wait()
	}()
	select {
	case codes := <-granted:
		if len(o.subscribe) > 0 {
			c.granted = codes
		}
		return nil
	case <-m.done:
		return fmt.Errorf("mosquitto_sub %q ends without a SUBACK: %s", m.sub.Args, complaint.Bytes())
	}
}

func mosquittoSubArgs(version mqttwire.Version, o options) []string {
	args := []string{"-d", "-F", "%j", "-k", fmt.Sprint(o.keep())}
	if o.id != "" {
		args = append(args, "-i", o.id)
	}
	if o.resume {
		args = append(args, "-c")
	}
	if expiry := o.sessionExpiry(); version == v50 && expiry > 0 {
		args = append(args, "-x", fmt.Sprint(expiry))
	}
	property := func(packet, name string, value int) {
		if version == v50 && value != 0 {
			args = append(args, "-D", packet, name, fmt.Sprint(value))
		}
	}
	property("connect", "receive-maximum", int(o.receiveMaximum))
	property("connect", "maximum-packet-size", int(o.maximumPacket))
	if w := o.will; w != nil {
		args = append(args, "--will-topic", w.topic, "--will-payload", w.payload, "--will-qos", fmt.Sprint(w.qos))
		if w.retain {
			args = append(args, "--will-retain")
		}
		property("will", "will-delay-interval", int(o.willDelay))
		if version == v50 {
			args = append(args, mosquittoProperties("will", w.properties)...)
		}
	}
	if len(o.subscribe) == 0 {
		return append(args, "-t", "nothing/for/"+o.id) // it subscribes to something
	}
	for _, s := range o.subscribe {
		args = append(args, "-t", s.filter)
	}
	s := o.subscribe[0]
	if s.asPublished && version == v50 {
		args = append(args, "--retain-as-published")
	}
	property("subscribe", "subscription-identifier", s.id)
	return append(args, "-q", fmt.Sprint(s.qos))
}

func mosquittoProperties(of string, p properties) (args []string) {
	add := func(values ...string) { args = append(args, slices.Concat([]string{"-D", of}, values)...) }
	if p.format > 0 {
		add("payload-format-indicator", fmt.Sprint(p.format))
	}
	if p.expiry > 0 {
		add("message-expiry-interval", fmt.Sprint(p.expiry))
	}
	if p.contentType != "" {
		add("content-type", p.contentType)
	}
	if p.responseTopic != "" {
		add("response-topic", p.responseTopic)
	}
	if p.correlation != "" {
		add("correlation-data", p.correlation)
	}
	for _, x := range p.user {
		add("user-property", x.name, x.value)
	}
	return args
}

// line takes in a line that mosquitto_sub prints: with -d it tells of each
// packet.
func (m *mosquittoClient) line(b []byte, granted chan<- []byte) {
	text := string(b[:min(len(b), 200)])
	if *logLinks {
		m.c.t.Log(text)
	}
	if strings.HasPrefix(text, "{") {
		if got, err := m.message(b); err == nil {
			m.c.messages <- got
		} else {
			m.c.messages <- message{topic: "mosquitto_sub: " + err.Error(), payload: string(b)}
		}
		return
	}
	if _, rest, ok := strings.Cut(text, "Subscribed (mid: "); ok {
		_, rest, _ = strings.Cut(rest, "): ")
		var codes []byte
		for _, x := range strings.Split(rest, ", ") {
			n, _ := strconv.Atoi(x)
			codes = append(codes, byte(n))
		}
		granted <- codes
	}
	if _, rest, ok := strings.Cut(text, "eceived DISCONNECT ("); ok {
		n, _ := strconv.Atoi(strings.TrimSuffix(rest, ")"))
		m.c.ended <- byte(n)
	}
	if _, rest, ok := strings.Cut(text, "received PUBLISH (d"); ok { // d0, q2, r0, m1, 'topic', ...
		if x := strings.SplitN(rest, ", ", 5); len(x) == 5 {
			m.dup[strings.TrimPrefix(x[3], "m")] = x[0] == "1"
		}
	}
}

// message decodes a message as -F %j prints it.
func (m *mosquittoClient) message(b []byte) (message, error) {
	var x struct {
		Topic, Payload string
		QoS            byte
		Retain         int
		Mid            int
		Properties     struct {
			Format        byte            `json:"payload-format-indicator"`
			Expiry        uint32          `json:"message-expiry-interval"`
			ContentType   string          `json:"content-type"`
			ResponseTopic string          `json:"response-topic"`
			Correlation   string          `json:"correlation-data"`
			User          json.RawMessage `json:"user-properties"`
			ID            int             `json:"subscription-identifier"`
		}
	}
	if err := json.Unmarshal(b, &x); err != nil {
		return message{}, err
	}
	p := x.Properties
	got := message{topic: x.Topic, payload: x.Payload, qos: x.QoS, retain: x.Retain == 1, dup: x.QoS > 0 && m.dup[fmt.Sprint(x.Mid)],
		properties: properties{format: p.Format, expiry: p.Expiry, contentType: p.ContentType,
			responseTopic: p.ResponseTopic, correlation: p.Correlation}}
	if p.ID != 0 {
		got.ids = []int{p.ID}
	}
	var err error
	got.user, err = pairs(p.User)
	return got, err
}

// pairs decodes an object of strings in which a name may stand more than once.
func pairs(b []byte) (all []pair, err error) {
	if len(b) == 0 {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	var words []string
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if s, ok := token.(string); ok {
			words = append(words, s)
		}
	}
	for x := range slices.Chunk(words, 2) {
		all = append(all, pair{x[0], x[len(x)-1]})
	}
	return all, nil
}

func (m *mosquittoClient) subscribe(...subscription) ([]byte, error) {
	return nil, fmt.Errorf("%w: mosquitto_sub subscribes when it starts", errors.ErrUnsupported)
}

func (m *mosquittoClient) unsubscribe(string) error {
	return fmt.Errorf("%w: mosquitto_sub stays subscribed", errors.ErrUnsupported)
}

func (m *mosquittoClient) publish(x message) (byte, error) {
	ctx, cancel := context.WithTimeout(m.ctx, patience)
	defer cancel()
	args := []string{"-d", "-t", x.topic, "-q", fmt.Sprint(x.qos)}
	switch {
	case x.payload == "":
		args = append(args, "-n")
	case len(x.payload) > 10_000: // too long for an argument
		args = append(args, "-s")
	default:
		args = append(args, "-m", x.payload)
	}
	if x.retain {
		args = append(args, "-r")
	}
	if m.c.flavor.version == v50 {
		args = append(args, mosquittoProperties("publish", x.properties)...)
	}
	cmd := mosquitto(ctx, "mosquitto_pub", m.c.broker.address, m.c.flavor.version, args...)
	cmd.Stdin = strings.NewReader(x.payload)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%w: %s", err, out)
	}
	// Client … received PUBACK (Mid: 1, RC:16)
	_, rest, _ := strings.Cut(string(out), " received PUBACK ")
	if x.qos == 2 {
		_, rest, _ = strings.Cut(string(out), " received PUBREC ")
	}
	_, rest, _ = strings.Cut(rest, "RC:")
	rest, _, _ = strings.Cut(rest, ")")
	code, _ := strconv.Atoi(rest)
	return byte(code), nil
}

// end has mosquitto_sub end by itself, with a DISCONNECT.
func (m *mosquittoClient) end() error {
	if m.sub == nil {
		return nil
	}
	return m.sub.Process.Signal(syscall.SIGTERM)
}

func (m *mosquittoClient) stop() {
	m.cancel()
	if m.done != nil {
		<-m.done
	}
}

// freeze stops the program from running, as a machine does that is put to sleep.
func (m *mosquittoClient) freeze() error { return m.sub.Process.Signal(os.Signal(syscall.SIGSTOP)) }
