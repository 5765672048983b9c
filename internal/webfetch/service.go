package webfetch

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/url"

	"wisp/internal/errs"
)

// Service reads from services that the operator named, with the token of the
// user who asks. Where they are is not checked, because no user can choose it;
// for the token's sake no redirect is followed.
type Service struct {
	config Config
	client *http.Client
}

// NewService returns one. Of the configuration it heeds the times. Roots are
// authorities of certificates besides the system's; nil is none.
func NewService(c Config, roots *x509.CertPool) *Service {
	c = c.defaults()
	return &Service{config: c, client: &http.Client{
		Transport:     transport(c, nil, roots),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Get downloads, as Fetch does. An answer that is no success is Unavailable.
func (s *Service) Get(ctx context.Context, uri, token string) (data io.ReadCloser, size int64, err error) {
	u, err := url.Parse(uri)
	if err == nil && (u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil) {
		err = errors.New("it is no URL of a service")
	}
	if err != nil {
		return nil, 0, errs.Wrap(unaddressed(err), errs.Unavailable, "The catalog has no usable URL of the service.")
	}
	return download(ctx, s.client, s.config, u, http.Header{"X-Auth-Token": {token}})
}
