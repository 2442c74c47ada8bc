package wirejudge_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/conformance/wirejudge"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/qos"
)

func connackCode(n uint8) connack.Code { return connack.Code(n) }

const q0, q1, q2 = qos.Level(0), qos.Level(1), qos.Level(2)

// A broken exchange, and what is found in it, nothing else.
type broken struct {
	rule     wirejudge.Rule
	versions string // "3.1 3.1.1 5.0", those it is played in
	by       mqttwire.Role
	clauses  string // of those versions, or one for all
	steps    []step
	level    wirejudge.Level // and 1; 0: the rule's own
	also     []wirejudge.Rule
	judge    func(*wirejudge.Judge)
}

const all, since311, only5 = "3.1 3.1.1 5.0", "3.1.1 5.0", "5.0"

func do(s ...step) []step { return s }

// begun is a connection of a new session, with what follows.
func begun(s ...step) []step { return append([]step{hi(clean, alive(60)), ok()}, s...) }

// kept is a session that outlives its connection, with what follows.
func kept(s ...step) []step {
	return append([]step{hi(clean), ok(), cut(client), hi(expiry(100)), ok()}, s...)
}

var subscribed = sub(9, "t", codec.SubscriptionOptions(1))
var granted = suback(9, 1)

func whole(j *wirejudge.Judge) { j.Whole = true }

