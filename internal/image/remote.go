package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// GlanceDownload is the method of import that copies an image of another
// region, whose cloud has the same identity service.
const GlanceDownload = "glance-download"

// remoteProperties are what the names of properties begin with that are copied
// with the data; Glance has the same.
var remoteProperties = []string{"hw_", "trait:", "os_distro", "os_secure_boot", "os_type"}

const (
	// remoteWait is how long a server keeps the token of an import that waits
	// for its turn. Then others may take the import, to end it.
	remoteWait = 15 * time.Minute
	// remoteMost is the most bytes that an image's attributes may have.
	remoteMost = 16 << 20
)

// Remote reads from the image services of other regions with the token of who
// asked. Size is negative when it is not known. Errors with a kind are shown to
// who asked for the import.
type Remote interface {
	// Endpoint finds an image service by the catalog that a user has in a
	// project. The interface is "public", "internal" or "admin".
	Endpoint(ctx context.Context, userID, projectID, region, service string) (string, error)
	Get(ctx context.Context, uri, token string) (data io.ReadCloser, size int64, err error)
}

// RemoteImage is where an image is that is to be copied.
type RemoteImage struct {
	Region    string `json:"glance_region"`
	ImageID   string `json:"glance_image_id"`
	Interface string `json:"glance_service_interface"` // "" is public
}

// check refuses what names no image.
func (r *RemoteImage) check() error {
	switch {
	case r == nil || r.Region == "":
		return errs.New(errs.Invalid, "'glance_region' needs to be set for glance-download import method")
	case r.ImageID == "":
		return errs.New(errs.Invalid, "'glance_image_id' needs to be set for glance-download import method")
	case !uuidForm.MatchString(r.ImageID):
		return errs.New(errs.Invalid, "Remote image id does not look like a UUID: %s", r.ImageID)
	}
	return nil
}

// credential is the token of an import that waits. It is in the memory of the
// server that was asked and nowhere else: no database, no backup has it.
type credential struct {
	token string
	since time.Time
}

func (s *Service) keepToken(taskID, token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[taskID] = credential{token, now()}
}

func (s *Service) dropToken(taskID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, taskID)
}

// dropOldTokens forgets those of imports that others may take. The caller
// holds the lock.
func (s *Service) dropOldTokens() {
	maps.DeleteFunc(s.tokens, func(id string, c credential) bool {
		_, runs := s.imports[id]
		return !runs && now().Sub(c.since) > remoteWait
	})
}

// remote opens the data of the image that the task is to copy, and makes the
// upload set what is said of it.
func (s *Service) remote(ctx context.Context, u *upload, t Task) (io.ReadCloser, int64, error) {
	var input struct {
		Request struct {
			Method RemoteImage `json:"method"`
		} `json:"import_req"`
	}
	if err := json.Unmarshal([]byte(t.Input), &input); err != nil {
		return nil, 0, fmt.Errorf("read the task's input: %w", err)
	}
	from := input.Request.Method
	s.mu.Lock()
	token := s.tokens[t.ID].token
	s.mu.Unlock()
	if token == "" {
		return nil, 0, errs.New(errs.Unavailable, "The token with which the import was asked for is not known any more: ask again.")
	}
	service := from.Interface
	if service == "" {
		service = "public"
	}
	endpoint, err := s.options.Remote.Endpoint(ctx, t.UserID, t.Owner, from.Region, service)
	if err != nil {
		return nil, 0, err
	}
	base := strings.TrimRight(endpoint, "/") + "/v2/images/" + from.ImageID
	there, err := s.remoteAttributes(ctx, base, token)
	if err != nil {
		return nil, 0, err
	}
	size, err := u.become(there)
	if err != nil {
		return nil, 0, err
	}
	data, promised, err := s.options.Remote.Get(ctx, base+"/file", token)
	if err == nil && promised >= 0 && promised != size {
		return nil, 0, errors.Join(errs.New(errs.Unavailable, "The source image has %d bytes, and %d are sent.", size, promised), data.Close())
	}
	return data, size, err
}

// remoteAttributes reads what an image says of itself.
func (s *Service) remoteAttributes(ctx context.Context, uri, token string) (map[string]any, error) {
	body, _, err := s.options.Remote.Get(ctx, uri, token)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	var there map[string]any
	decoder := json.NewDecoder(io.LimitReader(body, remoteMost))
	decoder.UseNumber()
	if err := decoder.Decode(&there); err != nil {
		return nil, errs.Wrap(err, errs.Unavailable, "The image service of the other region does not answer as one.")
	}
	return there, nil
}

// become makes the upload's image what the source is, once it has the data:
// its formats and some of its properties. The size of the data is in the answer.
func (u *upload) become(there map[string]any) (int64, error) {
	if there["status"] != Active {
		return 0, errs.New(errs.Conflict, "Source image status should be active instead of %v", there["status"])
	}
	n, _ := there["size"].(json.Number)
	size, err := n.Int64()
	if err != nil || size < 0 {
		return 0, errs.New(errs.Unavailable, "The size of the source image could not be determined.")
	}
	scratch := Image{Status: Queued, Properties: map[string]string{}}
	for _, name := range slices.Sorted(maps.Keys(there)) {
		format := name == "disk_format" || name == "container_format"
		if !format && !slices.ContainsFunc(remoteProperties, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			continue
		}
		if err := scratch.set(name, there[name]); err != nil {
			return 0, errs.Wrap(err, errs.Conflict, "The source image has a '%s' that can't be one here.", name)
		}
	}
	if err := declares(&scratch); err != nil {
		return 0, errs.Wrap(err, errs.Conflict, "The source image has no formats.")
	}
	u.image.DiskFormat, u.image.ContainerFormat = scratch.DiskFormat, scratch.ContainerFormat
	settle := u.settle
	u.settle = func(ctx context.Context, tx *store.Tx, i *Image, key string) error {
		if err := settle(ctx, tx, i, key); err != nil {
			return err
		}
		return i.take(ctx, tx, scratch)
	}
	return size, nil
}

// take writes the formats of another image, and its properties beside or in the
// place of those that are there.
func (i *Image) take(ctx context.Context, tx *store.Tx, from Image) error {
	i.DiskFormat, i.ContainerFormat = from.DiskFormat, from.ContainerFormat
	if _, err := tx.NewUpdate().Model(i).WherePK().Column("disk_format", "container_format").Exec(ctx); err != nil {
		return fmt.Errorf("write the source's formats: %w", err)
	}
	found := []Image{*i}
	if err := children(ctx, tx, found); err != nil {
		return err
	}
	maps.Copy(found[0].Properties, from.Properties)
	return saveChildren(ctx, tx, &found[0])
}

// withToken narrows the tasks that wait to those that a server can do: whose token
// it has, or nobody has any more.
func (s *Service) withToken(q *bun.SelectQuery) *bun.SelectQuery {
	return q.Where("(k.method <> ? OR k.server = ? OR k.seen_at < ?)", GlanceDownload, s.options.Server, now().Add(-remoteWait))
}
