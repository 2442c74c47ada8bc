package main

// row is a line of the table for each broker.
type row struct {
	name string
	scenario
}

// rows are all there is to measure. Protocol 3.1.1, payloads of 128 bytes.
var rows = []row{
	{"fan-in 20 to 1, wildcard, QoS 0", fanIn(20, 0)},
	{"fan-in 20 to 1, wildcard, QoS 1", fanIn(20, 1)},
	{"fan-in 20 to 1, wildcard, QoS 2", fanIn(20, 2)},
	{"fan-out 1 to 100, QoS 0", fanOut(100, 0)},
	{"fan-out 1 to 100, QoS 1", fanOut(100, 1)},
	{"20 pairs, QoS 0", pairs(20, 0)},
	{"20 pairs, QoS 1", pairs(20, 1)},
	{"20 pairs, QoS 2", pairs(20, 2)},
	{"20 pairs, one message at a time, QoS 0", alternating(pairs(20, 0))},
	{"20 pairs in a crowd of subscriptions, QoS 0", crowded(pairs(20, 0))},
	{"fixed rate, QoS 0", rate{0, 1}},
	{"fixed rate, QoS 1", rate{1, 1}},
	{"fixed rate over 2000 pairs, QoS 0", rate{0, 2000}},
	{"connect, disconnect", cycle{8, false}},
	{"connect, subscribe, publish, receive, disconnect", cycle{8, true}},
	{"idle connections", idle{}},
	{"TLS, 20 pairs, window 8, QoS 0", securePairs{20, 8, overTLS{}}},
	{"TLS, idle connections", secureIdle{}},
	{"retained messages", retained{}},
	{"persistent sessions under cuts, QoS 1", cuts{20, 1}},
	{"persistent sessions under cuts, QoS 2", cuts{20, 2}},
	{"durable, 1 publisher, QoS 1, reader away", durable{1}},
	{"durable, 20 publishers, QoS 1, reader away", durable{20}},
	{"durable, 200 publishers, QoS 1, reader away", durable{200}},
}

// chooser is a scenario that chooses among the brokers, or adds some.
type chooser interface {
	brokers(all []*broker) []*broker
}
