package tokenauth

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/connack"
	"github.com/mqttwire/mqttwire/internal/mermaid"
)

// phase names the state of a client that has tokens of one type.
func (c *Client) phase() string {
	switch s := &c.slots[Read-1]; {
	case c.pending != 0:
		return "Uploading"
	case c.spent:
		return "Refused"
	case s.old.token == nil:
		return "One"
	case c.older != 0:
		return "OldNext"
	case s.acked:
		return "Uploaded"
	}
	return "NewNext"
}

// TestClientDiagram holds the diagram of the README to the code: what each input
// does in each state, nothing where it changes none and asks for no token.
func TestClientDiagram(t *testing.T) {
	now := time.UnixMilli(1_600_000_000_000)
	set := func(c *Client) { c.Set(now, Read, Secret("t"), time.Time{}) }
	upload := func(c *Client) { c.Update(nil, now, Read, Secret("t"), time.Time{}) }
	answer := func(code connack.Code) func(*Client) {
		return func(c *Client) { c.Connect(); c.Connack(code) }
	}
	puback := func(reason mqttwire.Reason) func(*Client) {
		return func(c *Client) { c.Acknowledged(reason) }
	}
	notice := func(topic, payload string) func(*Client) {
		return func(c *Client) { c.Notice([]byte(topic), []byte(payload)) }
	}
	accept, refuse := answer(connack.Success), answer(connack.RefusedNotAuthorized)
	ways := [][]func(*Client){
		{set},
		{set, accept, upload},
		{set, accept, upload, puback(0)},
		{set, accept, set},
		{set, accept, set, refuse},
		{set, refuse},
	}
	inputs := []struct {
		name string
		do   func(*Client)
		in   string // the states in which it can happen, all where it is empty
	}{
		{"Set", set, ""},
		{"Update", upload, "One NewNext Uploaded"},
		{"PUBACK", puback(0), ""},
		{"PUBACK 0x80", puback(mqttwire.UnspecifiedError), ""},
		{"connection lost", func(c *Client) { c.Connect() }, ""},
		{"CONNACK 0", accept, "One NewNext OldNext Uploaded"},
		{"CONNACK 4 or 5", refuse, "One NewNext OldNext Uploaded"},
		{"CONNACK 3", answer(connack.RefusedServerUnavailable), "One NewNext OldNext Uploaded"},
		{"notice of expiry", notice(TopicExpireNotice, `{"expireTime":1,"type":"R"}`), "One Uploading NewNext Uploaded"},
		{"notice 1 or 8", notice(TopicInvalidNotice, `{"code":8,"type":"R"}`), "One Uploading NewNext Uploaded"},
		{"notice of another code", notice(TopicInvalidNotice, `{"code":2,"type":"R"}`), "One Uploading NewNext Uploaded"},
	}
	var got []string
	for _, way := range ways {
		for _, in := range inputs {
			c := Client{AccessKeyID: "a", InstanceID: "i"}
			for _, do := range way {
				do(&c)
			}
			from := c.phase()
			if in.in != "" && !slices.Contains(strings.Fields(in.in), from) {
				continue
			}
			c.slots[Read-1].due = never
			in.do(&c)
			line := from + " --> " + c.phase() + ": " + in.name
			if _, asks := c.Deadline(); asks {
				line += " / Poll asks"
			}
			if from != c.phase() || strings.Contains(line, "/") {
				got = append(got, line)
			}
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(got, mermaid.Arrows(t, "A client's tokens of one type")); diff != "" {
		t.Errorf("code (-) and README (+):\n%s\nthe code's:\n%s", diff, strings.Join(got, "\n"))
	}
}
