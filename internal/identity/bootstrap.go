package identity

import (
	"context"
	"fmt"
	"time"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// DefaultRegion is the region of a cloud that was not told another one.
const DefaultRegion = "RegionOne"

// BootstrapConfig is what a cloud needs to know about itself.
type BootstrapConfig struct {
	AdminPassword string // used when there is no user admin yet
	Region        string // DefaultRegion where empty
	PublicURL     string // scheme, host and port, that catalog URLs begin with
	KeyDir        string // where former versions kept the token keys; they are taken from there once
}

// catalogOf are the services that every cloud has: type, name, description,
// path below the public URL.
var catalogOf = [][4]string{
	{"identity", "keystone", "OpenStack Identity", "/identity"},
	{"compute", "nova", "OpenStack Compute", "/compute/v2.1"},
	{"image", "glance", "OpenStack Image", "/image"},
	{"network", "neutron", "OpenStack Networking", "/network"},
	{"placement", "placement", "OpenStack Placement", "/placement"},
}

// Bootstrap makes what every cloud begins with: the token keys, the domain
// Default, the projects admin and service, the user admin, the roles, and the
// catalog, whose URLs follow PublicURL. It can run at every start: what is
// there stays, above all the password of admin.
func (s *Service) Bootstrap(ctx context.Context, config BootstrapConfig) error {
	if err := s.ensureKeys(ctx, config.KeyDir); err != nil {
		return err
	}
	if err := s.ensureVault(ctx); err != nil {
		return err
	}
	if config.Region == "" {
		config.Region = DefaultRegion
	}
	exists, err := s.db.Read().NewSelect().Model((*User)(nil)).Where("domain_id = ? AND name = 'admin'", DefaultDomain).Exists(ctx)
	if err != nil {
		return fmt.Errorf("look for the user admin: %w", err)
	}
	hashed := ""
	if !exists {
		if config.AdminPassword == "" {
			return errs.New(errs.Invalid, "The first start needs a password for the user admin.")
		}
		if hashed, err = s.hash(ctx, config.AdminPassword); err != nil {
			return err
		}
	}
	err = s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		b := &bootstrap{tx: tx, now: s.time()}
		b.people(ctx, hashed)
		b.services(ctx, config)
		return b.err
	})
	if err != nil {
		return fmt.Errorf("bootstrap identity: %w", err)
	}
	return nil
}

// bootstrap writes what is missing; after an error it does nothing more.
type bootstrap struct {
	tx  *store.Tx
	now time.Time
	err error
}

// ensure inserts the row unless one with its unique columns is there, and
// returns the id of the one that is.
func (b *bootstrap) ensure(ctx context.Context, row any, table, where string, args ...any) string {
	if b.err != nil {
		return ""
	}
	if _, b.err = b.tx.NewInsert().Model(row).On("CONFLICT DO NOTHING").Exec(ctx); b.err != nil {
		return ""
	}
	var id string
	b.err = b.tx.NewSelect().TableExpr(table).Column("id").Where(where, args...).OrderExpr("id").Limit(1).Scan(ctx, &id)
	return id
}

func (b *bootstrap) people(ctx context.Context, hashed string) {
	domain := DefaultDomain
	b.ensure(ctx, &Project{ID: domain, Name: "Default", IsDomain: true, Enabled: true, Description: "The default domain", CreatedAt: b.now},
		"projects", "id = ?", domain)
	project := func(name, description string) string {
		return b.ensure(ctx, &Project{ID: newID(), Name: name, DomainID: &domain, ParentID: &domain, Enabled: true, Description: description, CreatedAt: b.now},
			"projects", "domain_id = ? AND name = ?", domain, name)
	}
	admins := project("admin", "Bootstrap project for initializing the cloud.")
	project("service", "The cloud's own services.")
	user := b.ensure(ctx, &User{ID: newID(), Name: "admin", DomainID: domain, Enabled: true, PasswordHash: hashed, ValidAfter: time.UnixMicro(0).UTC(), CreatedAt: b.now},
		"users", "domain_id = ? AND name = 'admin'", domain)
	prior := ""
	for _, name := range []string{RoleService, RoleAdmin, RoleManager, RoleMember, RoleReader} {
		id := b.ensure(ctx, &Role{ID: newID(), Name: name, Options: Extra{"immutable": true}}, "roles", "domain_id IS NULL AND name = ?", name)
		if prior != "" {
			b.insert(ctx, &impliedRole{PriorID: prior, ImpliedID: id})
		}
		if name == RoleAdmin {
			for _, a := range []Assignment{{Scope: ScopeProject, TargetID: admins}, {Scope: ScopeSystem}} {
				a.UserID, a.RoleID = user, id
				b.insert(ctx, a.row())
			}
		}
		if name != RoleService {
			prior = id
		}
	}
}

func (b *bootstrap) services(ctx context.Context, config BootstrapConfig) {
	b.insert(ctx, &Region{ID: config.Region})
	for _, entry := range catalogOf {
		kind, name, description, path := entry[0], entry[1], entry[2], entry[3]
		id := b.find(ctx, "catalog_services", "type = ? AND name = ?", kind, name)
		if id == "" {
			id = newID()
			b.insert(ctx, &CatalogService{ID: id, Type: kind, Name: &name, Description: &description, Enabled: true})
		}
		for _, face := range []string{"public", "internal", "admin"} {
			if at := b.find(ctx, "catalog_endpoints", "service_id = ? AND interface = ? AND region_id = ?", id, face, config.Region); at != "" {
				b.exec(ctx, "UPDATE catalog_endpoints SET url = ? WHERE id = ?", config.PublicURL+path, at)
				continue
			}
			b.insert(ctx, &Endpoint{ID: newID(), ServiceID: id, RegionID: &config.Region, Interface: face, URL: config.PublicURL + path, Enabled: true})
		}
	}
}

// find returns the id of a row, "" when there is none.
func (b *bootstrap) find(ctx context.Context, table, where string, args ...any) string {
	var ids []string
	if b.err == nil {
		b.err = b.tx.NewSelect().TableExpr(table).Column("id").Where(where, args...).OrderExpr("id").Limit(1).Scan(ctx, &ids)
	}
	if len(ids) == 0 {
		return ""
	}
	return ids[0]
}

func (b *bootstrap) insert(ctx context.Context, row any) {
	if b.err == nil {
		_, b.err = b.tx.NewInsert().Model(row).On("CONFLICT DO NOTHING").Exec(ctx)
	}
}

func (b *bootstrap) exec(ctx context.Context, query string, args ...any) {
	if b.err == nil {
		_, b.err = b.tx.ExecContext(ctx, query, args...)
	}
}
