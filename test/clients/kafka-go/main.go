// Command kafka-go runs ../crash-suite.ts with github.com/segmentio/kafka-go.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"slices"
	"time"

	crash "chronik/test/clients/go-crash"

	"github.com/segmentio/kafka-go"
)

const (
	batchSize    = 1000
	batchTimeout = 10 * time.Millisecond
	// maxAttempts keeps a writer from giving up, at 100 ms to 1 s each, before the broker is back.
	maxAttempts  = 1000
	retryBackoff = 100 * time.Millisecond
	// queueCapacity is for the messages that a reader holds ready.
	queueCapacity = 1000
	maxFetchBytes = 1 << 20
	maxFetchWait  = 100 * time.Millisecond // a reader is not closed sooner
)

var codecs = map[string]kafka.Compression{
	"none":   0,
	"gzip":   kafka.Gzip,
	"snappy": kafka.Snappy,
	"lz4":    kafka.Lz4,
	"zstd":   kafka.Zstd,
}

var acks = map[crash.Acks]kafka.RequiredAcks{
	crash.AcksAll:    kafka.RequireAll,
	crash.AcksLeader: kafka.RequireOne,
	crash.AcksNone:   kafka.RequireNone,
}

// library makes a client for each command, as a program that runs once would.
type library struct{ address string }

func main() {
	crash.Serve(func(address string) (crash.Library, error) { return library{address}, nil })
}

func (l library) open() (*kafka.Client, *kafka.Transport) {
	transport := &kafka.Transport{}
	return &kafka.Client{Addr: kafka.TCP(l.address), Transport: transport}, transport
}

func (l library) Codecs() []string {
	return []string{"none", "gzip", "snappy", "lz4", "zstd"}
}

func (l library) Create(ctx context.Context, topic string, partitions int) error {
	client, transport := l.open()
	defer transport.CloseIdleConnections()
	answer, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1}},
	})
	if err != nil {
		return err
	}
	return answer.Errors[topic]
}

func (l library) Producer(_ context.Context, production crash.Production) (crash.Producer, error) {
	transport := &kafka.Transport{}
	writer := &kafka.Writer{
		Addr:         kafka.TCP(l.address),
		Topic:        production.Topic,
		Balancer:     kafka.BalancerFunc(func(message kafka.Message, _ ...int) int { return message.Partition }),
		MaxAttempts:  maxAttempts,
		BatchSize:    batchSize,
		BatchTimeout: batchTimeout,
		RequiredAcks: acks[production.Acks],
		Async:        true,
		Compression:  codecs[production.Codec],
		Transport:    transport,
		Completion: func(messages []kafka.Message, err error) {
			for _, message := range messages {
				production.Acknowledged(message.WriterData.(int), message.Offset, err)
			}
		},
	}
	return &producer{writer, transport}, nil
}

type producer struct {
	writer    *kafka.Writer
	transport *kafka.Transport
}

func (p *producer) Send(ctx context.Context, index int, record crash.Record) error {
	headers := make([]kafka.Header, len(record.Headers))
	for i, header := range record.Headers {
		headers[i] = kafka.Header{Key: header.Key, Value: header.Value}
	}
	message := kafka.Message{
		Partition:  record.Partition,
		Time:       record.Timestamp,
		Key:        record.Key,
		Value:      record.Value,
		Headers:    headers,
		WriterData: index,
	}
	// While the broker is away the writer may not know the partitions, and then it takes no message.
	for err := p.writer.WriteMessages(ctx, message); err != nil; err = p.writer.WriteMessages(ctx, message) {
		log.Printf("record %d is not taken yet: %v", index, err)
		time.Sleep(retryBackoff)
	}
	return nil
}

func (p *producer) Close() error {
	defer p.transport.CloseIdleConnections()
	return p.writer.Close()
}

func (l library) EndOffsets(ctx context.Context, topic string, partitions int) ([]int64, error) {
	client, transport := l.open()
	defer transport.CloseIdleConnections()
	var requests []kafka.OffsetRequest
	for partition := range partitions {
		requests = append(requests, kafka.LastOffsetOf(partition))
	}
	answer, err := client.ListOffsets(ctx, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{topic: requests},
	})
	if err != nil {
		return nil, err
	}
	ends := make([]int64, partitions)
	for _, partition := range answer.Topics[topic] {
		ends[partition.Partition] = partition.LastOffset
		err = errors.Join(err, partition.Error)
	}
	return ends, err
}

// Read reads everything in two ways, which have to agree: Client.Fetch gives records as they are, Reader is what programs
// use, but makes no difference between null and empty.
func (l library) Read(ctx context.Context, topic string, ends []int64, visit func(crash.Record)) error {
	results := make(chan error)
	for partition, end := range ends {
		go func() { results <- l.readPartition(ctx, topic, partition, end, visit) }()
	}
	var err error
	for range ends {
		err = errors.Join(err, <-results)
	}
	return err
}

func (l library) readPartition(
	ctx context.Context, topic string, partition int, end int64, visit func(crash.Record),
) error {
	client, transport := l.open()
	defer transport.CloseIdleConnections()
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers:       []string{l.address},
		Topic:         topic,
		Partition:     partition,
		QueueCapacity: queueCapacity,
		MaxBytes:      maxFetchBytes,
		MaxWait:       maxFetchWait,
	})
	defer reader.Close()
	for next := int64(0); next < end; {
		answer, err := client.Fetch(ctx, &kafka.FetchRequest{
			Topic: topic, Partition: partition, Offset: next, MinBytes: 1, MaxBytes: maxFetchBytes, MaxWait: maxFetchWait,
		})
		if err == nil {
			err = answer.Error
		}
		if err != nil {
			return err
		}
		for {
			fetched, err := answer.Records.ReadRecord()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			if fetched.Offset < next || fetched.Offset >= end {
				continue // a batch is there as a whole
			}
			record, err := received(fetched, partition)
			if err != nil {
				return err
			}
			message, err := reader.ReadMessage(ctx)
			if err != nil {
				return err
			}
			if !agree(record, message) {
				return fmt.Errorf("the reader has another record at offset %d: %v", record.Offset, message)
			}
			visit(record)
			next = record.Offset + 1
		}
	}
	return nil
}

func received(fetched *kafka.Record, partition int) (crash.Record, error) {
	key, keyErr := kafka.ReadAll(fetched.Key)
	value, valueErr := kafka.ReadAll(fetched.Value)
	headers := make([]crash.Header, len(fetched.Headers))
	for i, header := range fetched.Headers {
		headers[i] = crash.Header{Key: header.Key, Value: header.Value}
	}
	return crash.Record{
		Partition: partition,
		Offset:    fetched.Offset,
		Timestamp: fetched.Time,
		Key:       key,
		Value:     value,
		Headers:   headers,
	}, errors.Join(keyErr, valueErr)
}

func agree(record crash.Record, message kafka.Message) bool {
	return record.Offset == message.Offset && record.Timestamp.Equal(message.Time) &&
		bytes.Equal(record.Key, message.Key) && bytes.Equal(record.Value, message.Value) &&
		slices.EqualFunc(record.Headers, message.Headers, func(a crash.Header, b kafka.Header) bool {
			return a.Key == b.Key && bytes.Equal(a.Value, b.Value)
		})
}
