// Package interop holds tests of the broker of examples/broker with clients
// that others have written: paho.mqtt.golang (3.1 and 3.1.1), paho.golang
// (5.0), and mosquitto_pub and mosquitto_sub (all three).
//
// The mosquitto clients are programs. Where they are not installed, their tests
// are skipped, unless MQTTWIRE_REQUIRE_MOSQUITTO is set: then they fail.
package interop
