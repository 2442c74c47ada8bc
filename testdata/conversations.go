package testdata

import (
	"bytes"
	"embed"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

//go:embed conversations/*.jsonl
var conversationFiles embed.FS

// Conversation is what one end of a session is told and must answer, over one
// connection or several, a line of conversations/*.jsonl. README.md describes
// the files and says how to use them from another language.
type Conversation struct {
	// Name is the file's name, a slash, and what is special. Names are unique
	// within a version.
	Name string `json:"name"`
	// Version is "3.1", "3.1.1" or "5.0".
	Version string `json:"version"`
	// End is which end is looked at, "server" or "client".
	End string `json:"end"`
	// Options are what the end is set to.
	Options Options `json:"options"`
	// Leniency names a deviation that the end has been told to take, such as
	// "repeat-without-dup" (README.md has them all). It is empty where the end
	// takes none.
	Leniency string `json:"leniency"`
	// Clauses are the rules that it shows, or with a Leniency those that the peer
	// breaks: conformance statements and error rules, of Version.
	Clauses []string `json:"clauses"`
	// Note explains what the name does not.
	Note  string `json:"note"`
	Steps []Step `json:"steps"`
}

// Options are what an end is set to beside what its CONNECT says. The zero
// value supports all and limits nothing.
type Options struct {
	MaximumPacketSize     uint32   `json:"maximumPacketSize"`     // bytes; server
	MaximumKeepAlive      uint16   `json:"maximumKeepAlive"`      // seconds; server
	ReceiveMaximum        uint16   `json:"receiveMaximum"`        // server
	TopicAliasMaximum     uint16   `json:"topicAliasMaximum"`     // server
	AuthenticationMethods []string `json:"authenticationMethods"` // that the server supports
	// Lacks are what the server does not have: "qos1" (and so no QoS 2), "qos2",
	// "retain", "wildcard", "shared", "subscriptionIdentifier".
	Lacks []string `json:"lacks"`
	// Aliases is how many Topic Aliases the end gives to topics that it
	// publishes to, first come, first served, if the peer takes as many.
	Aliases uint16 `json:"aliases"`
}

// Step is one thing that happens to an end, and all that must come of it.
type Step struct {
	// At is when, in milliseconds since the conversation began. It never goes
	// back.
	At int64 `json:"at"`
	// In is what comes from the peer, one packet or several. Empty: nothing.
	In Hex `json:"in"`
	// Do is what the application of the end wants, or "lost": the network
	// connection is gone. It is empty where there is In. Where both are empty,
	// time has passed.
	Do string `json:"do"`
	// Packet is what the application wants to have sent. The end gives it the
	// Packet Identifier, and takes from it what it may not have.
	Packet *Packet `json:"packet"`

	// Out is what the end must write, to the byte.
	Out Hex `json:"out"`
	// Tell are the events that the application must be told, in order.
	Tell []Told `json:"tell"`
	// Error is what the peer did wrong, one of Errors.
	Error string `json:"error"`
	// Denied says that the end must not do what Do wants. Nothing happens.
	Denied bool `json:"denied"`
	// Closes says that the end closes the network connection, once Out is
	// written. From there to "lost" it must write nothing and tell nothing.
	Closes bool `json:"closes"`
	// Note explains what the step is there for.
	Note string `json:"note"`
}

// Told is an event. Which fields an event has, the others being zero, stands in
// README.md.
type Told struct {
	Event    string `json:"event"`
	PacketID uint16 `json:"packetId"`
	QoS      uint8  `json:"qos"`
	Topic    string `json:"topic"`
	Payload  Hex    `json:"payload"`
	Code     Code   `json:"code"`
}

// Said is what a machine did in a step, in the terms of Step.
type Said struct {
	Out    []byte
	Tell   []Told
	Error  string
	Denied bool
	Closes bool
}

// events are what an application must be told.
var events = []string{"connect", "accepted", "refused", "auth", "authenticated", "deliver", "completed", "rejected",
	"subscribe", "unsubscribe", "subscribed", "unsubscribed", "disconnect", "dropped", "will", "ended"}

// Must reports whether an event is one that an application must be told. What
// else a machine says, such as that a PUBLISH is known already, is its own.
func Must(event string) bool { return slices.Contains(events, event) }

// actions are what an application may want, and the packet type it takes.
var actions = map[string][]string{
	"connect":     {"CONNECT"},
	"accept":      {"CONNACK"},
	"refuse":      {"CONNACK"},
	"publish":     {"PUBLISH"},
	"ack":         {"PUBACK", "PUBREC"},
	"subscribe":   {"SUBSCRIBE"},
	"suback":      {"SUBACK"},
	"unsubscribe": {"UNSUBSCRIBE"},
	"unsuback":    {"UNSUBACK"},
	"auth":        {"AUTH"},
	"disconnect":  {"DISCONNECT"},
	"lost":        nil,
}

// Play runs a conversation: it gives a machine each step, and compares what the
// machine did with what it must do. do gets the conversation's steps in order,
// with the machine as it is made by the Options, in an adapter of the caller's.
// The error says in which step what was different, nil if nothing was.
//
// The order within a step does not count between Out and Tell.
func (c *Conversation) Play(do func(*Step) Said) error {
	for i := range c.Steps {
		want := &c.Steps[i]
		if wrong := want.compare(do(want)); wrong != "" {
			return errors.New(c.Version + " " + c.Name + ", step " + strconv.Itoa(i+1) + ": " + wrong)
		}
	}
	return nil
}

func (s *Step) compare(got Said) string {
	switch {
	case !bytes.Equal(got.Out, s.Out.Bytes()):
		return "wrote " + quoteHex(hexOf(got.Out)) + ", want " + quoteHex(s.Out)
	case !slices.Equal(got.Tell, s.Tell):
		return "told " + toldText(got.Tell) + ", want " + toldText(s.Tell)
	case got.Error != s.Error:
		return "error " + strconv.Quote(got.Error) + ", want " + strconv.Quote(s.Error)
	case got.Denied != s.Denied:
		return "denied " + strconv.FormatBool(got.Denied) + ", want " + strconv.FormatBool(s.Denied)
	case got.Closes != s.Closes:
		return "closes " + strconv.FormatBool(got.Closes) + ", want " + strconv.FormatBool(s.Closes)
	}
	return ""
}

// String returns the event in one line, such as "deliver 7 qos 1 t 6869".
func (t Told) String() string {
	s := t.Event
	if t.PacketID != 0 {
		s += " " + strconv.Itoa(int(t.PacketID))
	}
	if t.Event == "deliver" {
		s += " qos " + strconv.Itoa(int(t.QoS)) + " " + t.Topic + " " + string(t.Payload)
	}
	if t.Code != 0 {
		s += " " + t.Code.String()
	}
	return s
}

func toldText(all []Told) string {
	var s []string
	for _, t := range all {
		s = append(s, t.String())
	}
	return "[" + strings.Join(s, ", ") + "]"
}

func quoteHex(h Hex) string {
	if h == "" {
		return "nothing"
	}
	return string(h)
}

// Conversations returns all conversations, file by file in the order of the
// lines. An error says that the data is broken, and where. The caller owns the
// slice, but must not change what its conversations share.
func Conversations() ([]Conversation, error) {
	texts, err := Errors()
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(conversationFiles, "conversations/*.jsonl")
	if err != nil {
		return nil, err
	}
	var all []Conversation
	for _, name := range names {
		data, err := conversationFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		some, err := readLines(data, name, func(c *Conversation) (string, string) {
			wrong := c.check(strings.TrimSuffix(path.Base(name), ".jsonl"))
			for i := range c.Steps {
				s := &c.Steps[i]
				if wrong == "" && s.Error != "" && !slices.ContainsFunc(texts, func(e ErrorText) bool { return e.Error == s.Error }) {
					wrong = "step " + strconv.Itoa(i+1) + ": no such error"
				}
			}
			return c.Version + " " + c.Name, wrong
		})
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func (c *Conversation) check(stem string) string {
	switch {
	case !strings.HasPrefix(c.Name, stem+"/"):
		return "name does not begin with the file's name and a slash"
	case !slices.Contains(versions, c.Version):
		return "unknown version"
	case c.End != "server" && c.End != "client":
		return "end is neither server nor client"
	case len(c.Steps) == 0:
		return "no steps"
	}
	at, closed := int64(0), false
	for i := range c.Steps {
		s := &c.Steps[i]
		if wrong := s.check(); wrong != "" {
			return "step " + strconv.Itoa(i+1) + ": " + wrong
		}
		switch {
		case s.At < at:
			return "step " + strconv.Itoa(i+1) + ": time goes back"
		case closed && s.Do != "lost" && (s.Out != "" || s.Tell != nil || s.Closes):
			return "step " + strconv.Itoa(i+1) + ": something happens on a closed connection"
		}
		at, closed = s.At, (closed || s.Closes) && s.Do != "lost"
	}
	return ""
}

func (s *Step) check() string {
	types, known := actions[s.Do]
	switch {
	case s.Do != "" && !known:
		return "unknown do"
	case s.Do != "" && s.In != "":
		return "both in and do"
	case s.Packet == nil && types != nil || s.Packet != nil && !slices.Contains(types, s.Packet.Type):
		return "not the packet that do takes"
	case s.Denied && (s.Do == "" || s.Out != "" || s.Tell != nil || s.Error != "" || s.Closes):
		return "denied, and yet something happens"
	}
	for _, t := range s.Tell {
		if !Must(t.Event) {
			return "unknown event"
		}
	}
	return ""
}
