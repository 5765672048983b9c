package metadef_test

import (
	"testing"

	"wisp/internal/errs"
	"wisp/internal/metadef"
	"wisp/internal/policy"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

func caller(project string, roles ...string) *policy.Caller {
	return &policy.Caller{UserID: "u", ProjectID: project, Roles: roles}
}

var (
	admin  = caller("admin", "admin", "member", "reader")
	reader = caller("demo", "reader")
	system = &policy.Caller{UserID: "s", System: true, Roles: []string{"reader"}}
)

func each(t *testing.T, test func(t *testing.T, db *store.DB, s *metadef.Service)) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(t, db, metadef.New(db)) })
}

func create(t *testing.T, s *metadef.Service, content metadef.Content) {
	t.Helper()
	if _, err := s.Create(t.Context(), admin, content); err != nil {
		t.Fatal(err)
	}
}

// What makes a namespace with parts makes all of it or nothing.
func TestCreateIsWhole(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, s *metadef.Service) {
		content := metadef.Content{Namespace: metadef.Namespace{Name: "n"}, Tags: []metadef.Tag{{Name: "t"}, {Name: "t"}}, Associations: []metadef.Association{{Name: "Some::Kind"}}}
		if _, err := s.Create(t.Context(), admin, content); !errs.Is(err, errs.Conflict) {
			t.Fatalf("error %v", err)
		}
		if _, err := s.Show(t.Context(), admin, "n", ""); !errs.Is(err, errs.NotFound) {
			t.Errorf("after a refusal: %v", err)
		}
		kinds, err := s.ResourceTypes(t.Context(), admin)
		if err != nil || len(kinds) != 5 {
			t.Errorf("kinds %v %v", kinds, err)
		}
		content.Tags = content.Tags[:1]
		create(t, s, content)
		if err := s.Delete(t.Context(), admin, "n"); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"metadef_namespaces", "metadef_tags", "metadef_associations"} {
			if n, err := db.Read().NewSelect().TableExpr(table).Count(t.Context()); err != nil || n > 0 {
				t.Errorf("%d rows are left in %s: %v", n, table, err)
			}
		}
	})
}

// Who has no project sees nothing of anybody's, and no project is nobody's.
func TestNobodysProject(t *testing.T) {
	each(t, func(t *testing.T, _ *store.DB, s *metadef.Service) {
		create(t, s, metadef.Content{Namespace: metadef.Namespace{Name: "public", Visibility: metadef.Public}})
		create(t, s, metadef.Content{Namespace: metadef.Namespace{Name: "private"}})
		for _, c := range []*policy.Caller{nil, system, {}} {
			if _, err := s.Show(t.Context(), c, "private", ""); !errs.Is(err, errs.NotFound) {
				t.Errorf("%v: %v", c, err)
			}
		}
		for _, c := range []*policy.Caller{system, {}} {
			if _, err := s.Tags(t.Context(), c, "public", metadef.TagQuery{}); !errs.Is(err, errs.Forbidden) {
				t.Errorf("%v: %v", c, err)
			}
			if _, err := s.List(t.Context(), c, metadef.Query{Limit: 10}); !errs.Is(err, errs.Forbidden) {
				t.Errorf("%v: %v", c, err)
			}
		}
		if err := s.Delete(t.Context(), reader, "public"); !errs.Is(err, errs.Forbidden) {
			t.Errorf("a reader deletes: %v", err)
		}
	})
}

// Each change of a part tells of its namespace, to those who see it.
func TestChanges(t *testing.T) {
	each(t, func(t *testing.T, _ *store.DB, s *metadef.Service) {
		create(t, s, metadef.Content{Namespace: metadef.Namespace{Name: "n", Owner: "demo", Visibility: metadef.Public}})
		var told []store.Change
		ctx := store.Watch(t.Context(), func(changes []store.Change) { told = append(told, changes...) })
		if _, err := s.AddTag(ctx, admin, "n", "t"); err != nil {
			t.Fatal(err)
		}
		// Those who saw it hear that it is private now.
		if _, err := s.Update(ctx, admin, "n", metadef.Namespace{Name: "n", Owner: "demo"}); err != nil {
			t.Fatal(err)
		}
		if err := s.Delete(ctx, admin, "n"); err != nil {
			t.Fatal(err)
		}
		want := []store.Change{{Action: store.Update, Public: true}, {Action: store.Update, Public: true}, {Action: store.Delete}}
		if len(told) != len(want) {
			t.Fatalf("told %v", told)
		}
		for n, c := range told {
			if c.Resource != "metadef_namespace" || c.ID != "n" || c.ProjectID != "demo" || c.Action != want[n].Action || c.Public != want[n].Public {
				t.Errorf("%d: %+v", n, c)
			}
		}
	})
}
