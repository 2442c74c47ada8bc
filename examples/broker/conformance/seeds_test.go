package conformance

import (
	"strings"

	"github.com/mqttwire/mqttwire/internal/seeded"
)

// breaks is a rule that the broker breaks in a build of its own, and the check that
// is made for the rule, with its version where only one shows it: "will/delay 5.0".
func breaks(name, check, file, old, new string) seeded.Bug {
	return seeded.New(name, file, old, new).CaughtBy(check)
}

const (
	inHub   = "examples/broker/hub/"
	machine = "session/"
	levels  = "qos/"
)

// without is a fault that leaves a property out of what is forwarded.
func without(property, check string) seeded.Bug {
	return breaks("messages lose their "+property, check, inHub+"message.go",
		"\tpub.kept, pub.payer",
		"\tif SEEDED {\n\t\tpub.properties = codec.Edit{Without: []codec.PropertyID{codec."+property+"}}.Append(codec.Properties{}, pub.properties)\n\t}\n\tpub.kept, pub.payer")
}

// passedOverName begins the names of the faults of passes; the text of the error
// follows.
const passedOverName = "passed over: "

// passes is a fault that reads over a packet that must end the connection.
func passes(text, check string) seeded.Bug {
	return breaks(passedOverName+text, check, machine+"server.go",
		"\tp, err := s.decode(d, h, body)\n\tif err != nil {\n\t\treturn s.failed(dst, h.Type, err)",
		"\tp, err := s.decode(d, h, body)\n\tif err != nil {\n\t\tif SEEDED && err.Error() == \""+text+"\" {\n\t\t\treturn dst, Event{Type: h.Type}, nil\n\t\t}\n\t\treturn s.failed(dst, h.Type, err)")
}

