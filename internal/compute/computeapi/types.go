package computeapi

import (
	"bytes"
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"wisp/internal/api"
)

// The kinds of fields that many schemas share.
var (
	anyString  = schema{types: []string{"string"}}
	uuidString = schema{types: []string{"string"}, format: "uuid"}
	nameString = schema{types: []string{"string"}, format: "name", minLength: 1, maxLength: 255}
	anything   = schema{}
	described  = schema{types: []string{"string", "null"}, format: "printable", maxLength: 255}
	booleans   = schema{types: []string{"boolean", "string"}, enum: []any{
		true, "True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes",
		false, "False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no",
	}}
	positive     = integer(1, math.MaxInt32)
	natural      = integer(0, math.MaxInt32)
	limitNumber  = integer(-1, math.MaxInt32)
	diskConfig   = schema{types: []string{"string"}, enum: []any{"AUTO", "MANUAL"}}
	tagString    = schema{types: []string{"string"}, minLength: 1, maxLength: 60, pattern: regexp.MustCompile(`^[^,/]*$`)}
	metaKeys     = regexp.MustCompile(`^[a-zA-Z0-9\-_:. ]{1,255}$`)
	metaValue    = schema{types: []string{"string"}, maxLength: 255}
	metadataMap  = schema{types: []string{"object"}, open: true, keys: metaKeys, values: &metaValue}
	fqdnString   = schema{types: []string{"string"}, pattern: regexp.MustCompile(`^[a-zA-Z0-9\-._]*$`), minLength: 1, maxLength: 255}
	hostString   = schema{types: []string{"string"}, pattern: regexp.MustCompile(`^[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+$`), minLength: 2, maxLength: 63}
	projectIDs   = schema{types: []string{"string"}, pattern: regexp.MustCompile(`^[a-zA-Z0-9-]*$`), minLength: 1, maxLength: 255}
	ipv4OrEmpty  = schema{types: []string{"string"}, format: "ipv4-or-empty"}
	ipv6OrEmpty  = schema{types: []string{"string"}, format: "ipv6-or-empty"}
	adminPass    = schema{types: []string{"string"}}
	trustedCerts = schema{types: []string{"array", "null"}, maxItems: 0, items: &anyString}
)

func integer(min, max float64) schema {
	return schema{types: []string{"integer", "string"}, pattern: regexp.MustCompile(`^-?[0-9]*$`), minLength: 1, minimum: &min, maximum: &max}
}

// object is a closed object.
func object(properties map[string]*schema, required ...string) *schema {
	return &schema{types: []string{"object"}, properties: properties, required: required}
}

// wrapped is the body {"name": inner}.
func wrapped(name string, inner *schema) *schema {
	return object(map[string]*schema{name: inner}, name)
}

// bind validates the body and decodes it into v.
func bind(r *api.Request, s *schema, v any) error {
	body, err := r.Bytes()
	if err != nil {
		return err
	}
	if err := s.check(body, r.Version); err != nil {
		return err
	}
	return api.Decode(body, v)
}

// number64 is an integer that may come as a string.
type number64 int64

func (n *number64) UnmarshalJSON(b []byte) error {
	value, err := strconv.ParseInt(string(bytes.Trim(b, `"`)), 10, 64)
	*n = number64(value)
	return err
}

// real is a number that may come as a string.
type real float64

func (n *real) UnmarshalJSON(b []byte) error {
	value, err := strconv.ParseFloat(string(bytes.Trim(b, `"`)), 64)
	*n = real(value)
	return err
}

// truth is a boolean that may come as one of Nova's words for it.
type truth bool

func (t *truth) UnmarshalJSON(b []byte) error {
	*t = truth(isTrue(string(bytes.Trim(b, `"`))))
	return nil
}

func isTrue(word string) bool {
	return slices.Contains([]string{"true", "1", "on", "yes", "t", "y"}, strings.ToLower(word))
}

// text is a string that may come as a number, such as a flavor's reference.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(t))
	}
	if string(b) != "null" {
		*t = text(b)
	}
	return nil
}

// iso is a time to the second, with a Z: "2013-09-03T04:01:32Z".
func iso(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// micro is a time with microseconds and without a zone; null when zero.
func micro(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000")
}

type link struct {
	Rel  string `json:"rel"`
	Href string `json:"href"`
}

// links are self and bookmark of an object.
func links(r *api.Request, kind, id string) []link {
	base, version := r.ServiceURL(), "/v2.1/"
	if r.Version == 0 {
		version = "/v2/"
	}
	return []link{{"self", base + version + kind + "/" + id}, {"bookmark", base + "/" + kind + "/" + id}}
}

// next is the link to the page after the one that ends with the id last, when
// the page is full.
func next(r *api.Request, count, limit int, last string) []link {
	if limit <= 0 || count < limit || count == 0 {
		return nil
	}
	return []link{{"next", r.Next(last)}}
}

// intOf and stringOf read a validated value that may be a number or a string.
func intOf(value any) int64 {
	switch v := value.(type) {
	case float64:
		return int64(v)
	case string:
		n, _ := strconv.ParseInt(v, 10, 64) // the schema let digits only pass
		return n
	}
	return 0
}

func stringOf(value any) string {
	text, _ := value.(string)
	return text
}

func isFalse(word string) bool {
	return slices.Contains([]string{"false", "0", "off", "no", "f", "n"}, strings.ToLower(word))
}

// optional tells a field that is null from one that is not there.
type optional[T any] struct {
	value T
	given bool
}

func (o *optional[T]) UnmarshalJSON(b []byte) error {
	o.given = true
	return json.Unmarshal(b, &o.value)
}
