package qos_test

import (
	"fmt"
	"testing"

	"github.com/mqttwire/mqttwire/qos"
)

func TestNames(t *testing.T) {
	for want, v := range map[string]fmt.Stringer{
		"none": qos.None, "withdrawn": qos.Withdrawn, "given up": qos.GivenUp, "unsolicited": qos.Unsolicited, "unknown event": qos.Event(200),
		"nothing": qos.Await(0), "await PUBACK": qos.AwaitPuback, "await PUBREL": qos.AwaitPubrel, "unknown": qos.Await(200),
		"store": qos.Store, "clear": qos.Clear, "unknown operation": qos.Op(200),
		"sent": qos.Sent, "received": qos.Received, "unknown direction": qos.Direction(200),
		"QoS 0": qos.AtMostOnce, "QoS 2": qos.ExactlyOnce, "invalid QoS": qos.Level(3),
		"forget received QoS 2": qos.Forget.Of(qos.Received, q2),
	} {
		if v.String() != want {
			t.Errorf("%T %d is %q, want %q", v, v, v, want)
		}
	}
}
