package computeapi

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"wisp/internal/errs"
)

// schema is what a JSON value must be, in the part of JSON Schema that Nova's
// own schemas use; its messages name the field as Nova's do.
type schema struct {
	types      []string // of JSON; empty is any
	properties map[string]*schema
	required   []string
	open       bool    // unknown properties are allowed…
	values     *schema // …and must be this
	keys       *regexp.Regexp
	items      *schema
	maxItems   int
	maxProps   int

	enum             []any
	format           string // uuid, name, ipv4, ipv6, ip, base64
	pattern          *regexp.Regexp
	minLength        int
	maxLength        int
	minimum, maximum *float64 // numbers, and strings that are numbers
	exclusive        bool     // minimum itself is too small
	oneOf            []*schema

	min, max int // microversions that know this property; 0 is unbounded
}

// since returns a copy that only exists from a microversion on.
func (s schema) since(min int) *schema { s.min = min; return &s }

// until returns a copy that only exists up to a microversion.
func (s schema) until(max int) *schema { s.max = max; return &s }

// violation is the innermost thing that is wrong, and the name of the field
// that has it; "" is the body.
type violation struct {
	field, message string
	value          any
}

// check validates a body at a microversion.
func (s *schema) check(body []byte, version int) error {
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil || decoder.More() {
		return errs.New(errs.Invalid, "Malformed request body")
	}
	if _, ok := value.(map[string]any); !ok {
		return errs.New(errs.Invalid, "Malformed request body")
	}
	v := s.find(value, "", version)
	if v == nil {
		return nil
	}
	if v.field == "" {
		return errs.New(errs.Invalid, "%s", v.message)
	}
	return errs.New(errs.Invalid, "Invalid input for field/attribute %s. Value: %s. %s", v.field, brief(v.value), v.message)
}

func (s *schema) find(value any, field string, version int) *violation {
	wrong := func(format string, args ...any) *violation {
		return &violation{field: field, value: value, message: fmt.Sprintf(format, args...)}
	}
	if len(s.oneOf) > 0 {
		return s.findOne(value, field, version)
	}
	if len(s.types) > 0 && !slices.ContainsFunc(s.types, func(t string) bool { return isType(value, t) }) {
		quoted := make([]string, len(s.types))
		for i, t := range s.types {
			quoted[i] = "'" + t + "'"
		}
		return wrong("%s is not of type %s", brief(value), strings.Join(quoted, ", "))
	}
	if len(s.enum) > 0 && !slices.ContainsFunc(s.enum, func(e any) bool { return sameJSON(e, value) }) {
		return wrong("%s is not one of %s", brief(value), brief(s.enum))
	}
	switch v := value.(type) {
	case string:
		if message := s.findString(v); message != "" {
			return wrong("%s", message)
		}
	case json.Number:
		if message := s.findNumber(v.String()); message != "" {
			return wrong("%s", message)
		}
	case []any:
		if s.maxItems > 0 && len(v) > s.maxItems {
			return wrong("%s is too long", brief(value))
		}
		if s.items != nil {
			for i := range v {
				if found := s.items.find(v[i], strconv.Itoa(i), version); found != nil {
					return found
				}
			}
		}
	case map[string]any:
		return s.findObject(v, field, version)
	}
	return nil
}

func (s *schema) findOne(value any, field string, version int) *violation {
	var last *violation
	for _, one := range s.oneOf {
		found := one.find(value, field, version)
		if found == nil {
			return nil
		}
		// The alternative of the value's own type says best what is wrong.
		if last == nil || slices.ContainsFunc(one.types, func(t string) bool { return isType(value, t) }) {
			last = found
		}
	}
	return last
}

