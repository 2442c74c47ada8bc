package testdata

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"sync"
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

// PropertyRow is what 5.0 says of a property in Table 2-4 and in its section, a
// line of clauses/5.0-properties.jsonl.
type PropertyRow struct {
	ID   uint8  `json:"id"`
	Name string `json:"name"` // the standard's
	// Type is the standard's name of the data type, such as "Byte" or
	// "UTF-8 String Pair".
	Type string `json:"type"`
	// In are the packets that may carry it, by their names, and "Will": the
	// properties of a will.
	In []string `json:"in"`
	// Repeats are those of In where it may stand more than once.
	Repeats []string `json:"repeats,omitempty"`
	// Min and Max are the least and the greatest value of an integer. A Max of 0
	// is the greatest that the type can hold.
	Min uint32 `json:"min,omitempty"`
	Max uint32 `json:"max,omitempty"`
	// Topic says that the value is a Topic Name, or empty.
	Topic bool `json:"topic,omitempty"`
}

// The data types, and the JSON values that stand for theirs.
var propertyTypes = map[string]func([]byte) (any, error){
	"Byte":                  asNumber,
	"Two Byte Integer":      asNumber,
	"Four Byte Integer":     asNumber,
	"Variable Byte Integer": asNumber,
	"UTF-8 Encoded String":  func(data []byte) (any, error) { return decodeAs[string](data) },
	"Binary Data":           func(data []byte) (any, error) { return decodeAs[Hex](data) },
	"UTF-8 String Pair":     asPair,
}

func asNumber(data []byte) (any, error) { return decodeAs[uint32](data) }

func asPair(data []byte) (any, error) {
	both, err := decodeAs[[]string](data)
	if err == nil && len(both) != 2 {
		err = errPair
	}
	if err != nil {
		return nil, err
	}
	return [2]string(both), nil
}

func decodeAs[T any](data []byte) (v T, err error) {
	err = decodeStrict(data, &v)
	return v, err
}

// Properties returns every property of 5.0, in the order of the identifiers. It
// returns an error when the file is wrong. The caller owns the slice, but not
// those of its rows, which must not be changed.
func Properties() ([]PropertyRow, error) {
	rows, err := propertyRows()
	return slices.Clone(rows), err
}

var propertyRows = sync.OnceValues(func() ([]PropertyRow, error) {
	return loadClauses("5.0-properties.jsonl", func(r *PropertyRow) (string, string) {
		key := strconv.Itoa(int(r.ID))
		switch {
		case !oneLine(r.Name):
			return key, "name is empty or more than a line"
		case propertyTypes[r.Type] == nil:
			return key, "unknown type"
		case len(r.In) == 0:
			return key, "stands nowhere"
		case slices.ContainsFunc(r.Repeats, func(in string) bool { return !slices.Contains(r.In, in) }):
			return key, "repeats where it may not stand"
		}
		return key, ""
	})
})

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
	rows, err := propertyRows()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(rows, func(r PropertyRow) bool { return r.ID == raw.ID })
	if i < 0 || rows[i].Name != raw.Name {
		return errProperty
	}
	p.ID, p.Name = raw.ID, raw.Name
	p.Value, err = propertyTypes[rows[i].Type](raw.Value)
	return err
}
