package image

import (
	"context"
	"database/sql/driver"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// Limits of locations, as Glance has them.
const (
	maxLocations = 10
	maxURL       = 255

	maxMetadata  = 65535            // bytes of JSON
	probeTimeout = 30 * time.Second // for the server of a location to answer
)

// Location is a place where the data of an image are: a store, or a URL. All
// places have the same bytes, as far as the image says which they are.
type Location struct {
	bun.BaseModel `bun:"table:image_locations,alias:l"`

	ImageID  string `bun:",pk"`
	Position int    `bun:",pk"`
	Store    string // WebStore where there is a URL
	URL      string `bun:"url"`
	Metadata Metadata
}

// Metadata are what an owner says of a location, as JSON has it.
type Metadata map[string]any

// Value implements driver.Valuer.
func (m Metadata) Value() (driver.Value, error) {
	if m == nil {
		return "{}", nil
	}
	text, err := json.Marshal(map[string]any(m))
	return string(text), err
}

// Scan implements sql.Scanner.
func (m *Metadata) Scan(value any) error {
	text, ok := value.(string)
	if b, is := value.([]byte); is {
		text, ok = string(b), true
	}
	if !ok {
		return fmt.Errorf("read the metadata of a location from %T", value)
	}
	return json.Unmarshal([]byte(text), (*map[string]any)(m))
}

// ShownLocation is a location as who may see it does.
type ShownLocation struct {
	URL      string
	Metadata map[string]any // with the store
}

// HasData tells whether the image has data, wherever.
func (i *Image) HasData() bool { return i.Size != nil && (i.Blob != "" || len(i.Locations) > 0) }

// StoreNames are the stores that the image is in, in order.
func (i *Image) StoreNames() []string {
	var names []string
	for _, l := range i.Locations {
		if !slices.Contains(names, l.Store) {
			names = append(names, l.Store)
		}
	}
	return names
}

// storedIn are the stores that have the image's blob.
func (i *Image) storedIn() []string {
	var names []string
	for _, l := range i.Locations {
		if l.URL == "" {
			names = append(names, l.Store)
		}
	}
	return names
}

// saveLocations makes the rows of the image's locations those that it has.
func (i *Image) saveLocations(ctx context.Context, tx *store.Tx) error {
	if _, err := tx.NewDelete().Model((*Location)(nil)).Where("image_id = ?", i.ID).Exec(ctx); err != nil {
		return fmt.Errorf("delete locations: %w", err)
	}
	if len(i.Locations) == 0 {
		return nil
	}
	for n := range i.Locations {
		i.Locations[n].ImageID, i.Locations[n].Position = i.ID, n
	}
	if _, err := tx.NewInsert().Model(&i.Locations).Exec(ctx); err != nil {
		return fmt.Errorf("insert locations: %w", err)
	}
	return nil
}

// Shown are the locations of an image as the caller sees them: none where the
// operator or the rules say so. The data of others are nobody's business, however
// public their image is.
func (s *Service) Shown(c *policy.Caller, i *Image) []ShownLocation {
	if allow("get_image_location", c, i) != nil {
		return nil
	}
	var list []ShownLocation
	for _, l := range i.Locations {
		shown := ShownLocation{URL: l.URL, Metadata: map[string]any{}}
		maps.Copy(shown.Metadata, l.Metadata)
		shown.Metadata["store"] = l.Store
		if l.URL == "" {
			shown.URL = s.placeOf(l.Store, i.Blob)
		}
		list = append(list, shown)
	}
	return list
}

// placeOf is the URL of a blob, which no credentials are in.
func (s *Service) placeOf(name, key string) string {
	if b := s.stores.find(name); b != nil {
		return b.url + "/" + key
	}
	return name + ":///" + key
}

// ShowsLocations tells whether the operator lets images' locations be seen and
// set, and whether the first one is shown by itself.
func (s *Service) ShowsLocations() (locations, direct bool) {
	return s.options.Locations, s.options.DirectURL
}

// given is a location as a request has it.
type given struct {
	url      string
	metadata Metadata
	validate map[string]string
}

// readLocation checks a location as the API's schema does.
func readLocation(value any) (g given, err error) {
	object, ok := value.(map[string]any)
	if !ok {
		return g, wrong("locations", "%v is not of type 'object'", value)
	}
	for name := range object {
		if !slices.Contains([]string{"url", "metadata", "validation_data"}, name) {
			return g, wrong("locations", "has the unknown property '%s'", name)
		}
	}
	if err := text("locations", object["url"], maxURL, false, &g.url); err != nil {
		return g, err
	}
	metadata, ok := object["metadata"].(map[string]any)
	if !ok {
		return g, wrong("locations", "needs 'metadata' of type 'object'")
	}
	if written, err := json.Marshal(metadata); err != nil || len(written) > maxMetadata {
		return g, wrong("locations", "has 'metadata' that are too long")
	}
	g.metadata = metadata
	if validation, has := object["validation_data"]; has {
		g.validate, err = readValidation(validation)
	}
	return g, err
}

func readValidation(value any) (map[string]string, error) {
	object, ok := value.(map[string]any)
	if !ok {
		return nil, wrong("locations", "needs 'validation_data' of type 'object'")
	}
	data := map[string]string{}
	for name, v := range object {
		most, known := map[string]int{"checksum": 32, "os_hash_algo": 64, "os_hash_value": 128}[name]
		if !known {
			return nil, wrong("locations", "has the unknown property '%s' in 'validation_data'", name)
		}
		var one string
		if err := text("locations", v, most, false, &one); err != nil {
			return nil, err
		}
		data[name] = one
	}
	if data["os_hash_algo"] == "" || data["os_hash_value"] == "" {
		return nil, wrong("locations", "needs 'os_hash_algo' and 'os_hash_value' in 'validation_data'")
	}
	return data, nil
}

// readLocations reads what a change has of them: one to add, all to replace.
func (ch Change) readLocations() ([]given, error) {
	if ch.Op == "remove" {
		return nil, nil
	}
	list := []any{ch.Value}
	if ch.Op == "replace" {
		var ok bool
		if list, ok = ch.Value.([]any); !ok {
			return nil, errs.New(errs.Invalid, "Invalid locations")
		}
	}
	all := make([]given, len(list))
	for n, value := range list {
		var err error
		if all[n], err = readLocation(value); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// checkLocations refuses what a change says of locations by itself.
func (s *Service) checkLocations(ch Change) error {
	if !s.options.Locations {
		doing := ch.Op
		if doing == "replace" {
			doing = "update"
		}
		return errs.New(errs.Forbidden, "It's not allowed to %s locations if locations are invisible.", doing)
	}
	if list, is := ch.Value.([]any); is && ch.Op == "replace" && len(list) == 0 {
		return errs.New(errs.Forbidden, "Cannot set locations to empty list.")
	}
	if (ch.Op == "replace") != (ch.At == "") {
		return errs.New(errs.Invalid, "Invalid JSON pointer for this resource: '/%s'", strings.TrimSuffix("locations/"+ch.At, "/"))
	}
	_, err := ch.readLocations()
	return err
}

func locationRule(op string) string {
	if op == "remove" {
		return "delete_image_location"
	}
	return "set_image_location"
}

// probe finds the sizes of what the changes' new locations lead to, by URL. It
// asks the servers, and so is not for a transaction. Why one can't be had is
// nobody's business: this is no scanner.
func (s *Service) probe(ctx context.Context, c *policy.Caller, i *Image, changes []Change) (map[string]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout) // for all of them
	defer cancel()
	sizes, asked := map[string]int64{}, len(i.Locations)
	for _, l := range i.Locations {
		sizes[s.urlOf(i, l)] = 0 // is there already, and not asked again
	}
	for _, ch := range changes {
		if ch.Name != "locations" {
			continue
		}
		if err := allow(locationRule(ch.Op), c, i); err != nil {
			return nil, err
		}
		list, err := ch.readLocations()
		if err != nil {
			return nil, err
		}
		if ch.Op == "replace" && len(i.Locations) > 0 {
			continue // they must be those that are there
		}
		if asked += len(list); asked > maxLocations {
			return nil, tooManyLocations(asked)
		}
		for _, g := range list {
			if _, known := sizes[g.url]; known {
				continue
			}
			if sizes[g.url], err = s.sizeOf(ctx, g.url); err != nil {
				return nil, err
			}
		}
	}
	return sizes, nil
}

func tooManyLocations(n int) error {
	return errs.New(errs.TooLarge, "The limit has been exceeded on the number of allowed image locations. Attempted: %d, Maximum: %d", n, maxLocations)
}

func (s *Service) sizeOf(ctx context.Context, uri string) (int64, error) {
	if s.options.Source == nil || s.options.Source.Check(uri) != nil {
		return 0, errs.New(errs.Invalid, "Invalid location")
	}
	data, size, err := s.options.Source.Fetch(ctx, uri)
	if err != nil {
		return 0, errs.Wrap(err, errs.Invalid, "Invalid location")
	}
	if err := data.Close(); err != nil {
		s.log.DebugContext(ctx, "a location's server is left", "error", err)
	}
	if size <= 0 {
		return 0, errs.New(errs.Invalid, "Invalid location")
	}
	if size > s.options.MaxSize {
		return 0, tooLarge()
	}
	return size, nil
}

func (s *Service) urlOf(i *Image, l Location) string {
	if l.URL != "" {
		return l.URL
	}
	return s.placeOf(l.Store, i.Blob)
}

// changeLocations applies a change of locations. What it removes from a store
// is in dropped.
func (s *Service) changeLocations(c *policy.Caller, i *Image, ch Change, sizes map[string]int64) (dropped []string, err error) {
	if err := allow(locationRule(ch.Op), c, i); err != nil {
		return nil, err
	}
	if ch.Op == "remove" {
		return i.removeLocation(ch.At)
	}
	if i.Status != Active && i.Status != Queued {
		return nil, errs.New(errs.Conflict, "It's not allowed to %s locations if image status is %s.", ch.Op, i.Status)
	}
	list, err := ch.readLocations()
	if err != nil {
		return nil, err
	}
	validated, err := i.validate(list)
	if err != nil {
		return nil, err
	}
	if ch.Op == "replace" && len(i.Locations) > 0 {
		return nil, s.replaceMetadata(i, list)
	}
	at, ok := position(ch.At, len(i.Locations), true)
	if ch.Op == "replace" {
		at, ok = 0, len(list) > 0
	}
	if !ok {
		return nil, errs.New(errs.Invalid, "Invalid position for adding a location.")
	}
	if err := declares(i); err != nil {
		return nil, err
	}
	for n, g := range list {
		if err := s.addLocation(i, g, at+n, sizes); err != nil {
			return nil, err
		}
	}
	if i.Status == Queued {
		i.Status = Active
		i.Checksum, i.HashAlgo, i.HashValue = validated["checksum"], validated["os_hash_algo"], validated["os_hash_value"]
	}
	return nil, nil
}

func (s *Service) addLocation(i *Image, g given, at int, sizes map[string]int64) error {
	for _, l := range i.Locations {
		if s.urlOf(i, l) == g.url {
			return errs.New(errs.Invalid, "The location %s already exists", g.url)
		}
	}
	if len(i.Locations) >= maxLocations {
		return tooManyLocations(len(i.Locations) + 1)
	}
	size, asked := sizes[g.url]
	switch {
	case !asked || size == 0: // it was there when it was asked about, and is not now
		return errs.New(errs.Invalid, "Invalid location")
	case i.Size != nil && *i.Size != size:
		return errs.New(errs.Invalid, "Invalid location")
	}
	if err := g.inStore(WebStore); err != nil {
		return err
	}
	i.Size = &size
	i.Locations = slices.Insert(i.Locations, at, Location{Store: WebStore, URL: g.url, Metadata: g.metadata})
	return nil
}

// inStore takes the store out of the metadata, where a location shows it, and
// refuses another than the one that it is.
func (g *given) inStore(name string) error {
	if said, has := g.metadata["store"]; has && said != name {
		return errs.New(errs.Invalid, "The location %s is in the store '%s'.", g.url, name)
	}
	g.metadata = maps.Clone(g.metadata)
	delete(g.metadata, "store")
	return nil
}

// replaceMetadata takes the same locations with other metadata, or in another
// order. Other locations would be other data in an image that has some.
func (s *Service) replaceMetadata(i *Image, list []given) error {
	now := map[string]Location{}
	for _, l := range i.Locations {
		now[s.urlOf(i, l)] = l
	}
	var next []Location
	for _, g := range list {
		l, has := now[g.url]
		if !has {
			break
		}
		delete(now, g.url)
		if err := g.inStore(l.Store); err != nil {
			return err
		}
		l.Metadata = g.metadata
		next = append(next, l)
	}
	if len(now) > 0 || len(next) != len(list) {
		return errs.New(errs.Invalid, "Original locations is not empty: they can be added and removed, not replaced by others.")
	}
	i.Locations = next
	return nil
}

// validate finds what the locations say of the image's data that it does not
// say yet. Other data than those that it has are a Conflict, as in Glance.
func (i *Image) validate(list []given) (map[string]string, error) {
	conflict := func(format string, args ...any) (map[string]string, error) {
		return nil, errs.New(errs.Conflict, format, args...)
	}
	said := map[string]string{}
	for _, g := range list {
		for name, v := range g.validate {
			if was, has := said[name]; has && was != v {
				return conflict("Conflicting values for %s", name)
			}
			said[name] = v
		}
	}
	for name, is := range map[string]string{"checksum": i.Checksum, "os_hash_algo": i.HashAlgo, "os_hash_value": i.HashValue} {
		switch said[name] {
		case is, "":
			delete(said, name)
			continue
		}
		if is != "" {
			return conflict("%s is already set with a different value", name)
		}
	}
	if len(said) == 0 {
		return nil, nil
	}
	if i.Status != Queued {
		return conflict("New value(s) for %s may only be provided when image status is 'queued'", strings.Join(slices.Sorted(maps.Keys(said)), ", "))
	}
	if said["os_hash_algo"] != HashAlgo {
		return conflict("os_hash_algo must be %s, not %s", HashAlgo, said["os_hash_algo"])
	}
	for name, size := range map[string]int{"checksum": 16, "os_hash_value": 64} {
		v := said[name]
		b, err := hex.DecodeString(v)
		switch {
		case name == "checksum" && v == "":
		case err != nil:
			return conflict("%s (%s) is not a valid hexadecimal value", name, v)
		case len(b) != size:
			return conflict("%s (%s) is not the correct size (%d bytes)", name, v, size)
		}
		said[name] = strings.ToLower(v)
	}
	return said, nil
}

// position reads where a location is to be; false when that is no place.
func position(text string, most int, behind bool) (int, bool) {
	last := most
	if !behind {
		last--
	}
	if text == "-" {
		return last, last >= 0
	}
	n, err := strconv.ParseUint(text, 10, 31)
	return min(int(n), last), err == nil && last >= 0
}

func (i *Image) removeLocation(at string) (dropped []string, err error) {
	switch n, ok := position(at, len(i.Locations), false); {
	case i.Status != Active:
		return nil, errs.New(errs.Conflict, "It's not allowed to remove locations if image status is %s.", i.Status)
	case i.ImportingStores != "":
		return nil, i.beingCopied()
	case len(i.Locations) == 1:
		return nil, errs.New(errs.Forbidden, "It's not allowed to remove the last location of image %s.", i.ID)
	case !ok:
		return nil, errs.New(errs.Invalid, "Invalid position for removing a location.")
	default:
		return i.dropLocation(n), nil
	}
}

// beingCopied refuses to take a location from under a copy.
func (i *Image) beingCopied() error {
	return errs.New(errs.Conflict, "Image %s is being copied to stores: its locations stay until that is done.", i.ID)
}

// dropLocation takes one of several locations; the stores that lose the data by
// it are in the answer.
func (i *Image) dropLocation(n int) (dropped []string) {
	gone := i.Locations[n]
	i.Locations = slices.Delete(slices.Clone(i.Locations), n, n+1)
	if gone.URL == "" {
		dropped = append(dropped, gone.Store)
	}
	return dropped
}

// DeleteFromStore removes an image's data from one of several stores. Errors are
// of kind Conflict (there is no such store, the image is not active), Forbidden
// (it is the only one), NotFound (it is not there).
func (s *Service) DeleteFromStore(ctx context.Context, c *policy.Caller, name, id string) error {
	if s.stores.find(name) == nil && (name != WebStore || !s.options.Locations) {
		return errs.New(errs.Conflict, "The selected store %s is not available on this node.", name)
	}
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		i, err := s.GetTx(ctx, tx, c, id)
		if errs.Is(err, errs.NotFound) {
			return errs.Wrap(err, errs.NotFound, "Failed to find image %s", id)
		}
		if err != nil {
			return err
		}
		if err := allow("delete_image_location", c, &i); err != nil {
			return err
		}
		if i.Status != Active {
			return errs.New(errs.Conflict, "It's not allowed to remove image data from store if image status is not 'active'")
		}
		if i.ImportingStores != "" {
			return i.beingCopied()
		}
		at := slices.IndexFunc(i.Locations, func(l Location) bool { return l.Store == name })
		if at < 0 {
			return errs.New(errs.NotFound, "Image %s is not stored in store %s.", id, name)
		}
		if len(i.Locations) == 1 {
			return errs.New(errs.Forbidden, "Cannot delete image data from the only store containing it. Consider deleting the image instead.")
		}
		return s.relocate(ctx, tx, &i, i.dropLocation(at))
	})
}

// relocate writes the locations that an image has now, and after the commit
// removes its data from where they are no more.
func (s *Service) relocate(ctx context.Context, tx *store.Tx, i *Image, dropped []string) error {
	key := i.Blob
	if len(i.storedIn()) == 0 {
		i.Blob = ""
	}
	i.UpdatedAt = now()
	tx.Changed(i.change(store.Update))
	_, err := tx.NewUpdate().Model(i).WherePK().Column("blob", "status", "size", "checksum", "hash_algo", "hash_value", "updated_at").Exec(ctx)
	if err != nil {
		return fmt.Errorf("update image: %w", err)
	}
	if len(dropped) > 0 {
		tx.AfterCommit(func() {
			late := context.WithoutCancel(ctx)
			for _, name := range dropped {
				if err := s.removeStray(late, i.ID, key, name); err != nil {
					s.log.WarnContext(late, "data that an image has elsewhere are left for later", "image", i.ID, "store", name, "error", err)
				}
			}
		})
	}
	return i.saveLocations(ctx, tx)
}
