package varint_test

import (
	"fmt"

	"github.com/mqttwire/mqttwire/varint"
)

func Example() {
	b, _ := varint.Append(nil, 321)
	fmt.Printf("% x\n", b)

	v, n, err := varint.Consume(b)
	fmt.Println(v, n, err)
	_, n, err = varint.Consume(b[:1]) // more has to come
	fmt.Println(n, err)
	// Output:
	// c1 02
	// 321 2 <nil>
	// 0 <nil>
}
