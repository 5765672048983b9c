package placementapi

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"wisp/internal/api"
	"wisp/internal/errs"
	"wisp/internal/placement"
)

// Parameters of a group of what is wanted have its suffix: a number from 1.25
// on, a word since 1.33.
var (
	numberedParameter = regexp.MustCompile(`^(resources|required|member_of|in_tree)([1-9][0-9]*)?$`)
	namedParameter    = regexp.MustCompile(`^(resources|required|member_of|in_tree)([a-zA-Z0-9_-]{1,64})?$`)
	positiveNumber    = regexp.MustCompile(`^[1-9][0-9]*$`)
)

func badQuery(format string, args ...any) error {
	return errs.New(errs.Invalid, "Invalid query string parameters: "+format, args...)
}

// candidates answers which allocations could be made (API ref: Allocation
// candidates).
func (f *face) candidates(r *api.Request) (any, error) {
	suffixes, err := readSuffixes(r)
	if err != nil {
		return nil, err
	}
	search, err := readSearch(r)
	if err != nil {
		return nil, err
	}
	for _, suffix := range suffixes {
		group, err := readGroup(r, suffix)
		if err != nil {
			return nil, err
		}
		search.Groups = append(search.Groups, group)
	}
	if err := checkGroups(r, search); err != nil {
		return nil, err
	}
	found, err := f.svc.Search(r.Context(), f.svc.DB().Read(), search)
	if err != nil {
		return nil, err
	}
	asked := map[string]bool{}
	for _, group := range search.Groups {
		for class := range group.Resources {
			asked[class] = true
		}
	}
	requests, summaries := make([]any, len(found.Requests)), map[string]any{}
	for n, request := range found.Requests {
		requests[n] = requestView(r.Version, request)
	}
	for _, s := range found.Summaries {
		summaries[s.ProviderID] = summaryView(r.Version, s, asked)
	}
	fresh(r, time.Now())
	return map[string]any{"allocation_requests": requests, "provider_summaries": summaries}, nil
}

// readSuffixes returns the suffixes of the groups that are asked for, in
// order, and refuses parameters that the version does not have.
func readSuffixes(r *api.Request) ([]string, error) {
	since := map[string]int{
		"limit": 16, "group_policy": 25, "root_required": 35, "same_subtree": 36, // of the request
		"resources": 10, "required": 17, "member_of": 21, "in_tree": 31, // of a group
	}
	pattern := numberedParameter
	if r.Version >= 33 {
		pattern = namedParameter
	}
	suffixes := map[string]bool{}
	for name, values := range r.Query() {
		base, suffix := name, ""
		if match := pattern.FindStringSubmatch(name); match != nil {
			base, suffix = match[1], match[2]
			suffixes[suffix] = true
		}
		first, known := since[base]
		if suffix != "" {
			first = max(first, 25)
		}
		if !known || r.Version < first {
			return nil, badQuery("Additional properties are not allowed ('%s' was unexpected)", name)
		}
		switch value := values[len(values)-1]; {
		case name == "limit" && !positiveNumber.MatchString(value):
			return nil, badQuery("'%s' does not match '^[1-9][0-9]*$' for 'limit'", value)
		case name == "group_policy" && value != "none" && value != "isolate":
			return nil, badQuery("'%s' is not one of ['none', 'isolate'] for 'group_policy'", value)
		}
	}
	if r.Version < 25 && !suffixes[""] {
		return nil, badQuery("'resources' is a required property")
	}
	return slices.Sorted(maps.Keys(suffixes)), nil
}

