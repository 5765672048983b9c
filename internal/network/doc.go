// Package network is the Networking service: networks, subnets, ports,
// routers, floating IPs, security groups, agents and quotas, with the rules of
// OpenStack's Networking API v2.0. It stores what should be; HostState says it
// to one host in the dataplane's language.
//
// The main types are Service, made by New from a Config, and one type per
// resource: Network, Subnet, Port, Router, FloatingIP, SecurityGroup, Rule,
// Agent. A Spec (NetworkSpec, …) is what a request gives of a resource. Every
// method takes the caller and checks the rule of OpenStack's own name; what a
// caller may not see is not found.
//
// It must not import net/http, another slice but identity, or anything that
// talks to a kernel.
package network
