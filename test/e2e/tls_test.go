package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"wisp/test/world"
)

// TestBeyondLoopback listens for other machines: TLS is on, and the credentials
// name the authority that the client must trust.
func TestBeyondLoopback(t *testing.T) {
	w := world.New(t)
	out := w.Up(t, "--listen", world.HostAddr+":5443")
	if !strings.Contains(out, "https://"+world.HostAddr+":5443") {
		t.Errorf("up said:\n%s", out)
	}
	w.Openstack(t, "token", "issue")
	if urls := w.Openstack(t, "endpoint", "list", "-f", "value", "-c", "URL"); strings.Contains(urls, "http://") {
		t.Errorf("endpoints without TLS:\n%s", urls)
	}
	cacert := "OS_CACERT=" + filepath.Join(w.State, "tls", "ca.pem")
	if !strings.Contains(strings.Join(w.Env(), "\n"), cacert) {
		t.Errorf("openrc does not name the authority: %v", w.Env())
	}
	if _, err := w.Run(world.Short, "curl", "-sS", "https://"+world.HostAddr+":5443/"); err == nil {
		t.Error("a client that does not know the authority trusts the cloud")
	}
	if _, err := w.Run(world.Short, "curl", "-sS", "--fail", "http://"+world.HostAddr+":5443/healthz"); err == nil {
		t.Error("the port answers without TLS")
	}
}
