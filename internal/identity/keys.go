package identity

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fernet/fernet-go"
)

// maxKeys is how many keys a repository keeps: the staged, the primary, and
// former primaries, whose tokens are still accepted.
const maxKeys = 3

// Keys is a repository of Fernet keys, laid out as Keystone's: a directory
// with one file per key, named by number. 0 is staged, to become the primary at
// the next rotation; the highest is the primary, which seals; all of them open.
type Keys struct {
	dir string

	mu      sync.RWMutex
	all     []*fernet.Key // primary first
	changed time.Time     // of the directory, when it was read
	looked  time.Time
}

// OpenKeys opens the repository, and makes one with a staged and a primary key
// where there is none.
func OpenKeys(dir string) (*Keys, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make key repository: %w", err)
	}
	k := &Keys{dir: dir}
	numbers, err := k.numbers()
	if err != nil {
		return nil, err
	}
	if len(numbers) == 0 {
		for _, number := range []int{0, 1} {
			if err := k.create(number); err != nil {
				return nil, err
			}
		}
	}
	if err := k.load(); err != nil {
		return nil, err
	}
	return k, nil
}

// Rotate makes the staged key the primary, stages a new one, and removes the
// oldest beyond the three that are kept. Run it on one machine, then copy the
// directory to others; they notice the change within a second.
func (k *Keys) Rotate() error {
	numbers, err := k.numbers()
	if err != nil {
		return err
	}
	if len(numbers) == 0 || numbers[0] != 0 {
		return errors.New("rotate keys: no staged key 0 in the repository")
	}
	next := numbers[len(numbers)-1] + 1
	if err := os.Rename(k.path(0), k.path(next)); err != nil {
		return fmt.Errorf("promote staged key: %w", err)
	}
	if err := k.create(0); err != nil {
		return err
	}
	old := append(numbers[1:], next)
	for len(old)+1 > maxKeys {
		if err := os.Remove(k.path(old[0])); err != nil {
			return fmt.Errorf("remove oldest key: %w", err)
		}
		old = old[1:]
	}
	return k.load()
}

func (k *Keys) path(number int) string { return filepath.Join(k.dir, strconv.Itoa(number)) }

func (k *Keys) numbers() ([]int, error) {
	entries, err := os.ReadDir(k.dir)
	if err != nil {
		return nil, fmt.Errorf("list key repository: %w", err)
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

// create writes a new key whole or not at all, and never over another.
func (k *Keys) create(number int) error {
	var key fernet.Key
	if err := key.Generate(); err != nil {
		return fmt.Errorf("generate key: %w", err)
	}
	temporary, err := os.CreateTemp(k.dir, ".new-")
	if err != nil {
		return fmt.Errorf("create key file: %w", err)
	}
	defer func() { _ = os.Remove(temporary.Name()) }()
	_, err = temporary.WriteString(key.Encode())
	if err = errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	// A link fails where the name exists: another process was faster, and
	// its key counts.
	if err := os.Link(temporary.Name(), k.path(number)); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("put key in place: %w", err)
	}
	return nil
}

func (k *Keys) load() error {
	info, err := os.Stat(k.dir)
	if err != nil {
		return fmt.Errorf("look at key repository: %w", err)
	}
	numbers, err := k.numbers()
	if err != nil {
		return err
	}
	slices.Reverse(numbers)
	var all []*fernet.Key
	for _, number := range numbers {
		content, err := os.ReadFile(k.path(number))
		if err != nil {
			return fmt.Errorf("read key: %w", err)
		}
		key, err := fernet.DecodeKey(strings.TrimSpace(string(content)))
		if err != nil {
			return fmt.Errorf("key %s: %w", k.path(number), err)
		}
		all = append(all, key)
	}
	if len(all) == 0 {
		return fmt.Errorf("no keys in %s", k.dir)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all, k.changed, k.looked = all, info.ModTime(), time.Now()
	return nil
}

// current returns the keys, primary first, read again when the directory
// changed; it looks at most once a second.
func (k *Keys) current() []*fernet.Key {
	k.mu.RLock()
	all, changed, fresh := k.all, k.changed, time.Since(k.looked) < time.Second
	k.mu.RUnlock()
	if fresh {
		return all
	}
	if info, err := os.Stat(k.dir); err == nil && info.ModTime().Equal(changed) {
		k.mu.Lock()
		k.looked = time.Now()
		k.mu.Unlock()
		return all
	}
	// A repository that can't be read now, in the middle of being copied,
	// leaves the keys as they were.
	if err := k.load(); err != nil {
		k.mu.Lock()
		k.looked = time.Now()
		k.mu.Unlock()
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.all
}

// seal encrypts and signs with the primary key.
func (k *Keys) seal(message []byte) (string, error) {
	token, err := fernet.EncryptAndSign(message, k.current()[0])
	if err != nil {
		return "", fmt.Errorf("seal token: %w", err)
	}
	return strings.TrimRight(string(token), "="), nil
}

// open returns what a token holds, or nil when no key has sealed exactly it.
// The token's age is not looked at.
func (k *Keys) open(token string) []byte {
	if len(token) > maxTokenLength || !canonical(token) {
		return nil
	}
	padded := token + strings.Repeat("=", -len(token)&3)
	return fernet.VerifyAndDecrypt([]byte(padded), 0, k.current())
}
