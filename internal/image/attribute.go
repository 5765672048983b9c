package image

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// DiskFormats are the disk formats that the API accepts.
var DiskFormats = []string{"ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop", "gpt"}

// ContainerFormats are the container formats that the API accepts.
var ContainerFormats = []string{"ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed"}

// Visibilities are who can see an image.
var Visibilities = []string{Community, Public, Private, Shared}

var (
	// computed attributes are the service's own; nobody sets them.
	computed = []string{
		"created_at", "updated_at", "status", "checksum", "size", "virtual_size", "direct_url", "self", "file", "schema", "stores",
		"os_hash_algo", "os_hash_value",
	}
	// reserved names can't be those of properties.
	reserved = []string{"location", "locations", "deleted", "deleted_at"}
	// base attributes can be set, and never removed.
	base = []string{"id", "name", "visibility", "protected", "os_hidden", "owner", "container_format", "disk_format", "tags", "min_ram", "min_disk"}

	uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
)

func readOnly(name string) error {
	return errs.New(errs.Forbidden, "Attribute '%s' is read-only.", name)
}

func wrong(name, format string, args ...any) error {
	return errs.New(errs.Invalid, "Provided object does not match schema 'image': '%s' %s", name, fmt.Sprintf(format, args...))
}

// CheckName refuses the names of attributes that nobody may set: Forbidden.
func CheckName(name string) error {
	switch {
	case slices.Contains(computed, name):
		return readOnly(name)
	case slices.Contains(reserved, name), strings.HasPrefix(name, "os_glance"):
		return errs.New(errs.Forbidden, "Attribute '%s' is reserved.", name)
	case len(name) > 255:
		return errs.New(errs.Invalid, "Custom property should not be greater than 255 characters.")
	case name == "" || !utf8.ValidString(name) || strings.ContainsRune(name, 0):
		return errs.New(errs.Invalid, "The name of a property is not valid.")
	}
	return nil
}

// initialize sets an attribute of a new image.
func (i *Image) initialize(name string, value any) error {
	if name != "id" {
		return i.set(name, value)
	}
	id, ok := value.(string)
	if !ok || !uuidForm.MatchString(id) {
		return wrong("id", "%v is not a uuid", value)
	}
	i.ID = strings.ToLower(id)
	return nil
}

// set checks a value as the API's schema does, and sets the attribute.
func (i *Image) set(name string, value any) error {
	if err := CheckName(name); err != nil {
		return err
	}
	switch name {
	case "id":
		return readOnly(name)
	case "name":
		return text(name, value, 255, true, &i.Name)
	case "owner":
		return text(name, value, 255, true, &i.Owner)
	case "visibility":
		return choice(name, value, Visibilities, false, &i.Visibility)
	case "container_format", "disk_format":
		to, choices := &i.ContainerFormat, ContainerFormats
		if name == "disk_format" {
			to, choices = &i.DiskFormat, DiskFormats
		}
		if i.Status != Queued {
			return errs.New(errs.Forbidden, "Attribute %s can be only replaced for a queued image.", name)
		}
		return choice(name, value, choices, true, to)
	case "protected":
		return flag(name, value, &i.Protected)
	case "os_hidden":
		return flag(name, value, &i.Hidden)
	case "min_disk":
		return number(name, value, &i.MinDisk)
	case "min_ram":
		return number(name, value, &i.MinRAM)
	case "tags":
		return i.setTags(value)
	}
	return i.setProperty(name, value)
}

func (i *Image) setTags(value any) error {
	list, ok := value.([]any)
	if !ok {
		return wrong("tags", "%v is not of type 'array'", value)
	}
	tags := []string{}
	for _, v := range list {
		var one string
		if err := text("tags", v, 255, false, &one); err != nil {
			return err
		}
		tags = append(tags, one)
	}
	slices.Sort(tags)
	i.Tags = slices.Compact(tags)
	return nil
}

