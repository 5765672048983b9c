package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// DomainConfig are options of a domain's own, by group and name: where its
// users would come from. As with Keystone's defaults, where domain-specific
// drivers are off, they are kept and shown; users are those of the database.
type DomainConfig map[string]map[string]any

type domainOption struct {
	bun.BaseModel `bun:"table:domain_configs,alias:dc"`
	DomainID      string `bun:",pk"`
	Group         string `bun:"option_group,pk"`
	Name          string `bun:"option_name,pk"`
	Value         string // JSON; sealed where Sensitive
	Sensitive     bool
}

// configDefaults are the options that a domain can have, with Keystone's
// defaults (Zed).
var configDefaults = DomainConfig{
	"identity": {"driver": "sql", "list_limit": nil},
	"ldap": {
		"url": "ldap://localhost", "user": nil, "suffix": "cn=example,cn=com", "query_scope": "one", "page_size": 0,
		"alias_dereferencing": "default", "debug_level": nil, "chase_referrals": nil,
		"user_tree_dn": nil, "user_filter": nil, "user_objectclass": "inetOrgPerson", "user_id_attribute": "cn", "user_name_attribute": "sn",
		"user_mail_attribute": "mail", "user_description_attribute": "description", "user_pass_attribute": "userPassword",
		"user_enabled_attribute": "enabled", "user_enabled_invert": false, "user_enabled_mask": 0, "user_enabled_default": "True",
		"user_attribute_ignore": []string{"default_project_id"}, "user_default_project_id_attribute": nil,
		"user_enabled_emulation": false, "user_enabled_emulation_dn": nil, "user_enabled_emulation_use_group_config": false,
		"user_additional_attribute_mapping": []string{},
		"group_tree_dn":                     nil, "group_filter": nil, "group_objectclass": "groupOfNames", "group_id_attribute": "cn", "group_name_attribute": "ou",
		"group_members_are_ids": false, "group_member_attribute": "member", "group_desc_attribute": "description",
		"group_attribute_ignore": []string{}, "group_additional_attribute_mapping": []string{},
		"tls_cacertfile": nil, "tls_cacertdir": nil, "use_tls": false, "tls_req_cert": "demand",
		"use_pool": true, "pool_size": 10, "pool_retry_max": 3, "pool_retry_delay": 0.1, "pool_connection_timeout": -1, "pool_connection_lifetime": 600,
		"use_auth_pool": true, "auth_pool_size": 100, "auth_pool_connection_lifetime": 60,
	},
}

// configSensitive are options that can be written and never read.
var configSensitive = map[string][]string{"ldap": {"password"}}

func invalidConfig(format string, args ...any) error {
	return errs.New(errs.Forbidden, "Invalid domain specific configuration: %s.", fmt.Sprintf(format, args...))
}

func noConfig(domainID, group, option string) error {
	what := "any options"
	switch {
	case option != "":
		what = "option " + option + " in group " + group
	case group != "":
		what = "group " + group
	}
	return errs.New(errs.NotFound, "Could not find %s in domain configuration for domain %s.", what, domainID)
}

// checkOption refuses groups and options that no domain can have; either may
// be empty.
func checkOption(group, option string) error {
	if group == "" {
		return nil
	}
	options, known := configDefaults[group]
	if !known {
		return invalidConfig("Group %s is not supported for domain specific configurations", group)
	}
	if option == "" || slices.Contains(configSensitive[group], option) {
		return nil
	}
	if _, known := options[option]; !known {
		return invalidConfig("Option %s in group %s is not supported for domain specific configurations", option, group)
	}
	return nil
}

// check refuses a configuration that holds what no domain can have, or nothing.
func (c DomainConfig) check() error {
	if len(c) == 0 {
		return invalidConfig("No options specified")
	}
	for group, options := range c {
		if len(options) == 0 {
			return invalidConfig("The value of group %s specified in the config should be a dictionary of options", group)
		}
		for option := range options {
			if err := checkOption(group, option); err != nil {
				return err
			}
		}
	}
	return nil
}