// readSearch reads what is of the whole request.
func readSearch(r *api.Request) (placement.Search, error) {
	q := r.Query()
	search := placement.Search{Isolate: q.Get("group_policy") == "isolate", Flat: r.Version < 29}
	if q.Has("limit") {
		limit, err := strconv.Atoi(q.Get("limit"))
		if err != nil {
			return search, badQuery("'%s' is too large for 'limit'", q.Get("limit"))
		}
		search.Limit = limit
	}
	if values := q["root_required"]; len(values) > 0 {
		if len(values) > 1 {
			return search, errs.New(errs.Invalid, "Query parameter 'root_required' may be specified only once.").WithType(placement.CodeDuplicateQuery)
		}
		required, forbidden, err := readTraits(values[0], true, false)
		if err != nil {
			return search, err
		}
		search.RootRequired, search.RootForbidden = slices.Concat(required...), forbidden
		if both := slices.DeleteFunc(slices.Clone(forbidden), func(name string) bool { return !slices.Contains(search.RootRequired, name) }); len(both) > 0 {
			return search, errs.New(errs.Invalid, "Conflicting required and forbidden traits found in root_required: %s", strings.Join(both, ", ")).WithType(placement.CodeBadQuery)
		}
	}
	for _, value := range q["same_subtree"] {
		var set []string
		for suffix := range strings.SplitSeq(value, ",") {
			if suffix = strings.TrimSpace(suffix); suffix == "" {
				return search, errs.New(errs.Invalid, "Empty string (unsuffixed group) can not be specified in `same_subtree` ").WithType(placement.CodeBadQuery)
			}
			set = append(set, suffix)
		}
		search.SameSubtree = append(search.SameSubtree, set)
	}
	return search, nil
}

// readGroup reads the parameters with a suffix; lists of providers have those
// without.
func readGroup(r *api.Request, suffix string) (placement.Group, error) {
	q := r.Query()
	group := placement.Group{Suffix: suffix}
	var err error
	if values := q["resources"+suffix]; len(values) > 0 {
		if group.Resources, err = readResources(values[len(values)-1]); err != nil {
			return group, err
		}
	}
	if group.MemberOf, group.NotIn, err = readMemberOf(r.Version, suffix, q["member_of"+suffix]); err != nil {
		return group, err
	}
	required := q["required"+suffix]
	if r.Version < 39 && len(required) > 1 {
		required = required[len(required)-1:]
	}
	for _, value := range required {
		must, mustNot, err := readTraits(value, r.Version >= 22, r.Version >= 39)
		if err != nil {
			return group, err
		}
		group.Required, group.Forbidden = append(group.Required, must...), append(group.Forbidden, mustNot...)
	}
	if values := q["in_tree"+suffix]; len(values) > 0 {
		value := values[len(values)-1]
		id, ok := asUUID(strings.TrimSpace(value))
		if !ok {
			return group, badQuery("Expected 'in_tree' parameter to be a format of uuid. Got: %s", value)
		}
		group.InTree = id
	}
	return group, nil
}

// readMemberOf reads ID, in:ID,ID, !ID and !in:ID,ID.
func readMemberOf(version int, suffix string, values []string) (in [][]string, notIn []string, err error) {
	if version < 24 && len(values) > 1 {
		return nil, nil, errs.New(errs.Invalid, "Multiple member_of%s parameters are not supported", suffix)
	}
	for _, value := range values {
		list, forbidden := strings.CutPrefix(value, "!")
		list, several := strings.CutPrefix(list, "in:")
		ids := strings.Split(list, ",")
		if len(ids) > 1 && !several {
			return nil, nil, errs.New(errs.Invalid, "Multiple values for 'member_of' must be prefixed with the 'in:' or '!in:' keyword using the valid microversion. Got: %s", value)
		}
		for i, id := range ids {
			normal, ok := asUUID(id)
			if !ok {
				return nil, nil, badQuery("Expected 'member_of' parameter to contain valid UUID(s). Got: %s", id)
			}
			ids[i] = normal
		}
		switch {
		case forbidden && version < 32:
			return nil, nil, errs.New(errs.Invalid, "Forbidden member_of%s parameters are not supported in the specified microversion", suffix)
		case forbidden:
			notIn = append(notIn, ids...)
		default:
			in = append(in, ids)
		}
	}
	return in, notIn, nil
}

