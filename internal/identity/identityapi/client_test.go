package identityapi_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/roles"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/users"

	"wisp/internal/identity"
)

// The distribution's own client does a first day's work.
func TestOpenStackClient(t *testing.T) {
	t.Parallel()
	const client = "/usr/bin/openstack"
	if _, err := os.Stat(client); err != nil || testing.Short() {
		t.Skip("python3-openstackclient is not installed, or -short")
	}
	c := newCloud(t)
	// The catalog must name this server for the client to come back.
	err := c.svc.Bootstrap(t.Context(), identity.BootstrapConfig{PublicURL: c.URL, KeyDir: c.keys})
	if err != nil {
		t.Fatal(err)
	}
	// One interpreter runs all commands of a user: to start it takes a second.
	type command struct{ line, want string }
	admin := []command{
		{"token issue -f value -c project_id", ""},
		{"catalog list -f value -c Name", "keystone"},
		{"project create demo -f value -c name", "demo"},
		{"user create alice --project demo --password pw -f value -c name", "alice"},
		{"role add --user alice --project demo member", ""},
		{"role assignment list --names -f value", "alice@Default"},
		{"service list -f value -c Name", "glance"},
		{"endpoint list -f value -c URL", "/compute/v2.1"},
		{"domain list -f value -c Name", "Default"},
		{"user list -f value -c Name", "alice"},
		{"role list -f value -c Name", "manager"},
		{"role assignment list --effective --names --user alice --project demo -f value", "reader"},
		{"group create staff -f value -c name", "staff"},
		{"group add user staff alice", ""},
		{"group contains user staff alice", "alice in group staff"},
		{"implied role list -f value", "member"},
		{"region list -f value -c Region", "RegionOne"},
		{"project set --tag blue --description nice demo", ""},
		{"project show demo -f value -c tags", "blue"},
	}
	alice := []command{
		{"token issue -f value -c user_id", ""},
		{"project list -f value -c Name", "demo"},
		{"application credential create robot -f value -c name", "robot"},
		{"application credential list -f value -c Name", "robot"},
		{"user password set --original-password pw --password pw2", ""},
	}
	run := func(user, password, project string, commands []command) {
		t.Helper()
		var script strings.Builder
		for _, one := range commands {
			script.WriteString(one.line + "\n")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, client)
		cmd.Stdin = strings.NewReader(script.String())
		cmd.Env = []string{
			"PATH=/usr/bin:/bin", "HOME=" + t.TempDir(), "OS_AUTH_URL=" + c.URL + "/identity", "OS_IDENTITY_API_VERSION=3", "OS_USERNAME=" + user,
			"OS_PASSWORD=" + password, "OS_PROJECT_NAME=" + project, "OS_USER_DOMAIN_NAME=Default", "OS_PROJECT_DOMAIN_NAME=Default",
		}
		var out, failed bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &failed
		if err := cmd.Run(); err != nil || failed.Len() > 0 {
			t.Fatalf("%v: %s\n%s", err, &failed, &out)
		}
		rest := out.String()
		for _, one := range commands {
			_, after, found := strings.Cut(rest, one.want)
			if !found {
				t.Fatalf("openstack %s: want %q in:\n%s", one.line, one.want, rest)
			}
			rest = after
		}
	}
	run("admin", adminPassword, "admin", admin)
	run("alice", "pw", "demo", alice)
	run("alice", "pw2", "demo", alice[:1])
	run("admin", adminPassword, "admin", []command{{"user delete alice", ""}, {"project delete demo", ""}})
}

func TestGophercloud(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	if err := c.svc.Bootstrap(t.Context(), identity.BootstrapConfig{PublicURL: c.URL, KeyDir: c.keys}); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	provider, err := openstack.AuthenticatedClient(ctx, gophercloud.AuthOptions{
		IdentityEndpoint: c.URL + "/identity/v3", Username: "admin", Password: adminPassword, DomainName: "Default", TenantName: "admin",
	})
	if err != nil {
		t.Fatal(err)
	}
	client, err := openstack.NewIdentityV3(provider, gophercloud.EndpointOpts{Region: "RegionOne"})
	if err != nil {
		t.Fatal(err)
	}
	project, err := projects.Create(ctx, client, projects.CreateOpts{Name: "p", Tags: []string{"x"}}).Extract()
	if err != nil {
		t.Fatal(err)
	}
	user, err := users.Create(ctx, client, users.CreateOpts{Name: "u", Password: "pw", Extra: map[string]any{"email": "u@example.com"}}).Extract()
	if err != nil {
		t.Fatal(err)
	}
	if user.Extra["email"] != "u@example.com" || !user.Enabled {
		t.Fatalf("user %+v", user)
	}
	if err := roles.Assign(ctx, client, c.roles["member"], roles.AssignOpts{UserID: user.ID, ProjectID: project.ID}).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	result := tokens.Create(ctx, client, &tokens.AuthOptions{UserID: user.ID, Password: "pw", Scope: tokens.Scope{ProjectID: project.ID}})
	token, err := result.ExtractToken()
	if err != nil {
		t.Fatal(err)
	}
	has, err := result.ExtractRoles()
	if err != nil || len(has) != 2 || has[0].Name != "member" || has[1].Name != "reader" {
		t.Fatalf("roles %v, error %v", has, err)
	}
	if ok, err := tokens.Validate(ctx, client, token.ID); err != nil || !ok {
		t.Fatalf("valid %t, error %v", ok, err)
	}
	if err := tokens.Revoke(ctx, client, token.ID).Err; err != nil {
		t.Fatal(err)
	}
	if ok, err := tokens.Validate(ctx, client, token.ID); err != nil || ok {
		t.Fatalf("valid %t after it was revoked, error %v", ok, err)
	}
}
