package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"wisp/internal/store"
)

// normal is the value of a column, whatever the driver made of it.
func normal(kind store.Type, value any) (any, error) {
	if value == nil {
		return nil, nil
	}
	if b, ok := value.([]byte); ok {
		value = string(b)
	}
	switch kind {
	case store.Text:
		if text, ok := value.(string); ok {
			if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
				return nil, errors.New("a text that is not UTF-8, or has a zero in it, which PostgreSQL refuses")
			}
			return text, nil
		}
	case store.Int:
		if n, ok := value.(int64); ok {
			return n, nil
		}
	case store.Bool:
		switch v := value.(type) {
		case bool:
			return v, nil
		case int64: // SQLite has no other
			if v == 0 || v == 1 {
				return v == 1, nil
			}
		}
	case store.Float:
		f, ok := value.(float64)
		if n, whole := value.(int64); whole {
			f, ok = float64(n), true
		}
		if ok && !math.IsNaN(f) && !math.IsInf(f, 0) {
			return f, nil
		}
	case store.Time:
		var t bun.NullTime // reads what bun wrote
		if err := t.Scan(value); err == nil {
			return t.UTC().Truncate(time.Microsecond), nil
		}
	}
	return nil, fmt.Errorf("a value of Go's type %T where the schema has %s", value, kind)
}

const timeFormat = "2006-01-02T15:04:05.000000Z"

// encode writes a row as a line of JSON, without the end of the line.
func encode(row []any) ([]byte, error) {
	plain := make([]any, len(row))
	for i, value := range row {
		if t, ok := value.(time.Time); ok {
			value = t.Format(timeFormat)
		}
		plain[i] = value
	}
	text, err := json.Marshal(plain)
	if err != nil {
		return nil, fmt.Errorf("encode a row: %w", err)
	}
	return text, nil
}

// decode reads a row of a table.
func decode(t store.Table, text []byte) ([]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var row []any
	if err := decoder.Decode(&row); err != nil {
		return nil, fmt.Errorf("decode a row: %w", err)
	}
	if len(row) != len(t.Columns) {
		return nil, fmt.Errorf("a row of %d values, for %d columns", len(row), len(t.Columns))
	}
	for i, value := range row {
		var err error
		if row[i], err = typed(t.Columns[i].Type, value); err != nil {
			return nil, fmt.Errorf("column %s: %w", t.Columns[i].Name, err)
		}
	}
	return row, nil
}

func typed(kind store.Type, value any) (any, error) {
	switch v := value.(type) {
	case json.Number:
		if kind == store.Int {
			return strconv.ParseInt(v.String(), 10, 64)
		}
		f, err := v.Float64()
		if err != nil {
			return nil, err
		}
		return normal(kind, f)
	case string:
		if kind == store.Time {
			return time.Parse(timeFormat, v)
		}
	}
	return normal(kind, value)
}

// sum adds up rows: their number, and the sum of their digests modulo 2 to the
// 256, which is the same in any order.
type sum struct {
	rows  int64
	limbs [4]uint64 // the least first
}

func (s *sum) add(text []byte) {
	digest := sha256.Sum256(text)
	s.rows++
	var carry uint64
	for i := range s.limbs {
		s.limbs[i], carry = bits.Add64(s.limbs[i], binary.LittleEndian.Uint64(digest[8*i:]), carry)
	}
}

func (s *sum) stat() Stat {
	var all [32]byte
	for i, limb := range s.limbs {
		binary.LittleEndian.PutUint64(all[8*i:], limb)
	}
	return Stat{Rows: s.rows, Sum: hex.EncodeToString(all[:])}
}
