package testdata

import (
	"encoding/json"
	"errors"
)

// Property is a property of an MQTT 5.0 packet.
type Property struct {
	// ID is the Property Identifier.
	ID uint8
	// Name is the standard's name of it, such as "Topic Alias".
	Name string
	// Value has the type that its property has:
	//   - uint32 for a Byte, a Two or Four Byte Integer and a Variable Byte
	//     Integer,
	//   - string for a UTF-8 Encoded String,
	//   - Hex for Binary Data,
	//   - [2]string, name and value, for a UTF-8 String Pair.
	Value any
}

var (
	errProperty = errors.New("property identifier and name do not belong together")
	errPair     = errors.New("property value is not a pair of strings")
)

// kind says which JSON value stands for the values of a property.
type kind uint8

const (
	number kind = iota
	text
	binary
	pair
)

// properties is 5.0 Table 2-4.
var properties = map[uint8]struct {
	name string
	kind kind
}{
	0x01: {"Payload Format Indicator", number},
	0x02: {"Message Expiry Interval", number},
	0x03: {"Content Type", text},
	0x08: {"Response Topic", text},
	0x09: {"Correlation Data", binary},
	0x0b: {"Subscription Identifier", number},
	0x11: {"Session Expiry Interval", number},
	0x12: {"Assigned Client Identifier", text},
	0x13: {"Server Keep Alive", number},
	0x15: {"Authentication Method", text},
	0x16: {"Authentication Data", binary},
	0x17: {"Request Problem Information", number},
	0x18: {"Will Delay Interval", number},
	0x19: {"Request Response Information", number},
	0x1a: {"Response Information", text},
	0x1c: {"Server Reference", text},
	0x1f: {"Reason String", text},
	0x21: {"Receive Maximum", number},
	0x22: {"Topic Alias Maximum", number},
	0x23: {"Topic Alias", number},
	0x24: {"Maximum QoS", number},
	0x25: {"Retain Available", number},
	0x26: {"User Property", pair},
	0x27: {"Maximum Packet Size", number},
	0x28: {"Wildcard Subscription Available", number},
	0x29: {"Subscription Identifier Available", number},
	0x2a: {"Shared Subscription Available", number},
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *Property) UnmarshalJSON(data []byte) error {
	var raw struct {
		ID    uint8           `json:"id"`
		Name  string          `json:"name"`
		Value json.RawMessage `json:"value"`
	}
	if err := decodeStrict(data, &raw); err != nil {
		return err
	}
	row, ok := properties[raw.ID]
	if !ok || row.name != raw.Name {
		return errProperty
	}
	p.ID, p.Name = raw.ID, raw.Name
	var err error
	switch row.kind {
	case number:
		p.Value, err = decodeAs[uint32](raw.Value)
	case text:
		p.Value, err = decodeAs[string](raw.Value)
	case binary:
		p.Value, err = decodeAs[Hex](raw.Value)
	case pair:
		var both []string
		if both, err = decodeAs[[]string](raw.Value); err == nil && len(both) != 2 {
			err = errPair
		} else if err == nil {
			p.Value = [2]string(both)
		}
	}
	return err
}

func decodeAs[T any](data []byte) (v T, err error) {
	err = decodeStrict(data, &v)
	return v, err
}
