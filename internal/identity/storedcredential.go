package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/store"
)

// TypeEC2 is the type of credentials that are an access key and a secret, with
// which clients of EC2 and S3 sign.
const TypeEC2 = "ec2"

// StoredCredential is what a user keeps with the cloud, sealed: the cloud knows
// what is in Blob only where Type is TypeEC2. An ApplicationCredential is
// something else.
type StoredCredential struct {
	bun.BaseModel `bun:"table:credentials,alias:cr"`
	ID            string `bun:",pk"`
	UserID        string
	ProjectID     *string
	Type          string
	Blob          string // sealed in the database only
	Extra         Extra  `bun:"type:text"`
}

// StoredCredentialChange is what changes of a credential; nil leaves as it is.
type StoredCredentialChange struct {
	Blob  *string
	Extra Extra
}

// EC2Key is what the blob of an EC2 credential holds.
type EC2Key struct {
	Access string `json:"access"`
	Secret string `json:"secret"`
}

var storedCredentialColumns = columns{text: map[string]string{
	"id": "cr.id", "user_id": "cr.user_id", "project_id": "cr.project_id", "type": "cr.type",
}}

// EC2CredentialID is the id of the credential with an access key.
func EC2CredentialID(access string) string {
	sum := sha256.Sum256([]byte(access))
	return hex.EncodeToString(sum[:])
}

// Key returns what an EC2 credential's blob holds. One that is not an object
// with an access key is Invalid.
func (c *StoredCredential) Key() (EC2Key, error) {
	var key EC2Key
	if err := json.Unmarshal([]byte(c.Blob), &key); err != nil {
		return key, errs.New(errs.Invalid, "Invalid blob in credential")
	}
	if key.Access == "" {
		return key, expecting("access", "credential")
	}
	return key, nil
}

func storedCredentialChange(userID, id, action string) store.Change {
	return store.Change{Resource: "credential", ID: id, Action: action, UserID: userID}
}

// openBlobs opens what a list holds sealed.
func openBlobs(ctx context.Context, db bun.IDB, list []StoredCredential) error {
	if len(list) == 0 {
		return nil
	}
	v, err := openVault(ctx, db)
	if err != nil {
		return err
	}
	for i := range list {
		if list[i].Blob, err = v.open(list[i].Blob); err != nil {
			return fmt.Errorf("credential %s: %w", list[i].ID, err)
		}
	}
	return nil
}

// StoredCredentials lists credentials of all users.
func (s *Service) StoredCredentials(ctx context.Context, l Listing) ([]StoredCredential, error) {
	list := []StoredCredential{}
	if err := s.list(ctx, l, s.db.Read().NewSelect().Model(&list), "credentials", storedCredentialColumns); err != nil {
		return nil, err
	}
	return list, openBlobs(ctx, s.db.Read(), list)
}

// StoredCredential returns a credential by id.
func (s *Service) StoredCredential(ctx context.Context, id string) (StoredCredential, error) {
	return findStoredCredential(ctx, s.db.Read(), id)
}

func findStoredCredential(ctx context.Context, db bun.IDB, id string) (StoredCredential, error) {
	list := make([]StoredCredential, 1)
	if err := one(ctx, db.NewSelect().Model(&list[0]).Where("id = ?", id), "credential", id); err != nil {
		return StoredCredential{}, err
	}
	err := openBlobs(ctx, db, list)
	return list[0], err
}

// CreateStoredCredential keeps a credential. The id of one of EC2 follows from
// its access key; it needs a project. Errors: Invalid, and Conflict for an
// access key that is taken.
func (s *Service) CreateStoredCredential(ctx context.Context, c StoredCredential) (StoredCredential, error) {
	c.ID = newID()
	if strings.EqualFold(c.Type, TypeEC2) {
		key, err := c.Key()
		if err != nil {
			return c, err
		}
		if c.ProjectID == nil {
			return c, expecting("project_id", "credential")
		}
		c.ID = EC2CredentialID(key.Access)
	}
	plain := c.Blob
	err := s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		v, err := openVault(ctx, tx)
		if err != nil {
			return err
		}
		if c.Blob, err = v.seal(plain); err != nil {
			return err
		}
		tx.Changed(storedCredentialChange(c.UserID, c.ID, store.Create))
		return write(ctx, tx.NewInsert().Model(&c), "credential", "Duplicate entry found with ID "+c.ID)
	})
	c.Blob = plain
	return c, err
}

// CreateEC2Credential makes an access key and a secret for a user in a project,
// which must both be there.
func (s *Service) CreateEC2Credential(ctx context.Context, userID, projectID string) (StoredCredential, error) {
	c := StoredCredential{UserID: userID, ProjectID: &projectID, Type: TypeEC2}
	if _, err := s.User(ctx, userID); err != nil {
		return c, err
	}
	if _, err := s.Project(ctx, projectID); err != nil {
		return c, err
	}
	secret := make([]byte, 16)
	if _, err := rand.Read(secret); err != nil {
		return c, fmt.Errorf("make an EC2 secret: %w", err)
	}
	blob, err := json.Marshal(EC2Key{Access: newID(), Secret: hex.EncodeToString(secret)})
	if err != nil {
		return c, fmt.Errorf("encode an EC2 key: %w", err)
	}
	c.Blob = string(blob)
	return s.CreateStoredCredential(ctx, c)
}

// UpdateStoredCredential changes a credential. Whose it is, its project and its
// type stay as they are.
func (s *Service) UpdateStoredCredential(ctx context.Context, id string, change StoredCredentialChange) (StoredCredential, error) {
	var c StoredCredential
	var plain string
	err := s.change(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		if c, err = findStoredCredential(ctx, tx, id); err != nil {
			return err
		}
		if change.Blob != nil {
			c.Blob = *change.Blob
		}
		if strings.EqualFold(c.Type, TypeEC2) {
			if _, err := c.Key(); err != nil {
				return err
			}
		}
		v, err := openVault(ctx, tx)
		if err != nil {
			return err
		}
		plain, c.Extra = c.Blob, c.Extra.merge(change.Extra)
		if c.Blob, err = v.seal(plain); err != nil {
			return err
		}
		tx.Changed(storedCredentialChange(c.UserID, id, store.Update))
		return write(ctx, tx.NewUpdate().Model(&c).WherePK(), "credential", "Duplicate entry")
	})
	c.Blob = plain
	return c, err
}

// DeleteStoredCredential removes a credential.
func (s *Service) DeleteStoredCredential(ctx context.Context, id string) error {
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		var c StoredCredential
		if err := one(ctx, tx.NewSelect().Model(&c).Where("id = ?", id), "credential", id); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model(&c).WherePK().Exec(ctx); err != nil {
			return fmt.Errorf("delete credential: %w", err)
		}
		tx.Changed(storedCredentialChange(c.UserID, id, store.Delete))
		return nil
	})
}

// HasRole tells whether a user has any role in a project, by whatever way.
func (s *Service) HasRole(ctx context.Context, userID, projectID string) (bool, error) {
	roles, err := assignedRoles(ctx, s.db.Read(), userID, scopeProject, projectID)
	return len(roles) > 0, err
}

// dropCredentials removes what users or projects kept, by a condition on either.
func dropCredentials(ctx context.Context, tx *store.Tx, where string, args ...any) error {
	if _, err := tx.NewDelete().Model((*StoredCredential)(nil)).Where(where, args...).Exec(ctx); err != nil {
		return fmt.Errorf("delete credentials: %w", err)
	}
	return nil
}
