package qos

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Every rule, broken on purpose, must be caught: by the model checker, or where
// honest ends never come to where the rule matters, by the test that bears its
// name. The bugs are edits of the source, all in one build of the tests, each
// behind a condition; the library has no trace of them.

// edit replaces text that occurs once in a file; SEEDED in it becomes the
// condition that the bug is on.
type edit struct{ file, old, new string }

type seededBug struct {
	name  string
	test  string // that catches it, if the checker need not
	edits []edit
}

func bug(name, file, old, new string) seededBug {
	return seededBug{name, "", []edit{{file, old, new}}}
}

func (s seededBug) caughtBy(test string) seededBug {
	s.test = test
	return s
}

func (s seededBug) and(file, old, new string) seededBug {
	s.edits = append(s.edits, edit{file, old, new})
	return s
}

const (
	outboundGo = "outbound.go"
	acksGo     = "outbound_acks.go"
	resendGo   = "outbound_resend.go"
	inboundGo  = "inbound.go"
	windowGo   = "window.go"
	snapshotGo = "snapshot.go"
)

var seededBugs = []seededBug{
	// Packet Identifiers.
	bug("an id in use is handed out", windowGo,
		"	s := w.at(w.free.head)\n", "	s := w.at(w.free.head)\n	for i := range w.slots {\n		if SEEDED && w.slots[i].state == uint8(AwaitPubcomp) {\n			return &w.slots[i]\n		}\n	}\n"),
	bug("an id is not freed at the end of its exchange", acksGo,
		"	o.window.give(s)\n	return a\n}\n\n// unlink", "	if !SEEDED {\n\t\to.window.give(s)\n\t}\n	return a\n}\n\n// unlink"),
	bug("a request keeps its id when the connection ends", outboundGo,
		"	o.drop(&o.requests)\n", "	if !SEEDED {\n\t\to.drop(&o.requests)\n\t}\n"),
	bug("a request takes quota", outboundGo,
		"	o.window.push(&o.requests, s)\n", "	if SEEDED {\n\t\to.quota--\n\t}\n	o.window.push(&o.requests, s)\n"),
	bug("an id is handed out when none is free", windowGo,
		"	if w.free.head == 0 && !w.grow() {\n", "	if w.free.head == 0 && !w.grow() {\n		if SEEDED {\n			return &w.slots[1]\n		}\n").caughtBy("TestPacketIDExhaustionIsAnErrorToWaitOn"),
	bug("ids are reused early", windowGo,
		"	if s.id += uint16(len(w.slots)); s.id == 0 {\n", "	if s.id += uint16(len(w.slots)); s.id == 0 || SEEDED {\n").caughtBy("TestPacketIDsStartAtOneRiseAndWrap"),

	// Receiving PUBLISH.
	bug("QoS 2 is not deduplicated", inboundGo,
		"		in.push(p)\n	}\n	return Action{ID: e.id, ToTell: ToTell{Event: Duplicate}}, nil\n", "		in.push(p)\n\t\tif SEEDED && e.state&twice != 0 {\n\t\t\te.state &^= decided\n\t\t\tin.serial++\n\t\t\te.serial = in.serial\n\t\t\treturn Action{Token: uint64(e.ticket()), ID: e.id, ToTell: ToTell{Event: Deliver}}, nil\n\t\t}\n	}\n	return Action{ID: e.id, ToTell: ToTell{Event: Duplicate}}, nil\n"),
	bug("QoS 2 is deduplicated only with DUP set", inboundGo,
		"	case level == AtLeastOnce && !dup:\n", "	case (level == AtLeastOnce || SEEDED) && !dup:\n").caughtBy("TestQoS2IsDeduplicatedByIDWhateverDupSays"),
	bug("a decided QoS 2 duplicate is not answered", inboundGo,
		"	if e.state&queued == 0 {\n		in.push(p)\n", "	if e.state&queued == 0 && !(SEEDED && e.state&decided != 0) {\n		in.push(p)\n"),
	bug("an undecided QoS 2 duplicate is answered on its own", inboundGo,
		"	e := &in.index.entries[p]\n	switch {\n	case e.state&twice !=", "	e := &in.index.entries[p]\n	if SEEDED && e.state&(twice|decided|queued) == twice {\n		e.state |= decided\n	}\n	switch {\n	case e.state&twice !="),
	bug("an id may be held at both QoS", inboundGo,
		"	case e.state&twice != uint8(level)>>1:\n		return", "	case e.state&twice != uint8(level)>>1 && !SEEDED:\n		return").caughtBy("TestPublishOfAnIDHeldByTheOtherQoSIsAnError"),
	bug("the Receive Maximum is not enforced", inboundGo,
		"	if in.index.n >= in.limit {\n", "	if SEEDED {\n		in.counted = 0\n	}\n	if in.index.n >= in.limit {\n").caughtBy("TestReceiveMaximumIsEnforcedCountingDuplicatesOnce"),
	bug("the receiver counts a duplicate twice", inboundGo,
		"	if e.state&counted == 0 {\n", "	if e.state&counted == 0 || SEEDED {\n").caughtBy("TestReceiveMaximumIsEnforcedCountingDuplicatesOnce"),
	bug("the receiver counts earlier connections", inboundGo,
		"	in.counted = 0\n	for", "	if !SEEDED {\n		in.counted = 0\n	}\n	for"),
	bug("the receiver does not count what is sent again", inboundGo,
		"		in.counted++\n		e.state |= counted\n", "		if !SEEDED {\n			in.counted++\n		}\n		e.state |= counted\n"),
	bug("a PUBREL of an earlier connection makes room", inboundGo,
		".state&counted != 0 {\n		in.counted--\n", ".state&counted != 0 || SEEDED {\n		in.counted--\n"),
	bug("PUBREC of 0x80 keeps the id", inboundGo,
		"		if !a.Reason.IsError() {\n			in.remove(e)", "		if !a.Reason.IsError() || SEEDED {\n			in.remove(e)"),
	bug("PUBREC makes room in the Receive Maximum", inboundGo,
		"		a.Packet = mqttwire.PUBREC\n", "		a.Packet = mqttwire.PUBREC\n		if SEEDED && e.state&counted != 0 {\n			e.state &^= counted\n			in.counted--\n		}\n").caughtBy("TestReceiveMaximumIsEnforcedCountingDuplicatesOnce"),

	// Receiving PUBREL.
	bug("PUBREL of an unknown id is not answered", inboundGo,
		".state&twice == 0 {\n		return a, nil\n", ".state&twice == 0 {\n		if SEEDED {\n			a.Packet = 0\n		}\n		return a, nil\n"),
	bug("PUBCOMP of an unknown id does not say 0x92", inboundGo,
		"	if !held && in.version == mqttwire.V50 {\n", "	if !held && in.version == mqttwire.V50 && !SEEDED {\n").caughtBy("TestPubrelIsAlwaysAnsweredWithPubcomp"),
	bug("PUBREL does not free the id", inboundGo,
		"	a.Event, a.Change = Freed, receivedForget.at(ExactlyOnce)\n", "	a.Event, a.Change = Freed, receivedForget.at(ExactlyOnce)\n	if SEEDED {\n		return a, nil\n	}\n"),
	bug("PUBREL does not cancel a PUBREC that waits", inboundGo,
		"	in.forget(p)\n	return a, nil\n}\n\n// forget", "	if SEEDED && in.index.entries[p].state&queued != 0 {\n		return a, nil\n	}\n	in.forget(p)\n	return a, nil\n}\n\n// forget").caughtBy("TestPubrelCancelsAPubrecThatWaitsToBeSentAgain"),

	// Receiving PUBACK, PUBREC, PUBCOMP.
	bug("PUBREC of an unknown id is not answered", acksGo,
		"		if !reason.IsError() {\n			a.Packet", "		if !reason.IsError() && !SEEDED {\n			a.Packet").caughtBy("TestPubrecForAnUnknownID"),
	bug("PUBREC while PUBCOMP is awaited is not answered", acksGo,
		"		if s.flags&released == 0 {\n", "		if s.flags&released == 0 || SEEDED {\n").caughtBy("TestPubrecWhilePubcompIsAwaitedIsAnsweredWithPubrel"),
	bug("PUBCOMP ends an exchange that awaits PUBREC", acksGo,
		"	return o.finish(&o.release, s, mqttwire.Success), nil\n", "	if s.state == uint8(AwaitPubrec) {\n		return o.finish(&o.publish, s, mqttwire.Success), nil\n	}\n	return o.finish(&o.release, s, mqttwire.Success), nil\n").and(acksGo,
		"s == nil || s.state != uint8(AwaitPubcomp)", "s == nil || s.state != uint8(AwaitPubcomp) && !(SEEDED && s.state == uint8(AwaitPubrec))").caughtBy("TestPubcompWhilePubrecIsAwaitedIsIgnoredAndReported"),
	bug("PUBACK ends a QoS 2 exchange", acksGo,
		"	if s.state != uint8(AwaitPuback) {\n", "	if s.state != uint8(AwaitPuback) && !(SEEDED && s.state == uint8(AwaitPubrec)) {\n").caughtBy("TestPubackForQoS2AndPubrecForQoS1AreProtocolErrors"),
	bug("PUBREC is taken for a QoS 1 message", acksGo,
		"	switch Await(s.state) {\n	case AwaitPubrec:\n", "	if SEEDED && s.state == uint8(AwaitPuback) {\n		s.state = uint8(AwaitPubrec)\n	}\n	switch Await(s.state) {\n	case AwaitPubrec:\n").caughtBy("TestPubackForQoS2AndPubrecForQoS1AreProtocolErrors"),
	bug("PUBREC 0x10 is failure", acksGo,
		"		if reason.IsError() {\n			return o.finish(&o.publish, s, reason), nil\n", "		if reason.IsError() || SEEDED && reason != 0 {\n			return o.finish(&o.publish, s, reason), nil\n").caughtBy("TestPubrec0x10IsSuccess"),
	bug("PUBREC of 0x80 is success", acksGo,
		"	a := Action{Token: s.token, ID: id, ToWrite: ToWrite{Flags: 0b0010}}\n", "	if SEEDED {\n		reason = mqttwire.Success\n	}\n	a := Action{Token: s.token, ID: id, ToWrite: ToWrite{Flags: 0b0010}}\n"),
	bug("PUBREC of 0x80 does not return quota", acksGo,
		"	if s.flags&carried != 0 {\n", "	if s.flags&carried != 0 && !(SEEDED && reason.IsError()) {\n"),
	bug("stray acknowledgements are errors", acksGo,
		"		return Action{ID: id, ToTell: ToTell{Event: Unsolicited}}, nil\n	}\n	return o.finish(&o.release", "		if SEEDED {\n			return Action{}, mqttwire.ErrAckMismatch\n		}\n		return Action{ID: id, ToTell: ToTell{Event: Unsolicited}}, nil\n	}\n	return o.finish(&o.release").caughtBy("TestStrayPubackAndPubcompAreReportedAndHarmless"),

	// Quota.
	bug("what is resumed takes no quota", resendGo,
		"		o.quota--\n", "		if !SEEDED {\n			o.quota--\n		}\n"),
	bug("quota returns for what another connection carried", acksGo,
		"	o.held--\n	o.unlink(l, s)\n", "	if SEEDED && s.flags&carried == 0 {\n		o.quota++\n	}\n	o.held--\n	o.unlink(l, s)\n"),
	bug("quota returns at PUBREC", acksGo,
		"		o.unlink(&o.publish, s)\n		s.state", "		if SEEDED && s.flags&carried != 0 {\n			o.quota++\n			s.flags = 0\n		}\n		o.unlink(&o.publish, s)\n		s.state"),
	bug("quota is not reset", outboundGo,
		"	o.quota = 0\n", "	if !SEEDED {\n		o.quota = 0\n	}\n").and(outboundGo,
		"	o.quota = o.limit\n", "	before := o.quota\n	o.quota = o.limit\n").and(outboundGo,
		"	o.timers = nil\n	if c.V", "	if SEEDED && o.version != 0 {\n		o.quota = before\n	}\n	o.timers = nil\n	if c.V"),
	bug("what is published ignores the quota", outboundGo,
		"	case o.quota == 0 || o.held >= o.limit:\n", "	case (o.quota == 0 && !SEEDED) || o.held >= o.limit:\n"),

	// Resumption.
	bug("what is new overtakes what is resumed", outboundGo,
		"	case o.nextRelease|o.nextPublish != 0:\n", "	case o.nextRelease|o.nextPublish != 0 && !SEEDED:\n"),
	bug("PUBLISHes are resumed last first", outboundGo,
		"	o.nextRelease, o.nextPublish = o.release.head, o.publish.head\n", "	o.nextRelease, o.nextPublish = o.release.head, o.publish.head\n	if SEEDED {\n		o.nextPublish = o.publish.tail\n	}\n").and(resendGo,
		"		o.nextPublish = s.next\n", "		o.nextPublish = s.next\n		if SEEDED {\n			o.nextPublish = s.prev\n		}\n"),
	bug("PUBRELs are resumed last first", outboundGo,
		"	o.timers = nil\n	if c.Version", "	defer func() {\n		if SEEDED {\n			o.nextRelease = o.release.tail\n		}\n	}()\n	o.timers = nil\n	if c.Version").and(resendGo,
		"		o.nextRelease = s.next\n", "		o.nextRelease = s.next\n		if SEEDED {\n			o.nextRelease = s.prev\n		}\n"),
	bug("PUBRELs are not resumed", outboundGo,
		"	o.version, o.up = c.Version, true\n	return nil\n", "	if SEEDED {\n		o.nextRelease = 0\n	}\n	o.version, o.up = c.Version, true\n	return nil\n"),
	bug("DUP is not set", resendGo,
		"s.state<<1|fixedheader.FlagDup", "s.state<<1\n		if !SEEDED {\n			a.Flags |= fixedheader.FlagDup\n		}"),
	bug("PUBLISH is sent again after its PUBREC", acksGo,
		"		s.state = uint8(AwaitPubcomp)\n", "		if !SEEDED {\n			s.state = uint8(AwaitPubcomp)\n		}\n"),
	bug("a PUBREL overtakes those that are resumed", resendGo,
		"	if !o.up || o.nextRelease != 0 {\n", "	if !o.up || o.nextRelease != 0 && !SEEDED {\n").caughtBy("TestNoPubrelOvertakesThoseBeingResumed"),
	bug("what is acknowledged before it is resumed is sent again", acksGo,
		"	case o.nextPublish:\n		o.nextPublish = s.next\n", "	case o.nextPublish:\n		if !SEEDED {\n			o.nextPublish = s.next\n		}\n").caughtBy("TestAckDuringResumeIsNotSentAgain"),
	bug("5.0 sends again by the clock", outboundGo,
		"c.Version != mqttwire.V50 && c.Retry > 0", "(c.Version != mqttwire.V50 || SEEDED) && c.Retry > 0").caughtBy("TestNothingIsSentAgainAtAnyOtherTimeIn50"),
	bug("an id is reused while its PUBACKs may come", acksGo,
		"	if o.timers != nil && o.timers.linger", "	if o.timers != nil && !SEEDED && o.timers.linger"),

	// Sessions and connections.
	bug("the sender keeps a lost session", outboundGo,
		"	if !c.Resumed {\n		o.drop", "	if !c.Resumed && !SEEDED {\n		o.drop"),
	bug("the receiver keeps a lost session", inboundGo,
		"	if !c.Resumed {\n		in.index", "	if !c.Resumed && !SEEDED {\n		in.index"),
	bug("what is dropped past its PUBREC is called uncertain", outboundGo,
		"	d = Dropped{s.token, s.id, Await(s.state &^ dropped)}\n", "	d = Dropped{s.token, s.id, Await(s.state &^ dropped)}\n	if SEEDED && d.Await == AwaitPubcomp {\n		d.Await = AwaitPubrec\n	}\n"),
	bug("messages are dropped without a word", outboundGo,
		"		o.drop(&o.publish)\n", "		if SEEDED {\n			o.publish = list{}\n		}\n		o.drop(&o.publish)\n"),

	// Deferred acknowledgements.
	bug("acknowledgements leave in the order of deciding", inboundGo,
		"	if e.state&decided == 0 {\n", "	for SEEDED && e.state&decided == 0 && e.next != 0 {\n		p = e.next\n		e = &in.index.entries[p]\n	}\n	if e.state&decided == 0 {\n"),
	bug("a ticket decides the next delivery of its id", inboundGo,
		"e.state&decided != 0 || e.ticket() != t {", "e.state&decided != 0 || e.ticket() != t && !SEEDED {"),
	bug("a ticket of an earlier connection decides no QoS 2", inboundGo,
		"	in.counted = 0\n	for", "	in.counted = 0\n	for i := range in.index.entries {\n		if SEEDED {\n			in.index.entries[i].serial = 0\n		}\n	}\n	for"),
	bug("a late decision is written without its PUBLISH", inboundGo,
		"	e.reason = uint8(reason)\n", "	e.reason = uint8(reason)\n	if SEEDED && e.state&queued == 0 && in.up {\n		in.push(p)\n	}\n"),
	bug("acknowledgements are written on the next connection", inboundGo,
		"	in.order = list{}\n", "	if SEEDED {\n		return\n	}\n	in.order = list{}\n"),
	bug("an undecided QoS 2 id is forgotten with the connection", inboundGo,
		"		if e.state&twice == 0 {\n", "		if e.state&twice == 0 || SEEDED && e.state&decided == 0 {\n"),
	bug("a decided QoS 2 id is forgotten with the connection", inboundGo,
		"		in.index.entries[i].state &^= queued | counted\n", "		in.index.entries[i].state &^= queued | counted\n		if SEEDED {\n			in.index.entries[i].state &^= decided\n		}\n"),

	// The journal and snapshots.
	bug("a snapshot holds undecided deliveries", snapshotGo,
		"e.id != 0 && e.held() {", "e.id != 0 && e.held() || SEEDED && e.id != 0 && e.state&twice != 0 {").and(snapshotGo,
		"		if !e.held() {\n", "		if !e.held() && !SEEDED {\n"),
	bug("a snapshot misses what awaits PUBCOMP", snapshotGo,
		"	r := Outbound{window:", "	if SEEDED {\n		kept := []byte(nil)\n		for r := records; len(r) != 0; r = r[outboundRecord:] {\n			if r[2] != uint8(AwaitPubcomp) {\n				kept = append(kept, r[:outboundRecord]...)\n			}\n		}\n		records = kept\n	}\n	r := Outbound{window:"),
	bug("a snapshot confuses the phases", snapshotGo,
		"		s.state, s.token = state,", "		if SEEDED {\n			state = uint8(AwaitPubcomp) + 1 - state&3\n		}\n		s.state, s.token = state,"),
}