func (s *schema) findObject(v map[string]any, field string, version int) *violation {
	wrong := func(format string, args ...any) *violation {
		return &violation{field: field, value: v, message: fmt.Sprintf(format, args...)}
	}
	for _, name := range s.required {
		if p := s.properties[name]; p != nil && (p.min > version || p.max > 0 && p.max < version) {
			continue
		}
		if _, ok := v[name]; !ok {
			return wrong("'%s' is a required property", name)
		}
	}
	if s.maxProps > 0 && len(v) > s.maxProps {
		return wrong("%s has too many properties", brief(v))
	}
	var unexpected []string
	for _, name := range slices.Sorted(maps.Keys(v)) {
		property := s.properties[name]
		if property != nil && (property.min > version || property.max > 0 && property.max < version) {
			property = nil
		}
		if property == nil {
			switch {
			case version == 0 && !s.open:
				continue // v2.0 overlooks what it does not know
			case !s.open || s.keys != nil && !s.keys.MatchString(name):
				unexpected = append(unexpected, "'"+name+"'")
				continue
			case s.values == nil:
				continue
			}
			property = s.values
		}
		if found := property.find(v[name], name, version); found != nil {
			return found
		}
	}
	if len(unexpected) > 0 {
		verb := "was"
		if len(unexpected) > 1 {
			verb = "were"
		}
		return wrong("Additional properties are not allowed (%s %s unexpected)", strings.Join(unexpected, ", "), verb)
	}
	return nil
}

func (s *schema) findString(v string) string {
	n := utf8.RuneCountInString(v)
	switch {
	case n < s.minLength:
		return fmt.Sprintf("%s is too short", brief(v))
	case s.maxLength > 0 && n > s.maxLength:
		return fmt.Sprintf("%s is too long", brief(v))
	case s.pattern != nil && !s.pattern.MatchString(v):
		return fmt.Sprintf("%s does not match '%s'", brief(v), s.pattern)
	}
	if (s.minimum != nil || s.maximum != nil) && v != "" {
		if message := s.findNumber(v); message != "" {
			return message
		}
	}
	ok := true
	switch s.format {
	case "uuid":
		ok = len(v) <= 36 && uuid.Validate(v) == nil
	case "ip", "ipv4", "ipv6":
		address, err := netip.ParseAddr(v)
		ok = err == nil && (s.format == "ip" || s.format == "ipv4" && address.Is4() || s.format == "ipv6" && address.Is6())
	case "ipv4-or-empty":
		address, err := netip.ParseAddr(v)
		ok = v == "" || err == nil && address.Is4()
	case "ipv6-or-empty":
		address, err := netip.ParseAddr(v)
		ok = v == "" || err == nil && address.Is6()
	case "base64":
		_, err := base64.StdEncoding.DecodeString(strings.NewReplacer("\n", "", "\r", "").Replace(v))
		ok = err == nil
	case "name":
		if trimmed := strings.TrimSpace(v); trimmed != v || !printable(v) {
			return "An invalid 'name' value was provided. The name must be: printable characters. Can not start or end with whitespace."
		}
	case "printable":
		ok = printable(v)
	}
	if !ok {
		return fmt.Sprintf("%s is not a '%s'", brief(v), strings.TrimSuffix(s.format, "-or-empty"))
	}
	return ""
}

func (s *schema) findNumber(text string) string {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Sprintf("'%s' is not a number", text)
	}
	switch {
	case s.minimum != nil && (n < *s.minimum || s.exclusive && n == *s.minimum):
		return fmt.Sprintf("%s is less than the minimum of %s", text, number(*s.minimum))
	case s.maximum != nil && n > *s.maximum:
		return fmt.Sprintf("%s is greater than the maximum of %s", text, number(*s.maximum))
	}
	return ""
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func printable(v string) bool {
	return utf8.ValidString(v) && !strings.ContainsFunc(v, func(r rune) bool {
		return unicode.Is(unicode.C, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)
	})
}

func isType(value any, name string) bool {
	switch v := value.(type) {
	case nil:
		return name == "null"
	case bool:
		return name == "boolean"
	case string:
		return name == "string"
	case json.Number:
		_, err := strconv.ParseInt(v.String(), 10, 64)
		return name == "number" || name == "integer" && err == nil
	case []any:
		return name == "array"
	case map[string]any:
		return name == "object"
	}
	return false
}

func sameJSON(want, value any) bool {
	if n, ok := value.(json.Number); ok {
		return fmt.Sprint(want) == n.String()
	}
	return want == value
}

// brief shows a value as Nova's messages do, cut where it is long.
func brief(value any) string {
	text := repr(value)
	if r := []rune(text); len(r) > 300 {
		text = string(r[:300]) + "…"
	}
	return text
}

func repr(value any) string {
	switch v := value.(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case string:
		return "'" + v + "'"
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = repr(v[i])
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if name == "adminPass" {
				parts = append(parts, "'adminPass': '***'")
				continue
			}
			parts = append(parts, "'"+name+"': "+repr(v[name]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return fmt.Sprint(value)
}
