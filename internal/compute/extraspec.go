package compute

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"wisp/internal/errs"
	"wisp/internal/placement"
)

// specRule is what the value of a known extra spec must be (Nova's extra spec
// validators, since 2.86).
type specRule struct {
	kind     string // text, whole or truth
	oneOf    []string
	pattern  *regexp.Regexp // of a text
	min, max *int64         // of a whole number
}

const (
	specText  = "text"
	specWhole = "whole"
	specTruth = "truth"
)

func wholeFrom(min int64) specRule { return specRule{kind: specWhole, min: &min} }

func wholeWithin(min, max int64) specRule { return specRule{kind: specWhole, min: &min, max: &max} }

func oneOf(words ...string) specRule { return specRule{kind: specText, oneOf: words} }

func shaped(pattern string) specRule {
	return specRule{kind: specText, pattern: regexp.MustCompile(`^(?:` + pattern + `)$`)}
}

var (
	anyText   = specRule{kind: specText}
	anyWhole  = specRule{kind: specWhole}
	truthRule = specRule{kind: specTruth}
	cpuMask   = shaped(`\^?\d+((-\d+)?(,\^?\d+(-\d+)?)?)*`)
	demanded  = oneOf("required", "forbidden")
)

// specRules are the rules by name.
var specRules = func() map[string]specRule {
	rules := map[string]specRule{
		"hw:cpu_realtime": truthRule, "hw:hide_hypervisor_id": truthRule, "hw:locked_memory": truthRule, "hw:boot_menu": truthRule,
		"hw:vif_multiqueue_enabled": truthRule, "hw:mem_encryption": truthRule, "hw:pmu": truthRule, "hw:ephemeral_encryption": truthRule,
		"hw:cpu_realtime_mask": shaped(`(\^)?\d+((-\d+)?(,\^?\d+(-\d+)?)?)*`), "hw:cpu_dedicated_mask": cpuMask,
		"hw:cpu_policy": oneOf("dedicated", "shared", "mixed"), "hw:cpu_thread_policy": oneOf("prefer", "isolate", "require"),
		"hw:emulator_threads_policy": oneOf("isolate", "share"), "hw:mem_page_size": shaped(`(large|small|any|\d+([kKMGT]i?)?(b|bit|B)?)`),
		"hw:pci_numa_affinity_policy": oneOf("required", "preferred", "legacy", "socket"), "hw:pmem": shaped(`([a-zA-Z0-9_]+(,)?)+`),
		"hw:serial_port_count": wholeFrom(0), "hw:tpm_model": oneOf("tpm-tis", "tpm-crb"), "hw:tpm_version": oneOf("1.2", "2.0"),
		"hw:watchdog_action": oneOf("none", "pause", "poweroff", "reset", "disabled"), "hw:viommu_model": oneOf("intel", "smmuv3", "virtio", "auto"),
		"hw:ephemeral_encryption_format": oneOf("plain", "luks"),
		"hw_rng:allowed":                 truthRule, "hw_rng:rate_bytes": wholeFrom(0), "hw_rng:rate_period": wholeFrom(0), "hw_video:ram_max_mb": wholeFrom(0),
		"os:secure_boot": oneOf("disabled", "required"), "os:monitors": wholeWithin(1, 8), "os:vram": oneOf("64", "128", "256", "512", "1024"),
		"os:resolution":      oneOf("1024x768", "1280x1024", "1600x1200", "1920x1200", "2560x1600", "3840x2160"),
		"hide_hypervisor_id": truthRule, "group_policy": oneOf("isolate", "none"), "vmware:hw_version": anyText, "vmware:storage_policy": anyText,
		"accel:device_profile": anyText, "pci_passthrough:alias": shaped(`[^:]+:\d+(?:\s*,\s*[^:]+:\d+)*`),
		"quota:cpu_shares": wholeFrom(0), "quota:cpu_period": wholeFrom(0), "quota:cpu_quota": anyWhole,
	}
	for _, name := range []string{"numa_nodes", "cpu_sockets", "cpu_cores", "cpu_threads", "max_cpu_sockets", "max_cpu_cores", "max_cpu_threads"} {
		rules["hw:"+name] = wholeFrom(1)
	}
	for _, part := range []string{"cpu", "memory", "disk_io", "vif"} {
		rules["quota:"+part+"_limit"], rules["quota:"+part+"_shares_share"] = wholeFrom(0), wholeFrom(0)
		rules["quota:"+part+"_reservation"], rules["quota:"+part+"_shares_level"] = anyWhole, oneOf("custom", "high", "normal", "low")
	}
	for _, way := range []string{"read", "write", "total"} {
		rules["quota:disk_"+way+"_bytes_sec"], rules["quota:disk_"+way+"_iops_sec"] = wholeFrom(0), wholeFrom(0)
	}
	for _, way := range []string{"inbound", "outbound"} {
		for _, measure := range []string{"average", "peak", "burst"} {
			rules["quota:vif_"+way+"_"+measure] = wholeFrom(0)
		}
	}
	for name := range strings.FieldsSeq(`id uuid service_id host vcpus memory_mb local_gb vcpus_used memory_mb_used local_gb_used hypervisor_type
		hypervisor_version hypervisor_hostname free_ram_mb free_disk_gb current_workload running_vms disk_available_least host_ip mapped
		cpu_allocation_ratio ram_allocation_ratio disk_allocation_ratio total_usable_ram_mb total_usable_disk_gb disk_mb_used free_disk_mb
		vcpus_total num_instances num_io_ops failed_builds aggregates cell_uuid updated`) {
		rules["capabilities:"+name] = anyText
	}
	return rules
}()

