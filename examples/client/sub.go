package main

import (
	"bufio"
	"fmt"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/codec"
	"github.com/mqttwire/mqttwire/examples/client/mqttclient"
	"github.com/mqttwire/mqttwire/topicmatch"
)

// subscribe is the command sub.
func (c *command) subscribe() error {
	for _, f := range append(append([]string(nil), c.topics...), c.filterOut...) {
		if err := topicmatch.CheckSubscription(f); err != nil {
			return usagef("Invalid subscription topic '%s': %v.", f, err)
		}
	}
	l, err := c.open()
	if err != nil {
		return err
	}
	err = c.receive(l)
	err = l.ended(err)
	if e := l.close(); err == nil {
		err = e
	}
	return err
}

// receive subscribes, and writes what comes.
func (c *command) receive(l *link) error {
	if len(c.unsubscribe) > 0 {
		if _, err := l.Unsubscribe(l.ctx, c.unsubscribe...); err != nil {
			return err
		}
	}
	if err := c.ask(l, c.topics); err != nil || c.exitAfter || len(c.topics) == 0 {
		return err
	}
	w := bufio.NewWriter(c.out)
	for n := 0; ; {
		m, err := l.Receive(l.ctx)
		if err != nil {
			return err
		}
		if c.wants(m) {
			c.write(w, m)
			if err := w.Flush(); err != nil { // before it is said that it was taken over
				return err
			}
			n++
		}
		if err := m.Ack(); err != nil && err != mqttclient.ErrWithdrawn {
			return err
		}
		if c.count > 0 && n == c.count {
			return nil
		}
	}
}

// ask subscribes to filters.
func (c *command) ask(l *link, filters []string) error {
	if len(filters) == 0 {
		return nil
	}
	var subscriptions []codec.Subscription
	for _, f := range filters {
		s := codec.Subscription{Filter: []byte(f), Options: codec.SubscriptionOptions(c.level)}
		subscriptions = append(subscriptions, s)
	}
	codes, err := l.Subscribe(l.ctx, subscriptions...)
	if err != nil {
		return err
	}
	c.debugf("subscribed")
	denied := 0
	for i, code := range codes {
		if code.IsError() {
			denied++
			if !c.quiet {
				fmt.Fprintf(c.errs, "Subscription to '%s' refused: %v\n", filters[i], code.Name(mqttwire.SUBACK))
			}
		}
	}
	if denied == len(codes) {
		return errDenied
	}
	return nil
}

// wants reports whether a message is to be written.
func (c *command) wants(m *mqttclient.Message) bool {
	if c.noRetained && m.Retain {
		return false
	}
	for _, f := range c.filterOut {
		if topicmatch.Match([]byte(f), m.Topic) {
			return false
		}
	}
	return true
}

// write writes a message as -F, -v and -N say.
func (c *command) write(w *bufio.Writer, m *mqttclient.Message) {
	switch {
	case c.format != nil:
		c.format.write(w, &m.Publish, time.Now())
	case c.verbose:
		fmt.Fprintf(w, "%s %s", m.Topic, m.Payload)
	default:
		w.Write(m.Payload)
	}
	if !c.noNewline {
		w.WriteByte('\n')
	}
}

// request is the command rr: it publishes, and waits for the response.
func (c *command) request() error {
	payload, err := c.payload()
	if err != nil {
		return err
	}
	l, err := c.open()
	if err != nil {
		return err
	}
	err = c.exchange(l, payload)
	err = l.ended(err)
	if e := l.close(); err == nil {
		err = e
	}
	return err
}

func (c *command) exchange(l *link, payload []byte) error {
	if err := c.ask(l, []string{c.responseTopic}); err != nil {
		return err
	}
	p := codec.Publish{Topic: []byte(c.topics[0]), Payload: payload, QoS: c.level, Retain: c.retain}
	if c.hello.Version == 0 || c.hello.Version == mqttwire.V50 { // left out where it is not 5.0 after all
		p.Properties = codec.AppendResponseTopic(c.properties[mqttwire.PUBLISH], c.responseTopic)
	}
	if _, err := l.Publish(l.ctx, &p); err != nil {
		return err
	}
	for {
		m, err := l.Receive(l.ctx)
		if err != nil {
			return err
		}
		if !m.Retain { // a response comes after its request
			w := bufio.NewWriter(c.out)
			c.write(w, m)
			if err := w.Flush(); err != nil {
				return err
			}
			return m.Ack()
		}
		m.Ack()
	}
}
