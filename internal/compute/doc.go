// Package compute is the Compute service: flavors, keypairs, hosts, quotas and
// servers. A request that changes a server writes what should be in one
// transaction (quota, host, claim, ports, row); the node of the server's host
// makes it so and reports, and Report moves what users see.
//
// Main types: Service, Server, Flavor, Keypair, Host, Group, and Schedule, the
// pure function that chooses a host. Watch notices hosts that are lost, and Evacuate
// moves their servers, which is kept as a Migration. ImageCatalog and Networking are
// what the API shows of image and network under Compute's own names. It implements the server's side of
// nodeapi (CloudID, HostState, Hello, Report, HostGone). It imports image, placement
// and network, never net/http and never another slice's face.
package compute
