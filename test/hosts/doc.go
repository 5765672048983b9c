// Package hosts proves clouds of several machines: nodes that join, the five
// types of networks on the wire, gateways that move, servers that die.
package hosts
