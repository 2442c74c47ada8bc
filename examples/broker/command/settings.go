package command

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/broker/gate"
	"github.com/mqttwire/mqttwire/examples/broker/hub"
	"github.com/mqttwire/mqttwire/examples/broker/server"
	"github.com/mqttwire/mqttwire/tokenauth"
)

// settings are all that can be set, by a flag or in a configuration file.
type settings struct {
	listen, listenTLS             list
	certificates                  gate.CertificateFiles
	certificateCN                 bool
	files                         gate.Files
	anonymous                     bool
	ahead, late                   time.Duration
	instance                      string
	deny                          deny
	reload                        time.Duration
	refused, lenient, exempt      list
	limits, clientID              string
	networks                      []netip.Prefix // exempt
	maximumQoS                    int
	retain, wildcard, shared, ids bool
	server                        server.Config
	logLevel, logFormat           string
	verbose                       bool
	grace                         time.Duration

	hashPassword string
	extensions   []Extension
}

// flags defines the flags of all settings, with their defaults.
func (s *settings) flags(f *flag.FlagSet) {
	c := &s.server
	o := hub.DefaultOptions()
	s.listen.values = []string{"127.0.0.1:1883"}
	f.Var(&s.listen, "listen", "`address` to listen on; give it again for another, empty for none")
	f.Var(&s.listenTLS, "listen-tls", "`address` to listen on with TLS; give it again for another")
	f.StringVar(&s.certificates.Certificate, "tls-cert", "", "`file` of the server's certificate, PEM")
	f.StringVar(&s.certificates.Key, "tls-key", "", "`file` of its key, PEM")
	f.StringVar(&s.certificates.ClientCA, "tls-client-ca", "", "`file` of who signs clients' certificates, PEM")
	f.BoolVar(&s.certificates.Required, "tls-require-cert", false, "let nobody in on -listen-tls without a client certificate")
	f.BoolVar(&s.certificateCN, "tls-cert-user", false, "take the Common Name of a client's certificate for its user name")

	f.StringVar(&s.files.Users, "users", "", "`file` of users and passwords; see -hash-password")
	f.StringVar(&s.files.ACL, "acl", "", "`file` of who may read and write which topics; it does not bind clients with tokens, which say so themselves")
	f.StringVar(&s.files.TokenKeys, "token-keys", "", "`file` of keys of tokens, as \"go run ./examples/token key\" makes it")
	f.StringVar(&s.files.Revocations, "token-revoked", "", "`file` of revoked tokens, which must be there, if empty; \"go run ./examples/token revoke\" adds to it")
	f.DurationVar(&s.ahead, "token-notice", tokenauth.DefaultAhead, "how long before its token expires a client is told; 0 for never")
	f.DurationVar(&s.late, "token-late", 0, "let clients in that give no user name and then upload a token, for so long without one (with -anonymous, for as long as they like), and let clients upload tokens of a type that their CONNECT did not have; 0 for neither")
	f.StringVar(&s.instance, "token-instance", "", "the `instance` that this broker is: clients of others are refused. Without it clients of all instances have the same topics")
	f.Var(&s.deny, "deny", "`what` becomes of a client whose PUBLISH or SUBSCRIBE is refused, once that is acknowledged: \"acknowledge\" lets it stay, \"close\" ends its connection. By default those with tokens are closed where the acknowledgement cannot say that it refuses (PUBLISH before 5.0 or of QoS 0), others stay. In 3.1 a refused SUBSCRIBE always closes")
	f.BoolVar(&s.anonymous, "anonymous", false, "let clients in that give no user name (default true without -users and -token-keys)")
	f.DurationVar(&s.reload, "reload", time.Second, "how often the files of users, access, tokens and certificates are looked at for changes; 0 for never")
	f.StringVar(&s.hashPassword, "hash-password", "", "make a line for -users: for this user `name`, with the password from standard input, and do nothing else")

	const bytes = math.MaxInt32
	define(f, &c.MaximumConnectSize, "max-connect", o.MaximumConnectSize, 16, 268_435_460, "most `bytes` a CONNECT may take")
	define(f, &c.MaximumPacketSize, "max-packet", o.MaximumPacketSize, 16, 268_435_460, "most `bytes` any other packet may take")
	define(f, &s.maximumQoS, "max-qos", 2, 0, 2, "the highest `QoS`")
	f.BoolVar(&s.retain, "retain", true, "retain messages")
	f.BoolVar(&s.wildcard, "wildcard", true, "allow subscriptions with wildcards")
	f.BoolVar(&s.shared, "shared", true, "allow shared subscriptions")
	f.BoolVar(&s.ids, "subscription-ids", true, "allow subscription identifiers")
	define(f, &c.ReceiveMaximum, "receive-maximum", o.ReceiveMaximum, 1, 65535, "most `messages` of QoS 1 and 2 of a client's on their way to the broker")
	define(f, &c.OutboundWindow, "max-inflight", o.OutboundWindow, 1, 65535, "most `messages` of QoS 1 and 2 on their way to a client")
	define(f, &c.TopicAliasMaximum, "topic-alias-maximum", o.TopicAliasMaximum, 0, 65535, "most topic `aliases` that a client may give")
	define(f, &c.TopicAliases, "topic-aliases", o.TopicAliases, 0, 65535, "most topic `aliases` that the broker gives a client that takes them")
	define(f, &c.MaximumKeepAlive, "max-keepalive", o.MaximumKeepAlive, 0, 65535, "the longest keep-alive, `seconds`; 0 for no limit")
	define(f, &c.MaximumSessionExpiry, "max-session-expiry", o.MaximumSessionExpiry, 0, math.MaxUint32, "how long a session outlives its connection at most, `seconds`; 0 for no limit")
	f.DurationVar(&c.Retry, "retry", 0, "send a message again when it is not acknowledged for so long, before 5.0 only; 0 for never")

	define(f, &c.MaxQueue, "max-buffer", 1<<20, 1, bytes, "most `bytes` that wait to be written to a client; what comes on top waits in its session, or at QoS 0 is dropped")
	define(f, &c.MaxQueuedMessages, "max-queued", 100_000, 1, bytes, "most `messages` of QoS 1 and 2 that wait in a session")
	define(f, &c.MaxQueuedBytes, "max-queued-bytes", 64<<20, 1, bytes, "most `bytes` that wait in a session")
	f.BoolVar(&c.DisconnectSlow, "disconnect-slow", false, "disconnect a client whose queue is full")
	f.DurationVar(&c.HoldBudget, "hold-budget", 200*time.Millisecond, "for how long in 10 s the subscribers of one user or, without users, of one address that are slow may hold up publishers who have something for others too; negative for no time. Then their queues fill")
	define(f, &c.MaxSessions, "max-sessions", 1_000_000, 1, bytes, "most `clients` there may be, connected or not")
	define(f, &c.MaxSubscriptions, "max-subscriptions", 100_000, 1, bytes, "most `subscriptions` of a client")
	define(f, &c.MaxLevels, "max-levels", 128, 1, 65536, "most `levels` of a topic filter, and of the topic of a retained message")
	define(f, &c.MaxRetained, "max-retained", 0, 0, bytes, "most `messages` that are retained; 0 for no limit")
	s.defineLimits(f)
	f.BoolVar(&c.RefusedByAny, "refused-by-any", false, "answer a PUBLISH of 5.0 with 0x97 where any session that wants the message has no room for it, though others get it; else only where nobody takes it")
	f.BoolVar(&c.KeepRevoked, "keep-revoked", false, "keep what users have retained who are removed, locked out, suspended or denied the topic since")
	f.DurationVar(&c.Bans.Window, "ban-window", time.Minute, "how long an offence counts")
	f.DurationVar(&c.Bans.For, "ban-for", 10*time.Minute, "how long a ban lasts")
	s.refused.values = []string{"test/nosubscribe"}
	f.Var(&s.refused, "refuse-filter", "topic `filter` that nobody may subscribe to; give it again for another, empty for none. The default is what interoperability suites expect")
	f.Var(&s.lenient, "lenient", "`names` of deviations from the standard that are taken from clients, with commas between: "+codec.AllLeniencies.String())
	f.StringVar(&c.ResponseInformation, "response-information", "", "`text` for clients that ask for response information; %c is the client id")

	f.DurationVar(&c.ConnectTimeout, "connect-timeout", o.ConnectTimeout, "how long a connection may take to send its CONNECT")
	f.DurationVar(&c.WriteTimeout, "write-timeout", time.Minute, "how long a write of 64 KiB to a client may take")
	f.DurationVar(&c.Linger, "linger", time.Second, "how long a connection that the broker ends is kept to deliver the reason")
	f.DurationVar(&c.SysInterval, "sys-interval", 10*time.Second, "how often $SYS/broker/# is published; negative for never")
	f.DurationVar(&s.grace, "grace", 5*time.Second, "how long clients may take to leave when the broker stops")
	f.StringVar(&s.logLevel, "log-level", "info", "`level` of what is logged: debug (every packet), info, warn or error")
	f.StringVar(&s.logFormat, "log-format", "text", "`format` of the log: text or json")
	f.BoolVar(&s.verbose, "v", false, "the same as -log-level debug")
	for _, x := range s.extensions {
		x.Flags(f)
	}
}

