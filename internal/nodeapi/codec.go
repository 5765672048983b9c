package nodeapi

import (
	"encoding/json"
	"time"

	"connectrpc.com/connect"
)

const (
	// sessionPath is the Connect procedure of the stream.
	sessionPath = "/wisp.node.v1.Node/Session"
	// imagesPath is the folder of the images' bytes: GET imagesPath+id, and PUT for an
	// image that was made of an instance.
	imagesPath = "/wisp.node/v1/images/"
	// passwordsPath is where nodes put what guests tell: PUT passwordsPath+id of
	// the instance.
	passwordsPath = "/wisp.node/v1/passwords/"
	// streamsPath is where a node opens the streams that it is asked for:
	// POST streamsPath+id.
	streamsPath = "/wisp.node/v1/streams/"

	// streamWindow is how much of what a node says in one stream may wait for
	// its reader here, in bytes, and connectionWindow is that of all streams of
	// a node: so many that readers who do not read cannot hold up the others.
	streamWindow     = 64 << 10
	connectionWindow = 64 << 20

	// maxMessage bounds a message of the stream, in bytes. A whole state of
	// a host with 500 instances that all have 64 KiB of user data fits.
	maxMessage = 128 << 20
	// compressAbove: smaller messages are not worth gzip.
	compressAbove = 64 << 10

	// Heartbeat is how often a node reports although nothing changed.
	Heartbeat = 2 * time.Second
	// silence is how long either end may hear nothing before it gives the
	// session up: two heartbeats may come late or not at all.
	silence = 5 * time.Second
)

// jsonCodec carries plain Go values. It takes the place of Connect's own
// codec named "json", which only knows protobuf messages.
type jsonCodec struct{}

var _ connect.Codec = jsonCodec{}

func (jsonCodec) Name() string { return "json" }

func (jsonCodec) Marshal(v any) ([]byte, error) { return json.Marshal(v) }

func (jsonCodec) Unmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }
