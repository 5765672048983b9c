package placement

import (
	"context"
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// The resource classes that a server's flavor asks for.
const (
	VCPU     = "VCPU"
	MemoryMB = "MEMORY_MB"
	DiskGB   = "DISK_GB"
)

// standardClasses are those that every placement service knows
// (os-resource-classes).
var standardClasses = []string{
	VCPU, MemoryMB, DiskGB, "PCI_DEVICE", "SRIOV_NET_VF", "NUMA_SOCKET", "NUMA_CORE", "NUMA_THREAD", "NUMA_MEMORY_MB",
	"IPV4_ADDRESS", "VGPU", "VGPU_DISPLAY_HEAD", "NET_BW_EGR_KILOBIT_PER_SEC", "NET_BW_IGR_KILOBIT_PER_SEC", "PCPU",
	"MEM_ENCRYPTION_CONTEXT", "FPGA", "PGPU", "NET_PACKET_RATE_KILOPACKET_PER_SEC",
	"NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC", "NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC",
}

// traitNames are those that every placement service knows (os-traits), in
// order. They are a vocabulary: a host here has few of them.
//
//go:embed traits.txt
var traitNames string

var standardTraits = strings.Fields(traitNames)

var customName = regexp.MustCompile(`^CUSTOM_[A-Z0-9_]+$`)

// CustomName tells whether a name is one that users may make for a class or
// trait: CUSTOM_ and capital letters, digits and underscores, 255 at most.
func CustomName(name string) bool { return len(name) <= 255 && customName.MatchString(name) }

// StandardClass tells whether a name is that of a standard resource class.
func StandardClass(name string) bool { return slices.Contains(standardClasses, name) }

// StandardTrait tells whether a name is that of a standard trait.
func StandardTrait(name string) bool { return slices.Contains(standardTraits, name) }

// vocabulary is a set of names: standard ones, and custom ones in a table.
type vocabulary struct {
	resource     string // as changes name it
	standard     []string
	table        string
	users        string // table.column that refers to a name
	userColumn   string
	missing      string // message with the name
	standardStop string
	inUse        string
	badName      string // message
}

var (
	classes = vocabulary{"resource_class", standardClasses, "placement_classes", "placement_inventories", "class",
		"No such resource class %s.", "Error in delete resource class: Cannot delete standard resource class %s.",
		"Error in delete resource class: Cannot delete resource class %s. Class is in use in inventory.",
		"JSON does not validate: '%s' does not match '^CUSTOM_[A-Z0-9_]+$', or is too long"}
	traits = vocabulary{"trait", standardTraits, "placement_traits", "placement_provider_traits", "trait",
		"No such trait(s): %s.", "Cannot delete standard trait %s.", "The trait %s is in use by a resource provider.",
		`The trait is invalid. A valid trait must be no longer than 255 characters, start with the prefix "CUSTOM_" and use following characters: "A"-"Z", "0"-"9" and "_": %s`}
)

// Classes lists all resource classes by name, the standard ones first.
func (s *Service) Classes(ctx context.Context) ([]string, error) {
	return classes.list(ctx, s.db.Read())
}

// HasClass tells whether a resource class exists.
func (s *Service) HasClass(ctx context.Context, name string) (bool, error) {
	return classes.has(ctx, s.db.Read(), name)
}

// EnsureClass makes a custom resource class unless it exists, and tells
// whether it made it.
func (s *Service) EnsureClass(ctx context.Context, name string) (made bool, err error) {
	return classes.ensure(ctx, s.db, name)
}

// RenameClass gives a custom class another name, wherever it is: NotFound,
// Invalid for a standard one and for a name that none can have, Conflict for
// one that is used.
func (s *Service) RenameClass(ctx context.Context, name, to string) error {
	if !CustomName(to) {
		return errs.New(errs.Invalid, classes.badName, to)
	}
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if StandardClass(name) {
			return errs.New(errs.Invalid, "Cannot update standard resource class %s", name)
		}
		result, err := tx.NewRaw("UPDATE placement_classes SET name = ? WHERE name = ?", to, name).Exec(ctx)
		if store.IsDuplicate(err) {
			return errs.Wrap(err, errs.Conflict, "Resource class already exists: %s", to)
		}
		if err != nil {
			return fmt.Errorf("rename a resource class: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return missing(err, classes.missing, name)
		}
		for _, table := range []string{"placement_inventories", "placement_allocations"} {
			if _, err := tx.NewRaw("UPDATE ? SET class = ? WHERE class = ?", bun.Ident(table), to, name).Exec(ctx); err != nil {
				return fmt.Errorf("rename a resource class in %s: %w", table, err)
			}
		}
		tx.Changed(classes.change(name, store.Update))
		return nil
	})
}

