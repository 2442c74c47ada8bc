// Package interop holds tests of the broker of examples/broker with clients
// that others have written: paho.mqtt.golang (3.1 and 3.1.1), paho.golang with
// autopaho (5.0), the mosquitto clients, MQTT.js and Paho for Python (all three).
//
// The mosquitto clients are programs, and MQTT.js needs node and npm. Where they
// or Paho for Python are not installed, their tests are skipped, unless
// MQTTWIRE_REQUIRE_MOSQUITTO, MQTTWIRE_REQUIRE_NODE or MQTTWIRE_REQUIRE_PAHO_PYTHON
// is set: then they fail.
//
// Every client reaches the broker through a link, which sees each packet, and
// can swallow it or cut the connection instead of passing it on. With -link.log,
// a test that fails shows what has passed, and with -broker.log what the broker
// makes of it.
package interop
