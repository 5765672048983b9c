package membership

import (
	"context"
	"crypto/x509"
	"fmt"

	"wisp/internal/errs"
	"wisp/internal/join"
	"wisp/internal/pki"
	"wisp/internal/store"
)

// Admit implements join.Registry: the certificate must be for a node, hold
// now, and be the one on record for its host. One that a renewal made takes the
// place of the one before when it is seen first. Errors are of kind Forbidden.
func (s *Service) Admit(ctx context.Context, cert *x509.Certificate) error {
	n, err := s.check(ctx, cert)
	if err != nil || n.Certificate == pki.Fingerprint(cert) {
		return err
	}
	return s.promote(ctx, cert)
}

// check finds the node of a certificate that is on record.
func (s *Service) check(ctx context.Context, cert *x509.Certificate) (Node, error) {
	host := cert.Subject.CommonName
	if !pki.Is(cert, pki.RoleNode) || host == "" {
		return Node{}, errs.New(errs.Forbidden, "The certificate is not one of a node.")
	}
	if now := s.now(); now.After(cert.NotAfter) || now.Before(cert.NotBefore) {
		return Node{}, errs.New(errs.Forbidden, "The certificate of host %s does not hold now, but from %s to %s; look at the clocks.", host, cert.NotBefore, cert.NotAfter)
	}
	n, known, err := s.node(ctx, s.db.Read(), host)
	if err != nil {
		return n, err
	}
	fingerprint := pki.Fingerprint(cert)
	switch {
	case !known:
		return n, errs.New(errs.Forbidden, "The host %s has not joined this cloud.", host)
	case n.Removed():
		return n, errs.New(errs.Forbidden, "The host %s was removed from the cloud at %s. It may join again with a new token; `wisp purge` clears the machine.",
			host, n.RemovedAt.UTC().Format("2006-01-02 15:04:05 MST"))
	case fingerprint != n.Certificate && fingerprint != n.NextCertificate:
		return n, errs.New(errs.Forbidden, "The certificate of host %s is not the one on record: it was renewed since, or another machine joined under that name.", host)
	}
	return n, nil
}

// promote makes the certificate of a renewal the one in use.
func (s *Service) promote(ctx context.Context, cert *x509.Certificate) error {
	fingerprint := pki.Fingerprint(cert)
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.NewUpdate().Model((*Node)(nil)).
			Set("certificate = next_certificate, expires_at = next_expires_at, next_certificate = '', next_expires_at = NULL").
			Where("host = ? AND next_certificate = ? AND removed_at IS NULL", cert.Subject.CommonName, fingerprint).Exec(ctx)
		if err != nil {
			return fmt.Errorf("put the new certificate of node %s on record: %w", cert.Subject.CommonName, err)
		}
		tx.Signal(Topic) // the one before is not on record any more
		return nil
	}, lockOf(cert.Subject.CommonName))
}

// Renew implements join.Registry. Both certificates hold until the new one is
// used: the answer may be lost on its way.
func (s *Service) Renew(ctx context.Context, cert *x509.Certificate, csr []byte) (join.Answer, error) {
	if err := s.Admit(ctx, cert); err != nil {
		return join.Answer{}, err
	}
	host := cert.Subject.CommonName
	renewed, err := s.authority.Node(csr, host, s.config.Life)
	if err != nil {
		return join.Answer{}, errs.Wrap(err, errs.Invalid, "The certificate request is refused.")
	}
	err = s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		n := Node{Host: host, NextCertificate: pki.Fingerprint(renewed), NextExpiresAt: renewed.NotAfter.UTC()}
		result, err := tx.NewUpdate().Model(&n).WherePK().Where("certificate = ?", pki.Fingerprint(cert)).Column("next_certificate", "next_expires_at").Exec(ctx)
		if err != nil {
			return fmt.Errorf("record the new certificate of node %s: %w", host, err)
		}
		if count, err := result.RowsAffected(); err == nil && count == 0 {
			return errs.New(errs.Forbidden, "The certificate of host %s is not on record any more.", host)
		}
		return nil
	}, lockOf(host))
	if err != nil {
		return join.Answer{}, err
	}
	return s.answer(renewed), nil
}
