package demo

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/flavors"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/hypervisors"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/keypairs"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/services"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/roles"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/users"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/imagedata"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/agents"
	"golang.org/x/crypto/ssh"
)

// clients are one caller's connections to the services.
type clients struct {
	identity, image, compute, network *gophercloud.ServiceClient
}

// logIn logs in to a cloud as the configuration says.
func logIn(ctx context.Context, cfg Config) (*gophercloud.ProviderClient, error) {
	provider, err := openstack.NewClient(cfg.AuthURL)
	if err != nil {
		return nil, err
	}
	if cfg.CACert != "" {
		pem, err := os.ReadFile(cfg.CACert)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", cfg.CACert)
		}
		provider.HTTPClient = http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	}
	err = openstack.Authenticate(ctx, provider, gophercloud.AuthOptions{
		IdentityEndpoint: cfg.AuthURL, Username: cfg.Username, Password: cfg.Password, DomainName: cfg.Domain,
		Scope: &gophercloud.AuthScope{ProjectName: cfg.Project, DomainName: cfg.Domain}, AllowReauth: true,
	})
	if err != nil {
		return nil, fmt.Errorf("log in as %s: %w", cfg.Username, err)
	}
	return provider, nil
}

func (d *day) connect(ctx context.Context, user, password, project string) (*clients, error) {
	cfg := d.cfg
	cfg.Username, cfg.Password, cfg.Project = user, password, project
	provider, err := logIn(ctx, cfg)
	if err != nil {
		return nil, err
	}
	c := &clients{}
	at := gophercloud.EndpointOpts{Region: d.cfg.Region}
	for _, s := range []struct {
		to   **gophercloud.ServiceClient
		open func(*gophercloud.ProviderClient, gophercloud.EndpointOpts) (*gophercloud.ServiceClient, error)
	}{
		{&c.identity, openstack.NewIdentityV3}, {&c.image, openstack.NewImageV2}, {&c.compute, openstack.NewComputeV2}, {&c.network, openstack.NewNetworkV2},
	} {
		if *s.to, err = s.open(provider, at); err != nil {
			return nil, fmt.Errorf("find a service in the catalog: %w", err)
		}
	}
	return c, nil
}

func (d *day) login(ctx context.Context) (err error) {
	d.admin, err = d.connect(ctx, d.cfg.Username, d.cfg.Password, d.cfg.Project)
	return err
}

func (d *day) inspect(ctx context.Context) error {
	pages, err := services.List(d.admin.compute, nil).AllPages(ctx)
	if err != nil {
		return err
	}
	all, err := services.ExtractServices(pages)
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.State != "up" {
			return fmt.Errorf("compute service %s on %s is %s", s.Binary, s.Host, s.State)
		}
	}
	if pages, err = agents.List(d.admin.network, nil).AllPages(ctx); err != nil {
		return err
	}
	found, err := agents.ExtractAgents(pages)
	if err != nil {
		return err
	}
	for _, a := range found {
		if !a.Alive {
			return fmt.Errorf("network agent %s on %s is not alive", a.AgentType, a.Host)
		}
	}
	if pages, err = hypervisors.List(d.admin.compute, nil).AllPages(ctx); err != nil {
		return err
	}
	hosts, err := hypervisors.ExtractHypervisors(pages)
	if err != nil {
		return err
	}
	if len(all) == 0 || len(found) == 0 || len(hosts) == 0 {
		return fmt.Errorf("%d compute services, %d network agents, %d hypervisors", len(all), len(found), len(hosts))
	}
	d.saw("admin", "cloud", "%d compute services, %d network agents, %d hypervisors", len(all), len(found), len(hosts))
	return nil
}

func (d *day) createUser(ctx context.Context) error {
	project, err := projects.Create(ctx, d.admin.identity, projects.CreateOpts{Name: unique("demo"), Description: "a first day"}).Extract()
	if err != nil {
		return err
	}
	d.project = project.ID
	d.later("project", func(ctx context.Context) error {
		return projects.Delete(ctx, d.admin.identity, project.ID).ExtractErr()
	})
	password := unique("secret")
	user, err := users.Create(ctx, d.admin.identity, users.CreateOpts{Name: project.Name, Password: password, DefaultProjectID: project.ID}).Extract()
	if err != nil {
		return err
	}
	d.later("user", func(ctx context.Context) error { return users.Delete(ctx, d.admin.identity, user.ID).ExtractErr() })
	pages, err := roles.List(d.admin.identity, roles.ListOpts{Name: "member"}).AllPages(ctx)
	if err != nil {
		return err
	}
	member, err := roles.ExtractRoles(pages)
	if err != nil {
		return err
	}
	if len(member) != 1 {
		return fmt.Errorf("%d roles have the name member", len(member))
	}
	if err := roles.Assign(ctx, d.admin.identity, member[0].ID, roles.AssignOpts{UserID: user.ID, ProjectID: project.ID}).ExtractErr(); err != nil {
		return err
	}
	d.user, err = d.connect(ctx, project.Name, password, project.Name)
	return err
}

func (d *day) uploadImage(ctx context.Context) error {
	file, err := os.Open(d.cfg.Image)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	image, err := images.Create(ctx, d.user.image, images.CreateOpts{Name: "cirros", DiskFormat: "qcow2", ContainerFormat: "bare"}).Extract()
	if err != nil {
		return err
	}
	d.imageID = image.ID
	d.later("image", func(ctx context.Context) error { return images.Delete(ctx, d.user.image, image.ID).ExtractErr() })
	if err := imagedata.Upload(ctx, d.user.image, image.ID, file).ExtractErr(); err != nil {
		return err
	}
	if image, err = images.Get(ctx, d.user.image, image.ID).Extract(); err != nil {
		return err
	}
	if image.Status != images.ImageStatusActive {
		return fmt.Errorf("the image is %s", image.Status)
	}
	return nil
}

func (d *day) createFlavor(ctx context.Context) error {
	disk := 1
	flavor, err := flavors.Create(ctx, d.admin.compute, flavors.CreateOpts{Name: unique("m1.demo"), RAM: 128, VCPUs: 1, Disk: &disk}).Extract()
	if err != nil {
		return err
	}
	d.flavorID = flavor.ID
	d.later("flavor", func(ctx context.Context) error { return flavors.Delete(ctx, d.admin.compute, flavor.ID).ExtractErr() })
	return nil
}

const keyName = "demo"

func (d *day) createKeyPair(ctx context.Context) error {
	pair, err := keypairs.Create(ctx, d.user.compute, keypairs.CreateOpts{Name: keyName}).Extract()
	if err != nil {
		return err
	}
	d.later("key pair", func(ctx context.Context) error {
		return keypairs.Delete(ctx, d.user.compute, keyName, nil).ExtractErr()
	})
	signer, err := ssh.ParsePrivateKey([]byte(pair.PrivateKey))
	if err != nil {
		return fmt.Errorf("read the private key that the cloud generated: %w", err)
	}
	d.key = privateKey{signer: signer, public: pair.PublicKey}
	return nil
}
