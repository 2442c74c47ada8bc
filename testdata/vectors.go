package testdata

import (
	"bytes"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"sync"
)

//go:embed vectors/*.jsonl
var vectorFiles embed.FS

// Vector is one control packet in one protocol version: bytes that must be
// read as Packet, or that must be refused with Error. README.md describes the
// files and says how to use them from another language.
type Vector struct {
	// Name says what is special about the packet, such as
	// "publish/qos1-dup". The part before the slash is the packet type and the
	// file. Names are unique within a version.
	Name string `json:"name"`
	// Version is "3.1", "3.1.1" or "5.0".
	Version string `json:"version"`
	// From is "client", "server" or "either". A valid packet may be sent by
	// it; an invalid one must be refused from it, "either" whoever sent it.
	From string `json:"from"`
	// Hex is the whole packet, and nothing after it. Where the Remaining Length
	// has more than four bytes, the packet ends with it.
	Hex Hex `json:"hex"`

	// Packet is what a valid vector says, and one with a Leniency to who grants
	// it; nil in any other invalid one.
	Packet *Packet `json:"packet"`
	// Canonical is what an encoder writes for Packet where it is not Hex:
	// nothing that could be shorter, no bit that has no meaning. It is empty
	// where it is Hex; see CanonicalBytes.
	Canonical Hex `json:"canonical"`
	// Lenient says that a valid vector is one only to a decoder: the standard
	// does not let From send it, but who does so harms nobody. An encoder that
	// writes for From refuses it.
	Lenient bool `json:"lenient"`
	// Leniency names a deviation that exists in the field and that a decoder may
	// be told to take, such as "dup-qos-0" (README.md has them all). The vector
	// is invalid, with an Error, to any other decoder; to that one it is Packet.
	Leniency string `json:"leniency"`

	// Error is the text of the mqttwire.Error of an invalid vector, empty in a
	// valid one. In one with a Leniency an encoder that writes something else
	// than Canonical has it too.
	Error string `json:"error"`
	// Reason is the 5.0 Reason Code that the error stands for, in every
	// version; 0 in a valid vector.
	Reason Code `json:"reason"`
	// Answer is what the receiver sends before it closes the connection; nil:
	// it closes without a word.
	Answer *Answer `json:"answer"`

	// Clauses are the rules that an invalid packet breaks or that a valid one
	// shows: conformance statements ("MQTT-3.8.3-4") and rows of the error
	// rules ("E-3.8.3.1/2"). The clause tables of this package list them.
	Clauses []string `json:"clauses"`
	// Note explains what the name does not.
	Note string `json:"note"`
}

// Valid reports whether the packet must be accepted: by a decoder that grants
// nothing, so not one with a Leniency.
func (v *Vector) Valid() bool { return v.Packet != nil && v.Leniency == "" }

// Bytes returns the packet, in a new slice.
func (v *Vector) Bytes() []byte { return v.Hex.Bytes() }

// CanonicalBytes returns what an encoder writes for Packet, in a new slice; one
// that writes what it should not, if the vector has a Leniency. It is nil where
// there is no Packet.
func (v *Vector) CanonicalBytes() []byte {
	switch {
	case v.Packet == nil:
		return nil
	case v.Canonical != "":
		return v.Canonical.Bytes()
	}
	return v.Hex.Bytes()
}

// Packet is a decoded control packet: Type, and those of the other fields that
// the type has. A field that is absent from the packet is zero, and so is one
// whose value is zero, except for UserName and Password.
type Packet struct {
	// Type is the standard's name of the packet type, such as "PUBLISH".
	Type string `json:"type"`

	// CONNECT. ProtocolLevel is without bit 7, which is Bridge. CleanStart is
	// Clean Session before 5.0. UserName and Password are nil where absent.
	ProtocolName  string  `json:"protocolName"`
	ProtocolLevel uint8   `json:"protocolLevel"`
	Bridge        bool    `json:"bridge"`
	CleanStart    bool    `json:"cleanStart"`
	KeepAlive     uint16  `json:"keepAlive"` // seconds
	ClientID      string  `json:"clientId"`
	Will          *Will   `json:"will"`
	UserName      *string `json:"userName"`
	Password      *Hex    `json:"password"`

	// CONNACK.
	SessionPresent bool `json:"sessionPresent"`

	// PUBLISH.
	Dup     bool   `json:"dup"`
	QoS     uint8  `json:"qos"`
	Retain  bool   `json:"retain"`
	Topic   string `json:"topic"`
	Payload Hex    `json:"payload"`

	// PacketID is the Packet Identifier of every packet that has one.
	PacketID uint16 `json:"packetId"`
	// Code is the Reason Code or Connect Return code of a packet that has one.
	Code Code `json:"code"`
	// Codes are those of SUBACK and UNSUBACK, in the order of the filters.
	Codes []Code `json:"codes"`
	// Properties are those of the packet, in the order of the bytes. A will
	// has its own.
	Properties []Property `json:"properties"`

	Subscriptions []Subscription `json:"subscriptions"` // SUBSCRIBE
	Filters       []string       `json:"filters"`       // UNSUBSCRIBE
}

// Will is the Will Message of a CONNECT.
type Will struct {
	QoS        uint8      `json:"qos"`
	Retain     bool       `json:"retain"`
	Topic      string     `json:"topic"`
	Payload    Hex        `json:"payload"`
	Properties []Property `json:"properties"`
}

