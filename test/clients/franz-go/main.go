// Command franz-go runs ../crash-suite.ts with github.com/twmb/franz-go.
package main

import (
	"context"

	crash "chronik/test/clients/go-crash"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const maxBuffered = 100_000

var codecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

var acks = map[crash.Acks][]kgo.Opt{
	crash.AcksAll:    {kgo.RequiredAcks(kgo.AllISRAcks())}, // idempotent, as by default
	crash.AcksLeader: {kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite()},
	crash.AcksNone:   {kgo.RequiredAcks(kgo.NoAck()), kgo.DisableIdempotentWrite()},
}

// library makes a client for each command, as a program that runs once would.
type library struct{ address string }

func main() {
	crash.Serve(func(address string) (crash.Library, error) { return library{address}, nil })
}

func (l library) Codecs() []string {
	return []string{"none", "gzip", "snappy", "lz4", "zstd"}
}

func (l library) Create(ctx context.Context, topic string, partitions int) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(l.address))
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = kadm.NewClient(client).CreateTopic(ctx, int32(partitions), 1, nil, topic)
	return err
}

func (l library) Producer(_ context.Context, production crash.Production) (crash.Producer, error) {
	client, err := kgo.NewClient(append(acks[production.Acks],
		kgo.SeedBrokers(l.address),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(codecs[production.Codec]),
		kgo.MaxBufferedRecords(maxBuffered),
	)...)
	return &producer{client, production}, err
}

type producer struct {
	client     *kgo.Client
	production crash.Production
}

func (p *producer) Send(ctx context.Context, index int, record crash.Record) error {
	headers := make([]kgo.RecordHeader, len(record.Headers))
	for i, header := range record.Headers {
		headers[i] = kgo.RecordHeader{Key: header.Key, Value: header.Value}
	}
	p.client.Produce(ctx, &kgo.Record{
		Topic:     p.production.Topic,
		Partition: int32(record.Partition),
		Timestamp: record.Timestamp,
		Key:       record.Key,
		Value:     record.Value,
		Headers:   headers,
	}, func(record *kgo.Record, err error) { p.production.Acknowledged(index, record.Offset, err) })
	return nil
}

func (p *producer) Close() error {
	defer p.client.Close()
	return p.client.Flush(context.Background())
}

func (l library) EndOffsets(ctx context.Context, topic string, partitions int) ([]int64, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(l.address))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	listed, err := kadm.NewClient(client).ListEndOffsets(ctx, topic)
	if err != nil {
		return nil, err
	}
	ends := make([]int64, partitions)
	listed.Each(func(end kadm.ListedOffset) { ends[end.Partition] = end.Offset })
	return ends, listed.Error()
}

func (l library) Read(ctx context.Context, topic string, ends []int64, visit func(crash.Record)) error {
	assignment := map[int32]kgo.Offset{}
	left := map[int32]bool{}
	for partition, end := range ends {
		assignment[int32(partition)] = kgo.NewOffset().At(0)
		if end > 0 {
			left[int32(partition)] = true
		}
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(l.address),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: assignment}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		fetches.EachRecord(func(record *kgo.Record) {
			visit(received(record))
			if record.Offset+1 >= ends[record.Partition] {
				delete(left, record.Partition)
			}
		})
	}
	return nil
}

func received(record *kgo.Record) crash.Record {
	headers := make([]crash.Header, len(record.Headers))
	for i, header := range record.Headers {
		headers[i] = crash.Header{Key: header.Key, Value: header.Value}
	}
	return crash.Record{
		Partition: int(record.Partition),
		Offset:    record.Offset,
		Timestamp: record.Timestamp,
		Key:       record.Key,
		Value:     record.Value,
		Headers:   headers,
	}
}
