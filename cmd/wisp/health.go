package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// stays tells whether a cloud runs and answers for all of its parts. One that
// is just starting is waited for, and one that is just ending is not running.
func (s *settings) stays(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, upTimeout)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		running, err := s.running()
		if err != nil || !running {
			return false, err
		}
		waiting := "it does not listen"
		if client, err := s.client(); err == nil {
			if waiting, err = askHealth(ctx, client, s.localURL()+"/healthz"); err == nil && waiting == "" {
				return true, nil
			}
		}
		select {
		case <-ctx.Done():
			return false, fmt.Errorf("a cloud runs on %s and is not healthy: %s; %s says more", s.StateDir, waiting, s.path("wisp.log"))
		case <-tick.C:
		}
	}
}

// healthy waits until the cloud answers for all of its parts. When the process
// ends instead, the error shows the end of its log.
func (s *settings) healthy(ctx context.Context, child *exec.Cmd) error {
	ctx, cancel := context.WithTimeout(ctx, upTimeout)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	last := "it does not listen yet"
	for {
		client, err := s.client()
		if err == nil {
			if last, err = askHealth(ctx, client, s.localURL()+"/healthz"); err == nil && last == "" {
				return nil
			}
		}
		select {
		case err := <-ended:
			if err == nil {
				err = errors.New("without an error")
			}
			return fmt.Errorf("the cloud ended at its start: %w; the end of %s:\n%s", err, s.path("wisp.log"), s.logTail())
		case <-ctx.Done():
			return fmt.Errorf("not healthy after %s: %s; %s says more", upTimeout, last, s.path("wisp.log"))
		case <-tick.C:
		}
	}
}

// askHealth returns what does not work yet, or "".
func askHealth(ctx context.Context, client *http.Client, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err.Error(), err
	}
	response, err := client.Do(request)
	if err != nil {
		return err.Error(), err
	}
	defer func() { _ = response.Body.Close() }()
	var health struct {
		OK    bool
		Parts map[string]bool
	}
	if err := json.NewDecoder(response.Body).Decode(&health); err != nil {
		return err.Error(), err
	}
	if health.OK {
		return "", nil
	}
	var waiting []string
	for part, ok := range health.Parts {
		if !ok {
			waiting = append(waiting, part)
		}
	}
	slices.Sort(waiting)
	return "not working: " + strings.Join(waiting, ", "), nil
}

// client trusts the cloud's own authority.
func (s *settings) client() (*http.Client, error) {
	transport := &http.Transport{}
	if s.secure() {
		pem, err := os.ReadFile(s.path("tls", "ca.pem"))
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Transport: transport, Timeout: 5 * time.Second}, nil
}
