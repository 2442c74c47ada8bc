// Package wire compares the codec with those of other MQTT software in Go:
// mochi-mqtt (all versions), paho.golang (5.0) and paho.mqtt.golang (3.1 and
// 3.1.1). What our Decode accepts, they accept, read the same, and write so
// that our Decode accepts it again. The other way round they are more lenient,
// so nothing is tested. The benchmarks put all side by side.
package wire