// Subscription is a Topic Filter of a SUBSCRIBE with its options. Before 5.0
// there is QoS alone.
type Subscription struct {
	Filter            string `json:"filter"`
	QoS               uint8  `json:"qos"`
	NoLocal           bool   `json:"noLocal"`
	RetainAsPublished bool   `json:"retainAsPublished"`
	RetainHandling    uint8  `json:"retainHandling"`
}

// Answer is the packet with which a receiver answers a packet it refuses.
type Answer struct {
	// Packet is "CONNACK" or "DISCONNECT".
	Packet string `json:"packet"`
	// Code is its Reason Code, or its Connect Return code in a CONNACK of 3.1
	// or 3.1.1.
	Code Code `json:"code"`
}

// Hex is bytes, as an even number of lower-case hexadecimal digits.
type Hex string

// Bytes returns the bytes in a new slice, and nil for a Hex that the loader
// would refuse.
func (h Hex) Bytes() []byte {
	b, err := hex.DecodeString(string(h))
	if err != nil {
		return nil
	}
	return b
}

func hexOf(b []byte) Hex { return Hex(hex.EncodeToString(b)) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hex) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil {
		return err
	}
	if *h = Hex(text); hex.EncodeToString(b) != string(text) {
		return errHex
	}
	return nil
}

// Code is a Reason Code or a Connect Return code, written "0x81" wherever one
// stands.
type Code uint8

// String returns the code as it is written, "0x81".
func (c Code) String() string { return "0x" + hex.EncodeToString([]byte{byte(c)}) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Code) UnmarshalText(text []byte) error {
	digits, ok := strings.CutPrefix(string(text), "0x")
	b := Hex(digits).Bytes()
	if !ok || len(b) != 1 {
		return errCode
	}
	*c = Code(b[0])
	return nil
}

// What the loader refuses beyond what is not JSON.
var (
	errHex       = errors.New("hex digits are not lower-case")
	errCode      = errors.New(`code is not of the form "0x81"`)
	errTrailing  = errors.New("more than one value in the line")
	errName      = errors.New("name does not begin with the file's name and a slash")
	errDuplicate = errors.New("name given twice for the version")
	errVersion   = errors.New("version is not 3.1, 3.1.1 or 5.0")
	errFrom      = errors.New("from is not client, server or either")
	errNoBytes   = errors.New("no hex")
	errKind      = errors.New("neither packet nor error, or both")
	errType      = errors.New("packet type is not the file's")
	errValid     = errors.New("reason or answer in a valid vector")
	errInvalid   = errors.New("canonical in an invalid vector")
	errReason    = errors.New("error without a reason")
	errCanonical = errors.New("canonical is the hex itself")
	errLenient   = errors.New("lenient in an invalid vector, or in one from either")
	errLeniency  = errors.New("leniency in a vector without a packet")
	errAnswer    = errors.New("answer is neither CONNACK nor DISCONNECT")
)

// loadError says where the data is wrong.
type loadError struct {
	file string
	line int
	err  error
}

func (e *loadError) Error() string {
	return e.file + ":" + strconv.Itoa(e.line) + ": " + e.err.Error()
}

func (e *loadError) Unwrap() error { return e.err }

// Vectors returns all vectors, file by file in the order of the lines. They
// are read once and shared by all callers, who must not change them. An error
// says that the data is broken, and where: the loader refuses fields it does
// not know, names given twice and hex that is none.
func Vectors() ([]Vector, error) { return load() }

var load = sync.OnceValues(func() ([]Vector, error) {
	names, err := fs.Glob(vectorFiles, "vectors/*.jsonl")
	if err != nil {
		return nil, err
	}
	var all []Vector
	seen := make(map[[2]string]bool)
	for _, name := range names {
		data, err := vectorFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		stem := strings.TrimSuffix(path.Base(name), ".jsonl")
		for i, line := range bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n")) {
			v, err := parseVector(line, stem)
			if key := [2]string{v.Version, v.Name}; err == nil && seen[key] {
				err = errDuplicate
			} else {
				seen[key] = true
			}
			if err != nil {
				return nil, &loadError{name, i + 1, err}
			}
			all = append(all, v)
		}
	}
	return all, nil
})

// parseVector reads a line of the file whose name is stem and ".jsonl".
func parseVector(line []byte, stem string) (Vector, error) {
	var v Vector
	if err := decodeStrict(line, &v); err != nil {
		return v, err
	}
	return v, v.check(stem)
}

func (v *Vector) check(stem string) error {
	switch {
	case !strings.HasPrefix(v.Name, stem+"/"):
		return errName
	case v.Version != "3.1" && v.Version != "3.1.1" && v.Version != "5.0":
		return errVersion
	case v.From != "client" && v.From != "server" && v.From != "either":
		return errFrom
	case v.Hex == "":
		return errNoBytes
	case v.Valid() == (v.Error != ""):
		return errKind
	case v.Leniency != "" && v.Packet == nil:
		return errLeniency
	case v.Packet != nil && strings.ToLower(v.Packet.Type) != stem:
		return errType
	case v.Valid() && (v.Reason != 0 || v.Answer != nil):
		return errValid
	case v.Packet == nil && v.Canonical != "":
		return errInvalid
	case !v.Valid() && v.Reason == 0:
		return errReason
	case v.Hex == v.Canonical:
		return errCanonical
	case v.Lenient && (!v.Valid() || v.From == "either"):
		return errLenient
	case v.Answer != nil && v.Answer.Packet != "CONNACK" && v.Answer.Packet != "DISCONNECT":
		return errAnswer
	}
	return nil
}

// decodeStrict reads data, which is one JSON value without fields that dst
// does not have.
func decodeStrict(data []byte, dst any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(dst); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errTrailing
	}
	return nil
}