// DefaultConfig are the defaults of all options, of a group, or of one option.
func DefaultConfig(group, option string) (DomainConfig, error) {
	if err := checkOption(group, option); err != nil {
		return nil, err
	}
	if option != "" {
		value, readable := configDefaults[group][option]
		if !readable {
			return nil, invalidConfig("Reading the default for option %s in group %s is not supported", option, group)
		}
		return DomainConfig{group: {option: value}}, nil
	}
	if group != "" {
		return DomainConfig{group: configDefaults[group]}, nil
	}
	return configDefaults, nil
}

// SecurityCompliance is what everyone may know of the rules for passwords: of
// the default domain only. What is not set is null.
func (s *Service) SecurityCompliance(domainID, option string) (DomainConfig, error) {
	if domainID != DefaultDomain {
		return nil, invalidConfig("Reading security compliance information for any domain other than the default domain is not allowed or supported")
	}
	readable := s.rules.Pattern.readable()
	if option == "" {
		return DomainConfig{"security_compliance": readable}, nil
	}
	value, known := readable[option]
	if !known {
		return nil, invalidConfig("Reading security compliance values other than password_regex and password_regex_description is not allowed")
	}
	return DomainConfig{"security_compliance": {option: value}}, nil
}

// DomainConfig returns what a domain has of its own, or a group or an option of
// it. Sensitive options are left out. NotFound when there is nothing.
func (s *Service) DomainConfig(ctx context.Context, domainID, group, option string) (DomainConfig, error) {
	if _, err := s.Domain(ctx, domainID); err != nil {
		return nil, err
	}
	if err := checkOption(group, option); err != nil {
		return nil, err
	}
	c, err := readConfig(ctx, s.db.Read(), domainID, group, option)
	if err == nil && len(c) == 0 {
		err = noConfig(domainID, group, option)
	}
	return c, err
}

func ofDomain(q *bun.SelectQuery, domainID, group, option string) *bun.SelectQuery {
	q = q.Where("domain_id = ?", domainID)
	if group != "" {
		q = q.Where("option_group = ?", group)
	}
	if option != "" {
		q = q.Where("option_name = ?", option)
	}
	return q
}

func readConfig(ctx context.Context, db bun.IDB, domainID, group, option string) (DomainConfig, error) {
	var rows []domainOption
	if err := ofDomain(db.NewSelect().Model(&rows), domainID, group, option).Where("NOT sensitive").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read domain configuration: %w", err)
	}
	c := DomainConfig{}
	for _, row := range rows {
		var value any
		if err := json.Unmarshal([]byte(row.Value), &value); err != nil {
			return nil, fmt.Errorf("read option %s of a domain: %w", row.Name, err)
		}
		if c[row.Group] == nil {
			c[row.Group] = map[string]any{}
		}
		c[row.Group][row.Name] = value
	}
	return c, nil
}

func configChange(domainID, action string) store.Change {
	return store.Change{Resource: "domain_config", ID: domainID, Action: action}
}

