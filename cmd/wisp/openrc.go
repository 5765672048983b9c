package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"
)

const region = "RegionOne"

func openrcCommand() *cobra.Command {
	var s settings
	command := &cobra.Command{
		Use:   "openrc",
		Short: "Print the administrator's credentials for a shell: eval \"$(wisp openrc)\"",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := s.load(); err != nil {
				return err
			}
			if s.Role == roleNode {
				return s.noCredentials()
			}
			content, err := os.ReadFile(s.path("openrc"))
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(content)
			return err
		},
	}
	stateFlag(command, &s)
	return command
}

// noCredentials is the answer of a node.
func (s *settings) noCredentials() error {
	return fmt.Errorf("%s is the state directory of a node, which has no credentials; servers have", s.StateDir)
}

// password returns the administrator's password, made at the first call.
func (s *settings) password() (string, error) {
	path := s.path("admin-password")
	content, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(content)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	secret := rand.Text()
	return secret, replace(path, []byte(secret+"\n"), 0o600)
}

// writeCredentials writes clouds.yaml and openrc, mode 0600.
func (s *settings) writeCredentials(password, cacert string) error {
	auth := map[string]string{
		"auth_url": s.URL + "/identity/v3", "username": "admin", "password": password, "project_name": "admin",
		"user_domain_name": "Default", "project_domain_name": "Default",
	}
	cloud := map[string]any{"auth": auth, "region_name": region, "identity_api_version": 3, "interface": "public"}
	if cacert != "" {
		cloud["cacert"] = cacert
	}
	var clouds bytes.Buffer
	encoder := yaml.NewEncoder(&clouds)
	encoder.SetIndent(2)
	if err := encoder.Encode(map[string]any{"clouds": map[string]any{"wisp": cloud}}); err != nil {
		return err
	}
	if err := replace(s.path("clouds.yaml"), clouds.Bytes(), 0o600); err != nil {
		return err
	}
	lines := [][2]string{
		{"OS_AUTH_URL", auth["auth_url"]}, {"OS_USERNAME", "admin"}, {"OS_PASSWORD", password}, {"OS_PROJECT_NAME", "admin"},
		{"OS_USER_DOMAIN_NAME", "Default"}, {"OS_PROJECT_DOMAIN_NAME", "Default"}, {"OS_REGION_NAME", region},
		{"OS_IDENTITY_API_VERSION", "3"}, {"OS_INTERFACE", "public"},
	}
	if cacert != "" {
		lines = append(lines, [2]string{"OS_CACERT", cacert})
	}
	var rc strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&rc, "export %s=%s\n", line[0], shellQuote(line[1]))
	}
	return replace(s.path("openrc"), []byte(rc.String()), 0o600)
}

// shellQuote makes any text one word of a POSIX shell.
func shellQuote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
