package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/fernet/fernet-go"
	"github.com/uptrace/bun"

	"wisp/internal/errs"
	"wisp/internal/secrets"
	"wisp/internal/store"
)

// keysSecret is the name of the secret that holds the token keys.
const keysSecret = "token-keys"

// maxFormer is how many former primaries are kept, whose tokens are still
// accepted: one, so that with the staged and the primary there are three keys,
// as Keystone has by default.
const maxFormer = 1

// keys are the Fernet keys of tokens. The primary seals; all of them open.
// The staged one becomes the primary at the next rotation: who has not heard
// of a rotation yet opens what the new primary has sealed.
type keys struct {
	Staged  string   `json:"staged"`
	Primary string   `json:"primary"`
	Former  []string `json:"former,omitempty"` // newest first

	all []*fernet.Key // primary first
}

func newKey() (string, error) {
	var key fernet.Key
	if err := key.Generate(); err != nil {
		return "", fmt.Errorf("generate key: %w", err)
	}
	return key.Encode(), nil
}

// decode makes the keys usable.
func (k *keys) decode() error {
	k.all = nil
	for _, text := range slices.Concat([]string{k.Primary, k.Staged}, k.Former) {
		key, err := fernet.DecodeKey(text)
		if err != nil {
			return errors.New("one of the token keys is none") // its text is for nobody's log
		}
		k.all = append(k.all, key)
	}
	return nil
}

// has tells whether all of the other keys are among these.
func (k *keys) has(other *keys) bool {
	return !slices.ContainsFunc(other.all, func(key *fernet.Key) bool {
		return !slices.ContainsFunc(k.all, func(own *fernet.Key) bool { return *own == *key })
	})
}

func (k *keys) text() (string, error) {
	text, err := json.Marshal(k)
	if err != nil {
		return "", fmt.Errorf("encode the token keys: %w", err)
	}
	return string(text), nil
}

func parseKeys(text string) (*keys, error) {
	k := &keys{}
	if err := json.Unmarshal([]byte(text), k); err != nil {
		return nil, errors.New("the token keys in the database cannot be read")
	}
	return k, k.decode()
}

// readKeys returns the cloud's keys; nil when it has none yet.
func readKeys(ctx context.Context, db bun.IDB) (*keys, error) {
	text, found, err := secrets.Get(ctx, db, keysSecret)
	if err != nil || !found {
		return nil, err
	}
	return parseKeys(text)
}

// ensureKeys makes sure that the cloud has keys: those that former versions
// kept in dir when there are any, else new ones. What is in the database then
// is gone from dir.
func (s *Service) ensureKeys(ctx context.Context, dir string) error {
	old, err := readKeyFiles(dir)
	if err != nil {
		return err
	}
	text, err := secrets.Ensure(ctx, s.db, keysSecret, func() (text string, err error) {
		made := &keys{}
		if old != nil {
			*made = *old
		}
		for _, key := range []*string{&made.Staged, &made.Primary} {
			if *key == "" && err == nil {
				*key, err = newKey()
			}
		}
		if err != nil {
			return "", err
		}
		return made.text()
	})
	if err != nil {
		return err
	}
	k, err := parseKeys(text)
	if err != nil || old == nil {
		return err
	}
	if !k.has(old) {
		s.log.WarnContext(ctx, "the token keys in the folder are not used: the cloud has others, in its database", "folder", dir)
		return nil
	}
	if err := removeKeyFiles(dir); err != nil {
		return err
	}
	s.log.InfoContext(ctx, "the token keys are in the database now, and in their folder no more", "folder", dir)
	return nil
}

// RotateKeys makes the staged key the primary, stages a new one, and drops the
// oldest beyond the one former that is kept. The vault gets a new key too.
// Every server knows it as soon as it knows of any change here.
func (s *Service) RotateKeys(ctx context.Context) error {
	return s.change(ctx, func(ctx context.Context, tx *store.Tx) error {
		k, err := readKeys(ctx, tx)
		if err != nil {
			return fmt.Errorf("rotate keys: %w", err)
		}
		if k == nil {
			return errs.New(errs.Unavailable, notStarted)
		}
		k.Former = slices.Insert(k.Former, 0, k.Primary)
		k.Former = k.Former[:min(len(k.Former), maxFormer)]
		k.Primary = k.Staged
		if k.Staged, err = newKey(); err != nil {
			return err
		}
		text, err := k.text()
		if err != nil {
			return err
		}
		if err := secrets.Put(ctx, tx, keysSecret, text); err != nil {
			return err
		}
		return rotateVault(ctx, tx)
	})
}

// seal encrypts and signs with the primary key.
func (k *keys) seal(message []byte) (string, error) {
	token, err := fernet.EncryptAndSign(message, k.all[0])
	if err != nil {
		return "", fmt.Errorf("seal token: %w", err)
	}
	return strings.TrimRight(string(token), "="), nil
}

// open returns what a token holds, or nil when no key has sealed exactly it.
// The token's age is not looked at.
func (k *keys) open(token string) []byte {
	if len(token) > maxTokenLength || !canonical(token) {
		return nil
	}
	padded := token + strings.Repeat("=", -len(token)&3)
	return fernet.VerifyAndDecrypt([]byte(padded), 0, k.all)
}

// keyFiles are the numbers of the keys in a folder that is laid out as
// Keystone's, ascending: 0 is staged, the highest is the primary.
func keyFiles(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || dir == "" {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the token keys of former versions: %w", err)
	}
	var numbers []int
	for _, entry := range entries {
		if n, err := strconv.Atoi(entry.Name()); err == nil && n >= 0 && entry.Type().IsRegular() {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

func keyFile(dir string, number int) string { return filepath.Join(dir, strconv.Itoa(number)) }

// readKeyFiles returns the keys in a folder, nil when there are none. Of those
// that are not there, Staged or Primary is empty.
func readKeyFiles(dir string) (*keys, error) {
	numbers, err := keyFiles(dir)
	if err != nil || len(numbers) == 0 {
		return nil, err
	}
	k := &keys{}
	for _, number := range slices.Backward(numbers) {
		content, err := os.ReadFile(keyFile(dir, number))
		if err != nil {
			return nil, fmt.Errorf("read a token key: %w", err)
		}
		text := strings.TrimSpace(string(content))
		key, err := fernet.DecodeKey(text)
		if err != nil {
			return nil, fmt.Errorf("%s is no token key", keyFile(dir, number))
		}
		k.all = append(k.all, key)
		switch {
		case number == 0:
			k.Staged = text
		case k.Primary == "":
			k.Primary = text
		default:
			k.Former = append(k.Former, text)
		}
	}
	return k, nil
}

// removeKeyFiles removes the keys, and the folder when nothing else is in it.
func removeKeyFiles(dir string) error {
	numbers, err := keyFiles(dir)
	if err != nil {
		return err
	}
	for _, number := range numbers {
		if err := os.Remove(keyFile(dir, number)); err != nil {
			return fmt.Errorf("remove a token key that is in the database: %w", err)
		}
	}
	if rest, err := os.ReadDir(dir); err == nil && len(rest) == 0 {
		return os.Remove(dir)
	}
	return nil
}
