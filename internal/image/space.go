package image

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"wisp/internal/errs"
)

// lookStep is how many bytes of an upload come in between two looks at the
// free space.
const lookStep = 64 << 20

// space is what a file system has, in bytes.
type space struct{ free, total int64 }

// statfs asks the file system that has the folder. What only root may fill
// counts as taken.
func statfs(dir string) (space, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return space{}, fmt.Errorf("look for free space in the image folder: %w", err)
	}
	return space{free: int64(s.Bavail) * s.Bsize, total: int64(s.Blocks) * s.Bsize}, nil
}

// floor is how many bytes stay free when the operator did not say.
func (s space) floor() int64 {
	least := int64(1 << 30)
	if s.total < 10<<30 {
		least = 256 << 20
	}
	return max(least, s.total/20)
}

// room refuses, as TooLarge, to take n more bytes when they would leave too
// few free. A bucket that is no folder has no end that can be seen from here.
func (s *Service) room(b *Blobs, n int64) error {
	if b.dir == "" {
		return nil
	}
	has, err := b.space(b.dir)
	if err != nil {
		return err
	}
	keep := s.options.KeepFree
	if keep == 0 {
		keep = has.floor()
	}
	if has.free-n < keep {
		return storageFull(fmt.Errorf("%d bytes are free, %d more are wanted and %d must stay free", has.free, n, keep))
	}
	return nil
}

// storageFull is Glance's answer when there is no place for the data.
func storageFull(cause error) error {
	return errs.Wrap(cause, errs.TooLarge, "Image storage media is full: There is not enough disk space on the image storage media.")
}

// written gives an error of the blob store its kind: what came of a full disk
// or of its quota is the answer to the client, too.
func written(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		err = storageFull(err)
	}
	return storeFault{err}
}

// storeFault is an error of the store that was written to, and of nothing else.
type storeFault struct{ error }

func (f storeFault) Unwrap() error { return f.error }

func isStoreFault(err error) bool {
	_, is := errors.AsType[storeFault](err)
	return is
}
