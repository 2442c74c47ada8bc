package prove

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// A fragileDisk is a file system in memory, with FUSE, that knows what was synced.
// A sync of a file makes its bytes durable, and, as a journal does, all names that
// there are by then. When the power goes, all that is not durable is lost, or kept,
// or kept in part, as chance wills.
type fragileDisk struct {
	mount string
	fuse  *fuse.Server
	root  *directory

	mu      sync.Mutex
	dead    bool
	limit   int64                // bytes that all files may have, 0 for no limit
	silent  bool                 // it does not say how much is free
	durable map[string]*fileNode // by path, as of the last sync
	syncs   int
	// onSync is called with the number of a sync, before it is done.
	onSync func(n int)
}

type directory struct {
	fs.Inode
	disk *fragileDisk
}

type fileNode struct {
	fs.Inode
	disk   *fragileDisk
	now    []byte
	synced []byte
}

// newDisk mounts a disk with some files on it, which are durable.
func newDisk(t *testing.T, files map[string][]byte) *fragileDisk {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can mount")
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip(err)
	}
	d := &fragileDisk{mount: t.TempDir()}
	d.root = &directory{disk: d}
	server, err := fs.Mount(d.mount, d.root, &fs.Options{MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "fragile", Name: "fragile"}})
	if err != nil {
		t.Skipf("no FUSE here: %v", err)
	}
	d.fuse = server
	t.Cleanup(d.unmount)
	for path, b := range files {
		path = filepath.Join(d.mount, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.all() {
		f.synced = append([]byte(nil), f.now...)
	}
	d.durable = d.all()
	return d
}

func (d *fragileDisk) unmount() {
	if d.fuse != nil {
		if d.fuse.Unmount() != nil { // a broker may be there yet
			syscall.Unmount(d.mount, syscall.MNT_DETACH)
		}
		d.fuse = nil
	}
}

// all returns the files there are, by path.
func (d *fragileDisk) all() map[string]*fileNode {
	files := map[string]*fileNode{}
	var walk func(path string, n *fs.Inode)
	walk = func(path string, n *fs.Inode) {
		if f, ok := n.Operations().(*fileNode); ok {
			files[path] = f
		}
		for name, child := range n.Children() {
			walk(filepath.Join(path, name), child)
		}
	}
	walk("", &d.root.Inode)
	return files
}

// cut takes the power away. From then on nothing works.
func (d *fragileDisk) cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
}

// left returns what is on the disk after the power was cut.
func (d *fragileDisk) left() map[string][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	files := map[string][]byte{}
	for path, f := range d.durable {
		b := f.synced
		switch rand.IntN(4) {
		case 0: // all has come to it
			b = f.now
		case 1: // a part of what was added, and zeros
			if n := len(f.now) - len(f.synced); n > 0 {
				b = make([]byte, len(f.synced)+rand.IntN(n+1))
				copy(b, f.now[:len(f.synced)+rand.IntN(n+1)])
			}
		}
		files[path] = b
	}
	return files
}

// commit makes names durable.
func (d *fragileDisk) commit() { d.durable = d.all() }

func (d *fragileDisk) used() (n int64) {
	for _, f := range d.all() {
		n += int64(len(f.now))
	}
	return n
}

var (
	_ = (fs.NodeMkdirer)((*directory)(nil))
	_ = (fs.NodeCreater)((*directory)(nil))
	_ = (fs.NodeUnlinker)((*directory)(nil))
	_ = (fs.NodeRmdirer)((*directory)(nil))
	_ = (fs.NodeRenamer)((*directory)(nil))
	_ = (fs.NodeStatfser)((*directory)(nil))
	_ = (fs.NodeFsyncer)((*directory)(nil))
	_ = (fs.NodeOpener)((*fileNode)(nil))
	_ = (fs.NodeReader)((*fileNode)(nil))
	_ = (fs.NodeWriter)((*fileNode)(nil))
	_ = (fs.NodeFsyncer)((*fileNode)(nil))
	_ = (fs.NodeFlusher)((*fileNode)(nil))
	_ = (fs.NodeSetattrer)((*fileNode)(nil))
	_ = (fs.NodeGetattrer)((*fileNode)(nil))
)

