package network

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"wisp/internal/store"
)

// Opt is a value that a request may give or leave out.
type Opt[T any] struct {
	Set   bool
	Value T
}

// Some is a value that is given.
func Some[T any](v T) Opt[T] { return Opt[T]{Set: true, Value: v} }

// Or returns the value, or a default when it is not given.
func (o Opt[T]) Or(otherwise T) T {
	if o.Set {
		return o.Value
	}
	return otherwise
}

// into overwrites target when the value is given.
func (o Opt[T]) into(target *T) {
	if o.Set {
		*target = o.Value
	}
}

// JSON keeps a value as JSON text in one column.
type JSON[T any] struct{ V T }

// Value implements driver.Valuer.
func (j JSON[T]) Value() (driver.Value, error) {
	text, err := json.Marshal(j.V)
	return string(text), err
}

// Scan implements sql.Scanner.
func (j *JSON[T]) Scan(src any) error {
	var zero T
	j.V = zero
	switch text := src.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(text), &j.V)
	case []byte:
		return json.Unmarshal(text, &j.V)
	}
	return fmt.Errorf("a JSON column holds a %T", src)
}

// Standard is what all resources of users have.
type Standard struct {
	ID          string `bun:",pk"`
	ProjectID   string
	Description string
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Revision    int64

	Tags []string `bun:"-"`
}

func (s *Standard) standard() *Standard { return s }

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

func newStandard(projectID, description string) Standard {
	at := now()
	return Standard{ID: uuid.NewString(), ProjectID: projectID, Description: description, CreatedAt: at, UpdatedAt: at, Tags: []string{}}
}

// touch marks a change of an object that is about to be written.
func (s *Standard) touch() {
	s.UpdatedAt = now()
	s.Revision++
}

// hosts wakes the sessions with the nodes once tx is committed.
func hosts(tx *store.Tx) { tx.Signal("hosts") }
