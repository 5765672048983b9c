// Package server is the composition root of the cloud's server: it constructs
// the slices and their faces, plugs them into each other, and decides nothing.
// A Server answers the APIs on one handler, and nodes on another.
package server

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/uptrace/bun"

	"wisp/internal/api"
	"wisp/internal/cluster"
	"wisp/internal/compute"
	"wisp/internal/compute/computeapi"
	"wisp/internal/console"
	"wisp/internal/dashboard"
	"wisp/internal/errs"
	"wisp/internal/identity"
	"wisp/internal/identity/identityapi"
	"wisp/internal/image"
	"wisp/internal/image/imageapi"
	"wisp/internal/membership"
	"wisp/internal/metadef"
	"wisp/internal/network"
	"wisp/internal/network/networkapi"
	"wisp/internal/nodeapi"
	"wisp/internal/operator"
	"wisp/internal/pki"
	"wisp/internal/placement"
	"wisp/internal/placement/placementapi"
	"wisp/internal/store"
	"wisp/internal/webfetch"
	"wisp/web"
)

// Config is what an operator chooses.
type Config struct {
	Name             string // of this server among those that share the database, which no other has
	Version          string // of wisp
	StateDir         string
	Database         string // a path or a postgres:// URL; empty is wisp.db in StateDir
	URL              string // where clients reach the server, without a trailing slash
	Region           string
	AdminPassword    string // of the first start
	PhysicalNetworks []string
	Types            Types        // of networks
	DNS              []netip.Addr // for subnets that name no servers
	HashCost         int          // of passwords; 0 is Keystone's 12
	Passwords        identity.PasswordRules
	Import           Import
	Reclaim          time.Duration // how long deleted instances can be restored; 0 is not at all
	ImageCache       int64         // bytes of images' data that are kept in StateDir besides; 0 is none
	ImageStore       string        // where the images' data are, as image.OpenStore has it; empty is images in StateDir
	Images           Images
	Nodes            Nodes
}

// Images are what else there is for images.
type Images struct {
	Stores    map[string]string // besides the local one: locations, as image.OpenStore has them, by name
	Default   string            // the store of what names none; empty is the local one
	Locations bool              // are shown to owners, who can set them to URLs
	DirectURL bool              // is shown to owners
}

// Import is where images may be imported from, besides the public Internet on
// the ports 80 and 443.
type Import struct {
	Networks []netip.Prefix
	Hosts    []string // by name; they may have private addresses
	Ports    []int
}

// Server is a running server.
type Server struct {
	DB        *store.DB
	Identity  *identity.Service
	Image     *image.Service
	Placement *placement.Service
	Network   *network.Service
	Compute   *compute.Service
	Nodes     *nodeapi.Server
	Authority *pki.Authority // the cloud's
	Members   *membership.Service
	Operator  *operator.Operator
	// AdminPassword is that with which the cloud began; it may have been
	// changed since.
	AdminPassword string

	config   Config
	blobs    *image.Archive
	cluster  *cluster.Cluster
	log      *slog.Logger
	services []*api.Service
	pages    *dashboard.Dashboard
	handler  http.Handler
}

// New opens the database, fills an empty one, and constructs everything.
func New(ctx context.Context, c Config, log *slog.Logger) (*Server, error) {
	if c.Database == "" {
		c.Database = filepath.Join(c.StateDir, "wisp.db")
	}
	db, err := store.Open(ctx, c.Database, log)
	if err != nil {
		return nil, err
	}
	// First: what a server does at its start to what it left is not to be done
	// to what another of the same name does.
	members, err := cluster.Join(ctx, db, cluster.Member{Name: c.Name, URL: c.Nodes.URL, Version: c.Version}, log)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("join the other servers: %w", err), db.Close())
	}
	s, err := construct(ctx, db, members, c, log)
	if err != nil {
		return nil, errors.Join(err, members.Close(), db.Close())
	}
	return s, nil
}

