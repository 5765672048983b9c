package imageapi

import (
	"strings"
	"time"

	"wisp/internal/api"
)

// seconds is a time as Glance's cache shows it: seconds since 1970.
func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }

// cacheState lists the cache of the server that answers.
func (f *face) cacheState(r *api.Request) (any, error) {
	copies, queued, err := f.svc.CacheState(r.Context(), r.Caller)
	if err != nil {
		return nil, err
	}
	cached := make([]any, len(copies))
	for n, c := range copies {
		cached[n] = map[string]any{"image_id": c.ImageID, "hits": c.Hits, "size": c.Size, "last_accessed": seconds(c.Accessed), "last_modified": seconds(c.Modified)}
	}
	return map[string]any{"cached_images": cached, "queued_images": queued}, nil
}

func (f *face) clearCache(r *api.Request) (any, error) {
	return nil, f.svc.ClearCache(r.Context(), r.Caller, strings.ToLower(r.Header.Get("X-Image-Cache-Clear-Target")))
}

func (f *face) queueForCache(r *api.Request) (any, error) {
	return nil, f.svc.QueueForCache(r.Context(), r.Caller, r.Param("id"))
}

func (f *face) dropFromCache(r *api.Request) (any, error) {
	return nil, f.svc.DropFromCache(r.Context(), r.Caller, r.Param("id"))
}
