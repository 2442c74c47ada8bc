package interop

import (
	"fmt"
	"testing"

	"github.com/mqttwire/mqttwire"
)

// teams are the members of a group, of different libraries. Shared
// Subscriptions are of 5.0, but clients of 3.1.1 may use them too.
var teams = [][]string{
	{"paho-5.0", "mqttjs-5.0", "mosquitto-5.0"},
	{"paho-3.1.1", "mqttjs-5.0", "mosquitto-3.1.1"},
	{"mqttjs-3.1.1", "paho-5.0"},
}

// eachTeam runs a test with each team, at each QoS from the lowest given.
func eachTeam(t *testing.T, lowest byte, test func(t *testing.T, team []flavor, q byte)) {
	for i, names := range teams {
		for q := lowest; q < 3; q++ {
			t.Run(fmt.Sprintf("team %d QoS %d", i, q), func(t *testing.T) {
				t.Parallel()
				var team []flavor
				for _, name := range names {
					team = append(team, find(t, name))
				}
				test(t, team, q)
			})
		}
	}
}

// member returns a client that is one of a group, and takes its own messages
// besides.
func member(t *testing.T, f flavor, b *broker, q byte, o options) *client {
	t.Helper()
	o.id = "m-" + f.name
	o.subscribe = []subscription{{filter: "$share/group/s/#", qos: q}, {filter: "end/" + o.id, qos: q}}
	return newClient(t, f, b, o)
}

// gather returns who got which message, by payload: all that has been published
// at a QoS up to now.
func gather(writer *client, q byte, members ...*client) map[string][]*client {
	writer.t.Helper()
	got := map[string][]*client{}
	for _, c := range members {
		end := message{topic: "end/" + c.options.id, payload: "end", qos: q}
		writer.pub(end) // after all that is on its way to c
		for m := c.next(); m.topic != end.topic; m = c.next() {
			if m.qos != q || m.dup {
				c.t.Errorf("%s got %v", c.options.id, m)
			}
			got[m.payload] = append(got[m.payload], c)
		}
	}
	return got
}

func writeShared(writer *client, q byte, from, to int) {
	writer.t.Helper()
	for i := from; i < to; i++ {
		writer.pub(message{topic: fmt.Sprint("s/", i%5), payload: fmt.Sprint(i), qos: q})
	}
}

// Each message goes to one member, and each member gets its share. One that has
// taken what it has got leaves, and nothing is lost.
func TestShared(t *testing.T) {
	t.Parallel()
	eachTeam(t, 0, func(t *testing.T, team []flavor, q byte) {
		b := startBroker(t)
		writer := newClient(t, find(t, "paho-5.0"), b, options{id: "writer"})
		other := newClient(t, find(t, "paho-3.1.1"), b, options{id: "other", subscribe: []subscription{{filter: "s/#", qos: 2}}})
		var members []*client
		for _, f := range team {
			members = append(members, member(t, f, b, q, options{}))
		}
		n := 60
		for round := 0; len(members) > 0; round++ {
			writeShared(writer, q, round*n, (round+1)*n)
			got := gather(writer, q, members...)
			share := map[*client]int{}
			for i := round * n; i < (round+1)*n; i++ {
				who := got[fmt.Sprint(i)]
				if len(who) != 1 {
					t.Fatalf("message %d has come %d times", i, len(who))
				}
				share[who[0]]++
			}
			for _, c := range members { // in turns, except that who can take no more for the moment is passed over
				if fair := n / len(members); share[c] < fair/2 || share[c] > fair*2 {
					t.Errorf("%s got %d messages of %d, as one of %d", c.options.id, share[c], n, len(members))
				}
			}
			// What members have not acknowledged when they leave is no matter of
			// this test.
			gone := members[0]
			done := map[byte]mqttwire.PacketType{1: mqttwire.PUBACK, 2: mqttwire.PUBCOMP}[q]
			if q > 0 {
				gone.link.waitFor(len(gone.link.seen(of(mqttwire.PUBLISH, mqttwire.Server))), "acknowledgement", of(done, mqttwire.Client))
			}
			gone.quit()
			members = members[1:]
		}
		for i := range n * len(team) {
			other.expect(message{topic: fmt.Sprint("s/", i%5), payload: fmt.Sprint(i), qos: q})
		}
	})
}

// A member is lost, and what it has not acknowledged goes to the others: but for
// messages of QoS 2 whose delivery has begun, which are nobody else's (5.0
// §4.8.2).
func TestSharedLoss(t *testing.T) {
	t.Parallel()
	eachTeam(t, 1, func(t *testing.T, team []flavor, q byte) {
		b := startBroker(t)
		writer := newClient(t, find(t, "paho-5.0"), b, options{id: "writer"})
		acks := 0
		var finished []packet // acknowledgements of the one that is lost
		through := startLink(t, b.address, func(p *packet) verdict {
			if p.is(mqttwire.PUBACK, mqttwire.Client) || p.is(mqttwire.PUBREC, mqttwire.Client) {
				if acks++; acks > 5 {
					return swallow
				}
				finished = append(finished, *p)
			}
			return pass
		})
		through.single()
		lost := member(t, team[0], b, q, options{through: through, receiveMaximum: 8})
		var others []*client
		for _, f := range team[1:] {
			others = append(others, member(t, f, b, q, options{}))
		}
		const n = 90
		writeShared(writer, q, 0, n)
		published := of(mqttwire.PUBLISH, mqttwire.Server)
		// A message of QoS 0 comes after all that has been sent before.
		writer.pub(message{topic: "end/" + lost.options.id})
		through.waitFor(1, "end", func(p *packet) bool { return published(p) && p.qos() == 0 })
		lost.crash()
		got := gather(writer, q, others...)

		first := map[string]bool{} // what the lost one has acknowledged, or of QoS 2 been sent
		for i, p := range through.seen(published) {
			if i < len(finished) || q == 2 && p.qos() == 2 {
				first[string(p.publish(t, team[0].version).Payload)] = true
			}
		}
		for i := range n {
			who := got[fmt.Sprint(i)]
			if want := 1; len(who) != want && !first[fmt.Sprint(i)] {
				t.Errorf("message %d has come %d times", i, len(who))
			} else if first[fmt.Sprint(i)] && len(who) > 0 {
				t.Errorf("message %d has come to another too", i)
			}
		}
	})
}

// Who is there gets what others are away for; while nobody is there, the
// messages wait.
func TestSharedAway(t *testing.T) {
	t.Parallel()
	eachTeam(t, 1, func(t *testing.T, team []flavor, q byte) {
		b := startBroker(t)
		writer := newClient(t, find(t, "paho-5.0"), b, options{id: "writer"})
		one := member(t, team[0], b, q, options{resume: true})
		two := member(t, team[1], b, q, options{resume: true})
		one.quit()
		writeShared(writer, q, 0, 20)
		if got := gather(writer, q, two); len(got) != 20 {
			t.Errorf("%d messages of 20 came to the one that is there", len(got))
		}
		two.link.waitFor(21, "acknowledgement", func(p *packet) bool {
			return p.is(mqttwire.PUBACK, mqttwire.Client) || p.is(mqttwire.PUBCOMP, mqttwire.Client)
		})
		two.quit()
		writeShared(writer, q, 20, 40)
		one = member(t, team[0], b, q, options{resume: true})
		two = member(t, team[1], b, q, options{resume: true})
		got := gather(writer, q, one, two)
		for i := 20; i < 40; i++ {
			if who := got[fmt.Sprint(i)]; len(who) != 1 {
				t.Errorf("message %d has come %d times", i, len(who))
			}
		}
	})
}
