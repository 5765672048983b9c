package computeapi

import (
	"wisp/internal/api"
	"wisp/internal/compute"
	"wisp/internal/errs"
)

func ofServer(f *face, r *api.Request) (compute.Server, error) {
	return f.svc.GetServer(r.Context(), r.Caller, r.Param("id"), compute.Load{})
}

// migrateAction refuses as Nova does where there is no host to go to: disks
// stay on the host that they were made on.
var migrateAction = action{base + "os-migrate-server:migrate", func(version int) *schema {
	if version < 56 {
		return &anything
	}
	host := fqdnString
	host.types = []string{"string", "null"}
	s := object(map[string]*schema{"host": &host})
	s.types = append(s.types, "null")
	return s
}, func(f *face, r *api.Request, _ []byte) (any, error) {
	server, err := ofServer(f, r)
	if err != nil {
		return nil, err
	}
	if err := server.Migratable("migrate"); err != nil {
		return nil, err
	}
	return nil, errs.New(errs.Invalid, "No valid host was found. No valid host found for cold migrate")
}}

// liveMigrateAction refuses for the same reason.
var liveMigrateAction = action{base + "os-migrate-server:migrate_live", func(version int) *schema {
	host := fqdnString
	host.types = []string{"string", "null"}
	block := booleans
	if version >= 25 {
		block = schema{oneOf: []*schema{&booleans, {types: []string{"string"}, enum: []any{"auto"}}}}
	}
	properties := map[string]*schema{
		"host": &host, "block_migration": &block, "disk_over_commit": booleans.until(24), "force": booleans.since(30).until(67),
	}
	required := []string{"block_migration", "host"}
	if version < 25 {
		required = append(required, "disk_over_commit")
	}
	return object(properties, required...)
}, func(f *face, r *api.Request, _ []byte) (any, error) {
	server, err := ofServer(f, r)
	if err != nil {
		return nil, err
	}
	if err := server.Migratable("os-migrateLive"); err != nil {
		return nil, err
	}
	return nil, errs.New(errs.Invalid, "No valid host was found. There are not enough hosts available.")
}}

// changePasswordAction refuses as Nova does for machines in which nothing of
// the cloud's own runs.
var changePasswordAction = action{base + "os-admin-password", func(int) *schema {
	return object(map[string]*schema{"adminPass": &adminPass}, "adminPass")
}, func(f *face, r *api.Request, _ []byte) (any, error) {
	server, err := ofServer(f, r)
	if err != nil {
		return nil, err
	}
	if err := server.PasswordSettable(); err != nil {
		return nil, err
	}
	return nil, errs.New(errs.NotImplemented, "Unable to set password on instance")
}}
