package crash

import (
	"bytes"
	"fmt"
	"slices"
	"time"
)

// Record is one record as it is sent, or as it was read.
type Record struct {
	Partition int
	Offset    int64 // only of one that was read
	Timestamp time.Time
	Key       []byte
	Value     []byte
	Headers   []Header
}

// Header is a record header.
type Header struct {
	Key   string
	Value []byte
}

// recordAt returns the record with this index.
func recordAt(index, partitions int, baseTimestamp int64) Record {
	return Record{
		Partition: index % partitions,
		Timestamp: time.UnixMilli(baseTimestamp + int64(index^5)),
		Key:       key(index),
		Value:     value(index),
		Headers:   headers(index),
	}
}

// indexOf returns the index that the timestamp names, whether there is such a record or not.
func indexOf(record Record, baseTimestamp int64) int {
	return int(record.Timestamp.UnixMilli()-baseTimestamp) ^ 5
}

// difference names the part in which two records differ, or is "".
func difference(a, b Record) string {
	switch {
	case !same(a.Key, b.Key):
		return "key"
	case !same(a.Value, b.Value):
		return "value"
	case !slices.EqualFunc(a.Headers, b.Headers, func(a, b Header) bool { return a.Key == b.Key && same(a.Value, b.Value) }):
		return "headers"
	}
	return ""
}

// same compares bytes and tells null from empty.
func same(a, b []byte) bool {
	return (a == nil) == (b == nil) && bytes.Equal(a, b)
}

func key(i int) []byte {
	switch i % 5 {
	case 0:
		return nil
	case 1:
		return []byte{}
	default:
		return fmt.Appendf(nil, "clé-%d", i)
	}
}

func value(i int) []byte {
	switch {
	case i%7 == 0:
		return nil
	case i%7 == 1:
		return []byte{}
	case i%1000 == 999:
		return slice(i, 6000)
	default:
		return slice(i, 20+i%180)
	}
}

func headers(i int) []Header {
	switch i % 4 {
	case 0:
		return nil
	case 1:
		return []Header{{"index", fmt.Appendf(nil, "%d", i)}}
	case 2:
		return []Header{{"a", []byte("1")}, {"a", nil}, {"", []byte{}}}
	default:
		return []Header{{"trace", slice(i, 16)}}
	}
}

func slice(i, length int) []byte {
	return pool[i%4096:][:length]
}

var pool = func() []byte {
	bytes := make([]byte, 16384)
	for i := range bytes {
		bytes[i] = byte(i*167 + (i>>8)*31)
	}
	return bytes
}()
