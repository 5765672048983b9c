package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"wisp/internal/dataplane"
	"wisp/internal/doctor"
	"wisp/internal/hypervisor"
	"wisp/internal/hypervisor/fake"
	"wisp/internal/hypervisor/qemu"
	"wisp/internal/node"
	"wisp/internal/nodeapi"
	"wisp/internal/pki"
	"wisp/internal/server"
)

const (
	shutdownGrace = 3 * time.Second
	headerTimeout = 30 * time.Second
	idleTimeout   = 2 * time.Minute
)

// run is the all-in-one: a server and a node that speak over a connection in
// memory, until ctx ends. Instances and their network outlive it.
func (s *settings) run(ctx context.Context, log *slog.Logger) error {
	if err := os.MkdirAll(s.StateDir, 0o711); err != nil {
		return err
	}
	lock, taken, err := s.lock()
	if err != nil {
		return err
	}
	if !taken {
		return fmt.Errorf("a cloud runs on %s already", s.StateDir)
	}
	defer func() { _ = lock.Close() }()
	if err := s.save(); err != nil {
		return err
	}
	if err := replace(s.path("wisp.pid"), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		return err
	}
	password, err := s.password()
	if err != nil {
		return err
	}
	listener, cacert, err := s.listen(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	if err := s.writeCredentials(password, cacert); err != nil {
		return err
	}
	memory, dial := nodeapi.Memory()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.runServer(ctx, listener, memory, password, log) })
	group.Go(func() error { return s.runNode(ctx, dial, log) })
	err = group.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (s *settings) listen(ctx context.Context) (listener net.Listener, cacert string, err error) {
	if listener, err = bind(ctx, s.Listen); err != nil {
		return nil, "", err
	}
	if !s.secure() {
		return listener, "", nil
	}
	cert, file, err := s.certificate()
	if err != nil {
		return nil, "", errors.Join(err, listener.Close())
	}
	return tls.NewListener(listener, &tls.Config{
		Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
	}), file, nil
}

// bindPatience is how long a port that is in use is waited for: a process that
// was killed loses its lock a moment before its sockets.
const bindPatience = 2 * time.Second

// bind listens at an address.
func bind(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	deadline := time.After(bindPatience)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		listener, err := config.Listen(ctx, "tcp", address)
		if !errors.Is(err, unix.EADDRINUSE) {
			return listener, err
		}
		select {
		case <-deadline:
			return nil, err
		case <-ctx.Done():
			return nil, err
		case <-tick.C:
		}
	}
}

// certificate is for every name by which clients may reach this machine.
func (s *settings) certificate() (tls.Certificate, string, error) {
	authority, err := pki.Open(s.path("tls"))
	if err != nil {
		return tls.Certificate{}, "", err
	}
	names := []string{s.publicHost(), "localhost", "127.0.0.1"}
	if at, err := url.Parse(s.URL); err == nil && at.Hostname() != "" && at.Hostname() != names[0] {
		names = append([]string{at.Hostname()}, names...)
	}
	cert, err := authority.Server(names...)
	return cert, authority.File(), err
}

func (s *settings) runServer(ctx context.Context, public, memory net.Listener, password string, log *slog.Logger) error {
	imports, err := s.imports()
	if err != nil {
		return err
	}
	cloud, err := server.New(ctx, server.Config{
		Name: s.Host, StateDir: s.StateDir, Database: s.Database, URL: s.URL, Region: region, AdminPassword: password,
		PhysicalNetworks: []string{publicNetwork}, DNS: s.DNS, Import: imports, ImageStore: s.ImageStore,
	}, log)
	if err != nil {
		return err
	}
	apis := &http.Server{
		Handler: cloud.Handler(), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	apis.RegisterOnShutdown(cloud.EndStreams)
	nodes := cloud.Nodes.NewHTTPServer()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return apis.Serve(public) })
	group.Go(func() error { return nodes.Serve(memory) })
	group.Go(func() error { cloud.Run(ctx); return nil })
	group.Go(func() error {
		<-ctx.Done()
		// Requests that are under way end by themselves, within limits.
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
		defer cancel()
		err := apis.Shutdown(grace)
		if errors.Is(err, context.DeadlineExceeded) {
			err = apis.Close()
		}
		return errors.Join(err, cloud.Nodes.Close(), nodes.Close())
	})
	log.InfoContext(ctx, "the APIs answer", "url", s.URL)
	err = group.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, cloud.Close())
}

