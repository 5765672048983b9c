package network

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"wisp/internal/store"
)

// changer is a row whose changes are told of. Its kind is known to insert,
// update, remove and touch, which note them.
type changer interface {
	change(action string) store.Change
}

func (s *Standard) changed(resource, action string) store.Change {
	return store.Change{Resource: resource, ID: s.ID, Action: action, ProjectID: s.ProjectID}
}

func (n *Network) change(action string) store.Change {
	c := n.changed("network", action)
	c.Public, c.Projects = n.Shared || n.External, n.Targets
	return c
}

// A subnet is seen by who sees its network, which the row does not know: see
// changeOn.
func (s *Subnet) change(action string) store.Change { return s.changed("subnet", action) }

func (s *Subnet) changeOn(n *Network, action string) store.Change {
	c := s.change(action)
	c.Public, c.Projects = n.Shared || n.External, append([]string{n.ProjectID}, n.Targets...)
	return c
}

func (p *Port) change(action string) store.Change       { return p.changed("port", action) }
func (r *Router) change(action string) store.Change     { return r.changed("router", action) }
func (f *FloatingIP) change(action string) store.Change { return f.changed("floatingip", action) }
func (g *SecurityGroup) change(action string) store.Change {
	return g.on(g.changed("security_group", action))
}
func (g *AddressGroup) change(action string) store.Change {
	return g.on(g.changed("address_group", action))
}
func (a *AddressScope) change(action string) store.Change {
	return a.on(a.changed("address_scope", action))
}
func (p *SubnetPool) change(action string) store.Change {
	return p.on(p.changed("subnetpool", action))
}

func (p *QoSPolicy) change(action string) store.Change {
	return p.on(p.changed("qos_policy", action))
}

// on adds those to a change whom the object is shared with.
func (s *Sharing) on(c store.Change) store.Change {
	c.Public, c.Projects = s.Shared, s.Targets
	return c
}

// A policy is its owner's, and no news to its target, who sees the object.
func (p *RBACPolicy) change(action string) store.Change {
	return store.Change{Resource: "rbac_policy", ID: p.ID, Action: action, ProjectID: p.ProjectID}
}

func (r *Rule) change(action string) store.Change { return r.changed("security_group_rule", action) }

// Agents are the administrators'.
func (a *Agent) change(action string) store.Change {
	return store.Change{Resource: "agent", ID: a.ID, Action: action}
}

// Labels and their rules are the administrators'.
func (l *MeteringLabel) change(action string) store.Change {
	return store.Change{Resource: "metering_label", ID: l.ID, Action: action}
}

func (r *MeteringRule) change(action string) store.Change {
	return store.Change{Resource: "metering_label_rule", ID: r.ID, Action: action}
}

func quotaChange(projectID, action string) store.Change {
	return store.Change{Resource: "network_quota", ID: projectID, Action: action, ProjectID: projectID}
}

// insert, update and remove write one row and note the change.
func insert(ctx context.Context, tx *store.Tx, row changer) error {
	tx.Changed(row.change(store.Create))
	_, err := tx.NewInsert().Model(row).Exec(ctx)
	return err
}

func update(ctx context.Context, tx *store.Tx, row changer) error {
	tx.Changed(row.change(store.Update))
	_, err := tx.NewUpdate().Model(row).WherePK().Exec(ctx)
	return err
}

func remove(ctx context.Context, tx *store.Tx, table string, row changer) error {
	c := row.change(store.Delete)
	tx.Changed(c)
	if _, err := tx.NewDelete().TableExpr("?", bun.Ident(table)).Where("id = ?", c.ID).Exec(ctx); err != nil {
		return err
	}
	_, err := tx.NewDelete().TableExpr("network_tags").Where("object_id = ?", c.ID).Exec(ctx)
	return err
}

// touchRow marks a change of an object whose parts changed.
func touchRow(ctx context.Context, tx *store.Tx, table string, row changer) error {
	c := row.change(store.Update)
	tx.Changed(c)
	_, err := tx.NewUpdate().TableExpr("?", bun.Ident(table)).Set("revision = revision + 1").Set("updated_at = ?", now()).Where("id = ?", c.ID).Exec(ctx)
	if err != nil {
		return fmt.Errorf("mark the change in %s: %w", table, err)
	}
	return nil
}

// owned are rows that one statement changed, and whose they are: what it
// returns.
type owned []struct{ ID, ProjectID string }

const returning = "id, project_id"

func (o owned) note(tx *store.Tx, resource, action string) {
	for _, row := range o {
		tx.Changed(store.Change{Resource: resource, ID: row.ID, Action: action, ProjectID: row.ProjectID})
	}
}
