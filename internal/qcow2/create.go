package qcow2

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
)

// Create writes an empty image of size bytes to a new file. It takes a few
// kilobytes; everything in it reads as zeros.
func Create(path string, size int64) error {
	return create(path, image{size: size})
}

// Part is what an image has at an offset in bytes.
type Part struct {
	At    int64
	Bytes []byte
}

// CreateWith is Create with some bytes given: they are within the first 512 MiB,
// in few clusters of 64 KiB.
func CreateWith(path string, size int64, parts ...Part) error {
	return create(path, image{size: size, parts: parts})
}

// CreateOverlay writes an image of virtualSize bytes to a new file which reads
// as the backing file until it is written to, and as zeros behind its end. The
// backing file's name and format are recorded, and not looked at.
func CreateOverlay(path, backingPath, backingFormat string, virtualSize int64) error {
	if backingPath == "" || len(backingPath) > maxNameLength {
		return fmt.Errorf("create %s: the backing file's name must have 1 to %d bytes", path, maxNameLength)
	}
	if backingFormat != string(Raw) && backingFormat != string(QCOW2) {
		return fmt.Errorf("create %s: a backing file cannot have the format %q", path, backingFormat)
	}
	return create(path, image{size: virtualSize, backing: backingPath, backingFormat: backingFormat})
}

const (
	clusterSize = 1 << defaultClusters
	perL2       = clusterSize / 8 * clusterSize // bytes that one second-level table maps
	mostGiven   = 64                            // clusters
	copied      = 1 << 63                       // of a table's entry: the cluster has one user
)

// image is what create lays out: the header, the reference count table, its
// one block, the first-level table, and the second-level table and clusters of
// the parts if there are any.
type image struct {
	size                   int64
	backing, backingFormat string
	parts                  []Part
}

// given are the clusters that the parts are in, by number.
func (i image) given() (map[int64][]byte, error) {
	clusters := map[int64][]byte{}
	for _, p := range i.parts {
		end := p.At + int64(len(p.Bytes))
		if p.At < 0 || end > i.size || end > perL2 {
			return nil, fmt.Errorf("%d bytes at %d have no place in it", len(p.Bytes), p.At)
		}
		for at, rest := p.At, p.Bytes; len(rest) > 0; {
			number, offset := at/clusterSize, at%clusterSize
			if clusters[number] == nil {
				clusters[number] = make([]byte, clusterSize)
			}
			n := copy(clusters[number][offset:], rest)
			at, rest = at+int64(n), rest[n:]
		}
	}
	if len(clusters) > mostGiven {
		return nil, fmt.Errorf("%d clusters are too many to give", len(clusters))
	}
	return clusters, nil
}

func create(path string, i image) (err error) {
	if i.size <= 0 || i.size > maxL1Bytes/8*perL2 {
		return fmt.Errorf("create %s: %d bytes is no size for an image", path, i.size)
	}
	i.size = (i.size + 511) &^ 511
	given, err := i.given()
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("create an image: %w", err)
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(fmt.Errorf("create an image: %w", err), os.Remove(path))
		}
	}()
	if err := i.writeTo(f, given); err != nil {
		return err
	}
	return f.Sync()
}

func (i image) writeTo(f *os.File, given map[int64][]byte) error {
	const refcountTable, refcountBlock, l1 = 1, 2, 3 // cluster numbers
	l1Entries := (i.size + perL2 - 1) / perL2
	l1Clusters := (l1Entries*8 + clusterSize - 1) / clusterSize
	clusters := l1 + l1Clusters
	l2, data := clusters, clusters+1
	if len(given) > 0 {
		clusters += 1 + int64(len(given))
	}

	be := binary.BigEndian
	h := make([]byte, headerV3+8, 4096) // one byte of compression type, padding
	be.PutUint32(h[0:], magicQCOW)
	be.PutUint32(h[4:], 3)
	be.PutUint32(h[20:], defaultClusters)
	be.PutUint64(h[24:], uint64(i.size))
	be.PutUint32(h[36:], uint32(l1Entries))
	be.PutUint64(h[40:], l1*clusterSize)
	be.PutUint64(h[48:], refcountTable*clusterSize)
	be.PutUint32(h[56:], 1)
	be.PutUint32(h[96:], 4) // 16-bit reference counts
	be.PutUint32(h[100:], uint32(len(h)))
	if i.backing != "" {
		h = be.AppendUint32(h, extensionBackingFormat)
		h = be.AppendUint32(h, uint32(len(i.backingFormat)))
		h = append(h, i.backingFormat...)
		for len(h)%8 != 0 {
			h = append(h, 0)
		}
	}
	h = append(h, 0, 0, 0, 0, 0, 0, 0, 0) // the end of the extensions
	if i.backing != "" {
		be.PutUint64(h[8:], uint64(len(h)))
		be.PutUint32(h[16:], uint32(len(i.backing)))
		h = append(h, i.backing...)
	}

	counts := make([]byte, 2*clusters)
	for c := range clusters {
		be.PutUint16(counts[2*c:], 1)
	}
	type piece struct {
		cluster int64
		bytes   []byte
	}
	pieces := []piece{
		{0, h},
		{refcountTable, be.AppendUint64(nil, refcountBlock*clusterSize)},
		{refcountBlock, counts},
	}
	if len(given) > 0 {
		table := make([]byte, clusterSize)
		for n, number := range slices.Sorted(maps.Keys(given)) {
			at := data + int64(n)
			be.PutUint64(table[8*number:], uint64(at)*clusterSize|copied)
			pieces = append(pieces, piece{at, given[number]})
		}
		pieces = append(pieces, piece{l1, be.AppendUint64(nil, uint64(l2)*clusterSize|copied)}, piece{l2, table})
	}
	// Everything that is not written is a hole of zeros: an empty table.
	if err := f.Truncate(clusters * clusterSize); err != nil {
		return err
	}
	for _, p := range pieces {
		if _, err := f.WriteAt(p.bytes, p.cluster*clusterSize); err != nil {
			return err
		}
	}
	return nil
}
