package qemu

import (
	"encoding/binary"

	"wisp/internal/qcow2"
)

const (
	sector       = 512
	fatReserved  = 32         // sectors before the first table
	fatMaxSector = 1<<32 - 1  // sectors that the file system can count
	fatLast      = 0x0fffffff // a table's entry: the last cluster of a chain
)

// emptyFAT is an empty FAT32 file system with a label, for a disk of size bytes
// and no less than 512 MiB, by Microsoft's "FAT32 File System Specification": what
// of it is not zeros. It is what Nova makes of an ephemeral disk when the image
// does not say which system it has. Of a disk of more than 2 TiB it takes those.
func emptyFAT(size int64, label string, id uint32) []qcow2.Part {
	sectors := min(size/sector, fatMaxSector)
	perCluster := int64(8)                            // sectors
	for _, larger := range []int64{8, 16, 32, 1024} { // GiB
		if size > larger*gib {
			perCluster *= 2
		}
	}
	// A table has four bytes for each cluster, and for two that are none: so many
	// sectors belong to one sector of each table.
	group := sector/4*perCluster + 2
	table := (sectors - fatReserved + 2*perCluster + group - 1) / group
	clusters := (sectors - fatReserved - 2*table) / perCluster

	le := binary.LittleEndian
	name := []byte("           ")
	copy(name, label)
	boot := make([]byte, 2*sector)
	copy(boot, "\xeb\x58\x90wisp    ")
	le.PutUint16(boot[11:], sector)
	boot[13] = byte(perCluster)
	le.PutUint16(boot[14:], fatReserved)
	boot[16] = 2    // tables
	boot[21] = 0xf8 // a disk that stays
	le.PutUint16(boot[24:], 63)
	le.PutUint16(boot[26:], 255)
	le.PutUint32(boot[32:], uint32(sectors))
	le.PutUint32(boot[36:], uint32(table))
	le.PutUint32(boot[44:], 2) // the root folder's cluster
	le.PutUint16(boot[48:], 1) // where the counters are
	le.PutUint16(boot[50:], 6) // where all this is again
	boot[64], boot[66] = 0x80, 0x29
	le.PutUint32(boot[67:], id)
	copy(boot[71:], name)
	copy(boot[82:], "FAT32   ")
	le.PutUint16(boot[510:], 0xaa55)
	counters := boot[sector:]
	le.PutUint32(counters, 0x41615252)
	le.PutUint32(counters[484:], 0x61417272)
	le.PutUint32(counters[488:], uint32(clusters-1)) // free
	le.PutUint32(counters[492:], 3)                  // the first to try
	le.PutUint16(counters[510:], 0xaa55)

	head := le.AppendUint32(le.AppendUint32(le.AppendUint32(nil, fatLast&^7), fatLast), fatLast)
	entry := append(name, 0x08) // the label, as an entry of the root folder
	at := func(number int64, content []byte) qcow2.Part { return qcow2.Part{At: number * sector, Bytes: content} }
	return []qcow2.Part{
		at(0, boot), at(6, boot), at(fatReserved, head), at(fatReserved+table, head), at(fatReserved+2*table, entry),
	}
}