func exchanges() []broken {
	const should, note = wirejudge.Should + 1, wirejudge.Note + 1
	asPub := codec.RetainAsPublished
	return []broken{
		{wirejudge.FirstPacket, all, client, "MQTT-3.1.0-1", do(raw(client, "\xc0\x00")), 0, []wirejudge.Rule{wirejudge.NotFollowed}, nil},
		{wirejudge.FirstPacket, all, client, "MQTT-3.1.0-1", do(raw(client, "\x16\x03\x01\x02")), 0, []wirejudge.Rule{wirejudge.NotFollowed}, nil},
		{wirejudge.FirstPacket, all, server, "MQTT-3.2.0-1", do(raw(server, "SSH-2.0")), 0, []wirejudge.Rule{wirejudge.NotFollowed}, nil},
		{wirejudge.FirstPacket, all, server, "§3.2 MQTT-3.2.0-1 MQTT-3.2.0-1", do(hi(clean), pub(server, 0, q0, "x")), 0, nil, nil},
		{wirejudge.FirstPacket, all, server, "MQTT-3.2.0-1", do(ok()), 0, nil, nil},
		{wirejudge.SecondConnect, all, client, "§3.1 MQTT-3.1.0-2 MQTT-3.1.0-2", begun(hi()), 0, nil, nil},
		{wirejudge.SecondConnack, all, server, "§3.2 §3.2 MQTT-3.2.0-2", begun(ok()), 0, nil, nil},
		{wirejudge.SessionPresentClean, since311, server, "MQTT-3.2.2-1 MQTT-3.2.2-2", do(hi(clean), ok(present)), 0, nil, nil},
		{wirejudge.SessionPresentUnknown, since311, server, "MQTT-3.2.2-3", do(hi(clean), ok(), cut(client), hi(), ok(present)), 0, nil, nil},
		{wirejudge.SessionForgotten, since311, server, "MQTT-3.2.2-2 MQTT-3.2.2-3", kept(cut(client), hi(expiry(100)), ok()), 0, nil, nil},
		{wirejudge.SessionForgotten, since311, server, "MQTT-3.2.2-2 MQTT-3.2.2-3", kept(cut(client), hi(expiry(100)), ok()), note, nil, func(j *wirejudge.Judge) { j.Elsewhere = true }},
		{wirejudge.SessionOutlived, only5, server, "MQTT-4.1.0-2", kept(cut(client), wait(106*time.Second), hi(expiry(100)), ok(present)), 0, nil, nil},
		{wirejudge.SessionTakenUnasked, since311, client, "§3.2.2.2 MQTT-3.2.2-4", do(hi(clean), ok(present), pub(client, 0, q0, "x")), 0, []wirejudge.Rule{wirejudge.SessionPresentClean}, nil},
		{wirejudge.AssignedMissing, only5, server, "MQTT-3.2.2-16", do(hi(clean, as("")), ok()), 0, nil, nil},
		{wirejudge.AssignedUnasked, only5, server, "§3.2.2.3.7", do(hi(clean), ok(prop(codec.AppendAssignedClientIdentifier[string], "x"))), 0, nil, nil},
		{wirejudge.EmptyIDAccepted, "3.1.1", server, "MQTT-3.1.3-8", do(hi(as("")), ok()), 0, []wirejudge.Rule{wirejudge.Bytes}, nil},
		{wirejudge.WillQoSAccepted, only5, server, "MQTT-3.2.2-12", do(hi(clean, will(q1, false)), ok(prop(codec.AppendMaximumQoS, 0))), 0, nil, nil},
		{wirejudge.WillRetainAccepted, only5, server, "MQTT-3.2.2-13", do(hi(clean, will(q0, true)), ok(prop(codec.AppendRetainAvailable, 0))), 0, nil, nil},
		{wirejudge.ResponseInformation, only5, server, "MQTT-3.1.2-28", do(hi(clean), ok(prop(codec.AppendResponseInformation[string], "x"))), 0, nil, nil},
		{wirejudge.ProblemInformation, only5, server, "MQTT-3.1.2-29", do(hi(clean, prop(codec.AppendRequestProblemInformation, 0)), ok(), pub(client, 1, q1, "x"), puback(server, 1, prop(codec.AppendReasonString[string], "r"))), 0, nil, nil},
		{wirejudge.MethodInConnack, only5, server, "MQTT-4.12.0-5", do(hi(clean, method("m")), ok(method("n"))), 0, nil, nil},
		{wirejudge.MethodUnasked, only5, server, "MQTT-4.12.0-6", do(hi(clean), ok(method("n"))), 0, nil, nil},
		{wirejudge.MethodUnasked, only5, server, "MQTT-4.12.0-6", begun(auth(server, 0x18, "m")), 0, nil, nil},
		{wirejudge.MethodUnasked, only5, client, "MQTT-4.12.0-7", begun(auth(client, 0x19, "m")), 0, nil, nil},
		{wirejudge.MethodChanged, only5, server, "MQTT-4.12.0-5", do(hi(clean, method("m")), auth(server, 0x18, "n")), 0, nil, nil},
		{wirejudge.MethodChanged, only5, client, "MQTT-4.12.1-1", do(hi(clean, method("m")), ok(method("m")), auth(client, 0x19, "n")), 0, nil, nil},
		{wirejudge.AuthCode, only5, server, "MQTT-4.12.0-2", do(hi(clean, method("m")), auth(server, 0, "m")), 0, nil, nil},
		{wirejudge.AuthCode, only5, client, "MQTT-4.12.0-3", do(hi(clean, method("m")), auth(server, 0x18, "m"), auth(client, 0x19, "m")), 0, nil, nil},
		{wirejudge.AuthOutOfTurn, only5, client, "§4.12", do(hi(clean, method("m")), auth(client, 0x18, "m")), 0, nil, nil},
		{wirejudge.AuthOutOfTurn, only5, server, "§4.12", do(hi(clean, method("m")), ok(method("m")), auth(server, 0x18, "m")), 0, nil, nil},
		{wirejudge.BeforeConnack, only5, client, "MQTT-3.1.2-30", do(hi(clean, method("m")), pub(client, 0, q0, "x")), 0, nil, nil},
		{wirejudge.AfterRefusal, all, server, "§3.2 MQTT-3.2.2-5 MQTT-3.2.2-7", do(hi(clean), refuse, pub(server, 0, q0, "x")), 0, nil, nil},
		{wirejudge.OpenAfterRefusal, all, server, "§3.2 MQTT-3.2.2-5 MQTT-3.2.2-7", do(hi(clean), refuse, wait(15*time.Second)), 0, nil, nil},
		{wirejudge.OtherVersion, only5, server, "MQTT-3.1.2-2", do(hi(clean), raw(server, "\x20\x02\x00\x01")), 0, nil, nil},

		{wirejudge.DisconnectTooEarly, only5, server, "MQTT-3.14.0-1", do(hi(clean), bye(server, code(0x81))), 0, nil, nil},
		{wirejudge.ExpiryRaised, only5, client, "§3.14.2.2.2", begun(bye(client, expiry(5))), 0, nil, nil},
		{wirejudge.AfterDisconnect, all, client, "§3.14 MQTT-3.14.4-2 MQTT-3.14.4-1", begun(bye(client), pub(client, 0, q0, "x")), 0, nil, nil},
		{wirejudge.OpenAfterDisconnect, all, client, "§3.14 MQTT-3.14.4-1 MQTT-3.14.4-2", begun(bye(client), wait(13*time.Second)), 0, nil, nil},
		{wirejudge.WentOn, since311, server, "MQTT-4.8.0-1 MQTT-4.13.1-1", begun(raw(client, "\x36\x05\x00\x01t\x00\x01"), wait(13*time.Second)), 0, []wirejudge.Rule{wirejudge.Bytes}, nil},
		{wirejudge.NotTakenOver, all, server, "§3.1 MQTT-3.1.4-2 MQTT-3.1.4-3", begun(another, hi(clean), ok(), wait(13*time.Second)), 0, nil, nil},
		{wirejudge.TakenOverSilently, only5, server, "MQTT-3.1.4-3", begun(another, hi(clean), ok(), back, cut(server)), 0, nil, nil},
		{wirejudge.CutPacket, all, client, "§2", begun(raw(client, "\x30\x05\x00"), cut(client)), 0, nil, nil},
		{wirejudge.CutPacket, all, client, "§2", begun(raw(client, "\x30\xff\xff\xff\x7f\x00\x01t\x00"), raw(client, strings.Repeat("x", 1<<20)), cut(client)), 0, nil, nil},

		{wirejudge.PacketSize, only5, server, "MQTT-3.1.2-24", do(hi(clean, packetSize(20)), ok(), subscribed, granted, pub(server, 0, q0, "0123456789012345")), 0, nil, nil},
		{wirejudge.PacketSize, only5, client, "MQTT-3.2.2-15", do(hi(clean), ok(packetSize(20)), pub(client, 0, q0, "0123456789012345")), 0, nil, nil},
		{wirejudge.PacketSize, only5, client, "MQTT-3.2.2-15", do(hi(clean), ok(packetSize(20)), raw(client, "\x30\xff\x01\x00\x01t"), cut(server)), 0, []wirejudge.Rule{wirejudge.CutPacket}, nil},
		{wirejudge.PacketSize, only5, client, "E-4.13.1/2", do(hi(clean), pub(client, 0, q0, ""), ok(packetSize(20)), pub(client, 0, q0, "0123456789012345")), note, nil, nil},
		{wirejudge.AliasOverMaximum, only5, client, "MQTT-3.2.2-17", do(hi(clean), ok(aliasMaximum(2)), pub(client, 0, q0, "x", alias(3))), 0, nil, nil},
		{wirejudge.AliasOverMaximum, only5, server, "MQTT-3.1.2-26", do(hi(clean, aliasMaximum(2)), ok(), subscribed, granted, pub(server, 0, q0, "x", alias(3))), 0, nil, nil},
		{wirejudge.AliasNotTaken, only5, client, "MQTT-3.2.2-18", begun(pub(client, 0, q0, "x", alias(3))), 0, nil, nil},
		{wirejudge.AliasNotTaken, only5, server, "MQTT-3.1.2-27", begun(subscribed, granted, pub(server, 0, q0, "x", alias(3))), 0, nil, nil},
		{wirejudge.AliasUnknown, only5, client, "E-3.3.4/4", do(hi(clean), ok(aliasMaximum(2)), pub(client, 0, q0, "x", alias(1)), pub(client, 0, q0, "x", topic(""), alias(1)), pub(client, 0, q0, "x", topic(""), alias(2))), 0, nil, nil},
		{wirejudge.AliasUnknown, only5, client, "E-3.3.4/4", do(hi(clean), ok(aliasMaximum(2)), pub(client, 0, q0, "x", alias(1)), cut(client), hi(clean), ok(aliasMaximum(2)), pub(client, 0, q0, "x", topic(""), alias(1))), 0, nil, nil},
		{wirejudge.ReceiveMaximum, only5, client, "MQTT-3.3.4-7", do(hi(clean), ok(receiveMaximum(1)), pub(client, 1, q1, "x"), pub(client, 2, q2, "x")), 0, nil, nil},
		{wirejudge.ReceiveMaximum, only5, server, "MQTT-3.3.4-9", do(hi(clean, receiveMaximum(1)), ok(), subscribed, granted, pub(server, 1, q1, "x"), puback(client, 1), pub(server, 2, q1, "x"), pub(server, 3, q1, "x")), 0, nil, nil},
		{wirejudge.QoSNotSupported, only5, client, "MQTT-3.2.2-11", do(hi(clean), ok(prop(codec.AppendMaximumQoS, 1)), pub(client, 1, q2, "x")), 0, nil, nil},
		{wirejudge.RetainNotSupported, only5, client, "MQTT-3.2.2-14", do(hi(clean), ok(prop(codec.AppendRetainAvailable, 0)), pub(client, 0, q0, "x", retain)), 0, nil, nil},
		{wirejudge.WildcardNotSupported, only5, client, "E-3.2.2.3.11/2", do(hi(clean), ok(prop(codec.AppendWildcardSubscriptionAvailable, 0)), sub(1, "a/+", 0)), 0, nil, nil},
		{wirejudge.SharedNotSupported, only5, client, "E-3.2.2.3.13/2", do(hi(clean), ok(prop(codec.AppendSharedSubscriptionAvailable, 0)), sub(1, "$share/g/a", 0)), 0, nil, nil},
		{wirejudge.SubscriptionIDNotSupported, only5, client, "E-3.2.2.3.12/2", do(hi(clean), ok(prop(codec.AppendSubscriptionIdentifierAvailable, 0)), sub(1, "a", 0, subscriptionID(1))), 0, nil, nil},

		{wirejudge.IDInUse, all, client, "§2.4 MQTT-2.3.1-2 MQTT-2.2.1-3", begun(pub(client, 1, q1, "x"), pub(client, 1, q1, "y")), 0, nil, nil},
		{wirejudge.IDInUse, all, client, "§2.4 MQTT-2.3.1-2 MQTT-2.2.1-3", begun(pub(client, 1, q1, "x"), sub(1, "a", 0)), 0, nil, nil},
		{wirejudge.IDInUse, all, client, "§2.4 MQTT-2.3.1-2 MQTT-2.2.1-3", begun(sub(1, "a", 0), unsub(1, "a")), 0, nil, nil},
		{wirejudge.IDInUse, all, client, "§2.4 MQTT-2.3.1-2 MQTT-2.2.1-3", begun(sub(1, "a", 0), pub(client, 1, q2, "x")), 0, nil, nil},
		{wirejudge.IDInUse, all, server, "§2.4 MQTT-2.3.1-4 MQTT-2.2.1-4", begun(subscribed, granted, pub(server, 1, q1, "x"), pub(server, 1, q1, "y")), 0, nil, nil},
		{wirejudge.DupMissing, all, client, "§2.1 MQTT-3.3.1-1 MQTT-3.3.1-1", begun(pub(client, 1, q1, "x"), pub(client, 1, q1, "x")), 0, nil, nil},
		{wirejudge.DupMissing, since311, client, "MQTT-3.3.1-1", kept(pub(client, 1, q1, "x"), cut(client), hi(expiry(100)), ok(present), pub(client, 1, q1, "x")), 0, nil, nil},
		{wirejudge.DupOnFirst, all, client, "§2.1 MQTT-4.3.2-1 MQTT-4.3.2-2", begun(pub(client, 1, q1, "x", dup)), 0, nil, nil},
		{wirejudge.DupOnFirst, since311, client, "MQTT-4.3.3-1 MQTT-4.3.3-2", begun(pub(client, 1, q2, "x", dup)), 0, nil, nil},
		{wirejudge.DupOnFirst, only5, client, "MQTT-3.2.2-5", kept(pub(client, 1, q1, "x"), cut(client), hi(expiry(100)), ok(), pub(client, 1, q1, "x", dup)), 0, []wirejudge.Rule{wirejudge.SessionForgotten}, nil},
		{wirejudge.DupOnFirst, all, server, "§2.1 MQTT-3.3.1-3 MQTT-3.3.1-3", begun(subscribed, granted, pub(server, 1, q1, "x", dup)), 0, nil, nil},
		{wirejudge.SentAgain, only5, client, "MQTT-4.4.0-1", begun(pub(client, 1, q1, "x"), pub(client, 1, q1, "x", dup)), 0, nil, nil},
		{wirejudge.SentAgain, only5, client, "MQTT-4.4.0-1", begun(pub(client, 1, q2, "x"), pubrec(server, 1), pubrel(client, 1), pubrel(client, 1)), 0, nil, nil},
		{wirejudge.ResentOutOfOrder, since311, client, "MQTT-4.6.0-1", kept(pub(client, 1, q1, "x"), pub(client, 2, q1, "y"), cut(client), hi(expiry(100)), ok(present), pub(client, 2, q1, "y", dup), pub(client, 1, q1, "x", dup)), 0, nil, nil},
		{wirejudge.ResentOutOfOrder, since311, server, "MQTT-4.6.0-6 MQTT-4.6.0-5", kept(subscribed, granted, pub(server, 1, q1, "x"), pub(server, 2, q1, "y"), cut(client), hi(expiry(100)), ok(present), pub(server, 2, q1, "y", dup), pub(server, 1, q1, "x", dup)), 0, nil, nil},
		{wirejudge.NotResent, since311, client, "MQTT-4.4.0-1", kept(pub(client, 1, q1, "x"), cut(client), hi(expiry(100)), ok(present), wait(13*time.Second)), 0, nil, nil},
		{wirejudge.NotResent, since311, client, "MQTT-4.4.0-1", kept(pub(client, 1, q1, "x"), cut(client), hi(expiry(100)), ok(present), pub(client, 2, q1, "y"), puback(server, 2), bye(client), cut(client)), 0, nil, nil},
		{wirejudge.NotResent, since311, server, "MQTT-4.4.0-1", kept(sub(1, "t", 2), suback(1, 2), pub(server, 1, q2, "x"), pubrec(client, 1), cut(client), hi(expiry(100)), ok(present), wait(13*time.Second)), 0, nil, nil},
		{wirejudge.PublishAfterPubrel, all, client, "§4.1 MQTT-4.3.3-1 MQTT-4.3.3-6", begun(pub(client, 1, q2, "x"), pubrec(server, 1), pubrel(client, 1), pub(client, 1, q2, "x", dup)), 0, nil, nil},
		{wirejudge.PublishAfterPubrel, since311, client, "MQTT-4.3.3-1 MQTT-4.3.3-6", kept(pub(client, 1, q2, "x"), pubrec(server, 1), pubrel(client, 1), cut(client), hi(expiry(100)), ok(present), pub(client, 1, q2, "x", dup)), 0, nil, nil},
		{wirejudge.AckOfNothing, all, server, "§4.1 MQTT-2.3.1-6 MQTT-2.2.1-5", begun(puback(server, 1)), 0, nil, nil},
		{wirejudge.AckOfNothing, all, server, "§4.1 MQTT-2.3.1-6 MQTT-2.2.1-5", begun(pubrec(server, 1), pubrel(client, 1), pubcomp(server, 1)), 0, nil, nil},
		{wirejudge.AckOfNothing, all, client, "§4.1 MQTT-2.3.1-6 MQTT-2.2.1-5", begun(pubrel(client, 1), pubcomp(server, 1)), 0, nil, nil},
		{wirejudge.AckOfNothing, all, client, "§4.1 MQTT-2.3.1-6 MQTT-2.2.1-5", begun(pubcomp(client, 1)), 0, nil, nil},
		{wirejudge.AckTwice, all, server, "§4.1 MQTT-3.3.4-1 MQTT-3.3.4-1", begun(pub(client, 1, q1, "x"), puback(server, 1), puback(server, 1)), 0, nil, nil},
		{wirejudge.AckTwice, all, server, "§4.1 MQTT-3.3.4-1 MQTT-3.3.4-1", begun(pub(client, 1, q2, "x"), pubrec(server, 1), pubrec(server, 1)), 0, nil, nil},
		{wirejudge.AckOfWrongKind, all, server, "§4.1 MQTT-3.3.4-1 MQTT-3.3.4-1", begun(pub(client, 1, q1, "x"), pubrec(server, 1)), 0, nil, nil},
		{wirejudge.AckOfWrongKind, all, server, "§4.1 MQTT-3.3.4-1 MQTT-3.3.4-1", begun(pub(client, 1, q2, "x"), puback(server, 1)), 0, nil, nil},
		{wirejudge.PubackOrder, since311, client, "MQTT-4.6.0-2", begun(subscribed, granted, pub(server, 1, q1, "x"), pub(server, 2, q1, "y"), puback(client, 2), puback(client, 1)), 0, nil, nil},
		{wirejudge.PubrecOrder, since311, client, "MQTT-4.6.0-3", begun(sub(9, "t", 2), suback(9, 2), pub(server, 1, q2, "x"), pub(server, 2, q2, "y"), pubrec(client, 2), pubrec(client, 1)), 0, nil, nil},
		{wirejudge.PubrelOrder, since311, client, "MQTT-4.6.0-4", begun(pub(client, 1, q2, "x"), pub(client, 2, q2, "y"), pubrec(server, 2), pubrec(server, 1), pubrel(client, 1), pubrel(client, 2)), 0, nil, nil},
		{wirejudge.PubrelTooEarly, all, client, "§4.1 MQTT-4.3.3-1 MQTT-4.3.3-3", begun(pub(client, 1, q2, "x"), pubrel(client, 1)), 0, nil, nil},
		{wirejudge.PubrelTooEarly, since311, client, "MQTT-4.3.3-1 MQTT-4.3.3-3", kept(pub(client, 1, q2, "x"), cut(client), hi(expiry(100)), ok(present), pubrel(client, 1)), should, nil, nil},
		{wirejudge.PubcompTooEarly, all, server, "§4.1 MQTT-4.3.3-2 MQTT-4.3.3-11", begun(pub(client, 1, q2, "x"), pubrec(server, 1), pubcomp(server, 1)), 0, nil, nil},
		{wirejudge.AckAcrossConnections, since311, server, "MQTT-4.4.0-1", kept(pub(client, 1, q1, "x"), cut(client), hi(expiry(100)), ok(present), puback(server, 1)), 0, nil, nil},

		{wirejudge.AnswerToNothing, all, server, "§3.9 MQTT-2.3.1-7 MQTT-2.2.1-6", begun(suback(1, 0)), 0, nil, nil},
		{wirejudge.AnswerToNothing, all, server, "§3.9 MQTT-2.3.1-7 MQTT-2.2.1-6", begun(sub(1, "a", 0), unsuback(1, 0)), 0, nil, nil},
		{wirejudge.CodeCount, all, server, "§3.9 MQTT-3.8.4-5 MQTT-3.8.4-6", begun(sub(1, "a", 0), suback(1, 0, 0)), 0, nil, nil},
		{wirejudge.CodeCount, only5, server, "MQTT-3.8.4-6", begun(unsub(1, "a"), unsuback(1, 0, 0)), 0, nil, nil},
		{wirejudge.GrantedMore, all, server, "§3.9 MQTT-3.8.4-5 MQTT-3.8.4-7", begun(sub(1, "a", 0), suback(1, 1)), 0, nil, nil},
		{wirejudge.PingrespToNothing, all, server, "§3.13", begun(raw(server, "\xd0\x00")), 0, nil, nil},

		{wirejudge.NoConnack, since311, server, "MQTT-3.1.4-4 MQTT-3.1.4-5", do(hi(clean), wait(13*time.Second)), 0, nil, nil},
		{wirejudge.NoAck, since311, server, "MQTT-3.3.4-1", begun(pub(client, 1, q1, "x"), wait(13*time.Second), cut(client)), 0, nil, nil},
		{wirejudge.NoPubrel, since311, client, "MQTT-4.3.3-1 MQTT-4.3.3-4", begun(pub(client, 1, q2, "x"), pubrec(server, 1), wait(13*time.Second)), 0, nil, nil},
		{wirejudge.NoPubcomp, since311, server, "MQTT-4.3.3-2 MQTT-4.3.3-11", begun(pub(client, 1, q2, "x"), pubrec(server, 1), pubrel(client, 1), wait(13*time.Second)), 0, nil, nil},
		{wirejudge.NoSuback, since311, server, "MQTT-3.8.4-1", begun(sub(1, "a", 0), wait(13*time.Second)), 0, nil, nil},
		{wirejudge.NoUnsuback, since311, server, "MQTT-3.10.4-4", begun(unsub(1, "a"), wait(13*time.Second)), 0, nil, nil},
		{wirejudge.NoPingresp, since311, server, "MQTT-3.12.4-1", begun(raw(client, "\xc0\x00"), wait(13*time.Second)), 0, nil, nil},
		{wirejudge.KeepAliveLate, all, client, "§3.1 MQTT-3.1.2-23 MQTT-3.1.2-20", do(hi(clean, alive(10)), ok(), wait(12*time.Second)), 0, nil, nil},
		{wirejudge.KeepAliveBroken, all, client, "§3.1 MQTT-3.1.2-23 MQTT-3.1.2-20", do(hi(clean, alive(10)), ok(), wait(18*time.Second)), 0, []wirejudge.Rule{wirejudge.KeepAliveLate}, nil},
		{wirejudge.KeepAliveBroken, only5, client, "MQTT-3.1.2-20", do(hi(clean), ok(prop(codec.AppendServerKeepAlive, 10)), wait(18*time.Second)), 0, []wirejudge.Rule{wirejudge.KeepAliveLate}, nil},
		{wirejudge.KeepAliveNotEnforced, all, server, "§3.1 MQTT-3.1.2-24 MQTT-3.1.2-22", do(hi(clean, alive(10)), ok(), wait(30*time.Second)), 0, []wirejudge.Rule{wirejudge.KeepAliveLate, wirejudge.KeepAliveBroken}, nil},

		{wirejudge.NotSubscribed, all, server, "§3.3 MQTT-3.3.2-3 MQTT-3.3.2-3", begun(pub(server, 0, q0, "x")), 0, nil, nil},
		{wirejudge.QoSOverGrant, all, server, "§3.9 MQTT-3.8.4-6 MQTT-3.8.4-8", begun(sub(1, "t", 1), suback(1, 0), pub(server, 1, q1, "x")), 0, nil, nil},
		{wirejudge.RetainOnLive, all, server, "§3.3 MQTT-3.3.1-9 MQTT-3.3.1-12", begun(subscribed, granted, pub(server, 0, q0, "x", retain), pub(server, 0, q0, "y", retain)), 0, nil, nil},
		{wirejudge.RetainedUnwanted, only5, server, "MQTT-3.3.1-11", begun(sub(1, "t", 2<<4), suback(1, 0), pub(server, 0, q0, "x", retain)), 0, nil, nil},
		{wirejudge.RetainedEmpty, since311, server, "MQTT-3.3.1-11 MQTT-3.3.1-7", begun(subscribed, granted, pub(server, 0, q0, "", retain)), 0, nil, nil},
		{wirejudge.SubscriptionIDUnknown, only5, server, "E-3.3.4/2", begun(sub(1, "t", 0, subscriptionID(7)), suback(1, 0), pub(server, 0, q0, "x", subscriptionID(8))), 0, nil, nil},
		{wirejudge.SubscriptionIDMissing, only5, server, "MQTT-3.3.4-3", begun(sub(1, "t", 0, subscriptionID(7)), suback(1, 0), pub(server, 0, q0, "x")), 0, nil, nil},
		{wirejudge.QoSOverPublished, all, server, "§3.9 MQTT-3.8.4-6 MQTT-3.8.4-8", begun(subscribed, granted, pub(client, 0, q0, "x"), pub(server, 1, q1, "x")), 0, nil, whole},
		{wirejudge.QoSOverPublished, all, server, "§3.9 MQTT-3.8.4-6 MQTT-3.8.4-8", begun(subscribed, granted, pub(client, 0, q0, "x"), pub(server, 1, q1, "x")), note, nil, nil},
		{wirejudge.RetainNotAsPublished, only5, server, "MQTT-3.3.1-13", begun(sub(1, "t", asPub), suback(1, 0), pub(client, 0, q0, "x", retain), pub(server, 0, q0, "x")), 0, nil, whole},
		{wirejudge.OwnMessage, only5, server, "MQTT-3.8.3-3", begun(sub(1, "t", codec.NoLocal), suback(1, 0), pub(client, 0, q0, "x"), pub(server, 0, q0, "x")), 0, nil, whole},
		{wirejudge.ExpiryNotCounted, only5, server, "MQTT-3.3.2-6", begun(subscribed, granted, pub(client, 0, q0, "x", messageExpiry(30)), wait(8*time.Second), pub(server, 0, q0, "x", messageExpiry(30))), 0, nil, whole},
		{wirejudge.ExpiryNotCounted, only5, server, "MQTT-3.3.2-6", begun(subscribed, granted, pub(client, 0, q0, "x", messageExpiry(30)), pub(server, 0, q0, "x")), 0, nil, whole},
		{wirejudge.Expired, only5, server, "MQTT-3.3.2-5", begun(subscribed, granted, pub(client, 0, q0, "x", messageExpiry(3)), wait(9*time.Second), pub(server, 0, q0, "x", messageExpiry(1))), 0, nil, whole},
		{wirejudge.ExpiryAdded, only5, server, "MQTT-3.3.2-6", begun(subscribed, granted, pub(client, 0, q0, "x"), pub(server, 0, q0, "x", messageExpiry(1))), 0, nil, whole},
		{wirejudge.PropertyChanged, only5, server, "MQTT-3.3.2-20", begun(subscribed, granted, pub(client, 0, q0, "x", prop(codec.AppendContentType[string], "a")), pub(server, 0, q0, "x", prop(codec.AppendContentType[string], "b"))), 0, nil, whole},
		{wirejudge.PropertyChanged, only5, server, "MQTT-3.3.2-17", begun(subscribed, granted, pub(client, 0, q0, "x", user("a", "1"), user("b", "2")), pub(server, 0, q0, "x", user("b", "2"), user("a", "1"))), 0, nil, whole},

		{wirejudge.NotFollowed, all, client, "§2", begun(raw(client, "\x30\xff\xff\xff\xff\xff")), 0, []wirejudge.Rule{wirejudge.Bytes}, nil},
		{wirejudge.NotFollowed, all, client, "§2", begun(raw(client, "\x82\x80\x80\x08\x00\x01\x00"), raw(client, strings.Repeat("\x00", 1<<17))), 0, []wirejudge.Rule{wirejudge.Bytes}, nil},
	}
}