func (i *Image) setProperty(name string, value any) error {
	nullable := name == "kernel_id" || name == "ramdisk_id"
	if value == nil && nullable {
		delete(i.Properties, name)
		return nil
	}
	var v string
	if err := text(name, value, 65535, false, &v); err != nil {
		return err
	}
	if nullable && !uuidForm.MatchString(v) {
		return wrong(name, "'%s' is not a uuid", v)
	}
	i.Properties[name] = v
	return nil
}

func text(name string, value any, most int, null bool, to *string) error {
	if value == nil && null {
		*to = ""
		return nil
	}
	v, ok := value.(string)
	switch {
	case !ok:
		return wrong(name, "%v is not of type 'string'", value)
	case utf8.RuneCountInString(v) > most:
		return wrong(name, "is too long: %d characters at most", most)
	case strings.ContainsRune(v, 0):
		return wrong(name, "must not contain a null character")
	}
	*to = v
	return nil
}

func choice(name string, value any, choices []string, null bool, to *string) error {
	if value == nil && null {
		*to = ""
		return nil
	}
	v, ok := value.(string)
	if !ok || !slices.Contains(choices, v) {
		return wrong(name, "%v is not one of %s", value, strings.Join(choices, ", "))
	}
	*to = v
	return nil
}

func flag(name string, value any, to *bool) error {
	v, ok := value.(bool)
	if !ok {
		return wrong(name, "%v is not of type 'boolean'", value)
	}
	*to = v
	return nil
}

func number(name string, value any, to *int64) error {
	var n int64
	switch v := value.(type) {
	case json.Number:
		parsed, err := v.Int64()
		if err != nil {
			return wrong(name, "%v is not of type 'integer'", value)
		}
		n = parsed
	case float64:
		if v != math.Trunc(v) || math.Abs(v) > math.MaxInt32 {
			return wrong(name, "%v is not of type 'integer'", value)
		}
		n = int64(v)
	default:
		return wrong(name, "%v is not of type 'integer'", value)
	}
	if n < 0 {
		return errs.New(errs.Invalid, "Invalid value '%d' for parameter '%s': Cannot be a negative value", n, name)
	}
	if n > math.MaxInt32 {
		return errs.New(errs.Invalid, "Invalid value '%d' for parameter '%s': It is too large", n, name)
	}
	*to = n
	return nil
}

// Change is one operation of a patch.
type Change struct {
	Op    string // "add", "replace" or "remove"
	Name  string // of the attribute
	Value any    // as JSON has it; none for remove
	At    string // of locations: which one, or "-" for behind the last one
	// Strict makes add refuse what is there already, as the first draft of
	// JSON patch has it (media type v2.0).
	Strict bool
}

// Check refuses a change by what it says alone, before there is an image to
// apply it to.
func (ch Change) Check() error {
	if ch.Name == "id" {
		return readOnly(ch.Name)
	}
	if err := CheckName(ch.Name); err != nil {
		return err
	}
	if ch.Op == "remove" {
		return nil
	}
	scratch := Image{Status: Queued, Properties: map[string]string{}}
	return scratch.set(ch.Name, ch.Value)
}

// Update changes an image, all or nothing. To replace or remove a property
// that is not there is a Conflict; to remove a base attribute, or set one that
// is not the caller's to set, is Forbidden.
func (s *Service) Update(ctx context.Context, c *policy.Caller, id string, changes []Change) (Image, error) {
	places := false
	for _, ch := range changes {
		check := ch.Check
		if ch.Name == "locations" {
			places, check = true, func() error { return s.checkLocations(ch) }
		}
		if err := check(); err != nil {
			return Image{}, err
		}
	}
	var (
		i     Image
		sizes map[string]int64
		err   error
	)
	if places {
		if i, err = s.Get(ctx, c, id); err != nil {
			return i, err
		}
		if sizes, err = s.probe(ctx, c, &i, changes); err != nil {
			return i, err
		}
	}
	err = s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		if i, err = s.GetTx(ctx, tx, c, id); err != nil {
			return err
		}
		if len(changes) == 0 {
			return nil
		}
		if err := allow("modify_image", c, &i); err != nil {
			return err
		}
		tx.Changed(i.change(store.Update)) // to those too who see it no more
		var dropped []string
		for _, ch := range changes {
			if ch.Name != "locations" {
				err = i.apply(c, ch)
			} else {
				var gone []string
				gone, err = s.changeLocations(c, &i, ch, sizes)
				dropped = append(dropped, gone...)
			}
			if err != nil {
				return err
			}
		}
		if places {
			if err := s.relocate(ctx, tx, &i, dropped); err != nil {
				return err
			}
			if err := s.verifyLater(ctx, tx, c, &i); err != nil {
				return err
			}
		}
		return s.save(ctx, tx, &i)
	})
	return i, err
}

