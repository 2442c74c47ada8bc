package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
)

// command is a run of the program: what was asked for.
type command struct {
	name      string // pub, sub or rr
	in        io.Reader
	out, errs io.Writer
	ctx       context.Context

	host, port    string
	tls           tlsFiles
	hello         codec.Connect
	lasting       bool // -c
	will          bool
	willTopic     string
	willPayload   []byte
	topics        []string
	level         qos.Level
	retain        bool
	source        func() (io.Reader, error) // -f, -s
	message       []byte
	hasMessage    bool // -m, -n
	lines         bool
	repeat        int
	repeatDelay   time.Duration
	responseTopic string
	unsubscribe   []string
	filterOut     []string
	verbose       bool
	format        *format
	noNewline     bool
	noRetained    bool
	exitAfter     bool
	count         int
	timeout       time.Duration
	store         string
	echo          bool
	quiet, debug  bool
	expiry        *uint32
	properties    map[mqttwire.PacketType]codec.Properties
}

var errHelp = errors.New("help")

// An option is a flag of one command or more.
type option struct {
	names string // separated by spaces
	value string // of its argument, "" where it has none
	of    string // the commands that have it, separated by spaces; "" for all
	usage string
	set   func(c *command, value string) error
}

// options are all there are, in the order of the help.
var options = []option{
	{"-h --host", "HOST", "", "the server; default localhost", func(c *command, v string) error { c.host = v; return nil }},
	{"-p --port", "PORT", "", "its port; default 1883, with TLS 8883", func(c *command, v string) error { c.port = v; return number(v, 1, 65535, func(int64) {}) }},
	{"-L --url", "URL", "", "mqtt[s]://[user[:password]@]host[:port]/topic", (*command).setURL},
	{"-i --id", "ID", "", "the Client Identifier; default one of the server's choice", func(c *command, v string) error { c.hello.ClientID = []byte(v); return nil }},
	{"-c --disable-clean-session", "", "", "take the session up where it is, and keep it", func(c *command, _ string) error { c.lasting = true; return nil }},
	{"-x --session-expiry-interval", "SECONDS", "", "how long the session lasts without a connection", (*command).setExpiry},
	{"-V --protocol-version", "VERSION", "", "mqttv31, mqttv311 or mqttv5 (31, 311, 5); default 5.0, or 3.1.1 where the server has nothing else", (*command).setVersion},
	{"-u --username", "NAME", "", "user name", func(c *command, v string) error {
		c.hello.UserNameFlag, c.hello.UserName = true, []byte(v)
		return nil
	}},
	{"-P --pw", "PASSWORD", "", "password", func(c *command, v string) error {
		c.hello.PasswordFlag, c.hello.Password = true, []byte(v)
		return nil
	}},
	{"-k --keepalive", "SECONDS", "", "Keep Alive; default 60", func(c *command, v string) error {
		return number(v, 0, math.MaxUint16, func(n int64) { c.hello.KeepAlive = uint16(n) })
	}},
	{"-q --qos", "QOS", "", "0, 1 or 2; default 0", func(c *command, v string) error {
		if number(v, 0, 2, func(n int64) { c.level = qos.Level(n) }) != nil {
			return usagef("Invalid QoS given: %s", v)
		}
		return nil
	}},
	{"-t --topic", "TOPIC", "", "the topic; of sub a Topic Filter, and as often as you like", func(c *command, v string) error { c.topics = append(c.topics, v); return nil }},
	{"-m --message", "TEXT", "pub rr", "the message", func(c *command, v string) error { c.message, c.hasMessage = []byte(v), true; return nil }},
	{"-n --null-message", "", "pub rr", "an empty message", func(c *command, _ string) error { c.message, c.hasMessage = nil, true; return nil }},
	{"-f --file", "FILE", "pub rr", "a file as the message", func(c *command, v string) error {
		c.source = func() (io.Reader, error) { return os.Open(v) }
		return nil
	}},
	{"-s --stdin-file", "", "pub rr", "all of standard input as the message", func(c *command, _ string) error {
		c.source = func() (io.Reader, error) { return c.in, nil }
		return nil
	}},
	{"-l --stdin-line", "", "pub", "each line of standard input as a message", func(c *command, _ string) error { c.lines = true; return nil }},
	{"-r --retain", "", "pub rr", "have the server retain it", func(c *command, _ string) error { c.retain = true; return nil }},
	{"--repeat", "N", "pub", "send it so often", func(c *command, v string) error {
		return number(v, 1, math.MaxInt32, func(n int64) { c.repeat = int(n) })
	}},
	{"--repeat-delay", "SECONDS", "pub", "and wait so long in between", func(c *command, v string) error { return seconds(v, &c.repeatDelay) }},
	{"--echo", "", "pub", "with -l, write each line to standard output once it is kept or delivered", func(c *command, _ string) error { c.echo = true; return nil }},
	{"-e --response-topic", "TOPIC", "rr", "where the response comes", func(c *command, v string) error { c.responseTopic = v; return nil }},
	{"-v --verbose", "", "sub rr", "write the topic before each message", func(c *command, _ string) error { c.verbose = true; return nil }},
	{"-F", "FORMAT", "sub rr", "how to write a message: %t topic, %p payload, %x in hex, %l its length, %q QoS, %r retain, %j JSON …", (*command).setFormat},
	{"-N", "", "sub rr", "write no newline after a message", func(c *command, _ string) error { c.noNewline = true; return nil }},
	{"-C --message-count", "N", "sub", "end after so many messages", func(c *command, v string) error {
		if number(v, 1, math.MaxInt32, func(n int64) { c.count = int(n) }) != nil {
			return usagef("Invalid message count %q.", v)
		}
		return nil
	}},
	{"-R", "", "sub", "leave out retained messages", func(c *command, _ string) error { c.noRetained = true; return nil }},
	{"-T --filter-out", "FILTER", "sub", "leave out what matches", func(c *command, v string) error { c.filterOut = append(c.filterOut, v); return nil }},
	{"-U --unsubscribe", "FILTER", "sub", "unsubscribe", func(c *command, v string) error { c.unsubscribe = append(c.unsubscribe, v); return nil }},
	{"-E", "", "sub", "end once the subscriptions are made", func(c *command, _ string) error { c.exitAfter = true; return nil }},
	{"-W", "SECONDS", "", "give up after so long, with exit code 27", func(c *command, v string) error { return seconds(v, &c.timeout) }},
	{"-D --property", "PACKET NAME VALUE", "", "a property of 5.0, such as publish content-type text/plain", nil},
	{"--will-topic", "TOPIC", "", "topic of the will", func(c *command, v string) error { c.will, c.willTopic = true, v; return nil }},
	{"--will-payload", "TEXT", "", "payload of the will", func(c *command, v string) error { c.willPayload = []byte(v); return nil }},
	{"--will-qos", "QOS", "", "QoS of the will", func(c *command, v string) error {
		return number(v, 0, 2, func(n int64) { c.hello.Will.QoS = qos.Level(n) })
	}},
	{"--will-retain", "", "", "have the server retain the will", func(c *command, _ string) error { c.hello.Will.Retain = true; return nil }},
	{"--cafile", "FILE", "", "who may have signed the server's certificate, PEM; it asks for TLS", func(c *command, v string) error { c.tls.ca = v; return nil }},
	{"--tls-use-os-certs", "", "", "TLS with the certificates of the system", func(c *command, _ string) error { c.tls.system = true; return nil }},
	{"--cert", "FILE", "", "the client's certificate, PEM", func(c *command, v string) error { c.tls.certificate = v; return nil }},
	{"--key", "FILE", "", "its key, PEM", func(c *command, v string) error { c.tls.key = v; return nil }},
	{"--insecure", "", "", "do not check the server's host name", func(c *command, _ string) error { c.tls.insecure = true; return nil }},
	{"--store -store", "DIRECTORY", "", "keep the session here, over the end of the process; asks for -i", func(c *command, v string) error { c.store, c.lasting = v, true; return nil }},
	{"-d --debug", "", "", "say what happens to the connection", func(c *command, _ string) error { c.debug = true; return nil }},
	{"--quiet", "", "", "say nothing of what is wrong, except by the exit code", func(c *command, _ string) error { c.quiet = true; return nil }},
	{"--help -help", "", "", "this", func(*command, string) error { return errHelp }},
}