func user(k, v string) opt {
	return func(p codec.Packet) { l := p.PropertyList(); *l = codec.AppendUserProperty(*l, k, v) }
}

// refuse is a CONNACK that refuses, in each version.
func refuse(w *world) {
	n := uint8(5)
	if w.version == mqttwire.V50 {
		n = 0x87
	}
	ok(code(n))(w)
}

var versions = map[string]mqttwire.Version{"3.1": mqttwire.V31, "3.1.1": mqttwire.V311, "5.0": mqttwire.V50}

// TestBrokenExchanges holds that each rule is found broken where it is, by whom,
// with its clause, and nothing else is found.
func TestBrokenExchanges(t *testing.T) {
	seen := map[wirejudge.Rule]bool{}
	for i, x := range exchanges() {
		seen[x.rule] = true
		clauses := strings.Fields(x.clauses)
		for k, v := range strings.Fields(x.versions) {
			t.Run(fmt.Sprintf("%s-%d/%s", x.rule, i, v), func(t *testing.T) {
				j := new(wirejudge.Judge)
				if x.judge != nil {
					x.judge(j)
				}
				found := play(t, versions[v], j, x.steps...)
				clause := clauses[min(k, len(clauses)-1)]
				hit := false
				for _, f := range found {
					switch {
					case f.Rule == x.rule && f.By == x.by && f.Clause == clause:
						hit = true
						want := x.rule.Level()
						if x.level > 0 {
							want = x.level - 1
						}
						if f.Level != want {
							t.Errorf("level %v, want %v", f.Level, want)
						}
						if f.Wording() == "" {
							t.Errorf("%v has no wording", f)
						}
					case !slices.Contains(x.also, f.Rule):
						t.Errorf("also found: %v (%v)", f, f.Rule)
					}
				}
				if !hit {
					t.Errorf("%v by %v, %s not found in %v", x.rule, x.by, clause, found)
				}
			})
		}
	}
	for _, r := range wirejudge.Rules() {
		if !seen[r] {
			t.Errorf("no exchange breaks %v", r)
		}
	}
}

