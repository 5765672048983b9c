package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"wisp/internal/nodeapi"
)

// run answers the APIs until ctx ends; the all-in-one has a node too, which
// speaks to it over a connection in memory. Instances and their network
// outlive it.
func (s *settings) run(ctx context.Context, log *slog.Logger) error {
	lock, err := s.claim()
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	under, err := s.underlay()
	if err != nil {
		return err
	}
	l, err := s.listen(ctx)
	if err != nil {
		return err
	}
	defer l.close()
	group, ctx := errgroup.WithContext(ctx)
	if s.Role == "" {
		var dial func(context.Context, string, string) (net.Conn, error)
		l.memory, dial = nodeapi.Memory()
		group.Go(func() error {
			return s.runNode(ctx, under, nodeapi.ClientConfig{URL: "http://memory", Dial: dial, Log: log}, log)
		})
	}
	group.Go(func() error { return s.serve(ctx, l, log) })
	err = group.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
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
