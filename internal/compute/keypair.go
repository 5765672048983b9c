package compute

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // the fingerprint of x509 keypairs is defined with it
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/uptrace/bun"
	"golang.org/x/crypto/ssh"
	"software.sslmate.com/src/go-pkcs12"

	"wisp/internal/errs"
	"wisp/internal/policy"
	"wisp/internal/store"
)

// Types of keypairs.
const (
	KeypairSSH  = "ssh"
	KeypairX509 = "x509"
)

// Keypair is a public key of a user (API ref: Keypairs). It belongs to the
// user, not to a project.
type Keypair struct {
	bun.BaseModel `bun:"table:keypairs,alias:k"`

	UserID      string    `bun:"user_id,pk"`
	Name        string    `bun:"name,pk"`
	Number      int64     `bun:"number"` // the numeric id that the API shows
	Type        string    `bun:"column:type"`
	Fingerprint string    `bun:"fingerprint"` // MD5 in hex with colons; SHA-1 for x509
	PublicKey   string    `bun:"public_key"`
	CreatedAt   time.Time `bun:"created_at"`
	PrivateKey  string    `bun:"-"` // once, when it was generated: PEM; of x509 PKCS #12 in base64, without a password
}

// ListKeypairs lists a user's keypairs by name, from the one after marker on.
func (s *Service) ListKeypairs(ctx context.Context, userID, marker string, limit int) ([]Keypair, error) {
	var pairs []Keypair
	q := s.db.Read().NewSelect().Model(&pairs).Where("user_id = ?", userID).Order("name")
	if marker != "" {
		if _, err := s.GetKeypair(ctx, userID, marker); err != nil {
			if errs.Is(err, errs.NotFound) {
				return nil, errs.New(errs.Invalid, "Marker %s could not be found.", marker)
			}
			return nil, err
		}
		q = q.Where("name > ?", marker)
	}
	if limit > 0 {
		q = q.Limit(int64(limit))
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list keypairs: %w", err)
	}
	return pairs, nil
}

// GetKeypair returns a user's keypair, or NotFound.
func (s *Service) GetKeypair(ctx context.Context, userID, name string) (Keypair, error) {
	return getKeypair(ctx, s.db.Read(), userID, name)
}

func getKeypair(ctx context.Context, db bun.IDB, userID, name string) (Keypair, error) {
	var pair Keypair
	err := db.NewSelect().Model(&pair).Where("user_id = ? AND name = ?", userID, name).Scan(ctx)
	return pair, one(err, "get keypair", "Keypair %s not found for user %s", name, userID)
}

// CreateKeypair imports a public key, or without one makes an RSA pair of
// 2048 bits, with a certificate where the type asks for one; the private half
// is returned and kept nowhere.
func (s *Service) CreateKeypair(ctx context.Context, caller *policy.Caller, pair Keypair) (Keypair, error) {
	var err error
	switch {
	case pair.PublicKey != "":
		pair.Fingerprint, err = fingerprint(pair.Type, pair.PublicKey)
	case pair.Type == KeypairX509:
		err = s.certify(&pair)
	default:
		err = generate(&pair)
	}
	if err != nil {
		return Keypair{}, err
	}
	pair.CreatedAt = s.now()
	err = s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		limits, err := s.bounds(ctx, tx, caller.ProjectID, caller.UserID)
		if err != nil {
			return err
		}
		var used, last int64
		err = tx.NewSelect().Model((*Keypair)(nil)).ColumnExpr("COUNT(CASE WHEN user_id = ? THEN 1 END)", pair.UserID).
			ColumnExpr("COALESCE(MAX(number), 0)").Scan(ctx, &used, &last)
		if err != nil {
			return fmt.Errorf("count keypairs: %w", err)
		}
		if limit := limits[QuotaKeypairs]; limit >= 0 && used >= limit {
			return errs.New(errs.OverQuota, "Quota exceeded, too many key pairs.")
		}
		pair.Number = last + 1
		result, err := tx.NewInsert().Model(&pair).On("CONFLICT (user_id, name) DO NOTHING").Exec(ctx)
		if err != nil {
			return fmt.Errorf("insert keypair: %w", err)
		}
		tx.Changed(keypairChange(pair.UserID, pair.Name, store.Create))
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errs.New(errs.Conflict, "Key pair '%s' already exists.", pair.Name)
		}
		return nil
	}, "keypairs")
	return pair, err
}