func (s *Service) save(ctx context.Context, tx *store.Tx, i *Image) error {
	i.UpdatedAt = now()
	tx.Changed(i.change(store.Update))
	_, err := tx.NewUpdate().Model(i).WherePK().
		Column("name", "owner", "visibility", "disk_format", "container_format", "min_disk", "min_ram", "protected", "hidden", "updated_at").Exec(ctx)
	if err != nil {
		return fmt.Errorf("update image: %w", err)
	}
	return saveChildren(ctx, tx, i)
}

func (i *Image) apply(c *policy.Caller, ch Change) error {
	_, has := i.Properties[ch.Name]
	isBase := slices.Contains(base, ch.Name)
	switch {
	case ch.Op == "remove" && isBase:
		return errs.New(errs.Forbidden, "Property %s may not be removed.", ch.Name)
	case ch.Op != "add" && !isBase && !has:
		return errs.New(errs.Conflict, "Property %s does not exist.", ch.Name)
	case ch.Op == "add" && ch.Strict && (isBase || has):
		return errs.New(errs.Conflict, "Property %s already present.", ch.Name)
	case ch.Op == "remove":
		delete(i.Properties, ch.Name)
		return nil
	case ch.Name == "owner" && !c.IsAdmin():
		return errs.New(errs.Forbidden, "Owner can't be updated by non admin.")
	}
	if err := i.set(ch.Name, ch.Value); err != nil {
		return err
	}
	if ch.Name == "visibility" {
		return allowVisibility(c, i)
	}
	return nil
}

// allowVisibility checks the rules for showing an image to all.
func allowVisibility(c *policy.Caller, i *Image) error {
	switch i.Visibility {
	case Public:
		return allow("publicize_image", c, i)
	case Community:
		return allow("communitize_image", c, i)
	}
	return nil
}

// AddTag puts a tag on an image; it is fine when it is there.
func (s *Service) AddTag(ctx context.Context, c *policy.Caller, id, value string) error {
	var checked string
	if err := text("tags", value, 255, false, &checked); err != nil {
		return err
	}
	return s.changeTags(ctx, c, id, func(i *Image) error {
		if !slices.Contains(i.Tags, value) {
			i.Tags = append(i.Tags, value)
			slices.Sort(i.Tags)
		}
		return nil
	})
}

// RemoveTag takes a tag from an image; NotFound when it isn't there.
func (s *Service) RemoveTag(ctx context.Context, c *policy.Caller, id, value string) error {
	return s.changeTags(ctx, c, id, func(i *Image) error {
		n := slices.Index(i.Tags, value)
		if n < 0 {
			return errs.New(errs.NotFound, "The resource could not be found.")
		}
		i.Tags = slices.Delete(i.Tags, n, n+1)
		return nil
	})
}

func (s *Service) changeTags(ctx context.Context, c *policy.Caller, id string, change func(*Image) error) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		i, err := s.GetTx(ctx, tx, c, id)
		if err != nil {
			return err
		}
		if err := allow("modify_image", c, &i); err != nil {
			return err
		}
		if err := change(&i); err != nil {
			return err
		}
		return s.save(ctx, tx, &i)
	})
}
