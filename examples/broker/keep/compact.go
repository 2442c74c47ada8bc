package keep

import (
	"slices"

	"github.com/mqttwire/mqttwire/qos"
)

// Compact returns the least sequence that restores the same as all: it leaves out
// what later Records have made void, as [RecordKind] says, and has SessionKept
// come first. What the Records refer to is shared.
func Compact(all []Record) (kept []Record) {
	type key struct {
		client string
		number uint64
	}
	sessions := map[string]Record{}
	subscriptions := map[[2]string]int{}
	wills, retained := map[string]int{}, map[string]int{}
	messages := map[key][]int{} // what says something of a message at a client
	accepted := map[key]int{}
	void := make([]bool, len(all))
	all = slices.Clone(all)
	forget := func(i int, client string, number uint64) {
		r := &all[i]
		if r.Kind == MessageQueued {
			r.To = slices.DeleteFunc(slices.Clone(r.To), func(x Recipient) bool { return x.Client == client && x.Key == number })
			void[i] = len(r.To) == 0 && r.Exchange == (qos.Record{})
			return
		}
		void[i] = true
	}
	free := func(k key) {
		if i, ok := accepted[k]; ok {
			all[i].Exchange, all[i].Client = qos.Record{}, ""
			void[i] = len(all[i].To) == 0
			delete(accepted, k)
		}
	}
	for i := range all {
		r := &all[i]
		k := key{r.Client, r.Key}
		switch r.Kind {
		case SessionKept:
			sessions[r.Client] = *r
			void[i] = true
		case SessionEnded:
			void[i] = true
			delete(sessions, r.Client)
			for x, n := range subscriptions {
				if x[0] == r.Client {
					void[n] = true
					delete(subscriptions, x)
				}
			}
			if n, ok := wills[r.Client]; ok {
				void[n] = true
				delete(wills, r.Client)
			}
			for x, list := range messages {
				if x.client == r.Client {
					for _, n := range list {
						forget(n, x.client, x.number)
					}
					delete(messages, x)
				}
			}
			for x := range accepted {
				if x.client == r.Client {
					free(x)
				}
			}
		case SubscriptionKept, SubscriptionEnded:
			x := [2]string{r.Client, r.Filter}
			if n, ok := subscriptions[x]; ok {
				void[n] = true
			}
			subscriptions[x] = i
			void[i] = r.Kind == SubscriptionEnded
		case WillKept, WillEnded:
			if n, ok := wills[r.Client]; ok {
				void[n] = true
			}
			wills[r.Client] = i
			void[i] = r.Kind == WillEnded
		case MessageQueued:
			for _, to := range r.To {
				x := key{to.Client, to.Key}
				messages[x] = append(messages[x], i)
			}
			if r.Exchange.ID != 0 {
				accepted[key{r.Client, uint64(r.Exchange.ID)}] = i
			}
		case MessageDropped, Exchanged:
			x := key{r.Client, uint64(r.Exchange.ID)}
			switch r.Exchange.Op() {
			case qos.Store, qos.Release:
				messages[k] = append(messages[k], i)
				continue
			case qos.Accept:
				accepted[x] = i
				continue
			}
			void[i] = true
			if r.Exchange.Direction() == qos.Received {
				free(x)
				continue
			}
			for _, n := range messages[k] {
				forget(n, k.client, k.number)
			}
			delete(messages, k)
		case MessageRetained, RetainedRemoved:
			topic := string(r.Message.Topic)
			if n, ok := retained[topic]; ok {
				void[n] = true
			}
			retained[topic] = i
			void[i] = r.Kind == RetainedRemoved
		}
	}
	for _, r := range sessions {
		kept = append(kept, r)
	}
	for i := range all {
		if !void[i] {
			kept = append(kept, all[i])
		}
	}
	return kept
}
