// A client of MQTT.js to be judged: node mqttjs.js HOST PORT VERSION
'use strict'
const mqtt = require('mqtt')
const [host, port, version] = process.argv.slice(2)
const protocolVersion = Number(version)
const client = mqtt.connect({
  host, port: Number(port), protocol: 'mqtt', clientId: 'driven', clean: false, keepalive: 5, protocolVersion,
  protocolId: protocolVersion === 3 ? 'MQIsdp' : 'MQTT', reconnectPeriod: 50, connectTimeout: 5000,
  properties: protocolVersion === 5 ? { sessionExpiryInterval: 3600 } : undefined
})
client.on('error', () => {})
client.on('connect', () => client.subscribe('driven/#', { qos: 2 }))
let i = 0
setInterval(() => {
  if (client.connected) client.publish('from/driven', String(i), { qos: i % 3, retain: i % 7 === 0 })
  i++
}, 50)