// TestMissed has a connection end before all was read: what comes with DUP on the
// next one may have been sent then.
func TestMissed(t *testing.T) {
	for _, missed := range []bool{false, true} {
		found := play(t, mqttwire.V50, new(wirejudge.Judge), kept(pub(client, 1, q1, "x"), func(w *world) {
			if missed {
				w.conn.Missed(client)
			}
		}, cut(server), hi(expiry(100)), ok(present), pub(client, 1, q1, "x", dup), pub(client, 2, q1, "y", dup))...)
		if none := len(found) == 0; none != missed {
			t.Errorf("missed %t: found %v", missed, found)
		}
	}
}

// TestGoesOn has a client of 3.1.1 go on with its session, which the server has
// forgotten: it may choose to (3.1.1 §3.2.2.2).
func TestGoesOn(t *testing.T) {
	found := play(t, mqttwire.V311, new(wirejudge.Judge), kept(pub(client, 1, q1, "x"), pub(client, 2, q2, "y"), pubrec(server, 2), pubrel(client, 2), cut(client),
		hi(), ok(), pub(client, 1, q1, "x", dup), pubrel(client, 2), puback(server, 1), pubcomp(server, 2))...)
	if len(found) != 1 || found[0].Rule != wirejudge.SessionForgotten {
		t.Error(found)
	}
}

