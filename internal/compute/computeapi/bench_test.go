package computeapi_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"wisp/internal/compute"
	"wisp/internal/compute/computetest"
	"wisp/internal/network"
)

// counter counts the queries of a database.
type counter struct{ n atomic.Int64 }

func (c *counter) BeforeQuery(ctx context.Context, event *bun.QueryEvent) context.Context {
	if !strings.HasPrefix(event.Query, "BEGIN") && !strings.HasPrefix(event.Query, "COMMIT") {
		c.n.Add(1)
	}
	return ctx
}

func (c *counter) AfterQuery(context.Context, *bun.QueryEvent) {}

// fill makes n active servers of demo.
func (b *bench) fill(n int) {
	b.t.Helper()
	member := computetest.Caller("member", "demo")
	if _, err := b.cloud.SetLimits(context.Background(), "demo-id", map[string]int64{"instances": -1, "cores": -1, "ram": -1}, true); err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.cloud.Network.SetQuotas(context.Background(), computetest.Admin(), "demo-id", map[string]int{"port": -1}, false); err != nil {
		b.t.Fatal(err)
	}
	b.cloud.Node("large", 4000, 1<<24, 100000)
	b.flavor = b.cloud.Flavor("nano", 1, 64, 1)
	for made := 0; made < n; made += 100 {
		request := compute.CreateRequest{Name: "s", ImageID: b.image, FlavorID: b.flavor, Networks: []network.PortRequest{{NetworkID: b.network}}, Least: min(100, n-made)}
		if _, err := b.cloud.CreateServers(context.Background(), member, request); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *bench) details() int {
	b.t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, b.URL+"/compute/v2.1/servers/detail", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	request.Header.Set("X-Auth-Token", "member")
	request.Header.Set("OpenStack-API-Version", "compute 2.96")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	n, err := io.Copy(io.Discard, response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		b.t.Fatalf("status %d, %v", response.StatusCode, err)
	}
	return int(n)
}

// The number of queries does not depend on the number of servers.
func TestListCosts(t *testing.T) {
	t.Parallel()
	b := open(t)
	count := &counter{}
	read, ok := b.cloud.DB.Read().(*bun.DB)
	if !ok {
		t.Fatal("the database cannot be watched")
	}
	read.AddQueryHook(count) //nolint:staticcheck // the hook must see the store's own queries; the other way makes a copy
	b.fill(2)
	count.n.Store(0)
	b.details()
	few := count.n.Swap(0)
	b.fill2(20)
	count.n.Store(0)
	b.details()
	if many := count.n.Load(); many != few || many > 8 {
		t.Errorf("2 servers cost %d queries, 22 cost %d; want the same, and at most 8", few, many)
	}
}

// fill2 makes n more.
func (b *bench) fill2(n int) {
	b.t.Helper()
	request := compute.CreateRequest{Name: "t", ImageID: b.image, FlavorID: b.flavor, Networks: []network.PortRequest{{NetworkID: b.network}}, Least: n}
	if _, err := b.cloud.CreateServers(context.Background(), computetest.Caller("member", "demo"), request); err != nil {
		b.t.Fatal(err)
	}
}

func BenchmarkListDetail1000(b *testing.B) {
	bench := open(b)
	bench.fill(1000)
	size := bench.details()
	b.ReportMetric(float64(size), "bytes")
	for b.Loop() {
		bench.details()
	}
}

func BenchmarkCreate(b *testing.B) {
	bench := open(b)
	bench.fill(1)
	start, n := time.Now(), 0
	for b.Loop() {
		n++
		bench.Must(202, "member", "POST", "/compute/v2.1/servers", bench.body(fmt.Sprint("s", n)))
	}
	b.ReportMetric(float64(n)/time.Since(start).Seconds(), "servers/s")
}

// A heartbeat of a host with many servers costs reads only.
func BenchmarkReport200(b *testing.B) {
	bench := open(b)
	bench.fill(200)
	node := bench.cloud.Node("large", 4000, 1<<24, 100000)
	report := node.Step()
	for b.Loop() {
		if err := bench.cloud.Report(context.Background(), "large", report); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHostState200(b *testing.B) {
	bench := open(b)
	bench.fill(200)
	for b.Loop() {
		if _, err := bench.cloud.HostState(context.Background(), "large"); err != nil {
			b.Fatal(err)
		}
	}
}
