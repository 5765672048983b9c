package identity

import (
	"fmt"
	"time"

	"github.com/dlclark/regexp2"

	"wisp/internal/errs"
)

// patternTime bounds how long a password is compared with a pattern: some
// patterns take for ever with some texts.
const patternTime = time.Second

// PasswordPattern is what new passwords must be like.
type PasswordPattern struct {
	expression, description string
	compiled                *regexp2.Regexp
}

// NewPasswordPattern compiles a regular expression, which passwords must match
// from their first character on. It may look ahead, as in ^(?=.*\d).{7,}$,
// which Keystone's documentation has and Go's own expressions can't. The
// description tells people what it asks for; an empty one leaves that to the
// expression.
func NewPasswordPattern(expression, description string) (*PasswordPattern, error) {
	compiled, err := regexp2.Compile(expression, regexp2.None)
	if err != nil {
		return nil, fmt.Errorf("regular expression for passwords: %w", err)
	}
	compiled.MatchTimeout = patternTime
	return &PasswordPattern{expression: expression, description: description, compiled: compiled}, nil
}

// CheckPassword refuses a new password, or none where one is set, that is not
// as the rules want it: Invalid, with the description.
func (s *Service) CheckPassword(password string) error {
	p := s.rules.Pattern
	switch {
	case p == nil || len(password) > maxPassword: // which is refused as too long
		return nil
	case password == "":
		return errs.New(errs.Invalid, "Password validation error: Password must be a string type.")
	}
	match, err := p.compiled.FindStringMatch(password)
	if err != nil {
		return errs.Wrap(err, errs.Invalid, "Password validation error: Unable to validate password due to invalid configuration.")
	}
	if match != nil && match.Index == 0 {
		return nil
	}
	wanted := p.description
	if wanted == "" {
		wanted = p.expression
	}
	return errs.New(errs.Invalid, "The password does not match the requirements: %s.", wanted)
}

// readable are the expression and its description as the API shows them.
func (p *PasswordPattern) readable() map[string]any {
	options := map[string]any{"password_regex": nil, "password_regex_description": nil}
	if p == nil {
		return options
	}
	options["password_regex"] = p.expression
	if p.description != "" {
		options["password_regex_description"] = p.description
	}
	return options
}