func (s *settings) runNode(ctx context.Context, dial func(context.Context, string, string) (net.Conn, error), log *slog.Logger) error {
	device := s.PublicInterface
	if device == "" {
		if err := s.physical().Ensure(); err != nil {
			return fmt.Errorf("make the physical network %s: %w", publicNetwork, err)
		}
		device = s.physical().Device()
	}
	plane, err := dataplane.Open(ctx, s.dataplane(map[string]string{publicNetwork: device}, log))
	if err != nil {
		return fmt.Errorf("open the dataplane: %w", err)
	}
	driver, err := s.driver(log)
	if err != nil {
		return errors.Join(fmt.Errorf("open the hypervisor: %w", err), plane.Close())
	}
	agent, err := node.New(node.Config{
		Host: s.Host, StateDir: s.path("node"), Version: buildVersion(), Address: s.address(), Physical: []string{publicNetwork},
		Mappings: map[string]string{publicNetwork: device}, Examine: s.examine(driver),
		Server:    nodeapi.ClientConfig{URL: "http://memory", Dial: dial, Log: log},
		Driver:    driver,
		Dataplane: node.KernelDataplane{Dataplane: plane},
		Log:       log,
	})
	if err == nil {
		err = agent.Run(ctx)
	}
	return errors.Join(err, driver.Close(), plane.Close())
}

// examine looks at this machine while its cloud runs. How machines run was
// found when the driver was opened, and is not tried again.
func (s *settings) examine(driver hypervisor.Driver) func(context.Context) []nodeapi.Finding {
	config := s.doctor(true)
	config.Accelerator = func(ctx context.Context) (name, reason string) {
		capabilities, err := driver.Capabilities(ctx)
		if err != nil {
			return "tcg", publicMessage(err)
		}
		return capabilities.Accelerator, capabilities.AcceleratorReason
	}
	return func(ctx context.Context) []nodeapi.Finding {
		var findings []nodeapi.Finding
		for _, f := range doctor.Examine(ctx, config) {
			findings = append(findings, nodeapi.Finding{Check: f.Check, Level: strings.ToLower(f.Level.String()), Detail: f.Detail, Breaks: f.Breaks, Mend: f.Mend})
		}
		return findings
	}
}

// address is where other hosts would reach this node.
func (s *settings) address() netip.Addr {
	ip, err := netip.ParseAddr(s.publicHost())
	if err != nil {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return ip
}

func (s *settings) dataplane(physical map[string]string, log *slog.Logger) dataplane.Config {
	return dataplane.Config{Prefix: s.prefix(), PinDir: s.pinDir(), PhysicalNetworks: physical, Log: log}
}

// The hypervisors. The fake one runs nothing; it is for measuring the rest.
const (
	hypervisorQEMU = "qemu"
	hypervisorFake = "fake"
)

func (s *settings) driver(log *slog.Logger) (hypervisor.Driver, error) {
	if s.Hypervisor == hypervisorFake {
		return fake.NewHost(fake.Options{}).Driver(), nil
	}
	return qemu.New(qemu.Config{StateDir: s.path("node"), Accelerator: qemu.Accelerator(s.Accelerator)}, log)
}

// detectAccelerator tells how instances will run, and why.
func (s *settings) detectAccelerator(ctx context.Context) (name, reason string) {
	dir, err := os.MkdirTemp("", "wisp-detect-")
	if err != nil {
		return "tcg", err.Error()
	}
	defer func() { _ = os.RemoveAll(dir) }()
	driver, err := qemu.New(qemu.Config{StateDir: dir, Accelerator: qemu.Accelerator(s.Accelerator), NoCgroups: true}, slog.New(slog.DiscardHandler))
	if err != nil {
		return "tcg", err.Error()
	}
	defer func() { _ = driver.Close() }()
	capabilities, err := driver.Capabilities(ctx)
	if err != nil {
		return "tcg", publicMessage(err)
	}
	return capabilities.Accelerator, capabilities.AcceleratorReason
}