// readTraits reads NAME,!NAME and, where any of several can be asked for,
// in:NAME,NAME.
func readTraits(value string, forbidden, several bool) (required [][]string, not []string, err error) {
	list, anyOf := strings.CutPrefix(value, "in:")
	if anyOf && !several {
		return nil, nil, badQuery("The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' only supported since microversion 1.39. Got: %s", value)
	}
	form := "HW_CPU_X86_VMX,CUSTOM_MAGIC"
	switch {
	case anyOf:
		form = "in:" + form
	case forbidden:
		form = "HW_CPU_X86_VMX,!CUSTOM_MAGIC"
	}
	var one []string
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		bare := strings.TrimLeft(name, "!")
		switch {
		case bare == "" && (!anyOf || name == ""):
			return nil, nil, badQuery("Expected 'required' parameter value of the form: %s. Got an empty trait in: %s", form, value)
		case bare != name && anyOf:
			return nil, nil, badQuery("The format 'in:HW_CPU_X86_VMX,CUSTOM_MAGIC' does not support forbidden traits. Got: %s", value)
		case bare != name && !forbidden:
			return nil, nil, badQuery("Expected 'required' parameter value of the form: HW_CPU_X86_VMX,CUSTOM_MAGIC. Got: %s", value)
		case bare != name:
			not = append(not, bare)
		case anyOf:
			one = append(one, name)
		default:
			required = append(required, []string{name})
		}
	}
	if anyOf {
		required = append(required, one)
	}
	return required, not, nil
}

// readResources reads VCPU:2,MEMORY_MB:1024.
func readResources(text string) (map[string]int64, error) {
	const form = "Badly formed resources parameter. Expected resources query string parameter in form: ?resources=VCPU:2,MEMORY_MB:1024. Got: %s."
	if strings.TrimSpace(text) == "" {
		return nil, errs.New(errs.Invalid, form, "empty string")
	}
	out := map[string]int64{}
	for part := range strings.SplitSeq(text, ",") {
		class, amount, ok := strings.Cut(part, ":")
		if !ok || strings.Contains(amount, ":") {
			return nil, errs.New(errs.Invalid, form, part)
		}
		n, err := strconv.ParseInt(strings.TrimSpace(amount), 10, 64)
		if err != nil {
			return nil, errs.New(errs.Invalid, "Requested resource %s expected positive integer amount. Got: %s.", class, amount)
		}
		if n < 1 {
			return nil, errs.New(errs.Invalid, "Requested resource %s requires amount >= 1. Got: %d.", class, n)
		}
		out[class] = n
	}
	return out, nil
}

// checkGroups refuses groups that make no sense together.
func checkGroups(r *api.Request, search placement.Search) error {
	check := orphans
	if r.Version >= 36 {
		check = subtrees
	}
	if err := check(search); err != nil {
		return err
	}
	granular := 0
	var conflicts []string
	for _, g := range search.Groups {
		if g.Suffix != "" {
			granular++
		}
		for _, names := range g.Required {
			if !slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(g.Forbidden, name) }) {
				conflicts = append(conflicts, "required"+g.Suffix+": ("+strings.Join(slices.Sorted(slices.Values(names)), ", ")+")")
			}
		}
	}
	if len(conflicts) > 0 {
		slices.Sort(conflicts)
		return errs.New(errs.Invalid, "Conflicting required and forbidden traits found in the following traits keys: %s", strings.Join(conflicts, ", "))
	}
	if granular > 1 && !r.Query().Has("group_policy") {
		return errs.New(errs.Invalid, `The "group_policy" parameter is required when specifying more than one "resources{N}" parameter.`)
	}
	return nil
}

