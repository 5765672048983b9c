package compute

import (
	"context"

	"wisp/internal/image"
	"wisp/internal/network"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// ImageCatalog is what the Compute API shows of the image service under its
// own names (API ref: Images, Image metadata; gone from 2.36 and 2.39 on).
// Who may do what is the image service's to say.
type ImageCatalog interface {
	Get(ctx context.Context, caller *policy.Caller, id string) (image.Image, error)
	List(ctx context.Context, caller *policy.Caller, query image.Query) ([]image.Image, error)
	Update(ctx context.Context, caller *policy.Caller, id string, changes []image.Change) (image.Image, error)
	Delete(ctx context.Context, caller *policy.Caller, id string) error
}

// Networking is what the Compute API shows of the network service under its
// own names (API ref: os-networks, os-tenant-networks, os-floating-ips,
// os-security-groups; gone from 2.36 on). Who may do what is the network
// service's to say.
type Networking interface {
	Networks(ctx context.Context, caller *policy.Caller, l store.List) ([]network.Network, error)
	Network(ctx context.Context, caller *policy.Caller, id string) (*network.Network, error)

	Ports(ctx context.Context, caller *policy.Caller, l store.List) ([]network.Port, error)
	Subnets(ctx context.Context, caller *policy.Caller, l store.List) ([]network.Subnet, error)

	FloatingIPs(ctx context.Context, caller *policy.Caller, l store.List) ([]network.FloatingIP, error)
	FloatingIP(ctx context.Context, caller *policy.Caller, id string) (*network.FloatingIP, error)
	CreateFloatingIPs(ctx context.Context, caller *policy.Caller, specs []network.FloatingIPSpec) ([]network.FloatingIP, error)
	UpdateFloatingIP(ctx context.Context, caller *policy.Caller, id string, spec network.FloatingIPSpec, e network.Expect) (*network.FloatingIP, error)
	DeleteFloatingIP(ctx context.Context, caller *policy.Caller, id string, e network.Expect) error

	SecurityGroups(ctx context.Context, caller *policy.Caller, l store.List) ([]network.SecurityGroup, error)
	SecurityGroup(ctx context.Context, caller *policy.Caller, id string) (*network.SecurityGroup, error)
	CreateSecurityGroups(ctx context.Context, caller *policy.Caller, specs []network.SecurityGroupSpec) ([]network.SecurityGroup, error)
	UpdateSecurityGroup(ctx context.Context, caller *policy.Caller, id string, spec network.SecurityGroupSpec, e network.Expect) (*network.SecurityGroup, error)
	DeleteSecurityGroup(ctx context.Context, caller *policy.Caller, id string, e network.Expect) error
	CreateRules(ctx context.Context, caller *policy.Caller, specs []network.RuleSpec) ([]network.Rule, error)
	DeleteRule(ctx context.Context, caller *policy.Caller, id string, e network.Expect) error
}

// ImageCatalog is the image service behind the API's image proxies.
func (s *Service) ImageCatalog() ImageCatalog { return s.images }

// Networking is the network service behind the API's network proxies.
func (s *Service) Networking() Networking { return s.network }
