package tempest

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Cloud is what Tempest is told of the cloud.
type Cloud struct {
	IdentityURL   string // of the v3 API
	User          string // an administrator
	Password      string
	Project       string
	Region        string
	Image         string // ids
	OtherImage    string
	Flavor        string
	OtherFlavor   string
	Network       string // the external network, id and name
	NetworkName   string
	Extensions    []string // of the network API
	ImageFile     string   // for uploads
	Format        string   // of that file's disk
	WebImage      string   // URL of an image to import
	Folder        string   // for locks and logs
	Guests        bool     // instances are real: tests may log in to them
	GuestUser     string
	GuestPassword string
	// Xen lets tests run that Tempest takes for those of XenServer alone: with
	// the agents, which no Nova has any more, those of bad metadata.
	Xen bool
	// Passwords are the rules that the cloud has for them; nil is none.
	Passwords *PasswordRules
}

// PasswordRules are what tests of security compliance look at.
type PasswordRules struct {
	Failures int // wrong passwords in a row that lock a user out
	Seconds  int // how long
	History  int // passwords that may not come again
}

// remoteImages is the type of the service that is another server of images.
const remoteImages = "image_remote"

// write writes tempest.conf.
func (c Cloud) write(to io.Writer) error {
	sections := map[string]map[string]string{
		"DEFAULT":          {"log_dir": c.Folder, "log_file": "tempest.log", "debug": "true"},
		"oslo_concurrency": {"lock_path": c.Folder + "/locks"},
		"auth": {
			"use_dynamic_credentials": "true", "create_isolated_networks": "true", "admin_username": c.User, "admin_password": c.Password,
			"admin_project_name": c.Project, "admin_domain_name": "Default", "default_credentials_domain_name": "Default", "tempest_roles": "member",
		},
		"identity": {"auth_version": "v3", "uri_v3": c.IdentityURL, "region": c.Region, "v3_endpoint_type": "publicURL"},
		"identity-feature-enabled": {
			"api_v2": "false", "trust": "true", "project_tags": "true", "application_credentials": "true", "access_rules": "true", "domain_specific_drivers": "true",
		},
		"service_available": {"nova": "true", "glance": "true", "neutron": "true", "cinder": "false", "swift": "false", "horizon": "false"},
		"compute": {
			"image_ref": c.Image, "image_ref_alt": c.OtherImage, "flavor_ref": c.Flavor, "flavor_ref_alt": c.OtherFlavor,
			"min_microversion": "2.1", "max_microversion": "latest", "build_timeout": "600", "build_interval": "1", "shelved_offload_time": "0",
		},
		"compute-feature-enabled": {
			"disk_config": "true", "vnc_console": "true", "serial_console": "true", "resize": "true", "stable_rescue": "true", "xenapi_apis": fmt.Sprint(c.Xen), "hostname_fqdn_sanitization": "true",
		},
		"placement": {"min_microversion": "1.0", "max_microversion": "latest"},
		// Tempest uploads noise, which is no image of the other formats.
		"image": {
			"disk_formats": "raw,ami,ari,aki", "container_formats": "bare,ami,ari,aki,ovf,ova,docker", "http_image": c.WebImage, "image_caching_enabled": "true",
			"alternate_image_endpoint": remoteImages,
		},
		"image-feature-enabled": {"api_v2": "true", "import_image": "true", "os_glance_reserved": "true", "manage_locations": "true"},
		"network": {
			"public_network_id": c.Network, "floating_network_name": c.NetworkName, "project_networks_reachable": "false",
			"project_network_cidr": "10.100.0.0/16", "project_network_mask_bits": "28",
		},
		"network-feature-enabled": {
			"ipv6": "true", "ipv6_subnet_attributes": "true", "floating_ips": "true", "port_security": "true", "api_extensions": strings.Join(c.Extensions, ","),
		},
		"validation": {
			"run_validation": fmt.Sprint(c.Guests), "connect_method": "floating", "auth_method": "keypair", "image_ssh_user": c.GuestUser, "image_ssh_password": c.GuestPassword,
			"image_alt_ssh_user": c.GuestUser, "image_alt_ssh_password": c.GuestPassword, "ssh_key_type": "ecdsa", "network_for_ssh": c.NetworkName,
			"ssh_timeout": "600", "ping_timeout": "300", "ssh_shell_prologue": "set -eu; PATH=$$PATH:/sbin:/usr/sbin;",
		},
		"scenario": {"img_file": c.ImageFile, "img_disk_format": c.Format, "img_container_format": "bare", "dhcp_client": "udhcpc"},
	}
	if p := c.Passwords; p != nil {
		sections["identity-feature-enabled"]["security_compliance"] = "true"
		for option, n := range map[string]int{"user_lockout_failure_attempts": p.Failures, "user_lockout_duration": p.Seconds, "user_unique_last_password_count": p.History} {
			sections["identity"][option] = fmt.Sprint(n)
		}
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(sections)) {
		fmt.Fprintf(&text, "[%s]\n", name)
		for _, option := range slices.Sorted(maps.Keys(sections[name])) {
			if value := sections[name][option]; value != "" { // an empty one is no value of most types
				fmt.Fprintf(&text, "%s = %s\n", option, value)
			}
		}
		text.WriteString("\n")
	}
	_, err := io.WriteString(to, text.String())
	return err
}