// enter takes the lock of a disk that has power.
func (d *fragileDisk) enter() syscall.Errno {
	d.mu.Lock()
	if d.dead {
		d.mu.Unlock()
		return syscall.EIO
	}
	return 0
}

func (n *directory) Mkdir(ctx context.Context, name string, mode uint32, _ *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if errno := n.disk.enter(); errno != 0 {
		return nil, errno
	}
	defer n.disk.mu.Unlock()
	return n.NewPersistentInode(ctx, &directory{disk: n.disk}, fs.StableAttr{Mode: syscall.S_IFDIR}), 0
}

func (n *directory) Create(ctx context.Context, name string, _, _ uint32, _ *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	if errno := n.disk.enter(); errno != 0 {
		return nil, nil, 0, errno
	}
	defer n.disk.mu.Unlock()
	return n.NewPersistentInode(ctx, &fileNode{disk: n.disk}, fs.StableAttr{Mode: syscall.S_IFREG}), nil, 0, 0
}

func (n *directory) change() syscall.Errno {
	errno := n.disk.enter()
	if errno == 0 {
		n.disk.mu.Unlock()
	}
	return errno
}

func (n *directory) Unlink(context.Context, string) syscall.Errno { return n.change() }
func (n *directory) Rmdir(context.Context, string) syscall.Errno  { return n.change() }
func (n *directory) Rename(context.Context, string, fs.InodeEmbedder, string, uint32) syscall.Errno {
	return n.change()
}

func (n *directory) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	if errno := n.disk.enter(); errno != 0 {
		return errno
	}
	defer n.disk.mu.Unlock()
	out.Bsize, out.Blocks = 512, 1<<31
	if n.disk.limit > 0 && !n.disk.silent {
		out.Blocks = uint64(n.disk.limit / 512)
	}
	out.Bfree = out.Blocks - min(uint64(n.disk.used()/512), out.Blocks)
	out.Bavail = out.Bfree
	return 0
}

func (n *directory) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	if errno := n.disk.enter(); errno != 0 {
		return errno
	}
	defer n.disk.mu.Unlock()
	n.disk.commit()
	return 0
}

func (f *fileNode) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, 0, 0
}

func (f *fileNode) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if errno := f.disk.enter(); errno != 0 {
		return nil, errno
	}
	defer f.disk.mu.Unlock()
	n := copy(dest, f.now[min(off, int64(len(f.now))):])
	return fuse.ReadResultData(dest[:n]), 0
}

func (f *fileNode) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	if errno := f.disk.enter(); errno != 0 {
		return 0, errno
	}
	defer f.disk.mu.Unlock()
	end := int(off) + len(data)
	if d := f.disk; d.limit > 0 && end > len(f.now) && d.used()+int64(end-len(f.now)) > d.limit {
		return 0, syscall.ENOSPC
	}
	for len(f.now) < end {
		f.now = append(f.now, make([]byte, end-len(f.now))...)
	}
	copy(f.now[off:], data)
	return uint32(len(data)), 0
}

func (f *fileNode) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	if errno := f.disk.enter(); errno != 0 {
		return errno
	}
	d := f.disk
	if d.syncs++; d.onSync != nil {
		n, call := d.syncs, d.onSync
		d.mu.Unlock()
		call(n)
		if errno := d.enter(); errno != 0 {
			return errno
		}
	}
	defer d.mu.Unlock()
	if n := len(f.synced); n <= len(f.now) && string(f.synced) == string(f.now[:n]) {
		f.synced = append(f.synced, f.now[n:]...)
	} else {
		f.synced = append([]byte(nil), f.now...)
	}
	d.commit()
	return 0
}

func (f *fileNode) Flush(context.Context, fs.FileHandle) syscall.Errno { return 0 }

func (f *fileNode) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if errno := f.disk.enter(); errno != 0 {
		return errno
	}
	defer f.disk.mu.Unlock()
	out.Mode, out.Size = 0o600, uint64(len(f.now))
	return 0
}

func (f *fileNode) Setattr(ctx context.Context, h fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if size, ok := in.GetSize(); ok {
		if errno := f.disk.enter(); errno != 0 {
			return errno
		}
		f.now = append([]byte(nil), f.now[:min(int(size), len(f.now))]...)
		f.now = append(f.now, make([]byte, int(size)-len(f.now))...)
		f.disk.mu.Unlock()
	}
	return f.Getattr(ctx, h, out)
}
