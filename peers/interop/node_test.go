package interop

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

var nodePrograms = requirement{
	variable: "MQTTWIRE_REQUIRE_NODE",
	hint:     "MQTT.js needs node and npm, and npm its registry",
	look: sync.OnceValue(func() error {
		for _, name := range []string{"node", "npm"} {
			if _, err := exec.LookPath(name); err != nil {
				return err
			}
		}
		_, err := theNode()
		return err
	}),
}

func missingNode() error { return nodePrograms.lacks() }

var nodeStarted bool

// theNode returns the node program that runs all clients of MQTT.js.
var theNode = sync.OnceValues(func() (*node, error) {
	nodeStarted = true
	dir, err := os.MkdirTemp("", "interop")
	if err != nil {
		return nil, err
	}
	n, err := startNode(dir)
	if err != nil {
		os.RemoveAll(dir)
	}
	return n, err
})

// A node is a node program, which runs js/driver.js.
type node struct {
	dir  string
	cmd  *exec.Cmd
	in   io.WriteCloser
	done chan struct{}

	mu      sync.Mutex
	sent    int // commands
	answers map[int]chan nodeSays
	clients map[string]*client
	broken  error
}

// nodeSays is an answer, or an event.
type nodeSays struct {
	N      int
	Client string
	Event  string

	Error      string
	Code       byte
	Granted    []int
	Topic      string
	Payload    []byte
	QoS        byte
	Retain     bool
	Dup        bool
	Properties *nodeProperties
}

// nodeProperties are properties as MQTT.js names them.
type nodeProperties struct {
	Format          bool       `json:"payloadFormatIndicator,omitempty"`
	Expiry          uint32     `json:"messageExpiryInterval,omitempty"`
	ContentType     string     `json:"contentType,omitempty"`
	ResponseTopic   string     `json:"responseTopic,omitempty"`
	Correlation     []byte     `json:"correlationData,omitempty"`
	User            [][]string `json:"userProperties,omitempty"`
	IDs             []int      `json:"subscriptionIdentifier,omitempty"`
	WillDelay       uint32     `json:"willDelayInterval,omitempty"`
	SessionExpiry   uint32     `json:"sessionExpiryInterval,omitempty"`
	ReceiveMaximum  uint16     `json:"receiveMaximum,omitempty"`
	MaximumPacket   uint32     `json:"maximumPacketSize,omitempty"`
	TopicAliases    uint16     `json:"topicAliasMaximum,omitempty"`
	AssignedID      string     `json:"assignedClientIdentifier,omitempty"`
	ServerKeepAlive uint16     `json:"serverKeepAlive,omitempty"`
}

func startNode(dir string) (*node, error) {
	for _, name := range []string{"package.json", "package-lock.json", "driver.js"} {
		b, err := os.ReadFile(filepath.Join("js", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
		}
		if err != nil {
			return nil, err
		}
	}
	install := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = dir
	// Those that wait for it time out by themselves.
	timer := time.AfterFunc(4*patience, func() { install.Process.Kill() })
	defer timer.Stop()
	if out, err := install.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("npm ci: %w: %s", err, out)
	}
	n := &node{dir: dir, cmd: exec.Command("node", "driver.js"), done: make(chan struct{}),
		answers: map[int]chan nodeSays{}, clients: map[string]*client{}}
	n.cmd.Dir, n.cmd.Stderr = dir, os.Stderr
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if n.in, err = n.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := n.cmd.Start(); err != nil {
		return nil, err
	}
	go n.read(out)
	return n, nil
}

func (n *node) stop() {
	n.in.Close() // it ends at the end of its input
	timer := time.AfterFunc(patience, func() { n.cmd.Process.Kill() })
	defer timer.Stop()
	<-n.done
	os.RemoveAll(n.dir)
}

// read takes in what the program says.
func (n *node) read(out io.Reader) {
	d := json.NewDecoder(bufio.NewReader(out))
	for {
		var x nodeSays
		err := d.Decode(&x)
		n.mu.Lock()
		if err != nil {
			n.broken = fmt.Errorf("node: %w", err)
			for _, answer := range n.answers {
				answer <- nodeSays{Error: n.broken.Error()}
			}
			n.answers = nil
			n.mu.Unlock()
			n.cmd.Process.Kill()
			n.cmd.Wait()
			close(n.done)
			return
		}
		answer, c := n.answers[x.N], n.clients[x.Client]
		delete(n.answers, x.N)
		n.mu.Unlock()
		switch {
		case answer != nil:
			answer <- x
		case c == nil:
		case x.Event == "message":
			c.messages <- x.message()
		case x.Event == "disconnect":
			c.ended <- x.Code
		}
	}
}

func (x *nodeSays) message() message {
	m := message{topic: x.Topic, payload: string(x.Payload), qos: x.QoS, retain: x.Retain, dup: x.Dup}
	if p := x.Properties; p != nil {
		if p.Format {
			m.format = 1
		}
		m.expiry, m.contentType, m.responseTopic, m.correlation = p.Expiry, p.ContentType, p.ResponseTopic, string(p.Correlation)
		m.ids = p.IDs
		for _, u := range p.User {
			m.user = append(m.user, pair{u[0], u[1]})
		}
	}
	return m
}

func toNode(p properties) *nodeProperties {
	x := &nodeProperties{Format: p.format == 1, Expiry: p.expiry, ContentType: p.contentType,
		ResponseTopic: p.responseTopic, Correlation: []byte(p.correlation)}
	for _, u := range p.user {
		x.User = append(x.User, []string{u.name, u.value})
	}
	return x
}

// ask sends a command, and returns where the answer will come.
func (n *node) ask(command map[string]any) <-chan nodeSays {
	answer := make(chan nodeSays, 1)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.broken != nil {
		answer <- nodeSays{Error: n.broken.Error()}
		return answer
	}
	n.sent++
	command["n"] = n.sent
	n.answers[n.sent] = answer
	b, err := json.Marshal(command)
	if err == nil {
		_, err = n.in.Write(append(b, '\n'))
	}
	if err != nil {
		delete(n.answers, n.sent)
		answer <- nodeSays{Error: err.Error()}
	}
	return answer
}

// await returns an answer, in time.
func await(answer <-chan nodeSays) (nodeSays, error) {
	select {
	case x := <-answer:
		if x.Error != "" {
			return x, errors.New(x.Error)
		}
		return x, nil
	case <-time.After(patience):
		return nodeSays{}, errors.New("node does not answer")
	}
}
