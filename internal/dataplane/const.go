package dataplane

// Values of bpf/types.h.
const (
	devGuest = 1
	devPhys  = 2

	portEnabled  = 1
	portSecurity = 2
	portLimitOut = 4
	portLimitIn  = 8
	portDSCP     = 16

	netLocal = 1
	netFlat  = 2
	netVXLAN = 3
	netVLAN  = 4
	netGRE   = 5

	destLocal  = 1
	destRemote = 2
	destRouter = 3
	destVIP    = 4

	destSpeaks = 1
	destNode   = 2
	destLoose  = 4

	routeHostMAC = 1

	dirIngress = 0
	dirEgress  = 1

	ruleV6        = 1
	rulePortRange = 2
	ruleType      = 4
	ruleCode      = 8
	rulePrefix    = 16
	ruleGroup     = 32

	rulesetStateless = 1

	routerEnabled = 1
	routerSNAT    = 2
	routerGWLocal = 4
	routerHasGW   = 8
	routerLimited = 16

	raddrLeg   = 1
	raddrGW    = 2
	raddrFIP   = 3
	raddrFixed = 4
	raddrAway  = 5

	transitRoute = 1

	ratePort     = 0
	rateFloating = 4
	rateGateway  = 8
	ratePackets  = 2

	meterV6       = 1
	meterEgress   = 2
	meterExcluded = 4

	markForwarded = 0x77697301
	markJudged    = 0x77697304
)

// Protocol numbers, IANA.
const (
	protoICMP    = 1
	protoTCP     = 6
	protoUDP     = 17
	protoGRE     = 47
	protoDCCP    = 33
	protoICMPv6  = 58
	protoSCTP    = 132
	protoUDPLite = 136
)
