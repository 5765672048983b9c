// Package contract compares what wisp says with the OpenAPI descriptions of
// the real services: Open reads the description of one service, Operations
// lists what it has, and Check finds what in a request and its answer does not
// fit. It is for tests alone, and knows no route table and no face.
//
// A description is up to 100,000 lines, of which a test touches little. So it
// is cut into its paths and schemas by their indentation, which its generator
// keeps, and a piece is parsed when it is first asked for.
package contract

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

// Environment names the folder of the descriptions, where it is not beside
// the project.
const Environment = "WISP_DESCRIPTIONS"

// ErrAbsent says that this machine has no descriptions.
var ErrAbsent = errors.New("no descriptions of the real services are here")

// Description is that of one service. Its methods may be called at the same
// time.
type Description struct {
	service string
	order   []string            // paths, as they are written
	paths   map[string][]string // normal path -> texts of its YAML; several where only parameters' names differ
	schemas map[string]string   // name -> text of its YAML

	mu         sync.Mutex
	parsed     map[string]any                   // schemas
	operations map[string]map[string]*operation // normal path -> method
	compiled   map[compiledKey]*jsonschema.Schema
}

type operation struct {
	Extension  extension `yaml:"x-openstack"`
	Deprecated bool
	Body       struct {
		Content map[string]media
	} `yaml:"requestBody"`
	Responses map[string]struct{ Content map[string]media }
}

type media struct{ Schema map[string]any }

// extension is what the descriptions add to OpenAPI.
type extension struct {
	Min    string `yaml:"min-ver"`
	Max    string `yaml:"max-ver"`
	Action string `yaml:"action-name"`
}

var (
	opened   = map[string]func() (*Description, error){}
	openedMu sync.Mutex
)

// Open reads the description of the service of a catalog's type, once a
// process. The error is ErrAbsent where there is none.
func Open(service string) (*Description, error) {
	openedMu.Lock()
	read := opened[service]
	if read == nil {
		read = sync.OnceValues(func() (*Description, error) {
			folder, err := folder()
			if err != nil {
				return nil, err
			}
			return parse(folder, service)
		})
		opened[service] = read
	}
	openedMu.Unlock()
	return read()
}

func parse(folder, service string) (*Description, error) {
	content, err := os.ReadFile(filepath.Join(folder, service+".yaml"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrAbsent
	}
	if err != nil {
		return nil, fmt.Errorf("read the description of %s: %w", service, err)
	}
	d := &Description{
		service: service, paths: map[string][]string{}, schemas: map[string]string{}, parsed: map[string]any{},
		operations: map[string]map[string]*operation{}, compiled: map[compiledKey]*jsonschema.Schema{},
	}
	d.cut(string(content))
	if len(d.order) < 10 || len(d.schemas) < 10 {
		return nil, fmt.Errorf("read the description of %s: only %d paths and %d schemas", service, len(d.order), len(d.schemas))
	}
	return d, nil
}

// folder is the one that Environment names, or shared/openapi beside the
// module in whose tree the process is.
func folder() (string, error) {
	if named := os.Getenv(Environment); named != "" {
		return named, nil
	}
	at, err := os.Getwd()
	for ; err == nil; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return filepath.Join(at, "..", "shared", "openapi"), nil
		}
		if at == filepath.Dir(at) {
			return "", ErrAbsent
		}
	}
	return "", err
}

// cut finds the paths, two spaces deep below "paths", and the schemas, four
// deep below "schemas" of "components".
func (d *Description) cut(content string) {
	section, name, start := "", "", 0
	end := func(at int) {
		switch {
		case name == "":
		case section == "paths":
			d.order = append(d.order, name)
			d.paths[Normal(name)] = append(d.paths[Normal(name)], content[start:at])
		case section == "schemas":
			d.schemas[name] = content[start:at]
		}
		name = ""
	}
	for at := 0; at < len(content); {
		next := strings.IndexByte(content[at:], '\n') + at + 1
		if next == at {
			next = len(content)
		}
		line := content[at:next]
		depth := len(line) - len(strings.TrimLeft(line, " "))
		key := strings.Trim(strings.TrimSuffix(strings.TrimSpace(line), ":"), `'"`)
		switch {
		case key == "":
		case depth == 0:
			end(at)
			section = key
		case depth == 2 && section == "paths":
			end(at)
			name, start = key, at
		case depth == 2:
			end(at)
			section = key // of the components
		case depth == 4 && section == "schemas":
			end(at)
			name, start = key, at
		}
		at = next
	}
	end(len(content))
}

var parameter = regexp.MustCompile(`\{[^}]*\}`)

// Normal is a path without its parameters' names and without a slash at its
// end.
func Normal(path string) string {
	return strings.TrimSuffix(parameter.ReplaceAllString(path, "{}"), "/")
}

// of gives the operations of a path; the caller has the lock.
func (d *Description) of(path string) (map[string]*operation, error) {
	path = Normal(path)
	if found, ok := d.operations[path]; ok {
		return found, nil
	}
	found := map[string]*operation{}
	for _, text := range d.paths[path] {
		var paths map[string]map[string]yaml.Node
		if err := yaml.Unmarshal([]byte(text), &paths); err != nil {
			return nil, fmt.Errorf("parse the path %s of %s: %w", path, d.service, err)
		}
		for _, methods := range paths {
			for method, node := range methods {
				if method == "parameters" {
					continue
				}
				one := new(operation)
				if err := node.Decode(one); err != nil {
					return nil, fmt.Errorf("parse %s %s of %s: %w", method, path, d.service, err)
				}
				found[strings.ToUpper(method)] = one
			}
		}
	}
	d.operations[path] = found
	return found, nil
}

// schema gives a schema by its reference; the caller has the lock.
func (d *Description) schema(reference string) (map[string]any, error) {
	name := strings.TrimPrefix(reference, "#/components/schemas/")
	if found, ok := d.parsed[name]; ok {
		return found.(map[string]any), nil
	}
	text, ok := d.schemas[name]
	if !ok {
		return nil, fmt.Errorf("%s has no schema %s", d.service, reference)
	}
	var schemas map[string]map[string]any
	if err := yaml.Unmarshal([]byte(text), &schemas); err != nil {
		return nil, fmt.Errorf("parse the schema %s of %s: %w", name, d.service, err)
	}
	d.parsed[name] = schemas[name]
	return schemas[name], nil
}

// within says whether a minor version is in an extension's range. Below zero
// is a service without microversions, which has all that is not over. A range
// that ends before it begins has no end: the generator takes the end from the
// variant before.
func (e extension) within(version int) bool {
	if version < 0 {
		return e.Max == ""
	}
	from, to := 0, -1
	if e.Min != "" {
		from = minor(e.Min)
	}
	if e.Max != "" {
		to = minor(e.Max)
	}
	return version >= from && (to < from || version <= to)
}

func minor(version string) int {
	_, text, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}

// extended reads the extension of a schema.
func extended(schema map[string]any) extension {
	var e extension
	if x, ok := schema["x-openstack"].(map[string]any); ok {
		text := func(key string) string {
			if x[key] == nil {
				return ""
			}
			return fmt.Sprint(x[key])
		}
		e = extension{Min: text("min-ver"), Max: text("max-ver"), Action: text("action-name")}
		if e.Action == strings.ToUpper(e.Action) {
			e.Action = "" // Keystone's are methods
		}
	}
	return e
}
