package dataplane

//go:generate go tool bpf2go -target bpfel -cc clang -strip llvm-strip -cflags "-O2 -g -Wall -Werror -I/usr/include/x86_64-linux-gnu" -type addr -type dev -type port -type net -type dest -type vlan_key -type fdb_key -type neigh_key -type flood_key -type source_key -type pair_key -type ruleset -type rule_key -type rule -type member_key -type ct_key -type ct -type router -type route_key -type route -type raddr_key -type raddr -type nat_key -type nat -type dyn -type conf -type yield -type count_key -type count -type id_key -type reason bpf bpf/dataplane.c