// parse reads the command line, and the configuration file that it names.
func parse(args []string, out io.Writer, extensions ...Extension) (*settings, error) {
	s := &settings{extensions: extensions}
	f := flag.NewFlagSet("broker", flag.ContinueOnError)
	f.SetOutput(io.Discard) // an error is told by itself
	usage := func() {
		f.SetOutput(out)
		fmt.Fprint(out, "An MQTT broker for 3.1, 3.1.1 and 5.0. All that can be set has a default:\n\n")
		f.PrintDefaults()
		fmt.Fprint(out, "\nA configuration file is a JSON object of the same names: {\"listen\": [\":1883\"], \"max-qos\": 1}.\nWhat the command line says comes before what the file says.\n")
	}
	s.flags(f)
	config := f.String("config", "", "`file` of settings, JSON")
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		usage()
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w; -help lists the settings", err)
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("what is %q? Settings begin with a dash; -help lists them", f.Arg(0))
	}
	given := map[string]bool{}
	f.Visit(func(x *flag.Flag) { given[x.Name] = true })
	first := maps.Clone(given)
	if *config != "" {
		if err := s.read(f, *config, given); err != nil {
			return nil, err
		}
	}
	if given["v"] && given["log-level"] && first["v"] != first["log-level"] {
		s.verbose = s.verbose && first["v"] // the command line says which
	} else if s.verbose && given["log-level"] && s.logLevel != "debug" {
		return nil, fmt.Errorf("-v and -log-level %s contradict each other", s.logLevel)
	}
	return s, s.finish(f, given)
}

