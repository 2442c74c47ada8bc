package session

import (
	"bytes"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/qos"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// features are what a CONNACK says the server lacks: a server holds its client
// to them, a client itself. The zero value lacks nothing, as before 5.0.
type features struct {
	noLevels                                         qos.Level // how many levels of QoS, from 2 down
	noRetain, noWildcard, noShared, noSubscriptionID bool
}

func (o *ServerOptions) features() features {
	f := features{0, o.NoRetain, o.NoWildcard, o.NoShared, o.NoSubscriptionID}
	switch {
	case o.NoQoS1:
		f.noLevels = 2
	case o.NoQoS2:
		f.noLevels = 1
	}
	return f
}

// featuresOf reads the properties of a CONNACK (5.0 §3.2.2.3).
func featuresOf(p codec.Properties) (f features) {
	if v, ok := p.MaximumQoS(); ok {
		f.noLevels = qos.ExactlyOnce - qos.Level(v) // none for the 2 of codec.MaximumQoS2
	}
	no := func(v uint8, ok bool) bool { return ok && v == 0 }
	f.noRetain = no(p.RetainAvailable())
	f.noWildcard = no(p.WildcardSubscriptionAvailable())
	f.noShared = no(p.SharedSubscriptionAvailable())
	f.noSubscriptionID = no(p.SubscriptionIdentifierAvailable())
	return f
}

// maximumQoS returns the highest level there is.
func (f *features) maximumQoS() qos.Level { return qos.ExactlyOnce - f.noLevels }

// message judges a PUBLISH from a client, or a will.
func (f *features) message(level qos.Level, retain bool) error {
	switch {
	case level > f.maximumQoS():
		if !level.Valid() {
			return mqttwire.ErrQoS // [MQTT-3.3.1-4]
		}
		return mqttwire.ErrQoSNotSupported // [MQTT-3.2.2-11], of a will [MQTT-3.2.2-12]
	case retain && f.noRetain:
		return mqttwire.ErrRetainNotSupported // [MQTT-3.2.2-14], of a will [MQTT-3.2.2-13]
	}
	return nil
}

// subscribe judges a SUBSCRIBE.
func (f *features) subscribe(p *codec.Subscribe) error {
	if !f.noSubscriptionID && !f.noWildcard && !f.noShared {
		return nil
	}
	if _, ok := p.Properties.SubscriptionIdentifier(); ok && f.noSubscriptionID {
		return mqttwire.ErrSubscriptionIDNotSupported // 5.0 §3.2.2.3.12
	}
	for s := range p.Subscriptions.All() {
		if err := f.filter(s.Filter); err != nil {
			return err
		}
	}
	return nil
}

func (f *features) filter(filter []byte) error {
	switch {
	case f.noShared && topicmatch.IsShared(filter):
		return mqttwire.ErrSharedNotSupported // 5.0 §3.2.2.3.13
	case f.noWildcard && bytes.ContainsAny(filter, "#+"):
		return mqttwire.ErrWildcardNotSupported // 5.0 §3.2.2.3.11
	}
	return nil
}

// Grant returns the code that a SUBACK says for a subscription as far as the
// options decide: the QoS asked for, cut down to what there is
// [MQTT-3.2.2-10], or the code of what is lacking. In 5.0 a SUBSCRIBE that asks
// for what CONNACK denied does not come so far; earlier versions could not know
// (3.1.1 [MQTT-3.8.3-2]). With codec.BadFilter ask [codec.CheckFilter] first.
func (o *ServerOptions) Grant(s codec.Subscription) mqttwire.Reason {
	f := o.features()
	if err, ok := f.filter(s.Filter).(mqttwire.Error); ok {
		return err.Reason()
	}
	return mqttwire.Reason(min(s.Options.QoS(), f.maximumQoS()))
}