// DeleteKeypair removes a user's keypair. Servers that were made with it keep
// the key.
func (s *Service) DeleteKeypair(ctx context.Context, userID, name string) error {
	return s.db.Tx(ctx, func(ctx context.Context, tx *store.Tx) error {
		result, err := tx.NewDelete().Model((*Keypair)(nil)).Where("user_id = ? AND name = ?", userID, name).Exec(ctx)
		if err != nil {
			return fmt.Errorf("delete keypair: %w", err)
		}
		tx.Changed(keypairChange(userID, name, store.Delete))
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errs.New(errs.NotFound, "Keypair %s not found for user %s", name, userID)
		}
		return nil
	})
}

func generate(pair *Keypair) error {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return fmt.Errorf("generate a key: %w", err)
	}
	public, err := ssh.NewPublicKey(&private.PublicKey)
	if err != nil {
		return fmt.Errorf("encode the public key: %w", err)
	}
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(public)))
	pair.Type = KeypairSSH
	pair.PublicKey = line + " Generated-by-Nova"
	pair.Fingerprint = ssh.FingerprintLegacyMD5(public)
	pair.PrivateKey = string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)}))
	return nil
}

// principalName is the name of a person in a certificate, by which Windows
// knows who logs in (an otherName of the subject's alternative names, RFC 5280).
type principalName struct {
	ID    asn1.ObjectIdentifier
	Value asn1.RawValue
}

var (
	oidAlternativeNames = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidPrincipalName    = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2, 3}
)

// certify makes a key with a certificate of its own for ten years, with which
// the user can log in to a Windows guest by WinRM.
func (s *Service) certify(pair *Keypair) error {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return fmt.Errorf("generate a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return fmt.Errorf("choose a serial number: %w", err)
	}
	names, err := alternativeName(pair.UserID + "@localhost")
	if err != nil {
		return fmt.Errorf("encode the user's name: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: pair.UserID}, NotBefore: s.now(), NotAfter: s.now().AddDate(10, 0, 0),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, ExtraExtensions: []pkix.Extension{{Id: oidAlternativeNames, Value: names}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return fmt.Errorf("make a certificate: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("read the certificate: %w", err)
	}
	bundle, err := pkcs12.Modern.Encode(private, certificate, nil, "")
	if err != nil {
		return fmt.Errorf("put key and certificate into a file: %w", err)
	}
	pair.PublicKey = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	pair.PrivateKey = base64.StdEncoding.EncodeToString(bundle)
	pair.Fingerprint, err = fingerprint(KeypairX509, pair.PublicKey)
	return err
}

// alternativeName is the extension's value with one principal name.
func alternativeName(name string) ([]byte, error) {
	text, err := asn1.MarshalWithParams(name, "utf8")
	if err != nil {
		return nil, err
	}
	other, err := asn1.Marshal(principalName{oidPrincipalName, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: text}})
	if err != nil {
		return nil, err
	}
	var sequence asn1.RawValue
	if _, err := asn1.Unmarshal(other, &sequence); err != nil {
		return nil, err
	}
	return asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: sequence.Bytes}})
}

func fingerprint(kind, key string) (string, error) {
	if kind == KeypairX509 {
		block, _ := pem.Decode([]byte(key))
		if block == nil || block.Type != "CERTIFICATE" {
			return "", errs.New(errs.Invalid, "Keypair data is invalid: failed to generate X509 fingerprint. It must be one certificate in PEM form.")
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return "", errs.Wrap(err, errs.Invalid, "Keypair data is invalid: failed to generate X509 fingerprint. Error message: the certificate cannot be read.")
		}
		sum := sha1.Sum(certificate.Raw) //nolint:gosec // as above
		pairs := make([]string, len(sum))
		for i := range sum {
			pairs[i] = hex.EncodeToString(sum[i : i+1])
		}
		return strings.Join(pairs, ":"), nil
	}
	public, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(key))
	if err != nil {
		return "", errs.Wrap(err, errs.Invalid, "Keypair data is invalid: failed to generate fingerprint")
	}
	if len(options) > 0 || strings.TrimSpace(string(rest)) != "" {
		return "", errs.New(errs.Invalid, "Keypair data is invalid: it must be one public key, without options")
	}
	return ssh.FingerprintLegacyMD5(public), nil
}