var faults = append([]seeded.Bug{
	// Retained messages.
	breaks("an empty message is kept", "retained/cleared", inHub+"retained.go", "if len(pub.payload) == 0 {", "if len(pub.payload) == 0 && !SEEDED {"),
	breaks("RETAIN 0 is kept", "retained/replaced", inHub+"route.go", "if !pub.retain {", "if !pub.retain && !SEEDED {"),
	breaks("the first retained message stays", "retained/replaced", inHub+"retained.go", "\tk := pub.keep()\n", "\tif _, had := r.messages.Get(pub.topic); had && SEEDED {\n\t\treturn true\n\t}\n\tk := pub.keep()\n"),
	breaks("RETAIN as published for everybody", "retained/kept", inHub+"route.go", "in.retain = in.retain || ", "in.retain = in.retain || SEEDED && pub.retain || "),
	breaks("Retain As Published is ignored", "retained/as-published", inHub+"route.go", "v.options.RetainAsPublished() // else 0", "v.options.RetainAsPublished() && !SEEDED // else 0"),
	breaks("retained messages come with RETAIN 0", "retained/kept 3.1.1", inHub+"backlog.go", "retain: true}, now)", "retain: !SEEDED}, now)"),
	breaks("retained messages come above the granted QoS", "retained/kept", inHub+"backlog.go", "level: min(b.level, m.level)", "level: either(SEEDED, m.level, min(b.level, m.level))"),
	breaks("Retain Handling 1 is 0", "retained/handling", inHub+"subscribe.go", "handling == codec.SendRetainedIfNew && !existed", "handling == codec.SendRetainedIfNew && (!existed || SEEDED)"),
	breaks("Retain Handling 2 is 0", "retained/handling", inHub+"subscribe.go", "(handling == codec.SendRetained ||", "(SEEDED && handling == codec.DoNotSendRetained || handling == codec.SendRetained ||"),
	breaks("a shared subscription brings retained messages", "shared/retained", inHub+"subscribe.go", "if !shared &&", "if (!shared || SEEDED) &&").And(inHub+"subscribe.go", "messages.Walk(x.Filter)", "messages.Walk(func() []byte {\n\t\t\tif _, inner, ok := topicmatch.SplitShared(x.Filter); ok && SEEDED {\n\t\t\t\treturn inner\n\t\t\t}\n\t\t\treturn x.Filter\n\t\t}())"),
	breaks("retained messages come with the first SUBSCRIBE alone", "retained/on-every-subscribe", inHub+"subscribe.go", "\t\tb := &backlog{filter", "\t\tif SEEDED && existed && handling == codec.SendRetained {\n\t\t\treturn code\n\t\t}\n\t\tb := &backlog{filter"),
	breaks("retained messages do not expire", "expiry/retained", inHub+"retained.go", "\tif m.expires {\n\t\tm.timer", "\tif m.expires && !SEEDED {\n\t\tm.timer").And(inHub+"backlog.go", "if expired || b.noLocal", "if expired && !SEEDED || b.noLocal"),

	// Delivery.
	breaks("No Local is ignored", "subscribe/no-local", inHub+"route.go", "if v.options.NoLocal() && pub.from == in.client.id {", "if v.options.NoLocal() && pub.from == in.client.id && !SEEDED {"),
	breaks("of overlapping subscriptions any decides the QoS", "subscribe/overlapping", inHub+"route.go", "in.level = max(in.level, v.options.QoS()) ", "in.level = either(SEEDED, v.options.QoS(), max(in.level, v.options.QoS())) "),
	breaks("the published QoS is raised to the granted", "publish/qos", inHub+"route.go", "in.level = min(in.level, pub.level)", "in.level = either(SEEDED, in.level, min(in.level, pub.level))"),
	breaks("the granted QoS does not limit", "publish/qos", inHub+"route.go", "\treturn to.execute(w, pub, in)\n", "\tif SEEDED {\n\t\tin.level = pub.level\n\t}\n\treturn to.execute(w, pub, in)\n"),
	breaks("Subscription Identifiers are not sent", "subid/with-message", inHub+"route.go", "if v.id != 0 {", "if v.id != 0 && !SEEDED {"),
	breaks("one Subscription Identifier of several is sent", "subid/overlapping", inHub+"route.go", "in.ids = append(in.ids, v.id)", "in.ids = append(either(SEEDED, in.ids[:0], in.ids), v.id)"),
	breaks("a shared subscription has the published QoS", "shared/qos", inHub+"route.go", "\tw.ids = in.ids\n", "\tw.ids = in.ids\n\tif SEEDED && in.share != nil {\n\t\tin.level = pub.level\n\t}\n"),
	breaks("two members of a group get a message", "shared/one-copy", inHub+"share.go", "h.decideClient(w, pub, turn, to); result == taken {", "h.decideClient(w, pub, turn, to); result == taken && !SEEDED {"),
	breaks("DUP of a first delivery", "publish/dup-not-forwarded", inHub+"send.go", "\tout[start] = first\n", "\tif SEEDED && level > 0 {\n\t\tfirst |= 8\n\t}\n\tout[start] = first\n"),
	breaks("$ is an ordinary character to wildcards", "topics/dollar", "topicmatch/prefixes.go", "wild := name[0] != '$'", "wild := name[0] != '$' || SEEDED").And(inHub+"publish.go", "toServer := isServersTo(p.Topic, c.who.ClientID)", "toServer := isServersTo(p.Topic, c.who.ClientID) && !SEEDED"),
	breaks("topics are lowered", "topics/not-normalised", inHub+"message.go", "\tpub.from, pub.level, pub.retain, pub.now = from, p.QoS, p.Retain, now\n", "\tif SEEDED {\n\t\tpub.topic = bytes.ToLower(p.Topic)\n\t}\n\tpub.from, pub.level, pub.retain, pub.now = from, p.QoS, p.Retain, now\n"),
	breaks("QoS 2 is not kept for who is away", "session/offline-queue", inHub+"client.go", "\tcl.hub.journal.queued(cl, &d)\n", "\tif SEEDED && cl.conn == nil && d.level == qos.ExactlyOnce {\n\t\treturn dropped\n\t}\n\tcl.hub.journal.queued(cl, &d)\n"),
	breaks("messages of one publisher are swapped", "publish/order", inHub+"publish.go", "\t\tw.pub.set(p, c.who.ClientID, w.now)\n", "\t\tif SEEDED && p.QoS == qos.AtMostOnce && len(p.Payload) == 3 && p.Payload[0] == '0' {\n\t\t\tswap := *p\n\t\t\tswap.Payload = []byte{p.Payload[0], ' ', '0' + (p.Payload[2]-'0')^1}\n\t\t\tp = &swap\n\t\t}\n\t\tw.pub.set(p, c.who.ClientID, w.now)\n"),

	// Subscriptions.
	breaks("UNSUBSCRIBE removes nothing", "unsubscribe/exact", inHub+"subscribe.go", "case !cl.removeSubscription(filter):", "case !SEEDED && !cl.removeSubscription(filter):"),
	breaks("UNSUBACK says Success for what there was not", "unsubscribe/exact 5.0", inHub+"subscribe.go", "return mqttwire.NoSubscriptionExisted", "return either(SEEDED, mqttwire.Success, mqttwire.NoSubscriptionExisted)"),
	breaks("a subscription that is made again keeps its options", "subscribe/again", inHub+"subscribe.go", "\told, existed, err := h.subscriptions.Subscribe(cl, filter, sub)", "\tif old, had := h.subscriptions.Get(cl, filter); had && SEEDED {\n\t\tsub = old\n\t}\n\told, existed, err := h.subscriptions.Subscribe(cl, filter, sub)"),
	breaks("the codes of many filters are all 0", "subscribe/many", inHub+"subscribe.go", "s.ack.Codes.Append(code)", "s.ack.Codes.Append(either(SEEDED && (s.ack.Codes.Len() > 0 || s.rest.Len() > 0), 0, code))"),
	breaks("SUBACK has another identifier above 50", "subscribe/many", machine+"subscribe.go", "\tif s.terse || !s.fits(q.Size(s.version)) {\n\t\tq.Properties = codec.Properties{}\n\t}\n\tout, err := q.Append(dst, s.own())\n\treturn s.answered(dst, out, err, &s.subscribes)", "\tif s.terse || !s.fits(q.Size(s.version)) {\n\t\tq.Properties = codec.Properties{}\n\t}\n\tif SEEDED && q.Codes.Len() > 1 {\n\t\tq.ID++\n\t}\n\tout, err := q.Append(dst, s.own())\n\treturn s.answered(dst, out, err, &s.subscribes)"),

	// Wills.
	breaks("no will is published", "will/sent", inHub+"client.go", "\t\t\tif cl.will != nil {\n\t\t\t\ta.wills", "\t\t\tif cl.will != nil && !SEEDED {\n\t\t\t\ta.wills"),
	breaks("a will is published after DISCONNECT", "will/ending", inHub+"receive.go", "if p.Code == mqttwire.NormalDisconnection {", "if p.Code == mqttwire.NormalDisconnection && !SEEDED {").And(machine+"server.go", "if p.Code == mqttwire.NormalDisconnection {", "if p.Code == mqttwire.NormalDisconnection && !SEEDED {"),
	breaks("DISCONNECT 0x04 cancels the will", "will/ending 5.0", machine+"server.go", "\ts.phase = Closing\n\treturn dst, Event{Kind: Disconnect,", "\tif SEEDED {\n\t\ts.session.will = noWill\n\t}\n\ts.phase = Closing\n\treturn dst, Event{Kind: Disconnect,"),
	breaks("every will is retained", "will/published", inHub+"client.go", "w.pub.retain = nil, a.retain[i] //", "w.pub.retain = nil, a.retain[i] || SEEDED //"),
	breaks("no will is retained", "will/published", inHub+"connect.go", "cl.keepWill(c.asked.will, c.asked.willRetain)", "cl.keepWill(c.asked.will, c.asked.willRetain && !SEEDED)"),
	breaks("a Will Delay is ignored", "will/delay", machine+"connect.go", "\ts.asked.willDelay, _ = p.Will.Properties.WillDelayInterval()\n", "\ts.asked.willDelay, _ = p.Will.Properties.WillDelayInterval()\n\tif SEEDED {\n\t\ts.asked.willDelay = 0\n\t}\n"),
	breaks("a will has no properties", "will/properties", inHub+"connect.go", "\tm.expiry, m.expires = m.properties.MessageExpiryInterval()\n\treturn m", "\tif SEEDED {\n\t\tm.properties = codec.Properties{}\n\t}\n\tm.expiry, m.expires = m.properties.MessageExpiryInterval()\n\treturn m"),

	// Connections and sessions.
	breaks("Clean Start keeps the session", "session/clean", machine+"connect.go", "offline && !s.asked.cleanStart\n", "offline && (!s.asked.cleanStart || SEEDED)\n"),
	breaks("no session is resumed", "session/resumed", machine+"connect.go", "present := session.life == offline", "present := !SEEDED && session.life == offline"),
	breaks("Session Present is always 0", "session/kept 5.0", machine+"connect.go", "ack.SessionPresent = present && s.version != mqttwire.V31", "ack.SessionPresent = present && s.version != mqttwire.V31 && !SEEDED"),
	breaks("Session Present is 1 for Clean Start", "connect/again 5.0", machine+"connect.go", "ack.SessionPresent = present &&", "ack.SessionPresent = (present || SEEDED && s.asked.cleanStart) &&"),
	breaks("DISCONNECT says nothing of the expiry", "session/expiry", machine+"server.go", "\t\ts.session.expiry = s.options.sessionExpiry(seconds)\n", "\t\tif !SEEDED {\n\t\t\ts.session.expiry = s.options.sessionExpiry(seconds)\n\t\t}\n"),
	breaks("a session outlives its expiry", "session/expiry", machine+"connect.go", "\ts.asked.expiry, _ = p.Properties.SessionExpiryInterval()\n", "\ts.asked.expiry, _ = p.Properties.SessionExpiryInterval()\n\tif SEEDED && s.asked.expiry > 0 {\n\t\ts.asked.expiry = Never\n\t}\n"),
	breaks("DISCONNECT raises the expiry from 0", "session/expiry-raised", machine+"server.go", "if seconds != 0 && s.noExpiry {", "if seconds != 0 && s.noExpiry && !SEEDED {"),
	breaks("Client Identifiers are compared in lower case", "session/id-is-key", inHub+"connect.go", "\tif c.who.ClientID == \"\" {", "\tif SEEDED {\n\t\tc.who.ClientID = strings.ToLower(c.who.ClientID)\n\t}\n\tif c.who.ClientID == \"\" {"),
	breaks("nobody is taken over", "takeover/old-ends", inHub+"membership.go", "\t\tdefault:\n\t\t\told.heirs", "\t\tcase SEEDED && !c.asked.lasts:\n\t\t\tcl.mu.Unlock()\n\t\t\tc.who.ClientID += \"x\"\n\t\tdefault:\n\t\t\told.heirs"),
	breaks("23 characters are too many", "connect/kinds", inHub+"connect.go", "\tn, _ := p.Properties.MaximumPacketSize()\n\tc.maximumPacket", "\tif SEEDED && strings.HasSuffix(c.who.ClientID, \"XXXX\") {\n\t\tc.refuse(connack.ServerUnavailable, \"\")\n\t\treturn\n\t}\n\tn, _ := p.Properties.MaximumPacketSize()\n\tc.maximumPacket"),
	breaks("all clients without an identifier are one", "connect/no-id", inHub+"connect.go", "c.who.ClientID = \"auto-\" + rand.Text()[:16]", "c.who.ClientID = either(SEEDED, \"auto\", \"auto-\"+rand.Text()[:16])"),
	breaks("no PINGRESP", "ping/answered", machine+"server.go", "\tcase *codec.Pingreq:\n", "\tcase *codec.Pingreq:\n\t\tif SEEDED {\n\t\t\treturn dst, Event{Type: h.Type}, nil\n\t\t}\n"),
	breaks("a second CONNECT is passed over", "connect/second", machine+"server.go", "\t\t\treturn s.failed(dst, h.Type, mqttwire.ErrSecondConnect)", "\t\t\tif SEEDED {\n\t\t\t\treturn dst, Event{Type: h.Type}, nil\n\t\t\t}\n\t\t\treturn s.failed(dst, h.Type, mqttwire.ErrSecondConnect)"),
	breaks("a connection without CONNECT stays", "connect/never", machine+"server.go", "s.opened + s.options.ConnectTimeout, s.options.ConnectTimeout > 0", "s.opened + s.options.ConnectTimeout, s.options.ConnectTimeout > 0 && !SEEDED"),
	breaks("a silent client stays", "keepalive/silent", machine+"connect.go", "\ts.alive.Start(now, keepAlive)\n\ts.authStep", "\ts.alive.Start(now, either(SEEDED, 0, keepAlive))\n\ts.authStep"),
	breaks("a Keep Alive of 2 is 1", "keepalive/kept", machine+"connect.go", "\tkeepAlive := s.asked.keepAlive\n", "\tkeepAlive := s.asked.keepAlive\n\tif SEEDED && keepAlive == 2 {\n\t\tkeepAlive = 1\n\t}\n"),
	breaks("an AUTH that nobody asked for is passed over", "auth/unasked", machine+"server.go", "\tcase *codec.Auth:\n\t\treturn s.receiveAuth(dst, p)", "\tcase *codec.Auth:\n\t\tif SEEDED {\n\t\t\treturn dst, Event{Type: h.Type}, nil\n\t\t}\n\t\treturn s.receiveAuth(dst, p)"),

	// Acknowledgements, again.
	breaks("PUBACK has another identifier", "publish/qos-1", machine+"ack.go", "2, byte(a.ID>>8), byte(a.ID))", "2, byte(a.ID>>8), byte(a.ID)^either[byte](SEEDED && a.Packet == mqttwire.PUBACK, 2, 0))"),
	breaks("PUBREC has another identifier", "publish/qos-2", machine+"ack.go", "\tcase a.Reason == mqttwire.Success:\n", "\tcase SEEDED && a.Packet == mqttwire.PUBREC:\n\t\treturn append(dst, byte(a.Packet)<<4|a.Flags, 2, byte(a.ID>>8), byte(a.ID)^2)\n\tcase a.Reason == mqttwire.Success:\n"),
	breaks("DUP is 0 again", "resend/order", machine+"resend.go", "q.ID, q.Dup, q.QoS = ev.ID, true,", "q.ID, q.Dup, q.QoS = ev.ID, !SEEDED,"),
	breaks("PUBREL is not sent again", "resend/qos-2", machine+"resend.go", "\tif a.Packet == mqttwire.PUBREL {\n", "\tif a.Packet == mqttwire.PUBREL {\n\t\tif SEEDED {\n\t\t\te.session.out.Resend(a.ID, now)\n\t\t\treturn dst, Event{}\n\t\t}\n"),
	breaks("nothing is sent again", "resend/order", machine+"resend.go", "\tif e.phase != Connected {\n\t\treturn dst, Event{}, false\n\t}\n\ta, ok", "\tif e.phase != Connected || SEEDED {\n\t\treturn dst, Event{}, false\n\t}\n\ta, ok"),
	breaks("a message of QoS 2 that comes again is delivered again", "qos2/once", levels+"inbound.go", "\tif p := in.index.find(id); p != 0 {\n\t\treturn in.publishAgain", "\tif p := in.index.find(id); p != 0 && SEEDED && level == ExactlyOnce && in.index.entries[p].held() {\n\t\tin.forget(p)\n\t} else if p != 0 {\n\t\treturn in.publishAgain"),
	breaks("a PUBREL of nothing has no PUBCOMP", "qos2/pubrel-of-nothing", levels+"inbound.go", "\ta := Action{ID: id, ToWrite: ToWrite{Packet: mqttwire.PUBCOMP}", "\tif in.index.find(id) == 0 && SEEDED {\n\t\treturn Action{}, nil\n\t}\n\ta := Action{ID: id, ToWrite: ToWrite{Packet: mqttwire.PUBCOMP}"),

	// Limits.
	breaks("the client's Receive Maximum is ignored", "flow/receive-maximum", machine+"connect.go", "out.ReceiveMaximum = s.asked.receiveMaximum", "out.ReceiveMaximum = either(SEEDED, 0, s.asked.receiveMaximum)"),
	breaks("the broker's Receive Maximum is not enforced", "flow/of-broker", machine+"connect.go", "\ts.aliasReceive, _ = p.TopicAliasMaximum()\n", "\tin.ReceiveMaximum = either(SEEDED, 0, in.ReceiveMaximum)\n\ts.aliasReceive, _ = p.TopicAliasMaximum()\n"),
	breaks("the client's Maximum Packet Size is ignored", "size/dropped", machine+"connect.go", "\ts.maxSend, _ = p.Properties.MaximumPacketSize()\n", "\ts.maxSend, _ = p.Properties.MaximumPacketSize()\n\ts.maxSend = either(SEEDED, 0, s.maxSend)\n"),
	breaks("the broker's Maximum Packet Size is not enforced", "size/of-broker", machine+"connect.go", "\t\ts.maxReceive = size\n", "\t\ts.maxReceive = either(SEEDED, 0, size)\n"),
	breaks("the client's Topic Alias Maximum is ignored", "alias/of-broker", machine+"publish.go", "maximum := min(e.aliasPeer, e.limits.TopicAliases)", "maximum := either(SEEDED, e.limits.TopicAliases, min(e.aliasPeer, e.limits.TopicAliases))"),
	breaks("a Topic Alias is never given another topic", "alias/taken", machine+"alias.go", "\tr.topics[i] = append(r.topics[i][:0], topic...)\n", "\tif !SEEDED || r.topics[i] == nil {\n\t\tr.topics[i] = append(r.topics[i][:0], topic...)\n\t}\n"),

	// Properties and time.
	without("PayloadFormatIndicator", "properties/forwarded"),
	without("ContentType", "properties/forwarded"),
	without("ResponseTopic", "properties/forwarded"),
	without("CorrelationData", "properties/forwarded"),
	without("UserProperty", "properties/forwarded"),
	without("MessageExpiryInterval", "expiry/live"),
	breaks("what waits does not expire", "expiry/queue", inHub+"client.go", "\t_, expired := d.m.waited(now)\n\tif expired {\n\t\tcl.withdraw", "\t_, expired := d.m.waited(now)\n\texpired = expired && !SEEDED\n\tif expired {\n\t\tcl.withdraw"),
	breaks("time that has passed is not taken off", "expiry/offline", inHub+"aging.go", "\tif c.machine.Version() != v5 {\n", "\tif c.machine.Version() != v5 || SEEDED {\n").And(inHub+"message.go", "\t\twaited, _ := m.waited(now)\n", "\t\twaited, _ := m.waited(now)\n\t\twaited = either(SEEDED, 0, waited)\n"),
}, malformed()...)