func construct(ctx context.Context, db *store.DB, members *cluster.Cluster, c Config, log *slog.Logger) (*Server, error) {
	s := &Server{DB: db, cluster: members, log: log, config: c}
	if err := s.share(ctx); err != nil {
		return nil, err
	}
	options := []identity.Option{identity.WithPasswordRules(c.Passwords)}
	if c.HashCost != 0 {
		options = append(options, identity.WithHashCost(c.HashCost))
	}
	s.Identity = identity.New(db, log, options...)
	err := s.Identity.Bootstrap(ctx, identity.BootstrapConfig{
		AdminPassword: s.AdminPassword, Region: c.Region, PublicURL: c.URL, KeyDir: filepath.Join(c.StateDir, "keys"),
	})
	if err != nil {
		return nil, fmt.Errorf("bootstrap identity: %w", err)
	}
	if c.ImageStore == "" {
		c.ImageStore = filepath.Join(c.StateDir, "images")
	}
	stores, err := image.OpenStores(ctx, c.ImageStore, c.Images.Stores)
	if err != nil {
		return nil, fmt.Errorf("open the image store: %w", err)
	}
	s.blobs = image.OpenArchive(stores...)
	imageOptions := image.Options{
		Server: c.Name, Source: c.source(), Remote: s.remote(), Stores: stores[1:], DefaultStore: c.Images.Default,
		Locations: c.Images.Locations, DirectURL: c.Images.DirectURL, Limits: s.imageLimits(c.Region),
	}
	if c.ImageCache > 0 {
		imageOptions.Cache, imageOptions.CacheBytes = filepath.Join(c.StateDir, "image-cache"), c.ImageCache
	}
	s.Image = image.New(db, stores[0].Blobs, log, imageOptions)
	if err := s.Image.OpenCache(); err != nil {
		return nil, err
	}
	if err := s.sameStore(ctx); err != nil {
		return nil, err
	}
	if err := s.Image.Recover(ctx); errs.Is(err, errs.Unavailable) {
		log.WarnContext(ctx, "images are recovered once their store answers", "error", err)
	} else if err != nil {
		return nil, fmt.Errorf("recover images: %w", err)
	}
	s.Placement = placement.New(db, log)
	networks := c.network()
	if err := networks.Check(); err != nil {
		return nil, fmt.Errorf("networks: %w", err)
	}
	s.Network = network.New(db, log, networks)
	s.Compute = compute.New(db, log, s.Image, s.Placement, s.Network, compute.Config{CPURatio: cpuRatio, Reclaim: c.Reclaim, Servers: s.servers, Projects: s.Identity})
	s.Nodes = nodeapi.NewServer(s.Compute, s.Compute.SubscribeHost, log)
	if err := s.setPeers(); err != nil {
		return nil, err
	}
	s.Compute.SetNodes(s.Nodes)
	s.Network.SetNodes(s.Nodes)
	s.admit()
	s.services = []*api.Service{
		identityapi.New(s.Identity), imageapi.New(s.Image, metadef.New(db)), placementapi.New(s.Placement), networkapi.New(s.Network), computeapi.New(s.Compute, log, c.URL),
	}
	s.pages, err = dashboard.New(dashboard.Config{
		Files: web.Files(), URL: c.URL, Identity: s.Identity, Index: s.index, Changes: db.Changes, Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("make the dashboard: %w", err)
	}
	proxy, err := console.New(consoles{s.Compute}, c.URL, log)
	if err != nil {
		return nil, err
	}
	s.handler = s.routes(c, proxy, log)
	return s, nil
}

// servers names the servers of the cloud that are running.
func (s *Server) servers(ctx context.Context) ([]string, error) {
	members, err := s.cluster.Members(ctx)
	names := make([]string, len(members))
	for i, m := range members {
		names[i] = m.Name
	}
	return names, err
}

// sameStore fails where other servers run and this one's store is not theirs:
// what it would take for lost images is only elsewhere.
func (s *Server) sameStore(ctx context.Context) error {
	running, err := s.cluster.Members(ctx)
	if err != nil || len(running) < 2 {
		return err
	}
	absent, err := s.Image.Absent(ctx)
	if errs.Is(err, errs.Unavailable) {
		return nil // it does not answer now
	}
	if err == nil && absent > 0 {
		err = errs.New(errs.Conflict, "The data of %d images are not in the image stores of this server, and another server runs: all servers of a cloud need the same --image-store and --extra-image-store.", absent)
	}
	return err
}

// consoles is compute as the proxy of consoles needs it.
type consoles struct{ *compute.Service }

// Take implements console.Consoles.
func (c consoles) Take(ctx context.Context, token, kind string) (console.Target, error) {
	taken, err := c.TakeConsole(ctx, token, kind)
	return console.Target{InstanceID: taken.ServerID, Open: func(ctx context.Context) (nodeapi.Stream, error) { return c.OpenConsole(ctx, taken) }}, err
}

// cpuRatio is how many virtual processors a host gives for one of its own:
// Nova's allocation ratio of many years. Small machines with idle guests want
// it, and it wastes nothing where guests are busy.
const cpuRatio = 16

// carried are the types of networks that the dataplane can carry.
var carried = []string{network.TypeLocal, network.TypeFlat, network.TypeVLAN, network.TypeGRE, network.TypeVXLAN}

const recoverEvery = 30 * time.Second

// Run does what must be done now and then, until ctx ends.
func (s *Server) Run(ctx context.Context) {
	var working sync.WaitGroup
	working.Go(func() { s.Image.Work(ctx) })
	working.Go(func() { s.Compute.Watch(ctx) })
	defer working.Wait()
	tick := time.NewTicker(recoverEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := s.Image.Recover(ctx); err != nil && ctx.Err() == nil {
				s.log.WarnContext(ctx, "recovering images failed", "error", err)
			}
			if err := s.Compute.Sweep(ctx); err != nil && ctx.Err() == nil {
				s.log.WarnContext(ctx, "sweeping servers failed", "error", err)
			}
		}
	}
}

