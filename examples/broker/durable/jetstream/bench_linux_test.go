package jetstream

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// An append beside a write and fdatasync of as many bytes.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{200, 45_000} {
		batch := make([]byte, size)
		for _, mode := range []Durability{{}, {Interval: -1}} {
			b.Run(fmt.Sprintf("jetstream/%d/sync=%v", size, mode.Interval == 0), func(b *testing.B) {
				l, err := Open(context.Background(), Config{Dir: b.TempDir(), Durability: mode})
				if err != nil {
					b.Fatal(err)
				}
				defer l.Close()
				for i := 0; b.Loop(); i++ {
					if _, err := l.Append(context.Background(), fmt.Sprint(i), batch); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		b.Run(fmt.Sprintf("file/%d", size), func(b *testing.B) {
			f, err := os.Create(filepath.Join(b.TempDir(), "file"))
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			for b.Loop() {
				f.Write(batch)
				syscall.Fdatasync(int(f.Fd()))
			}
		})
	}
}
