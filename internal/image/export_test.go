package image

import "time"

// SignEvery makes uploads give signs of life that often.
func (s *Service) SignEvery(d time.Duration) { s.alive = d }