// source fetches for imports from the web.
func (c Config) source() image.Source {
	config := webfetch.Config{Allow: c.Import.Networks, Hosts: c.Import.Hosts, Ports: c.Import.Ports}
	if u, err := url.Parse(c.URL); err == nil {
		if own, err := netip.ParseAddr(u.Hostname()); err == nil {
			config.Own = append(config.Own, own)
		}
	}
	return webfetch.New(config)
}

// regions reads images of other regions, by the catalog.
type regions struct {
	*webfetch.Service
	identity *identity.Service
}

// Endpoint implements image.Remote.
func (r regions) Endpoint(ctx context.Context, userID, projectID, region, service string) (string, error) {
	catalog, err := r.identity.Catalog(ctx, userID, projectID)
	if err != nil {
		return "", err
	}
	for _, entry := range catalog {
		for _, e := range entry.Endpoints {
			if entry.Type == "image" && e.RegionID != nil && strings.EqualFold(*e.RegionID, region) && e.Interface == service {
				return e.URL, nil
			}
		}
	}
	return "", errs.New(errs.NotFound, "%s glance endpoint not found for region %s", service, region)
}

// imageLimits are the unified limits for images, in this cloud's region.
func (s *Server) imageLimits(region string) func(context.Context, bun.IDB, string) (map[string]int64, error) {
	return func(ctx context.Context, db bun.IDB, projectID string) (map[string]int64, error) {
		return s.Identity.ProjectLimits(ctx, db, "image", cmp.Or(region, identity.DefaultRegion), projectID)
	}
}

func (s *Server) remote() image.Remote {
	roots, err := x509.SystemCertPool()
	if err != nil { // a machine without any
		roots = x509.NewCertPool()
	}
	roots.AppendCertsFromPEM(s.Authority.PEM()) // this cloud is a region too
	return regions{webfetch.NewService(webfetch.Config{}, roots), s.Identity}
}

// Services are the faces, for tests of the table.
func (s *Server) Services() []*api.Service { return s.services }

// Handler answers the public APIs.
func (s *Server) Handler() http.Handler { return s.handler }

// EndStreams ends what lasts as long as a client wants. It is for the moment
// in which the server stops answering, so that nobody waits for them.
func (s *Server) EndStreams() { s.pages.Close() }

// Close ends the nodes' sessions, leaves the other servers, and closes the
// database.
func (s *Server) Close() error {
	s.EndStreams()
	return errors.Join(s.Nodes.Close(), s.cluster.Close(), s.blobs.Close(), s.DB.Close())
}

func (s *Server) routes(c Config, proxy *console.Proxy, log *slog.Logger) http.Handler {
	router := chi.NewRouter()
	mounter := &api.Mounter{Auth: s.Identity, Log: log, Identity: c.URL + "/identity"}
	for _, service := range s.services {
		mounter.Mount(router, service)
	}
	for _, kind := range []string{nodeapi.ConsoleVNC, nodeapi.ConsoleSerial} {
		router.Get("/console/"+kind+"/stream", proxy.Handler(kind))
	}
	router.Get("/websockify", proxy.Websockify())
	router.Get("/healthz", s.health)
	s.pages.Mount(router)
	return aliases(router)
}

// aliases keeps what clients expect of a cloud whose identity service has a
// port of its own: /v3 at the root.
func aliases(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v3" || strings.HasPrefix(r.URL.Path, "/v3/") {
			r.URL.Path = "/identity" + r.URL.Path
			r.URL.RawPath = ""
		}
		next.ServeHTTP(w, r)
	})
}

// index tells a client what is here.
func (s *Server) index(w http.ResponseWriter, r *http.Request) {
	at := map[string]string{}
	for _, service := range s.services {
		at[service.Type] = service.Prefix + "/"
	}
	api.WriteJSON(w, r, http.StatusOK, map[string]any{"name": "wisp", "services": at})
}
