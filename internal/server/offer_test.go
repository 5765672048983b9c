package server_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"wisp/internal/api"
	"wisp/internal/api/contract"
	"wisp/internal/hypervisor/fake"
)

var update = flag.Bool("update", false, "write anew what wisp answers for what it does not offer")

// notOffered is the list of what the real services have and wisp does not:
// groups under a heading "# SERVICE: EXTENSION OR TOPIC: REASON", and in each
// the answer and the operation, sorted.
const notOffered = "testdata/not-offered.txt"

// group is a paragraph of the list.
type group struct {
	heading string
	answers map[string]string // by operation
}

var headings = regexp.MustCompile(`^# (compute|identity|image|network|placement): [^:]+: .+\.$`)

// readOffer reads the list.
func readOffer(t *testing.T) []*group {
	t.Helper()
	content, err := os.ReadFile(notOffered)
	if err != nil {
		t.Fatal(err)
	}
	var groups []*group
	for i, line := range strings.Split(string(content), "\n") {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0:
		case strings.HasPrefix(line, "#"):
			if !headings.MatchString(line) {
				t.Errorf("%s:%d: a heading names a service, a topic and a reason: %s", notOffered, i+1, line)
			}
			groups = append(groups, &group{line, map[string]string{}})
		case len(groups) == 0 || len(fields) < 4:
			t.Fatalf("%s:%d: no answer with a method and a path below a heading: %s", notOffered, i+1, line)
		default:
			groups[len(groups)-1].answers[strings.Join(fields[2:], " ")] = fields[0] + " " + fields[1]
		}
	}
	return groups
}

// text is the list as it is written.
func text(groups []*group) string {
	var b strings.Builder
	for i, g := range groups {
		if len(g.answers) == 0 {
			continue
		}
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(g.heading + "\n\n")
		var operations []string
		for operation := range g.answers {
			operations = append(operations, operation)
		}
		slices.SortFunc(operations, func(one, other string) int {
			_, a, _ := strings.Cut(one, " ")
			_, b, _ := strings.Cut(other, " ")
			return strings.Compare(a+one, b+other)
		})
		for _, operation := range operations {
			fmt.Fprintf(&b, "%-28s %s\n", g.answers[operation], operation)
		}
	}
	return b.String()
}

// bodies are what actions need to be understood, and then refused; in the
// first version, for later ones do not have them.
var bodies = map[string]any{
	"os-migrateLive":     object{"host": nil, "block_migration": false, "disk_over_commit": false},
	"os-getSPICEConsole": object{"type": "spice-html5"},
	"os-getRDPConsole":   object{"type": "rdp-html5"},
}

