package tokenauth_test

import (
	"bytes"
	"fmt"
	"time"

	"github.com/mqttwire/mqttwire"
	"github.com/mqttwire/mqttwire/tokenauth"
	"github.com/mqttwire/mqttwire/tokenauth/hmactoken"
)

// The life of a token, at both ends: connect, publish, be refused, renew while
// connected, be told of the end, connect again. Packets are passed by hand and
// time is made up.
func Example() {
	at := func(m int) time.Time { return time.Date(2026, 1, 1, 12, m, 0, 0, time.UTC) }

	// The issuer and the server share a key.
	keys := hmactoken.Keys{"k1": bytes.Repeat([]byte("s"), hmactoken.MinSecret)}
	issue := func(m int) (tokenauth.Secret, time.Time) {
		claims := hmactoken.Claims{
			KeyID: "k1", AccessKeyID: "acme", InstanceID: "post-1", Type: tokenauth.Write,
			Issued: at(m), Expires: at(m + 20), Filters: []string{"sensors/7/#"},
		}
		token, err := claims.Append(nil, keys)
		if err != nil {
			panic(err)
		}
		return token, claims.Expires
	}
	var verifier hmactoken.Verifier
	verifier.Load(keys, nil)

	// CONNECT.
	client := tokenauth.Client{AccessKeyID: "acme", InstanceID: "post-1"}
	token, expires := issue(0)
	if err := client.Set(at(0), tokenauth.Write, token, expires); err != nil {
		panic(err)
	}
	var session tokenauth.Session
	connect := func(m int) {
		credentials, err := client.Connect()
		if err != nil {
			panic(err)
		}
		userName, err := credentials.AppendUserName(nil)
		if err != nil {
			panic(err)
		}
		password, err := credentials.AppendPassword(nil)
		if err != nil {
			panic(err)
		}
		code, err := session.Connect(at(m), &verifier, tokenauth.Connect{Version: mqttwire.V311, UserName: userName, Password: password})
		client.Connack(code)
		fmt.Printf("12:%02d CONNECT as %v: CONNACK %d, %v\n", m, client, code, err)
	}
	connect(0)

	// PUBLISH: within the token, and beyond it.
	for _, topic := range []string{"sensors/7/temperature", "sensors/8/temperature"} {
		fmt.Printf("12:01 PUBLISH %s: %v\n", topic, session.Publish(at(1), []byte(topic)).Code)
	}

	// Ten minutes ahead the client renews, and publishes nothing until the
	// server has acknowledged.
	if due, ok := client.Deadline(); ok && client.Poll(due) == tokenauth.Write {
		token, expires = issue(10)
		payload, err := client.Update(nil, due, tokenauth.Write, token, expires)
		fmt.Println(due.UTC().Format("15:04"), "PUBLISH", tokenauth.TopicUpdate, err)
		fmt.Println("      meanwhile:", client.Gate())
		if session.Update(due, payload).OK() {
			err = client.Acknowledged(mqttwire.Success)
			fmt.Println("      PUBACK:", err, client.Gate())
		}
	}

	// This time it does not. Five minutes ahead the server says so, and at the
	// end it says why it disconnects.
	for {
		now, ok := session.Deadline()
		if !ok {
			break
		}
		notice := session.Poll(now)
		payload, err := notice.Append(nil)
		fmt.Println(now.UTC().Format("15:04"), notice.Topic(), string(payload), err)
		if _, err := client.Notice([]byte(notice.Topic()), payload); err != nil {
			panic(err)
		}
		if notice.Final() {
			break
		}
	}

	// With the old token there is no way back in; with a new one there is.
	connect(30)
	if client.Poll(at(31)) == tokenauth.Write {
		token, expires = issue(31)
		if err := client.Set(at(31), tokenauth.Write, token, expires); err != nil {
			panic(err)
		}
	}
	connect(31)

	// Output:
	// 12:00 CONNECT as Token|acme|post-1 with W: CONNACK 0, <nil>
	// 12:01 PUBLISH sensors/7/temperature: token valid
	// 12:01 PUBLISH sensors/8/temperature: token does not allow this resource
	// 12:10 PUBLISH $SYS/uploadToken <nil>
	//       meanwhile: token update not acknowledged yet
	//       PUBACK: <nil> <nil>
	// 12:25 $SYS/tokenExpireNotice {"expireTime":1767270600000,"type":"W"} <nil>
	// 12:30 $SYS/tokenInvalidNotice {"code":2,"type":"W"} <nil>
	// 12:30 CONNECT as Token|acme|post-1 with W: CONNACK 5, token expired
	// 12:31 CONNECT as Token|acme|post-1 with W: CONNACK 0, <nil>
}
