package dataplane

import (
	"testing"

	"wisp/internal/netlinkx"
)

// What a device transmits its guest receives.
func TestTrafficIsTheGuests(t *testing.T) {
	t.Parallel()
	got := trafficOf(netlinkx.Link{Name: "tap", Counters: netlinkx.Counters{
		RxBytes: 1, RxPackets: 2, RxErrors: 3, RxDropped: 4, TxBytes: 5, TxPackets: 6, TxErrors: 7, TxDropped: 8,
	}})
	want := Traffic{Device: "tap", RxBytes: 5, RxPackets: 6, RxErrors: 7, RxDropped: 8, TxBytes: 1, TxPackets: 2, TxErrors: 3, TxDropped: 4}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
