package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gocloud.dev/gcerrors"

	"wisp/internal/errs"
)

const (
	// LocalStore is the name of the store that is always there. It may be a
	// bucket elsewhere all the same: that is where its images are since before
	// there were others.
	LocalStore = "local"
	// WebStore is the name of what has the data that locations lead to. Nothing
	// is written there.
	WebStore = "web"
)

// NamedStore is a store besides the local one.
type NamedStore struct {
	Name  string
	Blobs *Blobs
}

// StoreInfo is a store as users see it.
type StoreInfo struct {
	Name     string
	Default  bool
	ReadOnly bool
	Type     string         // "file", "s3" or "http"
	Detail   map[string]any // for administrators, by the names that Glance has
}

// stores are those that data can be in, the local one first.
type stores []NamedStore

// find returns a store; nil when this server has none of that name.
func (s stores) find(name string) *Blobs {
	for _, one := range s {
		if one.Name == name {
			return one.Blobs
		}
	}
	return nil
}

func (s stores) names() []string {
	names := make([]string, len(s))
	for n, one := range s {
		names[n] = one.Name
	}
	return names
}

// Stores lists the stores. The one of locations is there when users may set them.
func (s *Service) Stores() []StoreInfo {
	var list []StoreInfo
	for _, one := range s.stores {
		info := StoreInfo{Name: one.Name, Default: one.Name == s.options.DefaultStore}
		info.Type, info.Detail = one.Blobs.detail()
		list = append(list, info)
	}
	if s.options.Locations {
		list = append(list, StoreInfo{Name: WebStore, ReadOnly: true, Type: "http", Detail: map[string]any{}})
	}
	return list
}

// detail says what a store is, and how it is used.
func (b *Blobs) detail() (kind string, properties map[string]any) {
	if b.dir != "" {
		return "file", map[string]any{"data_dir": b.dir, "chunk_size": chunkSize, "thin_provisioning": false}
	}
	return "s3", map[string]any{"s3_store_large_object_size": s3Part >> 20, "s3_store_large_object_chunk_size": s3Part >> 20}
}

// CheckStoreName refuses, as Invalid, the name of a store that data cannot be
// written to. Empty is the default.
func (s *Service) CheckStoreName(name string) error {
	switch {
	case name == "" || s.stores.find(name) != nil:
		return nil
	case name == WebStore && s.options.Locations:
		return errs.New(errs.Invalid, "The store '%s' is read-only.", name)
	}
	return errs.New(errs.Invalid, "Unknown store '%s': there are %s.", name, strings.Join(s.stores.names(), ", "))
}

// store finds one by name; one that this server does not have is Unavailable,
// because another may have it.
func (s *Service) store(name string) (*Blobs, error) {
	if b := s.stores.find(name); b != nil {
		return b, nil
	}
	return nil, errs.New(errs.Unavailable, "The image store '%s' is not one of this server's.", name)
}

// OpenStores opens the local store and the others, whose locations are given by
// their names.
func OpenStores(ctx context.Context, local string, others map[string]string) ([]NamedStore, error) {
	blobs, err := OpenStore(ctx, local)
	if err != nil {
		return nil, err
	}
	all := []NamedStore{{LocalStore, blobs}}
	for _, name := range slices.Sorted(maps.Keys(others)) {
		if blobs, err = OpenStore(ctx, others[name]); err != nil {
			return nil, errors.Join(fmt.Errorf("open the image store %s: %w", name, err), OpenArchive(all...).Close())
		}
		all = append(all, NamedStore{name, blobs})
	}
	return all, nil
}

var storeName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_-]{0,62}[A-Za-z0-9])?$`)

// CheckStores returns the locations of the stores beside the local one by name
// as they are to be kept, as CheckStore does. A name that is not one, or taken,
// is Invalid; so are a default that is no store, and two stores in one place:
// each would take the data of the other for what nobody needs.
func CheckStores(local string, others map[string]string, standard string) (map[string]string, error) {
	checked := map[string]string{}
	places := map[string]string{LocalStore: local}
	for _, name := range slices.Sorted(maps.Keys(others)) {
		location := others[name]
		if !storeName.MatchString(name) || name == LocalStore || name == WebStore {
			return nil, errs.New(errs.Invalid, "%q is no name for an image store: want letters, digits, - and _, and neither %s nor %s", name, LocalStore, WebStore)
		}
		var err error
		if checked[name], err = CheckStore(location); err != nil {
			return nil, err
		}
		for other, place := range places {
			if onePlace(place, checked[name]) {
				return nil, errs.New(errs.Invalid, "the image stores %s and %s are in one place, or one is in the other: %s and %s", other, name, place, checked[name])
			}
		}
		places[name] = checked[name]
	}
	if _, is := others[standard]; standard != "" && standard != LocalStore && !is {
		return nil, errs.New(errs.Invalid, "there is no image store %q", standard)
	}
	return checked, nil
}

// onePlace tells whether two stores' locations are the same bucket, or folders of
// which one is in the other.
func onePlace(a, b string) bool {
	one, err := parseS3(a)
	other, otherErr := parseS3(b)
	if err == nil && otherErr == nil {
		return one.bucket == other.bucket && one.endpoint.Host == other.endpoint.Host
	}
	if err == nil || otherErr == nil {
		return false
	}
	return inside(a, b) || inside(b, a)
}

// inside tells whether a folder is another one, or in it, links followed.
func inside(outer, inner string) bool {
	real := func(folder string) string {
		if target, err := filepath.EvalSymlinks(folder); err == nil {
			return target
		}
		return filepath.Clean(folder) // it is not there yet
	}
	way, err := filepath.Rel(real(outer), real(inner))
	return err == nil && way != ".." && !strings.HasPrefix(way, "../")
}

// Archive is all stores as backups and restores use them: what is read comes
// from whichever has it.
type Archive struct{ stores stores }

// OpenArchive joins stores, the local one first.
func OpenArchive(all ...NamedStore) *Archive { return &Archive{all} }

// Open reads a blob from the first store that has it. One that none has is
// NotFound to gcerrors.
func (a *Archive) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	var missed error
	for _, one := range a.stores {
		data, err := one.Blobs.Open(ctx, key)
		if err == nil || gcerrors.Code(err) != gcerrors.NotFound {
			return data, err
		}
		missed = err
	}
	return nil, missed
}

// Put writes a blob into each store.
func (a *Archive) Put(ctx context.Context, key string, data io.Reader) error {
	var writers []*writer
	var to []io.Writer
	abort := func(err error) error {
		for _, w := range writers {
			w.abort()
		}
		return err
	}
	for _, one := range a.stores {
		w, err := one.Blobs.create(ctx, key)
		if err != nil {
			return abort(err)
		}
		writers, to = append(writers, w), append(to, w)
	}
	if _, err := io.Copy(io.MultiWriter(to...), data); err != nil {
		return abort(fmt.Errorf("write blob %s: %w", key, err))
	}
	for len(writers) > 0 {
		w := writers[0]
		writers = writers[1:]
		if err := w.commit(); err != nil {
			return abort(err)
		}
	}
	return nil
}

// Close closes the stores.
func (a *Archive) Close() error {
	var failed error
	for _, one := range a.stores {
		failed = errors.Join(failed, one.Blobs.Close())
	}
	return failed
}

// splitStores reads a list with commas; empty is none.
func splitStores(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
}

// without is the list without some.
func without(list []string, some ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(name string) bool { return slices.Contains(some, name) })
}
