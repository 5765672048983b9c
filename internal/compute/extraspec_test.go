package compute_test

import (
	"testing"

	"wisp/internal/compute"
	"wisp/internal/errs"
)

func TestCheckExtraSpec(t *testing.T) {
	t.Parallel()
	for name, values := range map[string][2][]string{ // those that fit, and those that do not
		"hw:cpu_policy":                           {{"shared", "dedicated", "mixed"}, {"sharde", ""}},
		"hw:numa_nodes":                           {{"1", "4"}, {"0", "-1", "two"}},
		"hw:boot_menu":                            {{"true", "No", "1"}, {"maybe"}},
		"hw:mem_page_size":                        {{"large", "2048", "1GB"}, {"big", "large1"}},
		"hw:numa_cpus.0":                          {{"0-3,^2", "1"}, {"a"}},
		"hw:numa_cpus.x":                          {nil, {"0"}},
		"hw:numa_mem.1":                           {{"512"}, {"0"}},
		"os:monitors":                             {{"8"}, {"9"}},
		"quota:disk_total_iops_sec":               {{"0"}, {"-1"}},
		"quota:cpu_quota":                         {{"-1"}, {"x"}},
		"quota:wings":                             {nil, {"2"}},
		"resources:VCPU":                          {{"2"}, {"two"}},
		"resources_NET:CUSTOM_GOLD":               {{"1"}, {"x"}},
		"resources:TEA":                           {nil, {"1"}},
		"trait:HW_CPU_X86_AVX512VL":               {{"required", "forbidden"}, {"maybe"}},
		"trait1:CUSTOM_FAST":                      {{"required"}, {"yes"}},
		"trait:FAST":                              {nil, {"required"}},
		"capabilities:cpu_info:features":          {{"<in> aes"}, nil},
		"capabilities:hypervisor_type":            {{"QEMU"}, nil},
		"capabilities:wings":                      {nil, {"2"}},
		"aggregate_instance_extra_specs:anything": {{"goes"}, nil},
		"pci_passthrough:alias":                   {{"gpu:1", "a:1, b:2"}, {"gpu"}},
		"hide_hypervisor_id":                      {{"off"}, {"2"}},
		"anything":                                {{"goes", ""}, nil},
		"foo:bar":                                 {{"baz"}, nil},
	} {
		for _, value := range values[0] {
			if err := compute.CheckExtraSpec(name, value); err != nil {
				t.Errorf("%s = %q: %v", name, value, err)
			}
		}
		for _, value := range values[1] {
			if err := compute.CheckExtraSpec(name, value); !errs.Is(err, errs.Invalid) {
				t.Errorf("%s = %q: error %v", name, value, err)
			}
		}
	}
}