// has reports whether the option is one of a command.
func (o *option) has(name string) bool {
	return o.of == "" || strings.Contains(" "+o.of+" ", " "+name+" ")
}

// help shows the options, of one command or of all.
func help(w io.Writer, command string) {
	fmt.Fprint(w, "client pub -t TOPIC -m MESSAGE      publish\nclient sub -t FILTER                subscribe\nclient rr -t TOPIC -e TOPIC -m TEXT ask, and wait for the response\n\n")
	for _, o := range options {
		if command != "" && !o.has(command) {
			continue
		}
		of := ""
		if o.of != "" && command == "" {
			of = " (" + strings.ReplaceAll(o.of, " ", ", ") + ")"
		}
		fmt.Fprintf(w, "  %-44s %s%s\n", strings.ReplaceAll(o.names, " ", ", ")+" "+o.value, o.usage, of)
	}
}

// number reads a number within bounds.
func number(s string, from, to int64, set func(int64)) error {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < from || n > to {
		return usagef("%q is not a number from %d to %d.", s, from, to)
	}
	set(n)
	return nil
}

func seconds(s string, d *time.Duration) error {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 0 && f < 1e9) {
		return usagef("%q is not a number of seconds.", s)
	}
	*d = time.Duration(f * float64(time.Second))
	return nil
}

