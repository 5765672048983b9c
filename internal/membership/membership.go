// Package membership says which machines are nodes of the cloud: the tokens
// with which they join, and the one certificate of each that is on record.
// Whatever certificate is not on record is refused, also one of the cloud's own
// authority: that is how a node is removed. Service is its main type; Token and
// Node are its rows. It knows no HTTP and none of the cloud's services.
package membership

import (
	"context"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/join"
	"wisp/internal/pki"
	"wisp/internal/secrets"
	"wisp/internal/store"
)

// Topic is signalled when a certificate may not be on record any more.
const Topic = "nodes"

// Config is what an operator chooses.
type Config struct {
	// Life is how long a node's certificate holds; zero is pki.NodeLife.
	Life time.Duration
	// Host tells whether the cloud has a host of that name, and whether it
	// works: then its name is taken.
	Host func(ctx context.Context, host string) (known, works bool, err error)
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Service is the cloud's register of nodes.
type Service struct {
	db        *store.DB
	authority *pki.Authority
	config    Config
}

// New makes the register on an open database.
func New(db *store.DB, authority *pki.Authority, config Config) *Service {
	if config.Life == 0 {
		config.Life = pki.NodeLife
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Service{db: db, authority: authority, config: config}
}

func (s *Service) now() time.Time { return s.config.Now().UTC().Truncate(time.Microsecond) }

// Changed tells when a node's standing may have changed.
func (s *Service) Changed() (<-chan struct{}, func()) { return s.db.Subscribe(Topic) }

const authoritySecret = "certificate-authority"

// Authority is the cloud's, from its database. At the first start it is taken
// over from a folder that holds one, or made.
func Authority(ctx context.Context, db *store.DB, dir string) (*pki.Authority, error) {
	text, err := secrets.Ensure(ctx, db, authoritySecret, func() (string, error) {
		a, err := pki.Load(dir)
		if errors.Is(err, fs.ErrNotExist) {
			a, err = pki.New()
		}
		if err != nil {
			return "", err
		}
		text, err := a.Encode()
		return string(text), err
	})
	if err != nil {
		return nil, fmt.Errorf("get the cloud's certificate authority: %w", err)
	}
	return pki.Parse([]byte(text))
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$`)

// lockOf makes what concerns one host happen in a row.
func lockOf(host string) store.Lock { return store.Lock("node " + host) }

// Node is a machine that joined.
type Node struct {
	bun.BaseModel `bun:"table:nodes,alias:n"`

	Host            string    `bun:",pk"`
	Certificate     string    // fingerprint of the one in use
	NextCertificate string    // of one that was made and not used yet
	ExpiresAt       time.Time `bun:",nullzero"`
	NextExpiresAt   time.Time `bun:",nullzero"`
	JoinedAt        time.Time
	RemovedAt       time.Time `bun:",nullzero"`
}

// Removed tells whether an operator removed the node.
func (n *Node) Removed() bool { return !n.RemovedAt.IsZero() }

// Nodes lists those that joined and were not removed, by host.
func (s *Service) Nodes(ctx context.Context) ([]Node, error) {
	var nodes []Node
	if err := s.db.Read().NewSelect().Model(&nodes).Where("removed_at IS NULL").Order("host").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	return nodes, nil
}

func (s *Service) node(ctx context.Context, db bun.IDB, host string) (n Node, known bool, err error) {
	err = db.NewSelect().Model(&n).Where("host = ?", host).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return n, false, nil
	}
	if err != nil {
		return n, false, fmt.Errorf("read node %s: %w", host, err)
	}
	return n, true, nil
}

// Remove takes a node's certificate off the record. It tells whether there was
// such a node. The host may join again with a new token.
func (s *Service) Remove(ctx context.Context, host string) (known bool, err error) {
	err = s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		var n Node
		var err error
		if n, known, err = s.node(ctx, tx, host); err != nil || !known {
			return err
		}
		n.Certificate, n.NextCertificate, n.RemovedAt = "", "", s.now()
		if _, err := tx.NewUpdate().Model(&n).WherePK().Column("certificate", "next_certificate", "removed_at").Exec(ctx); err != nil {
			return fmt.Errorf("remove node %s: %w", host, err)
		}
		tx.Signal(Topic)
		return nil
	}, lockOf(host))
	return known, err
}

var _ join.Registry = (*Service)(nil)

// answer is what a node is given.
func (s *Service) answer(cert *x509.Certificate) join.Answer {
	return join.Answer{Host: cert.Subject.CommonName, Certificate: cert.Raw, Authority: s.authority.DER()}
}