// seed turns a bug on. It is there only in the build that has the bugs.
var seed func(n int)

// seededFile is added to that build.
const seededFile = `package qos

import ("os"; "strconv")

var seeded = -1

func init() {
	seed = func(n int) { seeded = n }
	if n, err := strconv.Atoi(os.Getenv("QOS_SEEDED")); err == nil {
		seeded = n
	}
}
`

// plant writes the sources with all bugs into dir and returns the overlay that
// puts them into a build.
func plant(t *testing.T, dir string) string {
	t.Helper()
	type splice struct {
		at  int
		old string
		new string
	}
	files := map[string][]splice{}
	sources := map[string]string{}
	for n, b := range seededBugs {
		for _, e := range b.edits {
			if sources[e.file] == "" {
				text, err := os.ReadFile(e.file)
				if err != nil {
					t.Fatal(err)
				}
				sources[e.file] = string(text)
			}
			if c := strings.Count(sources[e.file], e.old); c != 1 {
				t.Fatalf("bug %q: its text occurs %d times in %s", b.name, c, e.file)
			}
			// Only what differs, so that two edits may name the same lines.
			at, old, text := strings.Index(sources[e.file], e.old), e.old, e.new
			for old != "" && text != "" && old[0] == text[0] {
				at, old, text = at+1, old[1:], text[1:]
			}
			for old != "" && text != "" && old[len(old)-1] == text[len(text)-1] {
				old, text = old[:len(old)-1], text[:len(text)-1]
			}
			files[e.file] = append(files[e.file], splice{at, old,
				strings.ReplaceAll(text, "SEEDED", fmt.Sprintf("(seeded == %d)", n))})
		}
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	replace := map[string]string{}
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(here, name)] = path
	}
	for name, splices := range files {
		slices.SortFunc(splices, func(a, b splice) int { return b.at - a.at }) // from the end, so that places stay
		text := sources[name]
		for i, s := range splices {
			if i > 0 && s.at+len(s.old) > splices[i-1].at {
				t.Fatalf("%s: edits overlap at %q", name, s.old)
			}
			text = text[:s.at] + s.new + text[s.at+len(s.old):]
		}
		write(name, text)
	}
	write("seeded_on.go", strings.Replace(seededFile, "seed = func", "setSeed = func", 1)+"\nvar setSeed func(int)\n")
	write("seeded_on_test.go", "package qos\n\nfunc init() { seed = setSeed }\n")
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSeededBugs(t *testing.T) {
	if seed != nil {
		t.Skip("this is the build with the bugs")
	}
	if testing.Short() {
		t.Skip("builds and runs the tests again")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	// Windows runs no program without .exe; elsewhere it is a name like any other.
	binary, hunt := filepath.Join(dir, "qos.test.exe"), []string{"-test.run=^TestHunt$", "-test.v", "-test.timeout=2m"}
	if *full {
		hunt = append(hunt, "-modelcheck.full") // all bugs, not larger bounds
	}
	run := func(env, name string, args ...string) (string, error) {
		c := exec.CommandContext(ctx, name, args...)
		c.Env = append(os.Environ(), env)
		out, err := c.CombinedOutput()
		return string(out), err
	}
	if out, err := run("", "go", "test", "-c", "-vet=off", "-overlay", plant(t, dir), "-o", binary, "."); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	caught := map[string]string{}
	out, err := run("QOS_SEEDED=-1", binary, hunt...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(out) {
		if name, how, ok := strings.Cut(strings.TrimSpace(line), " CAUGHT "); ok {
			caught[name] = how
		}
	}
	for n, b := range seededBugs {
		how := caught[b.name]
		if b.test != "" {
			out, err := run("QOS_SEEDED="+strconv.Itoa(n), binary, "-test.run=^"+b.test+"$", "-test.timeout=30s")
			if err == nil || !strings.Contains(out, "--- FAIL: "+b.test) {
				t.Errorf("%q: not caught by %s\n%s", b.name, b.test, out)
			}
			how = strings.TrimPrefix(how+"; "+b.test, "; ")
		}
		if how == "" {
			t.Errorf("%q: not caught", b.name)
		}
		t.Logf("%-60s %s", b.name, how)
	}
}

// TestHunt is the checker in the build with the bugs: it looks for those that
// no other test catches, and with -modelcheck.full for all.
func TestHunt(t *testing.T) {
	if seed == nil {
		t.Skip("without bugs")
	}
	for n, bug := range seededBugs {
		if bug.test != "" && !*full {
			continue
		}
		seed(n)
		for i := range smallBounds {
			b := &smallBounds[i]
			if r := explore(b); r.broken != "" {
				fmt.Printf("%s CAUGHT in %d moves, %d states (%s): %s\n", bug.name, len(r.trace), r.states, b.name, r.broken)
				break
			}
		}
	}
}