// parse reads the command line.
func (c *command) parse(args []string) error {
	c.host, c.hello.KeepAlive, c.repeat = "localhost", 60, 1
	c.properties = map[mqttwire.PacketType]codec.Properties{}
	for len(args) > 0 {
		name := args[0]
		args = args[1:]
		o := find(name)
		if long, value, ok := strings.Cut(name, "="); o == nil && ok && strings.HasPrefix(long, "--") { // --topic=a
			if o = find(long); o != nil && o.value != "" {
				name, args = long, append([]string{value}, args...)
			}
		}
		switch {
		case o == nil || !o.has(c.name):
			return usagef("Unknown option '%s'.", name)
		case o.set == nil:
			n, err := c.property(args)
			if err != nil {
				return err
			}
			args = args[n:]
			continue
		}
		value := ""
		if o.value != "" {
			if len(args) == 0 {
				return usagef("%s argument given but no value specified.", name)
			}
			value, args = args[0], args[1:]
		}
		if err := o.set(c, value); err != nil {
			return err
		}
	}
	return c.check()
}

func find(name string) *option {
	for i := range options {
		for n := range strings.FieldsSeq(options[i].names) {
			if n == name {
				return &options[i]
			}
		}
	}
	return nil
}

// check holds what was asked for together.
func (c *command) check() error {
	p := &c.hello
	p.CleanStart = !c.lasting
	p.Properties = c.properties[mqttwire.CONNECT]
	if c.expiry != nil {
		p.Properties = codec.AppendSessionExpiryInterval(p.Properties, *c.expiry)
	}
	if c.will {
		p.WillFlag, p.Will.Topic, p.Will.Payload = true, []byte(c.willTopic), c.willPayload
		p.Will.Properties = c.properties[codec.WillProperties]
	} else if len(c.willPayload) > 0 || p.Will.QoS > 0 || p.Will.Retain {
		return usagef("Will payload, QoS or retain given, but no will topic given.")
	}
	messages := 0
	for _, has := range []bool{c.hasMessage, c.source != nil, c.lines} {
		if has {
			messages++
		}
	}
	switch {
	case c.lasting && len(p.ClientID) == 0:
		return usagef("You must provide a client id (-i) if the session is to be kept.")
	case messages > 1:
		return usagef("Only one type of message can be sent at once.")
	case c.name == "sub" && len(c.topics)+len(c.unsubscribe) == 0:
		return usagef("You must specify a topic to subscribe to.")
	case c.name != "sub" && len(c.topics) > 1:
		return usagef("Only one topic can be given.")
	case c.name == "rr" && c.responseTopic == "":
		return usagef("You must specify a response topic (-e).")
	case c.name != "sub" && (len(c.topics) == 0 || messages == 0) && !(c.name == "pub" && c.store != "" && messages == 0):
		return usagef("Both topic and message must be supplied.")
	case p.Version != 0 && p.Version != mqttwire.V50 && len(c.properties) > 0:
		return usagef("Properties (-D) need MQTT 5.0.")
	}
	if p.Version == mqttwire.V31 && len(p.ClientID) == 0 {
		p.ClientID = []byte("client-" + strings.ToLower(rand.Text()[:16])) // 3.1 §3.1: 1 to 23 characters
	}
	if len(c.properties) > 0 {
		p.Version = mqttwire.V50 // nothing else can say them
	}
	for t, properties := range c.properties {
		if err := properties.Check(t); err != nil {
			return usagef("%v: %v", t, err)
		}
	}
	return nil
}

