package brokers

import "strings"

// restsOn returns what a check takes for granted: checks of rules that it does not
// judge, and that show in what it sees where they are broken.
func restsOn(name string) (on []string) {
	for _, g := range granted {
		for by := range strings.FieldsSeq(g.by) {
			if by == name || strings.HasSuffix(by, "/") && strings.HasPrefix(name, by) && name != g.check {
				on = append(on, g.check)
				break
			}
		}
	}
	return on
}

// granted are checks, and the names of those that rest on them, all of a subject
// where a name ends with a slash. What is blocked by what must not be more than
// what a broken rule makes wrong: a check that rests on much says little of a
// broker that has several faults.
var granted = []struct{ check, by string }{
	// What a message looks like when it comes.
	{"topics/not-normalised", `publish/to-itself publish/order resend/empty retained/many-topics retained/handling session/offline-queue
		session/id-is-key shared/qos2-resumed size/dropped subid/overlapping subscribe/overlapping topics/matching unsubscribe/exact`},
	{"publish/qos", `alias/of-broker alias/resent flow/ publish/order publish/to-itself publish/wrong-acknowledgement properties/forwarded
		resend/not-when-refused retained/as-published session/offline-queue shared/one-copy size/dropped subid/with-message
		subscribe/again subscribe/no-local-and-another subscribe/overlapping`},
	{"publish/dup-not-forwarded", `alias/of-broker publish/to-itself shared/one-copy shared/session-ended`},
	{"publish/order", `session/offline-queue`},
	{"properties/forwarded", `will/properties`},
	{"alias/of-broker", `alias/resent`},

	// What is retained, and comes to who subscribes.
	{"retained/replaced", `alias/of-broker connect/refused-changes-nothing flow/ properties/across-versions properties/forwarded
		publish/qos publish/wrong-acknowledgement resend/not-to-clean-session session/by-turns shared/retained size/dropped
		subid/with-message subscribe/again subscribe/no-local subscribe/overlapping topics/matching will/`},
	{"retained/kept", `properties/forwarded retained/as-published retained/handling retained/many-topics retained/not-on-resumption
		shared/retained will/published`},
	{"retained/on-every-subscribe", `retained/handling topics/not-normalised`},
	{"retained/cleared", `will/empty will/published`},
	{"will/published", `will/delay will/properties`},

	// What subscriptions do.
	{"unsubscribe/exact", `retained/cleared retained/cleared-alone retained/handling retained/replaced session/kept shared/and-own
		subscribe/again topics/matching v31/dup`},
	{"subscribe/again", `subid/with-message`},
	{"subscribe/no-local", `properties/request-response subscribe/no-local-and-another`},
	{"subid/with-message", `size/identifiers subid/overlapping`},
	{"shared/one-copy", `shared/qos`},
	{"qos2/pubrel-of-nothing", `v31/dup`},

	// What sessions do.
	{"connect/again", `qos2/another-session resend/not-to-clean-session session/by-turns session/clean session/clean-start-then-kept session/kept`},
	{"connect/second", `will/ending`},
	{"connect/no-id", `connect/assigned-id`},
	{"session/resumed", `alias/of-broker alias/resent connect/assigned-id expiry/ flow/next-connection properties/forwarded publish/everyone
		publish/wrong-acknowledgement qos2/once-over-connections retained/as-published retained/handling retained/queued
		shared/qos2-resumed size/dropped subid/kept subscribe/no-local-of-session unsubscribe/in-flight will/delay-reconnect will/queued`},
	{"session/id-is-key", `connect/assigned-id`},
	{"session/expiry", `will/delay`},
	{"takeover/old-ends", `publish/wrong-acknowledgement session/by-turns session/clean session/clean-start-then-kept takeover/many
		will/delay-clean-start will/takeover`},
	{"session/clean", `takeover/session will/delay-clean-start`},
	{"session/offline-queue", `expiry/offline properties/forwarded retained/as-published size/dropped`},
	{"resend/order", `alias/resent expiry/on-its-way flow/next-connection publish/wrong-acknowledgement resend/qos-2 resend/empty
		shared/qos2-resumed subid/kept takeover/session unsubscribe/in-flight`},
	{"resend/qos-2", `expiry/on-its-way shared/qos2-resumed unsubscribe/in-flight`},

	// Wills, and time.
	{"will/sent", `keepalive/silent`},
	{"will/ending", `will/none`},
	{"will/delay", `will/delay-reconnect`},
	{"will/properties", `will/expiry`},
	{"expiry/live", `expiry/offline expiry/queue expiry/retained will/expiry`},
}
