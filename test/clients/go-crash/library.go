// Package crash is what the Go clients of ../crash-suite.ts share: the commands, what each record holds, and the comparison
// with what is read (../README.md). A client adds what its library does.
package crash

import "context"

// Library is a Kafka library under test.
type Library interface {
	// Codecs returns the names of all codecs that it can write with.
	Codecs() []string
	Create(ctx context.Context, topic string, partitions int) error
	Producer(ctx context.Context, production Production) (Producer, error)
	EndOffsets(ctx context.Context, topic string, partitions int) ([]int64, error)
	// Read reads every partition of a topic from its beginning to its end offset, without a group. It hands over the records
	// of one partition in their order, and may do so for several partitions at once.
	Read(ctx context.Context, topic string, ends []int64, visit func(Record)) error
}

// Production says how a producer sends, and where to.
type Production struct {
	Topic string
	Codec string
	Acks  Acks
	// Acknowledged takes what became of the record with this index; with AcksNone, that it was handed to the connection.
	// Any goroutine may call it.
	Acknowledged func(index int, offset int64, err error)
}

// Acks is the setting of that name.
type Acks string

// AcksAll stands for an idempotent producer, where the library has one.
const (
	AcksAll    Acks = "all"
	AcksLeader Acks = "1"
	AcksNone   Acks = "0"
)

// UnknownOffset is the offset of a record that was acknowledged without one.
const UnknownOffset = -1

// Producer sends the records of one topic.
type Producer interface {
	// Send may wait until there is room for the record, not until it is acknowledged.
	Send(ctx context.Context, index int, record Record) error
	// Close returns when it is known of every record what became of it.
	Close() error
}