func (c *command) setVersion(v string) error {
	versions := map[string]mqttwire.Version{"mqttv31": mqttwire.V31, "31": mqttwire.V31, "mqttv311": mqttwire.V311, "311": mqttwire.V311,
		"mqttv5": mqttwire.V50, "5": mqttwire.V50}
	version, ok := versions[v]
	if !ok {
		return usagef("Invalid protocol version argument given.")
	}
	c.hello.Version = version
	return nil
}

func (c *command) setExpiry(v string) error {
	if v == "∞" || v == "-1" {
		v = "4294967295"
	}
	return number(v, 0, math.MaxUint32, func(n int64) { x := uint32(n); c.expiry = &x })
}

func (c *command) setFormat(v string) (err error) {
	c.format, err = parseFormat(v)
	return err
}

func (c *command) setURL(v string) error {
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "mqtt" && u.Scheme != "mqtts" || u.Hostname() == "" {
		return usagef("Invalid URL %q.", v)
	}
	c.host = u.Hostname()
	if u.Port() != "" {
		c.port = u.Port()
	}
	c.tls.system = c.tls.system || u.Scheme == "mqtts"
	if u.User != nil {
		c.hello.UserNameFlag, c.hello.UserName = true, []byte(u.User.Username())
		if password, ok := u.User.Password(); ok {
			c.hello.PasswordFlag, c.hello.Password = true, []byte(password)
		}
	}
	if topic := strings.TrimPrefix(u.Path, "/"); topic != "" {
		c.topics = append(c.topics, topic)
	}
	return nil
}

// property reads what follows -D, and returns how many arguments that is.
func (c *command) property(args []string) (int, error) {
	packets := map[string]mqttwire.PacketType{"connect": mqttwire.CONNECT, "publish": mqttwire.PUBLISH, "subscribe": mqttwire.SUBSCRIBE,
		"unsubscribe": mqttwire.UNSUBSCRIBE, "disconnect": mqttwire.DISCONNECT, "will": codec.WillProperties}
	if len(args) < 3 {
		return 0, usagef("-D wants a packet, a property and its value.")
	}
	t, ok := packets[args[0]]
	if !ok {
		return 0, usagef("Invalid packet %q of -D.", args[0])
	}
	x := codec.Property{ID: propertyOf(args[1]), Value: []byte(args[2])}
	n := 3
	switch x.ID.Type() {
	case codec.NoType:
		return 0, usagef("Invalid property name %q.", args[1])
	case codec.UTF8StringPair:
		if len(args) < 4 {
			return 0, usagef("A user property has a name and a value.")
		}
		x.Key, x.Value, n = x.Value, []byte(args[3]), 4
	case codec.UTF8String, codec.BinaryData:
	default:
		x.Value = nil
		if err := number(args[2], 0, math.MaxUint32, func(v int64) { x.Number = uint32(v) }); err != nil {
			return 0, err
		}
	}
	if !x.ID.AllowedIn(t) {
		return 0, usagef("%s is no property of %s.", args[1], args[0])
	}
	c.properties[t] = c.properties[t].Append(x)
	return n, nil
}

// propertyOf returns the property with a name such as message-expiry-interval.
func propertyOf(name string) codec.PropertyID {
	for id := codec.PropertyID(1); id < 128; id++ {
		if id.Defined() && strings.EqualFold(strings.ReplaceAll(id.String(), " ", "-"), name) {
			return id
		}
	}
	return 0
}