// rows are the configuration's options as they are stored.
func (c DomainConfig) rows(v *vault, domainID string) ([]domainOption, error) {
	var rows []domainOption
	for group, options := range c {
		for name, value := range options {
			content, err := json.Marshal(value)
			if err != nil {
				return nil, fmt.Errorf("encode option %s of a domain: %w", name, err)
			}
			row := domainOption{DomainID: domainID, Group: group, Name: name, Value: string(content), Sensitive: slices.Contains(configSensitive[group], name)}
			if row.Sensitive {
				if row.Value, err = v.seal(row.Value); err != nil {
					return nil, err
				}
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// putConfig writes a configuration over what the domain has.
func putConfig(ctx context.Context, tx *store.Tx, domainID string, c DomainConfig) error {
	v, err := openVault(ctx, tx)
	if err != nil {
		return err
	}
	rows, err := c.rows(v, domainID)
	if err != nil {
		return err
	}
	q := tx.NewInsert().Model(&rows).On("CONFLICT (domain_id, option_group, option_name) DO UPDATE").Set("value = EXCLUDED.value")
	return write(ctx, q, "domain configuration", "Duplicate entry")
}

// SetDomainConfig gives a domain exactly these options. made tells whether it
// had none before.
func (s *Service) SetDomainConfig(ctx context.Context, domainID string, c DomainConfig) (now DomainConfig, made bool, err error) {
	err = s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		if _, err := findProject(ctx, tx, domainID, "domain"); err != nil {
			return err
		}
		if err := c.check(); err != nil {
			return err
		}
		result, err := tx.NewDelete().Model((*domainOption)(nil)).Where("domain_id = ?", domainID).Exec(ctx)
		if err != nil {
			return fmt.Errorf("replace domain configuration: %w", err)
		}
		n, err := result.RowsAffected()
		if err != nil {
			return fmt.Errorf("replace domain configuration: %w", err)
		}
		if err := putConfig(ctx, tx, domainID, c); err != nil {
			return err
		}
		made = n == 0
		tx.Changed(configChange(domainID, store.Create))
		now, err = readConfig(ctx, tx, domainID, "", "")
		return err
	})
	return now, made, err
}

// UpdateDomainConfig merges options into those of a domain. With a group, or a
// group and an option, it changes just that, which must be there; then c holds
// nothing else.
func (s *Service) UpdateDomainConfig(ctx context.Context, domainID, group, option string, c DomainConfig) (DomainConfig, error) {
	var now DomainConfig
	err := s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		if _, err := findProject(ctx, tx, domainID, "domain"); err != nil {
			return err
		}
		if err := c.check(); err != nil {
			return err
		}
		if err := checkOption(group, option); err != nil {
			return err
		}
		if err := c.just(group, option); err != nil {
			return err
		}
		if group != "" {
			if err := hasConfig(ctx, tx, domainID, group, option); err != nil {
				return err
			}
		}
		if err := putConfig(ctx, tx, domainID, c); err != nil {
			return err
		}
		tx.Changed(configChange(domainID, store.Update))
		var err error
		now, err = readConfig(ctx, tx, domainID, "", "")
		return err
	})
	return now, err
}

// just refuses a configuration that holds more than the group, or the option
// of it, that is to be changed.
func (c DomainConfig) just(group, option string) error {
	if group == "" {
		return nil
	}
	options, there := c[group]
	if len(c) != 1 || option != "" && len(options) != 1 {
		if option != "" {
			return invalidConfig("Trying to update option %s in group %s, so that, and only that, option must be specified  in the config", option, group)
		}
		return invalidConfig("Trying to update group %s, so that, and only that, group must be specified in the config", group)
	}
	if !there {
		return invalidConfig("request to update group %s, but config provided contains another group instead", group)
	}
	if _, there := options[option]; option != "" && !there {
		return invalidConfig("Trying to update option %s in group %s, but config provided contains another option instead", option, group)
	}
	return nil
}

// hasConfig returns nil when a domain has the option, or one of the group, be
// it sensitive or not.
func hasConfig(ctx context.Context, tx *store.Tx, domainID, group, option string) error {
	has, err := ofDomain(tx.NewSelect().Model((*domainOption)(nil)), domainID, group, option).Exists(ctx)
	if err != nil {
		return fmt.Errorf("read domain configuration: %w", err)
	}
	if !has {
		return noConfig(domainID, group, option)
	}
	return nil
}

// DeleteDomainConfig removes a domain's options, those of a group, or one. A
// group or an option must be there.
func (s *Service) DeleteDomainConfig(ctx context.Context, domainID, group, option string) error {
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		if _, err := findProject(ctx, tx, domainID, "domain"); err != nil {
			return err
		}
		if err := checkOption(group, option); err != nil {
			return err
		}
		q := tx.NewDelete().Model((*domainOption)(nil)).Where("domain_id = ?", domainID)
		if group != "" {
			if err := hasConfig(ctx, tx, domainID, group, option); err != nil {
				return err
			}
			q = q.Where("option_group = ?", group)
		}
		if option != "" {
			q = q.Where("option_name = ?", option)
		}
		if _, err := q.Exec(ctx); err != nil {
			return fmt.Errorf("delete domain configuration: %w", err)
		}
		tx.Changed(configChange(domainID, store.Delete))
		return nil
	})
}