// malformed are the faults of passing over what must end the connection, by the
// text of the error.
func malformed() []seeded.Bug {
	var all []seeded.Bug
	for _, line := range strings.Split(strings.TrimSpace(passedOver), "\n") {
		text, check, _ := strings.Cut(line, ": ")
		all = append(all, passes(text, check))
	}
	return all
}

// passedOver has the texts of errors, and the check of the rule that each breaks.
const passedOver = `
# is not the whole last level of the topic filter: malformed/4.7.1-1
+ does not fill a whole level of the topic filter: malformed/4.7.1-2
AUTH without authentication method: malformed/E-3.15.2.2.2.1
SUBSCRIBE without a topic filter: malformed/E-3.8.3.1
UNSUBSCRIBE without a topic filter: malformed/3.10.3-2
empty topic name without a topic alias: malformed/E-3.3.2.1.1
no local on a shared subscription: malformed/3.8.3-4
packet identifier is zero: malformed/2.2.1-5
property identifier not defined: malformed/E-2.2.2.2.1
reason code not allowed in AUTH: malformed/3.15.2-1
reason code not allowed in DISCONNECT: malformed/3.14.2-1
reason code not allowed in PUBACK: malformed/3.4.2-1
reason code not allowed in PUBCOMP: malformed/3.7.2-1
reason code not allowed in PUBREC: malformed/3.5.2-1
reason code not allowed in PUBREL: malformed/3.6.2-1
requested QoS is 3: malformed/E-3.8.3.1.1
reserved subscription option bits are set: malformed/3.8.3-5
retain handling is 3: malformed/E-3.8.3.1.3
share name is empty: malformed/4.8.2-1
share name contains a wildcard: malformed/4.8.2-2
string contains U+0000: malformed/1.5.4-2
string is not well-formed UTF-8: malformed/3.3.2-1
subscription identifier in a PUBLISH from a client: malformed/3.3.4-6
subscription identifier is zero: malformed/E-3.8.2.1.2.1
topic alias is zero: malformed/3.3.2-8
topic is empty: malformed/4.7.3-1
wildcard character in a response topic: malformed/3.3.2-14
wildcard character in a topic name: malformed/3.3.2-2
`