// grantLeniencies reads the names of -lenient.
func (s *settings) grantLeniencies() error {
	for _, names := range s.lenient.values {
		for name := range strings.SplitSeq(names, ",") {
			l, ok := codec.LeniencyNamed(strings.TrimSpace(name))
			if !ok {
				return fmt.Errorf("-lenient: there is no %q; there are %v", name, codec.AllLeniencies)
			}
			s.server.Lenient |= l
		}
	}
	return nil
}

// finish makes of the settings what they stand for, and checks them.
func (s *settings) finish(f *flag.FlagSet, given map[string]bool) error {
	c := &s.server
	c.NoQoS1, c.NoQoS2 = s.maximumQoS < 1, s.maximumQoS < 2
	c.NoRetain, c.NoWildcard, c.NoShared, c.NoSubscriptionID = !s.retain, !s.wildcard, !s.shared, !s.ids
	c.RefusedFilters = s.refused.values
	if err := s.grantLeniencies(); err != nil {
		return err
	}
	if !given["anonymous"] {
		s.anonymous = s.files.Users == "" && s.files.TokenKeys == ""
	}
	if len(s.listenTLS.values) > 0 && !given["listen"] {
		s.listen.values = nil // who asks for TLS does not want the other unasked
	}
	if s.hashPassword != "" {
		return nil
	}
	if err := s.checkDurations(); err != nil {
		return err
	}
	if err := s.applyLimits(f, given); err != nil {
		return err
	}
	if err := s.contradict(given); err != nil {
		return err
	}
	if err := s.agree(f, given); err != nil {
		return err
	}
	if s.instance != "" {
		c := tokenauth.Credentials{AccessKeyID: []byte("x"), InstanceID: []byte(s.instance)}
		if _, err := c.AppendUserName(nil); err != nil {
			return fmt.Errorf("-token-instance: %w", err)
		}
	}
	level := slog.LevelDebug
	if !s.verbose {
		if err := level.UnmarshalText([]byte(s.logLevel)); err != nil {
			return fmt.Errorf("-log-level: %w", err)
		}
	}
	options := &slog.HandlerOptions{Level: level}
	switch s.logFormat {
	case "text":
		c.Log = slog.New(gate.Discreet(slog.NewTextHandler(os.Stderr, options)))
	case "json":
		c.Log = slog.New(gate.Discreet(slog.NewJSONHandler(os.Stderr, options)))
	default:
		return fmt.Errorf("-log-format: %q is neither text nor json", s.logFormat)
	}
	return nil
}
