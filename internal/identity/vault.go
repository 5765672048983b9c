package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/fernet/fernet-go"
	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/secrets"
	"wisp/internal/store"
)

// vaultSecret is the name of the secret with the keys of what users entrust to
// the cloud: credentials, secrets of OAuth, passwords in domains' options.
const vaultSecret = "credential-keys"

// vault seals what is kept for long, unlike the keys of tokens, which only have
// to outlive an hour. Rotation seals everything anew; the former key is for
// who read a row just before.
type vault struct {
	Primary string `json:"primary"`
	Former  string `json:"former,omitempty"`

	all []*fernet.Key // primary first
}

func parseVault(text string) (*vault, error) {
	v := &vault{}
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return nil, errors.New("the credential keys in the database cannot be read")
	}
	for _, text := range []string{v.Primary, v.Former} {
		if text == "" && v.Primary != "" {
			continue
		}
		key, err := fernet.DecodeKey(text)
		if err != nil {
			return nil, errors.New("one of the credential keys is none") // its text is for nobody's log
		}
		v.all = append(v.all, key)
	}
	return v, nil
}

func (v *vault) text() (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode the credential keys: %w", err)
	}
	return string(text), nil
}

// ensureVault makes the keys of a cloud that has none.
func (s *Service) ensureVault(ctx context.Context) error {
	text, err := secrets.Ensure(ctx, s.db, vaultSecret, func() (string, error) {
		key, err := newKey()
		if err != nil {
			return "", err
		}
		return (&vault{Primary: key}).text()
	})
	if err != nil {
		return err
	}
	_, err = parseVault(text)
	return err
}

// openVault reads the keys. What is sealed is sealed in the transaction that
// they were read in, so that a rotation never leaves anything behind; what is
// opened was read before them.
func openVault(ctx context.Context, db bun.IDB) (*vault, error) {
	text, found, err := secrets.Get(ctx, db, vaultSecret)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, errs.New(errs.Unavailable, notStarted)
	}
	return parseVault(text)
}

func (v *vault) seal(plain string) (string, error) {
	sealed, err := fernet.EncryptAndSign([]byte(plain), v.all[0])
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	return string(sealed), nil
}

func (v *vault) open(sealed string) (string, error) {
	plain := fernet.VerifyAndDecrypt([]byte(sealed), 0, v.all)
	if plain == nil {
		return "", errors.New("no credential key has sealed what is in the database")
	}
	return string(plain), nil
}

// sealedColumns are all columns that hold what the vault has sealed, each of a
// table whose rows are told apart by key, with a condition where only some are.
var sealedColumns = []struct{ table, key, column, where string }{
	{"credentials", "id", "blob", "TRUE"},
	{"domain_configs", "domain_id || '/' || option_group || '/' || option_name", "value", "sensitive"},
	{"oauth_consumers", "id", "secret", "TRUE"},
	{"oauth_request_tokens", "id", "secret", "TRUE"},
	{"oauth_access_tokens", "id", "secret", "TRUE"},
}

// rotateVault makes a new key and seals everything with it. A cloud that has
// no vault yet has nothing in it.
func rotateVault(ctx context.Context, tx *store.Tx) error {
	old, err := openVault(ctx, tx)
	if errs.Is(err, errs.Unavailable) {
		return nil
	}
	if err != nil {
		return err
	}
	next := &vault{Former: old.Primary}
	if next.Primary, err = newKey(); err != nil {
		return err
	}
	text, err := next.text()
	if err != nil {
		return err
	}
	if next, err = parseVault(text); err != nil {
		return err
	}
	for _, c := range sealedColumns {
		var rows []struct{ Key, Sealed string }
		err := tx.NewSelect().TableExpr(c.table).ColumnExpr(c.key+" AS key").ColumnExpr(c.column+" AS sealed").Where(c.where).Scan(ctx, &rows)
		if err != nil {
			return fmt.Errorf("read %s to seal them anew: %w", c.table, err)
		}
		for _, row := range rows { // each has a ciphertext of its own
			plain, err := old.open(row.Sealed)
			if err != nil {
				return fmt.Errorf("open a row of %s: %w", c.table, err)
			}
			if row.Sealed, err = next.seal(plain); err != nil {
				return err
			}
			_, err = tx.NewUpdate().TableExpr(c.table).Set("? = ?", bun.Ident(c.column), row.Sealed).Where(c.key+" = ?", row.Key).Exec(ctx)
			if err != nil {
				return fmt.Errorf("seal a row of %s anew: %w", c.table, err)
			}
		}
	}
	return secrets.Put(ctx, tx, vaultSecret, text)
}
