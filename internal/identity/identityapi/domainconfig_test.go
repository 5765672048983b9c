package identityapi_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDomainConfigRoutes(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	d := c.make("domains", "domain", object{"name": "d"})
	all := v3 + "/domains/" + d + "/config"
	config := object{"identity": object{"driver": "ldap"}, "ldap": object{"url": "ldap://x", "password": "hidden", "user_tree_dn": "ou=Users"}}
	want := object{"identity": object{"driver": "ldap"}, "ldap": object{"url": "ldap://x", "user_tree_dn": "ou=Users"}}
	check := func(name string, want, got any) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	c.Must(404, c.admin, "GET", all, nil)
	check("made", want, field(t, c.Must(201, c.admin, "PUT", all, object{"config": config}), "config"))
	check("made again", want, field(t, c.Must(200, c.admin, "PUT", all, object{"config": config}), "config"))
	check("whole", want, field(t, c.Must(200, c.admin, "GET", all, nil), "config"))
	check("group", object{"ldap": want["ldap"]}, field(t, c.Must(200, c.admin, "GET", all+"/ldap", nil), "config"))
	check("option", object{"url": "ldap://x"}, field(t, c.Must(200, c.admin, "GET", all+"/ldap/url", nil), "config"))
	c.Must(404, c.admin, "GET", all+"/ldap/password", nil) // it is there, for nobody to read
	got := c.Must(200, c.admin, "PATCH", all+"/ldap/url", object{"config": object{"url": "ldap://y"}})
	check("option changed", "ldap://y", field(t, got, "config", "ldap", "url"))
	got = c.Must(200, c.admin, "PATCH", all+"/identity", object{"config": object{"identity": object{"driver": "sql", "list_limit": 7}}})
	check("group changed", object{"driver": "sql", "list_limit": 7.0}, field(t, got, "config", "identity"))
	got = c.Must(200, c.admin, "PATCH", all, object{"config": object{"ldap": object{"suffix": "dc=x"}}})
	check("merged", object{"url": "ldap://y", "user_tree_dn": "ou=Users", "suffix": "dc=x"}, field(t, got, "config", "ldap"))
	c.Must(204, c.admin, "DELETE", all+"/identity/driver", nil)
	c.Must(404, c.admin, "GET", all+"/identity/driver", nil)
	c.Must(404, c.admin, "DELETE", all+"/identity/driver", nil)
	c.Must(404, c.admin, "PATCH", all+"/identity/driver", object{"config": object{"driver": "sql"}})
	c.Must(204, c.admin, "DELETE", all+"/identity", nil)
	c.Must(404, c.admin, "PATCH", all+"/identity", object{"config": object{"identity": object{"driver": "sql"}}})
	c.Must(204, c.admin, "DELETE", all, nil)
	c.Must(404, c.admin, "GET", all, nil)
	c.Must(404, c.admin, "PUT", v3+"/domains/x/config", object{"config": config})

	defaults := field(t, c.Must(200, c.admin, "GET", v3+"/domains/config/default", nil), "config").(object)
	if len(defaults) != 2 || len(defaults["ldap"].(object)) != 49 {
		t.Errorf("%d groups, %d options of ldap", len(defaults), len(defaults["ldap"].(object)))
	}
	check("default group", object{"identity": object{"driver": "sql", "list_limit": nil}}, field(t, c.Must(200, c.admin, "GET", v3+"/domains/config/identity/default", nil), "config"))
	check("default option", object{"pool_size": 10.0}, field(t, c.Must(200, c.admin, "GET", v3+"/domains/config/ldap/pool_size/default", nil), "config"))
	c.Must(403, c.admin, "GET", v3+"/domains/config/ldap/password/default", nil)
	c.Must(403, c.admin, "GET", v3+"/domains/config/x/default", nil)

	// What passwords must be like is for everyone to read, the rest is not.
	c.user("u")
	token := c.login("u", "pw", nil)
	compliance := v3 + "/domains/default/config/security_compliance"
	check("compliance", object{"security_compliance": object{"password_regex": nil, "password_regex_description": nil}}, field(t, c.Must(200, token, "GET", compliance, nil), "config"))
	check("regex", object{"password_regex": nil}, field(t, c.Must(200, token, "GET", compliance+"/password_regex", nil), "config"))
	c.Must(403, token, "GET", compliance+"/lockout_duration", nil)
	c.Must(403, token, "GET", all+"/security_compliance", nil)
	c.Must(404, token, "GET", v3+"/domains/x/config/security_compliance", nil)
	for _, path := range []string{all, all + "/ldap", all + "/ldap/url", v3 + "/domains/config/default"} {
		c.Must(403, token, "GET", path, nil)
	}
}

func TestDomainConfigRefusals(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	all := v3 + "/domains/default/config"
	c.Must(201, c.admin, "PUT", all, object{"config": object{"ldap": object{"url": "x", "suffix": "y"}}})
	cases := []struct {
		name, method, path string
		config             any
		status             int
	}{
		{"nothing", "PUT", "", object{}, 403},
		{"not an object", "PUT", "", 1, 400},
		{"group not an object", "PUT", "", object{"ldap": "x"}, 403},
		{"empty group", "PUT", "", object{"ldap": object{}}, 403},
		{"unknown group", "PUT", "", object{"token": object{"x": 1}}, 403},
		{"unknown option", "PUT", "", object{"ldap": object{"x": 1}}, 403},
		{"unknown group in the path", "PATCH", "/token", object{"token": object{"x": 1}}, 403},
		{"unknown option in the path", "PATCH", "/ldap/x", object{"x": 1}, 403},
		{"two groups", "PATCH", "/ldap", object{"ldap": object{"url": "x"}, "identity": object{"driver": "x"}}, 403},
		{"another group", "PATCH", "/ldap", object{"identity": object{"driver": "x"}}, 403},
		{"two options", "PATCH", "/ldap/url", object{"url": "x", "suffix": "y"}, 403},
		{"another option", "PATCH", "/ldap/url", object{"suffix": "y"}, 403},
		{"delete an unknown group", "DELETE", "/token", nil, 403},
		{"delete an unknown option", "DELETE", "/ldap/x", nil, 403},
		{"read an unknown option", "GET", "/ldap/x", nil, 403},
	}
	for _, k := range cases {
		t.Run(k.name, func(t *testing.T) { c.Must(k.status, c.admin, k.method, all+k.path, object{"config": k.config}) })
	}
}