// orphans refuses groups without resources, as was done before 1.36.
func orphans(search placement.Search) error {
	var ofTraits, ofAggregates []string
	without := false
	for _, g := range search.Groups {
		if len(g.Resources) > 0 {
			continue
		}
		without = true
		if len(g.Required) > 0 {
			ofTraits = append(ofTraits, "required"+g.Suffix)
		}
		if len(g.MemberOf) > 0 || len(g.NotIn) > 0 {
			ofAggregates = append(ofAggregates, "member_of"+g.Suffix)
		}
	}
	switch {
	case len(ofTraits) > 0:
		return errs.New(errs.Invalid, "All traits parameters must be associated with resources.  Found the following orphaned traits keys: %s", strings.Join(ofTraits, ", "))
	case len(ofAggregates) > 0:
		return errs.New(errs.Invalid, "All member_of parameters must be associated with resources. Found the following orphaned member_of keys: %s", strings.Join(ofAggregates, ", "))
	case without:
		return errs.New(errs.Invalid, "All request groups must specify resources.")
	case len(search.Groups) == 0:
		return errs.New(errs.Invalid, "At least one request group (`resources` or `resources{$S}`) is required.")
	}
	return nil
}

// subtrees checks that same_subtree names groups, and that those without
// resources are named there.
func subtrees(search placement.Search) error {
	named := slices.Concat(search.SameSubtree...)
	var suffixes, bare, unknown []string
	for _, g := range search.Groups {
		suffixes = append(suffixes, g.Suffix)
		if len(g.Resources) == 0 {
			bare = append(bare, g.Suffix)
		}
	}
	if len(bare) == len(search.Groups) {
		return errs.New(errs.Invalid, "There must be at least one resources or resources[$S] parameter.").WithType(placement.CodeMissingQuery)
	}
	if bare = slices.DeleteFunc(bare, func(s string) bool { return slices.Contains(named, s) }); len(bare) > 0 {
		return errs.New(errs.Invalid, "Resourceless suffixed group request should be specified in `same_subtree` query param: bad group(s) - %s.", quoted(bare)).
			WithType(placement.CodeBadQuery)
	}
	for _, suffix := range named {
		if !slices.Contains(suffixes, suffix) {
			unknown = append(unknown, suffix)
		}
	}
	if len(unknown) > 0 {
		return errs.New(errs.Invalid, "Real suffixes should be specified in `same_subtree`: %s not found in %s.", quoted(unknown), quoted(suffixes)).
			WithType(placement.CodeBadQuery)
	}
	return nil
}

func quoted(names []string) string { return "['" + strings.Join(names, "', '") + "']" }

// requestView has the form of the body that makes the allocations: a list
// before 1.12, an object since.
func requestView(version int, request placement.Request) map[string]any {
	type resources struct {
		Resources map[string]int64 `json:"resources"`
	}
	if version < 12 {
		list := []any{}
		for _, id := range slices.Sorted(maps.Keys(request.Resources)) {
			list = append(list, map[string]any{"resource_provider": map[string]string{"uuid": id}, "resources": request.Resources[id]})
		}
		return map[string]any{"allocations": list}
	}
	allocations := map[string]resources{}
	for id, amounts := range request.Resources {
		allocations[id] = resources{amounts}
	}
	out := map[string]any{"allocations": allocations}
	if version >= 34 {
		out["mappings"] = request.Mappings
	}
	return out
}

func summaryView(version int, s placement.Summary, asked map[string]bool) map[string]any {
	resources := map[string]any{}
	for class, i := range s.Inventories {
		if asked[class] || version >= 27 {
			resources[class] = map[string]int64{"capacity": i.Capacity(), "used": s.Used[class]}
		}
	}
	out := map[string]any{"resources": resources}
	if version >= 17 {
		out["traits"] = s.Traits
	}
	if version >= 29 {
		out["parent_provider_uuid"], out["root_provider_uuid"] = nil, s.RootID
		if s.ParentID != "" {
			out["parent_provider_uuid"] = s.ParentID
		}
	}
	return out
}
