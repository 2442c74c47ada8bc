// Runs clients of MQTT.js for the tests: commands come on standard input as
// JSON, one a line; answers and what happens to the clients leave on standard
// output in the same way. Bytes are base64.
'use strict'

const mqtt = require('mqtt')
const readline = require('node:readline')

const clients = new Map()

const say = (what) => process.stdout.write(JSON.stringify(what) + '\n')
const bytes = (text) => Buffer.from(text || '', 'base64')
const base64 = (buffer) => Buffer.from(buffer || '').toString('base64')

// pairs turns user properties, by name, into a list, and unpairs back: MQTT.js
// keeps no order between different names.
function pairs (object) {
  return Object.entries(object || {}).flatMap(([name, values]) => [values].flat().map((value) => [name, value]))
}

function unpairs (list) {
  const object = {}
  for (const [name, value] of list) object[name] = (object[name] || []).concat(value)
  return object
}

function toProperties (p) {
  if (!p) return undefined
  const all = { ...p }
  if (p.userProperties) all.userProperties = unpairs(p.userProperties)
  if (p.correlationData) all.correlationData = bytes(p.correlationData)
  return all
}

function fromProperties (p) {
  if (!p) return undefined
  const all = { ...p, userProperties: pairs(p.userProperties) }
  if (p.correlationData) all.correlationData = base64(p.correlationData)
  if (p.subscriptionIdentifier) all.subscriptionIdentifier = [p.subscriptionIdentifier].flat()
  return all
}

const commands = {
  connect ({ client: name, options }, answer) {
    options.properties = toProperties(options.properties)
    if (options.will) {
      options.will.payload = bytes(options.will.payload)
      options.will.properties = toProperties(options.will.properties)
    }
    const client = mqtt.connect(options)
    const codes = new Map() // of acknowledgements, by Packet Identifier
    clients.set(name, { client, codes })
    client.once('connect', (connack) => answer({ properties: fromProperties(connack.properties) }))
    client.once('error', (error) => answer({ error: String(error) }))
    client.on('error', (error) => say({ client: name, event: 'error', error: String(error) }))
    client.on('close', () => answer({ error: 'closed' }))
    client.on('disconnect', (packet) => say({ client: name, event: 'disconnect', code: packet.reasonCode }))
    client.on('message', (topic, payload, packet) => say({
      client: name,
      event: 'message',
      topic,
      payload: base64(payload),
      qos: packet.qos,
      retain: packet.retain,
      dup: packet.dup,
      properties: fromProperties(packet.properties)
    }))
    client.on('packetreceive', (packet) => {
      if (packet.cmd === 'puback' || packet.cmd === 'pubrec') codes.set(packet.messageId, packet.reasonCode || 0)
    })
  },

  subscribe ({ client: name, topics, id }, answer) {
    const options = id ? { properties: { subscriptionIdentifier: id } } : {}
    clients.get(name).client.subscribe(topics, options, (error, granted, packet) =>
      answer(error ? { error: String(error) } : { granted: packet ? packet.granted : granted.map((g) => g.qos) }))
  },

  unsubscribe ({ client: name, topic }, answer) {
    clients.get(name).client.unsubscribe(topic, (error) => answer(error ? { error: String(error) } : {}))
  },

  publish ({ client: name, topic, payload, qos, retain, properties }, answer) {
    const { client, codes } = clients.get(name)
    let id = 0
    client.publish(topic, bytes(payload), { qos, retain, properties: toProperties(properties) }, (error) =>
      answer(error ? { error: String(error), code: error.code } : { code: codes.get(id) || 0 }))
    id = client.getLastMessageId()
  },

  // end disconnects, or with force only closes the connection.
  end ({ client: name, force, options }, answer) {
    clients.get(name).client.end(Boolean(force), options || {}, () => answer({}))
  }
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const command = JSON.parse(line)
  let answered = false
  const answer = (what) => {
    if (!answered) say({ n: command.n, ...what })
    answered = true
  }
  try {
    commands[command.do](command, answer)
  } catch (error) {
    answer({ error: String(error) })
  }
}).on('close', () => process.exit(0))