// DeleteClass deletes a custom class: NotFound, Invalid for a standard one,
// Conflict while an inventory has it.
func (s *Service) DeleteClass(ctx context.Context, name string) error {
	return classes.remove(ctx, s.db, name)
}

// Traits lists all traits by name. A nil names means any, and prefix and
// associated narrow where given.
func (s *Service) Traits(ctx context.Context, names []string, prefix string, associated *bool) ([]string, error) {
	all, err := traits.list(ctx, s.db.Read())
	if err != nil {
		return nil, err
	}
	var used []string
	if associated != nil {
		err := s.db.Read().NewSelect().TableExpr("placement_provider_traits").ColumnExpr("DISTINCT trait").Scan(ctx, &used)
		if err != nil {
			return nil, fmt.Errorf("list used traits: %w", err)
		}
	}
	return slices.DeleteFunc(all, func(name string) bool {
		return names != nil && !slices.Contains(names, name) || !strings.HasPrefix(name, prefix) ||
			associated != nil && slices.Contains(used, name) != *associated
	}), nil
}

// HasTrait tells whether a trait exists.
func (s *Service) HasTrait(ctx context.Context, name string) (bool, error) {
	return traits.has(ctx, s.db.Read(), name)
}

// EnsureTrait makes a custom trait unless it exists, and tells whether it
// made it.
func (s *Service) EnsureTrait(ctx context.Context, name string) (made bool, err error) {
	return traits.ensure(ctx, s.db, name)
}

// DeleteTrait deletes a custom trait: NotFound, Invalid for a standard one,
// Conflict while a provider has it.
func (s *Service) DeleteTrait(ctx context.Context, name string) error {
	return traits.remove(ctx, s.db, name)
}

func (v vocabulary) list(ctx context.Context, db bun.IDB) ([]string, error) {
	var custom []string
	err := db.NewSelect().TableExpr("?", bun.Ident(v.table)).Column("name").Order("name").Scan(ctx, &custom)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", v.table, err)
	}
	return slices.Concat(v.standard, custom), nil
}

func (v vocabulary) has(ctx context.Context, db bun.IDB, name string) (bool, error) {
	if slices.Contains(v.standard, name) {
		return true, nil
	}
	return db.NewSelect().TableExpr("?", bun.Ident(v.table)).Where("name = ?", name).Exists(ctx)
}

// missingOf returns those of names that do not exist, in one query.
func (v vocabulary) missingOf(ctx context.Context, db bun.IDB, names []string) ([]string, error) {
	unknown := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(v.standard, n) })
	if len(unknown) == 0 {
		return nil, nil
	}
	var found []string
	err := db.NewSelect().TableExpr("?", bun.Ident(v.table)).Column("name").Where("name IN (?)", bun.List(unknown)).Scan(ctx, &found)
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", v.table, err)
	}
	return slices.DeleteFunc(unknown, func(n string) bool { return slices.Contains(found, n) }), nil
}

func (v vocabulary) ensure(ctx context.Context, db *store.DB, name string) (made bool, err error) {
	if !CustomName(name) {
		return false, errs.New(errs.Invalid, v.badName, name)
	}
	err = db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		result, err := tx.NewRaw("INSERT INTO ? (name, created_at) VALUES (?, ?) ON CONFLICT DO NOTHING", bun.Ident(v.table), name, now()).Exec(ctx)
		if err != nil {
			return fmt.Errorf("insert into %s: %w", v.table, err)
		}
		n, err := result.RowsAffected()
		if made = n == 1; made {
			tx.Changed(v.change(name, store.Create))
		}
		return err
	})
	return made, err
}

func (v vocabulary) remove(ctx context.Context, db *store.DB, name string) error {
	return db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		if slices.Contains(v.standard, name) {
			return errs.New(errs.Invalid, v.standardStop, name)
		}
		used, err := tx.NewSelect().TableExpr("?", bun.Ident(v.users)).Where("? = ?", bun.Ident(v.userColumn), name).Exists(ctx)
		if err != nil {
			return fmt.Errorf("look for users of %s: %w", name, err)
		}
		if used {
			return errs.New(errs.Conflict, v.inUse, name)
		}
		result, err := tx.NewDelete().TableExpr("?", bun.Ident(v.table)).Where("name = ?", name).Exec(ctx)
		if err != nil {
			return fmt.Errorf("delete from %s: %w", v.table, err)
		}
		tx.Changed(v.change(name, store.Delete))
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return missing(err, v.missing, name)
		}
		return nil
	})
}

func missing(err error, format string, args ...any) error {
	if err != nil {
		return err
	}
	return errs.New(errs.NotFound, format, args...)
}
