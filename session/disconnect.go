package session

import (
	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
)

// Disconnect appends a DISCONNECT with a code and properties of 5.0, where the
// standard has one, and ends the connection: nothing is sent after it
// [MQTT-3.14.4-1], and the caller closes the network connection
// [MQTT-3.14.4-2]. What there is to send first has to be in dst already.
//
//   - A server sends none before its CONNACK [MQTT-3.14.0-1], and none before
//     5.0.
//   - Before 5.0 a client's has no code: with another than 0 none is sent, so
//     that the server publishes the will (3.1.1 §3.14.4).
//
// Reason String and User Properties are left out where the packet would be too
// large with them [MQTT-3.14.2-3, MQTT-3.14.2-4]. A client changes the Session
// Expiry Interval with the property, and with it the State of its session;
// [mqttwire.ErrSessionExpiry] says that CONNECT had 0 (5.0 §3.14.2.2.2),
// [mqttwire.ErrPacketTooLarge] that the server takes no packet with it. With an
// error nothing has happened: the others are those of
// [codec.Disconnect.Append], [mqttwire.ErrNotYet] while a payload is being
// written (see PublishHead), and [mqttwire.ErrPhase] where there is no
// connection, or it is over.
func (e *end) Disconnect(dst []byte, code mqttwire.Reason, properties codec.Properties) ([]byte, error) {
	switch {
	case e.phase == Idle || e.phase == Closing:
		return dst, mqttwire.ErrPhase
	case e.outgoing != 0:
		return dst, mqttwire.ErrNotYet // see PublishHead
	case e.role == mqttwire.Server && (e.phase != Connected || e.version != mqttwire.V50):
	case e.version != mqttwire.V50 && code != mqttwire.NormalDisconnection:
	default:
		seconds, ok := uint32(0), false
		if e.role == mqttwire.Client && e.version == mqttwire.V50 {
			if seconds, ok = properties.SessionExpiryInterval(); ok && seconds != 0 && e.noExpiry {
				return dst, mqttwire.ErrSessionExpiry // 5.0 §3.14.2.2.2
			}
		}
		out, err := e.appendDisconnect(dst, code, properties)
		if err != nil {
			return dst, err
		}
		if dst = out; ok && e.session != nil {
			e.session.expiry = seconds
		}
	}
	e.phase = Closing
	return dst, nil
}

func (e *end) appendDisconnect(dst []byte, code mqttwire.Reason, properties codec.Properties) ([]byte, error) {
	p := codec.Disconnect{Code: code, Properties: properties}
	if e.version != mqttwire.V50 {
		p.Properties = codec.Properties{}
	}
	out, err := p.Append(dst, e.own())
	if err != nil || e.fits(len(out)-len(dst)) {
		return out, err
	}
	var tail []byte
	dst, tail = scratch(dst, p.Size(e.version))
	p.Properties = essential(p.Properties, tail)
	if out, err = p.Append(dst, e.own()); err != nil || e.fits(len(out)-len(dst)) {
		return out, err
	}
	if _, ok := p.Properties.SessionExpiryInterval(); ok {
		return dst, mqttwire.ErrPacketTooLarge // [MQTT-3.2.2-15]; without it the packet would say something else
	}
	p.Properties = codec.Properties{}
	return p.Append(dst, e.own())
}