// specPatterns are names with a part that is free.
var specPatterns = []struct {
	name *regexp.Regexp
	rule specRule
}{
	{regexp.MustCompile(`^hw:numa_cpus\.\d+$`), cpuMask},
	{regexp.MustCompile(`^hw:numa_mem\.\d+$`), wholeFrom(1)},
	{regexp.MustCompile(`^aggregate_instance_extra_specs:.+$`), anyText},
	{
		regexp.MustCompile(`^capabilities:(cpu_info|metrics|stats|numa_topology|supported_hv_specs|pci_device_pools|nodename|pci_stats|supported_instances|limits|instances)(:\w+)*$`),
		anyText,
	},
}

// grouped splits a name that has a group of resources in its namespace:
// resources1:VCPU, trait_NET:CUSTOM_X.
var grouped = regexp.MustCompile(`^(resources|trait)(?:[a-zA-Z0-9_-]{1,64})?:(.+)$`)

// specNamespaces are those in which nothing else is a spec.
var specNamespaces = []string{
	"hw", "hw_rng", "hw_video", "os", "quota", "vmware", "accel", "pci_passthrough", "capabilities", "aggregate_instance_extra_specs",
}

// CheckExtraSpec refuses an extra spec whose name is in one of Nova's
// namespaces and means nothing there, or whose value does not fit: Invalid.
// Names of other namespaces, and most without one, are an operator's own.
func CheckExtraSpec(name, value string) error {
	if rule, known := specRules[name]; known {
		return rule.check(value)
	}
	for _, p := range specPatterns {
		if p.name.MatchString(name) {
			return p.rule.check(value)
		}
	}
	namespace, _, has := strings.Cut(name, ":")
	unknown := has && slices.Contains(specNamespaces, namespace)
	if parts := grouped.FindStringSubmatch(name); parts != nil {
		standard, rule := placement.StandardClass, anyWhole
		if parts[1] == "trait" {
			standard, rule = placement.StandardTrait, demanded
		}
		if standard(parts[2]) || placement.CustomName(parts[2]) {
			return rule.check(value)
		}
		unknown = true
	}
	if unknown {
		return errs.New(errs.Invalid, "Validation failed; extra spec '%s' does not appear to be a valid extra spec.", name)
	}
	return nil
}

// truths are the words that Nova takes for true and false.
var truths = []string{"1", "t", "true", "on", "y", "yes", "0", "f", "false", "off", "n", "no"}

func (r specRule) check(value string) error {
	wrong := func(format string, args ...any) error {
		return errs.New(errs.Invalid, "Validation failed; '"+format, append([]any{value}, args...)...)
	}
	switch r.kind {
	case specTruth:
		if !slices.Contains(truths, strings.ToLower(strings.TrimSpace(value))) {
			return wrong("%s' is not a valid boolean-like value.")
		}
	case specWhole:
		n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		switch {
		case err != nil:
			return wrong("%s' is not a valid integer value.")
		case r.max != nil && n > *r.max:
			return wrong("%s' is greater than the max value of '%d'.", *r.max)
		case r.min != nil && n < *r.min:
			return wrong("%s' is less than the min value of '%d'.", *r.min)
		}
	case specText:
		if r.pattern != nil && !r.pattern.MatchString(value) {
			return wrong("%s' is not of the format '%s'.", r.pattern)
		}
		if len(r.oneOf) > 0 && !slices.Contains(r.oneOf, value) {
			return wrong("%s' is not one of: %s.", strings.Join(r.oneOf, ", "))
		}
	}
	return nil
}