// TestNotFollowed has a server send what nobody can follow, and go on: what the
// client does then is not held against what the judge has not seen.
func TestNotFollowed(t *testing.T) {
	for _, bad := range []string{"\x30\x80\x80\x80\x80\x01", "\xe0\x00"} {
		found := play(t, mqttwire.V311, new(wirejudge.Judge), kept(pub(client, 1, q1, "x"), raw(server, bad),
			pub(client, 2, q2, "y"), pubrec(server, 2), pubrel(client, 2), pubcomp(server, 2), puback(server, 1), wait(time.Minute),
			cut(client), hi(), ok(present), pub(client, 1, q1, "z"), pub(client, 2, q2, "z"))...)
		for _, f := range found {
			if f.By == client && f.Level != wirejudge.Note {
				t.Errorf("%x: %v", bad, f)
			}
		}
	}
}

// TestPubrecLost has PUBRECs that do not arrive before the connection ends: what
// comes again is in order with what is new.
func TestPubrecLost(t *testing.T) {
	found := play(t, mqttwire.V311, new(wirejudge.Judge), kept(pub(client, 1, q2, "x"), pubrec(server, 1), cut(client), hi(), ok(present),
		pub(client, 1, q2, "x", dup), pub(client, 2, q2, "y"), pubrec(server, 1), pubrec(server, 2), pubrel(client, 1), pubrel(client, 2))...)
	if len(found) > 0 {
		t.Error(found)
	}
}

// TestClauses holds that each rule names clauses that there are.
func TestClauses(t *testing.T) {
	for _, r := range wirejudge.Rules() {
		for _, v := range versions {
			for _, by := range []mqttwire.Role{client, server} {
				if c := r.Clause(v, by); c != "" && c[0] != 0xc2 && wirejudge.Wording(v, c) == "" {
					t.Errorf("%v, %v, %v: no clause %s", r, v, by, c)
				}
			}
		}
	}
}
