package identityapi_test

import (
	"log/slog"
	"net/http"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"wisp/internal/api"
	"wisp/internal/api/apitest"
	"wisp/internal/identity"
	"wisp/internal/identity/identityapi"
	"wisp/internal/store"
	"wisp/internal/store/storetest"
)

const adminPassword = "s3cret-of-admin"

func TestMain(m *testing.M) { apitest.Main(m, identityapi.New(nil)) }

// cloud is a running identity service with its admin's tokens.
type cloud struct {
	*apitest.Server
	t     *testing.T
	svc   *identity.Service
	keys  string // the key repository
	admin string // a token for the project admin
	roles map[string]string
}

func newService(t testing.TB, db *store.DB, keys string, options ...identity.Option) *identity.Service {
	t.Helper()
	options = append([]identity.Option{identity.WithHashCost(bcrypt.MinCost)}, options...)
	svc := identity.New(db, slog.New(slog.DiscardHandler), options...)
	err := svc.Bootstrap(t.Context(), identity.BootstrapConfig{
		AdminPassword: adminPassword, Region: "RegionOne", PublicURL: "http://127.0.0.1:5000", KeyDir: keys,
	})
	if err != nil {
		t.Fatal(err)
	}
	return svc
}

func newCloud(t *testing.T, options ...identity.Option) *cloud {
	t.Helper()
	keys := t.TempDir()
	svc := newService(t, storetest.SQLite(t), keys, options...)
	c := &cloud{keys: keys, Server: apitest.Serve(t, svc, identityapi.New(svc)), t: t, svc: svc, roles: map[string]string{}}
	c.admin = c.login("admin", adminPassword, scope{"project": object{"name": "admin", "domain": object{"id": "default"}}})
	roles, err := svc.Roles(t.Context(), identity.Listing{})
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range roles {
		c.roles[role.Name] = role.ID
	}
	return c
}

type (
	object = map[string]any
	scope  = map[string]any
)

func passwordAuth(user object, password string, in any) object {
	who := object{"password": password}
	for key, value := range user {
		who[key] = value
	}
	auth := object{"identity": object{"methods": []string{"password"}, "password": object{"user": who}}}
	if in != nil {
		auth["scope"] = in
	}
	return object{"auth": auth}
}

func tokenAuth(token string, in any) object {
	auth := object{"identity": object{"methods": []string{"token"}, "token": object{"id": token}}}
	if in != nil {
		auth["scope"] = in
	}
	return object{"auth": auth}
}

// login returns a token of a user of the default domain.
func (c *cloud) login(name, password string, in any) string {
	c.t.Helper()
	return c.issue(passwordAuth(object{"name": name, "domain": object{"id": "default"}}, password, in))
}

func (c *cloud) issue(body object) string {
	c.t.Helper()
	return c.Must(http.StatusCreated, "", "POST", "/identity/v3/auth/tokens", body).Header.Get("X-Subject-Token")
}

// make creates something as admin and returns its id.
func (c *cloud) make(collection, key string, attributes object) string {
	c.t.Helper()
	r := c.Must(http.StatusCreated, c.admin, "POST", "/identity/v3/"+collection, object{key: attributes})
	return field(c.t, r, key, "id").(string)
}

// user makes a user of the default domain with the password "pw".
func (c *cloud) user(name string) string {
	c.t.Helper()
	return c.make("users", "user", object{"name": name, "password": "pw"})
}

func (c *cloud) grant(path string) {
	c.t.Helper()
	c.Must(http.StatusNoContent, c.admin, "PUT", "/identity/v3/"+path, nil)
}

// field digs in a JSON answer.
func field(t testing.TB, r *apitest.Response, path ...string) any {
	t.Helper()
	var v any
	r.JSON(t, &v)
	for _, key := range path {
		m, ok := v.(object)
		if !ok {
			t.Fatalf("no %v in %s", path, r.Body)
		}
		v = m[key]
	}
	return v
}

// names lists an attribute of the objects in a collection.
func names(t testing.TB, r *apitest.Response, collection, attribute string) []string {
	t.Helper()
	list, ok := field(t, r, collection).([]any)
	if !ok {
		t.Fatalf("no list %s in %s", collection, r.Body)
	}
	found := []string{}
	for _, one := range list {
		text, _ := one.(object)[attribute].(string)
		found = append(found, text)
	}
	return found
}

var _ api.Authenticator = (*identity.Service)(nil)
