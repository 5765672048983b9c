package image

import "time"

// SignEvery makes uploads give signs of life that often.
func (s *Service) SignEvery(d time.Duration) { s.alive = d }

// LookEvery makes uploads look at the free space every so many bytes.
func (s *Service) LookEvery(bytes int64) { s.look = bytes }

// SpaceFrom makes a function the source of what the file system has.
func (s *Service) SpaceFrom(f func() (free, total int64, err error)) {
	s.blobs.space = func(string) (space, error) {
		free, total, err := f()
		return space{free, total}, err
	}
}
