package interop

import (
	"fmt"
	"net"
	"strconv"
	"time"
)

// An mqttjs drives a client of MQTT.js.
type mqttjs struct {
	node    *node
	name    string // within the program
	connack *nodeProperties
	five    bool
	stopped bool
}

func openMQTTjs(c *client, address string, o options) error {
	n, err := theNode()
	if err != nil {
		return err
	}
	m := &mqttjs{node: n, name: fmt.Sprintf("%s %s %p", c.t.Name(), o.id, c), five: c.flavor.version == v50}
	c.driver = m
	n.mu.Lock()
	n.clients[m.name] = c
	n.mu.Unlock()
	x, err := await(n.ask(map[string]any{"do": "connect", "client": m.name, "options": mqttjsOptions(c, address, o)}))
	if m.connack = x.Properties; m.connack == nil {
		m.connack = &nodeProperties{}
	}
	if err != nil {
		m.stop()
	}
	return err
}

// mqttjsOptions returns what MQTT.js calls its options.
func mqttjsOptions(c *client, address string, o options) map[string]any {
	host, port, _ := net.SplitHostPort(address)
	number, _ := strconv.Atoi(port)
	all := map[string]any{"host": host, "port": number, "protocol": "mqtt", "clientId": o.id, "clean": !o.resume,
		"keepalive": o.keep(), "protocolVersion": c.flavor.version, "protocolId": "MQTT",
		"reconnectPeriod": 0, "connectTimeout": patience / time.Millisecond, "autoAssignTopicAlias": o.giveAliases}
	if c.flavor.version == v31 {
		all["protocolId"] = "MQIsdp"
	}
	if o.user != "" {
		all["username"], all["password"] = o.user, o.password
	}
	if o.reconnect {
		all["reconnectPeriod"] = 10 // ms
	}
	if c.flavor.version == v50 {
		all["properties"] = &nodeProperties{SessionExpiry: o.sessionExpiry(), ReceiveMaximum: o.receiveMaximum,
			MaximumPacket: o.maximumPacket, TopicAliases: o.topicAliases}
	}
	if w := o.will; w != nil {
		will := map[string]any{"topic": w.topic, "payload": []byte(w.payload), "qos": w.qos, "retain": w.retain}
		if c.flavor.version == v50 {
			p := toNode(w.properties)
			p.WillDelay = o.willDelay
			will["properties"] = p
		}
		all["will"] = will
	}
	return all
}

func (m *mqttjs) ask(do string, more map[string]any) <-chan nodeSays {
	if more == nil {
		more = map[string]any{}
	}
	more["do"], more["client"] = do, m.name
	return m.node.ask(more)
}

func (m *mqttjs) subscribe(all ...subscription) (granted []byte, err error) {
	for _, s := range all {
		topic := map[string]any{"qos": s.qos}
		if m.five {
			topic["nl"], topic["rap"], topic["rh"] = s.noLocal, s.asPublished, s.handling
		}
		x, err := await(m.ask("subscribe", map[string]any{"topics": map[string]any{s.filter: topic}, "id": s.id}))
		if err != nil {
			return nil, err
		}
		for _, code := range x.Granted {
			granted = append(granted, byte(code))
		}
	}
	return granted, nil
}

func (m *mqttjs) unsubscribe(filter string) error {
	_, err := await(m.ask("unsubscribe", map[string]any{"topic": filter}))
	return err
}

func (m *mqttjs) publish(x message) (byte, error) {
	answer, err := await(m.start(x))
	return answer.Code, err
}

// start publishes without waiting.
func (m *mqttjs) start(x message) <-chan nodeSays {
	command := map[string]any{"topic": x.topic, "payload": []byte(x.payload), "qos": x.qos, "retain": x.retain}
	if m.five {
		command["properties"] = toNode(x.properties)
	}
	return m.ask("publish", command)
}

func (m *mqttjs) end() error {
	_, err := await(m.ask("end", nil))
	return err
}

func (m *mqttjs) stop() {
	if m.stopped {
		return
	}
	m.stopped = true
	await(m.ask("end", map[string]any{"force": true}))
	m.node.mu.Lock()
	defer m.node.mu.Unlock()
	delete(m.node.clients, m.name)
}

func (m *mqttjs) leave(code byte, expiry *uint32) error {
	properties := map[string]any{}
	if expiry != nil {
		properties["sessionExpiryInterval"] = *expiry
	}
	_, err := await(m.ask("end", map[string]any{"options": map[string]any{"reasonCode": code, "properties": properties}}))
	return err
}
