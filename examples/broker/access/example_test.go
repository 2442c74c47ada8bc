package access_test

import (
	"fmt"

	"github.com/mqttwire/mqttwire/examples/broker/access"
)

// A broker reads its two files, looks at a CONNECT, and then asks the rights of
// the client about all that it does.
func Example() {
	users, line, err := access.ParseUsers([]byte(`
# made with HashPassword
alice:$pbkdf2-sha512$i=1000$AAECAwQFBgcICQoLDA0ODw$Xpx07WjVx4vCIvrmBRj8uOoVVtGqJqtUv2J5bhizSQs7osCteF7W4A61dZDqSIqQjO+dxO6p5FT/Uy7QRBXSXA
`))
	if err != nil {
		fmt.Printf("users:%d: %v\n", line, err)
		return
	}
	acl, line, err := access.ParseACL([]byte(`
topic read public/#
pattern readwrite home/%u/#
user alice
topic write public/#
topic deny public/secret
`))
	if err != nil {
		fmt.Printf("acl:%d: %v\n", line, err)
		return
	}

	fmt.Println(users.Check("alice", []byte("incorrect horse")))
	fmt.Println(users.Check("alice", []byte("correct horse")))

	rights := acl.For("alice", "lamp-1")
	fmt.Println(rights.Publish([]byte("home/alice/lamp")), rights.Publish([]byte("home/bob/lamp")))
	fmt.Println(rights.Subscribe([]byte("home/alice/+")), rights.Subscribe([]byte("public/+")))
	fmt.Println(rights.Receive([]byte("public/news")), rights.Receive([]byte("public/secret")))
	// Output:
	// wrong password
	// ok
	// true false
	// true false
	// true false
}

// A mistake is told with its line.
func ExampleParseACL() {
	_, line, err := access.ParseACL([]byte("topic read public/#\ntopic raed home/#\n"))
	fmt.Printf("line %d: %v\n", line, err)
	// Output:
	// line 2: access is none of read, write, readwrite, deny
}
