package qos

// Level is a Quality of Service level. 3 is not one: packets that say so are
// malformed [MQTT-3.3.1-4].
type Level uint8

// The levels.
const (
	AtMostOnce  Level = 0
	AtLeastOnce Level = 1
	ExactlyOnce Level = 2
)

// Valid reports whether l is 0, 1 or 2.
func (l Level) Valid() bool { return l <= ExactlyOnce }

// String returns "QoS 0", "QoS 1", "QoS 2", or "invalid QoS".
func (l Level) String() string {
	switch l {
	case AtMostOnce:
		return "QoS 0"
	case AtLeastOnce:
		return "QoS 1"
	case ExactlyOnce:
		return "QoS 2"
	}
	return "invalid QoS"
}