// probe asks for an operation as the administrator, with a server that runs
// for whatever the path names, and gives the status and the error's name.
func (c *client) probe(s *api.Service, d *contract.Description, o contract.Operation, id string) (answer, message string) {
	c.t.Helper()
	var content []byte
	if o.Action != "" {
		var err error
		if content, err = json.Marshal(object{o.Action: bodies[o.Action]}); err != nil {
			c.t.Fatal(err)
		}
	} else if o.Method != http.MethodGet && o.Method != http.MethodHead {
		content = []byte("{}")
	}
	path := parameter.ReplaceAllString(o.Path, id)
	request, err := http.NewRequestWithContext(c.t.Context(), o.Method, c.URL+s.Prefix+path, bytes.NewReader(content))
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Auth-Token", c.token)
	if s.Versions != nil {
		version := s.Versions.Max
		for ; version > s.Versions.Min && (bodies[o.Action] != nil || !has(c.t, d, o, version)); version-- {
		}
		request.Header.Set("OpenStack-API-Version", fmt.Sprintf("%s %d.%d", s.Name, s.Versions.Major, version))
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var body map[string]any
	_ = json.NewDecoder(response.Body).Decode(&body) // Glance's errors are no JSON, and HEAD has none
	name := "-"
	for key, value := range body { // Nova's has one key, the error's name
		inner, _ := value.(map[string]any)
		switch s.Name {
		case "compute":
			name = key
		case "identity":
			if key == "error" {
				name = strings.ReplaceAll(fmt.Sprint(inner["title"]), " ", "")
			}
		case "network":
			if key == "NeutronError" {
				name = fmt.Sprint(inner["type"])
			}
		}
		message = fmt.Sprint(inner["message"])
	}
	return fmt.Sprint(response.StatusCode, " ", name), message
}

func has(t *testing.T, d *contract.Description, o contract.Operation, version int) bool {
	t.Helper()
	is, err := d.HasAt(o.Method, o.Path, version)
	if err != nil {
		t.Fatal(err)
	}
	return is
}

// offered says whether the table of routes has an operation. A route that only
// refuses offers nothing. Of actions the table knows nothing, and the answer
// tells.
func offered(s *api.Service, o contract.Operation) bool {
	want := contract.Normal(o.Path)
	for _, r := range s.Routes {
		method := r.Method == o.Method || r.Method == http.MethodGet && o.Method == http.MethodHead
		if method && r.Status < 400 && (contract.Normal(r.Path) == want || legacy(contract.Normal(r.Path)) == want) {
			return true
		}
	}
	return false
}

// Whatever the real services have is offered or stands in the list, with its
// reason and what wisp answers, and never both. With -update, the list is
// written anew: what is offered meanwhile leaves it, and what nobody has given
// a reason for stands at its end and waits for one.
func TestOffer(t *testing.T) {
	t.Parallel()
	if _, err := contract.Open("compute"); errors.Is(err, contract.ErrAbsent) {
		t.Skip(err)
	}
	groups := readOffer(t)
	listed := map[string]*group{}
	for _, g := range groups {
		for operation := range g.answers {
			key := strings.SplitN(g.heading, ":", 2)[0] + " " + operation
			if listed[key] != nil {
				t.Errorf("%s stands in the list twice", operation)
			}
			listed[key] = g
		}
	}
	c := start(t, fake.NewHost(fake.Options{}).Driver())
	id := c.boot([]byte("a disk"))
	for _, s := range c.Server.Services() {
		d, err := contract.Open(s.Type)
		if err != nil {
			t.Fatal(err)
		}
		operations, err := d.Operations()
		if err != nil {
			t.Fatal(err)
		}
		unexplained := &group{"# " + s.Type + ": ", map[string]string{}}
		groups = append(groups, unexplained)
		count := 0
		for _, o := range operations {
			key := "# " + s.Type + " " + o.String()
			g := listed[key]
			delete(listed, key)
			is := offered(s, o)
			var answer, message string
			if g != nil || !is || o.Action != "" {
				target := "00000000-0000-0000-0000-000000000001" // nothing, which no action harms
				if g != nil {
					target = id
				}
				answer, message = c.probe(s, d, o, target)
				is = is && !strings.Contains(message, "There is no such action") && (g == nil || o.Action == "" || answer < "400")
			}
			switch {
			case is && g != nil && *update:
				delete(g.answers, o.String())
			case is && g != nil:
				t.Errorf("%s: %s is offered, and stands in the list of what is not: %s", s.Type, o, answer)
			case is:
				count++
			case g == nil:
				unexplained.answers[o.String()] = answer
				t.Errorf("%s: %s is neither offered nor in %s: %s", s.Type, o, notOffered, answer)
			case *update:
				g.answers[o.String()] = answer
			case g.answers[o.String()] != answer:
				t.Errorf("%s: %s is answered with %s (%s), and listed with %s", s.Type, o, answer, message, g.answers[o.String()])
			}
		}
		t.Logf("%s: %d operations of %d are offered", s.Type, count, len(operations))
	}
	for key, g := range listed {
		if *update {
			delete(g.answers, strings.Join(strings.Fields(key)[2:], " "))
			continue
		}
		t.Errorf("%s is listed, and in no description", key)
	}
	if *update {
		if err := os.WriteFile(notOffered, []byte(text(groups)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if content, err := os.ReadFile(notOffered); err != nil || string(content) != text(readOffer(t)) {
		t.Errorf("%s is not sorted: run with -update, %v", notOffered, err)
	}
}
