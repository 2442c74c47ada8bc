package session

import (
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/fixedheader"
)

// smallest is the size of the smallest CONNACK of 5.0. No other packet that
// this end cannot do without is larger.
const smallest = 5

// end is what a Server and a Client have in common: one end of a network
// connection.
type end struct {
	session *Session // nil until CONNACK
	given   given
	// how many bytes the topics of given take
	givenBytes int
	aliases    *received
	limits     *Limits
	method     string // Authentication Method of CONNECT

	maxSend      uint32 // Maximum Packet Size of the peer; 0: none
	maxReceive   uint32 // that of this end
	aliasPeer    uint16 // Topic Alias Maximum of the peer
	aliasReceive uint16 // Topic Alias Maximum of this end
	lenient      codec.Leniencies

	wroteAt time.Duration // when a step appended something last

	role    mqttwire.Role
	version mqttwire.Version
	phase   Phase

	features
	stream
	hasMethod bool // CONNECT has an Authentication Method
	authStep  bool // Server: an AUTH of 0x18 is awaited; Client: one is owed
	reauth    bool // a re-authentication is going on
	terse     bool // CONNECT has Request Problem Information 0
	noExpiry  bool // CONNECT has Session Expiry Interval 0
}

// Phase returns where the connection stands.
func (e *end) Phase() Phase { return e.phase }

// Version returns the protocol version; at a server 0 until CONNECT has said
// it.
func (e *end) Version() mqttwire.Version { return e.version }

// Session returns the session that the connection has, nil before CONNACK and
// after Close.
func (e *end) Session() *Session { return e.session }

// Rules returns by which rules to frame what the peer sends: give them to
// [codec.Framer] or [codec.Split], again after the Connect event.
func (e *end) Rules() codec.Rules {
	return codec.Rules{Version: e.version, From: e.peer(), Lenient: e.lenient}
}

// wrote notes that something is to be written. Every step that appends bytes
// says so: what a client sends is what its Keep Alive wants [MQTT-3.1.2-20].
func (e *end) wrote(now time.Duration) { e.wroteAt = now }

// MaxSize returns the most bytes a packet from the peer may take, 0 for no
// limit. It may change with CONNECT and CONNACK, as Rules.
func (e *end) MaxSize() int { return int(min(e.maxReceive, codec.MaxPacketSize)) }

// Quota returns how many messages of QoS 1 and 2 Publish would take now.
func (e *end) Quota() int {
	if e.phase != Connected {
		return 0
	}
	return e.session.out.Quota()
}

func (e *end) peer() mqttwire.Role {
	if e.role == mqttwire.Client {
		return mqttwire.Server
	}
	return mqttwire.Client
}

// own returns by which rules this end writes.
func (e *end) own() codec.Rules { return codec.Rules{Version: e.version, From: e.role} }

// fits reports whether the peer takes a packet of so many bytes
// [MQTT-3.1.2-24, MQTT-3.2.2-15].
func (e *end) fits(size int) bool { return e.maxSend == 0 || uint64(size) <= uint64(e.maxSend) }

// decode decodes a packet of the peer, of whatever type.
func (e *end) decode(d *codec.Decoder, h fixedheader.Header, body []byte) (codec.Packet, error) {
	if e.maxReceive != 0 && uint64(h.Size())+uint64(h.Length) > uint64(e.maxReceive) {
		return nil, mqttwire.ErrPacketTooLarge // 5.0 §3.1.2.11.4, §3.2.2.3.6
	}
	return d.Decode(e.Rules(), h, body)
}

// Fail ends the connection for an error that the caller met in a packet of type
// t, as when framing it: it appends what the standard has this end answer, if
// anything. See [mqttwire.Error.Answer]; what is answered depends on the phase
// too:
//
//   - a CONNECT is answered with CONNACK, and so is what comes before the
//     CONNECT is accepted in 5.0 [MQTT-3.14.0-1];
//   - what comes later with DISCONNECT, in 5.0. Before 5.0 a server has none,
//     and that of a client would cancel its will.
//
// An err that is not a [mqttwire.Error] is answered with nothing.
func (e *end) Fail(dst []byte, t mqttwire.PacketType, err error) []byte {
	phase := e.phase
	if phase == Idle || phase == Closing {
		return dst
	}
	e.phase = Closing
	x, ok := err.(mqttwire.Error)
	switch {
	case !ok:
		return dst
	case e.outgoing != 0:
		return dst // it would be taken for the payload
	case phase == Opened:
		a := x.Answer(e.version, t)
		if a.Packet != mqttwire.CONNACK {
			return dst
		}
		e.version = a.Version
		return e.appendRefusal(dst, connack.Code(a.Code), codec.Properties{})
	case e.version != mqttwire.V50:
		return dst
	case e.role == mqttwire.Server && phase == Connecting:
		code := x.Reason()
		if !code.AllowedIn(mqttwire.CONNACK) {
			code = mqttwire.ProtocolError
		}
		return e.appendRefusal(dst, connack.Code(code), codec.Properties{})
	}
	code := x.Reason()
	if !code.SentBy(e.role, mqttwire.DISCONNECT) {
		code = mqttwire.ProtocolError
	}
	if !e.fits(3) {
		return dst
	}
	return append(dst, byte(mqttwire.DISCONNECT)<<4, 1, byte(code))
}

// failed is Fail for a step that returns.
func (e *end) failed(dst []byte, t mqttwire.PacketType, err error) ([]byte, Event, error) {
	return e.Fail(dst, t, err), Event{Type: t}, err
}

// close takes the session off the connection, which is gone.
func (e *end) close(now time.Duration) {
	if e.session != nil {
		e.session.lost(now)
	}
}
