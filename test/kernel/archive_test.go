package kernel

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// archive writes a cpio archive of the kind "newc", as the kernel unpacks it at
// its start: Documentation/driver-api/early-userspace/buffer-format.rst.
type archive struct {
	w    *bufio.Writer
	size int64
	seen map[string]bool
	err  error // of the first write that failed
}

func newArchive(w io.Writer) *archive {
	return &archive{w: bufio.NewWriter(w), seen: map[string]bool{"/": true}}
}

func (a *archive) write(p []byte) {
	if a.err != nil {
		return
	}
	n, err := a.w.Write(p)
	a.size += int64(n)
	a.err = err
}

func (a *archive) pad() { a.write(make([]byte, (4-a.size%4)%4)) }

// entry writes one file of the given mode, st_mode; folders come before what is
// in them.
func (a *archive) entry(name string, mode uint32, body []byte) {
	// Inode, mode, owner, group, links, time, size, device, special device,
	// length of the name, check sum.
	const header = "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x"
	a.write(fmt.Appendf(nil, header, len(a.seen), mode, 0, 0, 1, 0, len(body), 0, 0, 0, 0, len(name)+1, 0))
	a.write(append([]byte(name), 0))
	a.pad()
	a.write(body)
	a.pad()
}

const (
	modeFolder  = 0o040755
	modeProgram = 0o100755
	modeLink    = 0o120777
	modeConsole = 0o020600
)

// folder adds a folder and those that it is in.
func (a *archive) folder(name string) {
	if a.seen[name] {
		return
	}
	a.folder(path.Dir(name))
	a.seen[name] = true
	a.entry(name[1:], modeFolder, nil)
}

// add adds a file with the given contents under an absolute name.
func (a *archive) add(name string, body []byte) {
	if a.seen[name] {
		return
	}
	a.folder(path.Dir(name))
	a.seen[name] = true
	a.entry(name[1:], modeProgram, body)
}

// link adds a symbolic link.
func (a *archive) link(name, target string) {
	if a.seen[name] {
		return
	}
	a.folder(path.Dir(name))
	a.seen[name] = true
	a.entry(name[1:], modeLink, []byte(target))
}

// file adds a file of this machine.
func (a *archive) file(name, source string) error {
	body, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	a.add(name, body)
	return nil
}

// tree adds a folder of this machine with all its files.
func (a *archive) tree(name, source string) error {
	a.folder(name)
	return filepath.WalkDir(source, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		return a.file(path.Join(name, p[len(source):]), p)
	})
}

func (a *archive) close() error {
	a.entry("TRAILER!!!", 0, nil)
	return errFirst(a.err, a.w.Flush())
}

func errFirst(all ...error) error {
	if i := slices.IndexFunc(all, func(err error) bool { return err != nil }); i >= 0 {
		return all[i]
	}
	return nil
}
