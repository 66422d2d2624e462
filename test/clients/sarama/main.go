// Command sarama runs ../crash-suite.ts with github.com/IBM/sarama.
package main

import (
	"context"
	"sync"

	crash "chronik/test/clients/go-crash"

	"github.com/IBM/sarama"
)

// maxRetries keeps a producer from giving up, at 100 ms or 250 ms each, before the broker is back.
const maxRetries = 1000

var codecs = map[string]sarama.CompressionCodec{
	"none":   sarama.CompressionNone,
	"gzip":   sarama.CompressionGZIP,
	"snappy": sarama.CompressionSnappy,
	"lz4":    sarama.CompressionLZ4,
	"zstd":   sarama.CompressionZSTD,
}

var acks = map[crash.Acks]sarama.RequiredAcks{
	crash.AcksAll:    sarama.WaitForAll,
	crash.AcksLeader: sarama.WaitForLocal,
	crash.AcksNone:   sarama.NoResponse,
}

// library makes a client for each command, as a program that runs once would.
type library struct{ addresses []string }

func main() {
	crash.Serve(func(address string) (crash.Library, error) { return library{[]string{address}}, nil })
}

func newConfig() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	return config
}

func (l library) Codecs() []string {
	return []string{"none", "gzip", "snappy", "lz4", "zstd"}
}

func (l library) Create(_ context.Context, topic string, partitions int) error {
	admin, err := sarama.NewClusterAdmin(l.addresses, newConfig())
	if err != nil {
		return err
	}
	defer admin.Close()
	detail := &sarama.TopicDetail{NumPartitions: int32(partitions), ReplicationFactor: 1}
	return admin.CreateTopic(topic, detail, false)
}

func (l library) Producer(_ context.Context, production crash.Production) (crash.Producer, error) {
	config := newConfig()
	config.Producer.RequiredAcks = acks[production.Acks]
	config.Producer.Compression = codecs[production.Codec]
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Retry.Max = maxRetries
	config.Metadata.Retry.Max = maxRetries
	config.Producer.Return.Successes = true
	if production.Acks == crash.AcksAll {
		config.Producer.Idempotent = true
		config.Net.MaxOpenRequests = 1 // as idempotence demands
	}
	async, err := sarama.NewAsyncProducer(l.addresses, config)
	if err != nil {
		return nil, err
	}
	p := &producer{AsyncProducer: async, production: production}
	p.answers.Add(2)
	go func() {
		defer p.answers.Done()
		for message := range async.Successes() {
			p.answered(message, nil)
		}
	}()
	go func() {
		defer p.answers.Done()
		for failure := range async.Errors() {
			p.answered(failure.Msg, failure.Err)
		}
	}()
	return p, nil
}

type producer struct {
	sarama.AsyncProducer
	production crash.Production
	// pending counts the records without an answer: a producer that is closed gives up what it would have to send again.
	pending sync.WaitGroup
	answers sync.WaitGroup
}

func (p *producer) answered(message *sarama.ProducerMessage, err error) {
	p.production.Acknowledged(message.Metadata.(int), message.Offset, err)
	p.pending.Done()
}

func (p *producer) Send(_ context.Context, index int, record crash.Record) error {
	headers := make([]sarama.RecordHeader, len(record.Headers))
	for i, header := range record.Headers {
		headers[i] = sarama.RecordHeader{Key: []byte(header.Key), Value: header.Value}
	}
	p.pending.Add(1)
	p.Input() <- &sarama.ProducerMessage{
		Topic:     p.production.Topic,
		Partition: int32(record.Partition),
		Timestamp: record.Timestamp,
		Key:       encoder(record.Key),
		Value:     encoder(record.Value),
		Headers:   headers,
		Metadata:  index,
	}
	return nil
}

// encoder returns nil for null: an encoder of nil would send an empty value.
func encoder(bytes []byte) sarama.Encoder {
	if bytes == nil {
		return nil
	}
	return sarama.ByteEncoder(bytes)
}

func (p *producer) Close() error {
	p.pending.Wait()
	p.AsyncClose()
	p.answers.Wait()
	return nil
}

func (l library) EndOffsets(_ context.Context, topic string, partitions int) ([]int64, error) {
	client, err := sarama.NewClient(l.addresses, newConfig())
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ends := make([]int64, partitions)
	for partition := range ends {
		if ends[partition], err = client.GetOffset(topic, int32(partition), sarama.OffsetNewest); err != nil {
			return nil, err
		}
	}
	return ends, nil
}

func (l library) Read(_ context.Context, topic string, ends []int64, visit func(crash.Record)) error {
	config := newConfig()
	config.Consumer.Return.Errors = true
	consumer, err := sarama.NewConsumer(l.addresses, config)
	if err != nil {
		return err
	}
	defer consumer.Close()
	results := make(chan error, len(ends))
	for partition, end := range ends {
		go func() { results <- readPartition(consumer, topic, int32(partition), end, visit) }()
	}
	for range ends {
		if failure := <-results; failure != nil {
			err = failure
		}
	}
	return err
}

func readPartition(
	consumer sarama.Consumer, topic string, partition int32, end int64, visit func(crash.Record),
) error {
	if end == 0 {
		return nil
	}
	messages, err := consumer.ConsumePartition(topic, partition, 0)
	if err != nil {
		return err
	}
	defer messages.AsyncClose()
	for {
		select {
		case message := <-messages.Messages():
			visit(received(message))
			if message.Offset+1 >= end {
				return nil
			}
		case err := <-messages.Errors():
			return err
		}
	}
}

func received(message *sarama.ConsumerMessage) crash.Record {
	headers := make([]crash.Header, len(message.Headers))
	for i, header := range message.Headers {
		headers[i] = crash.Header{Key: string(header.Key), Value: header.Value}
	}
	return crash.Record{
		Partition: int(message.Partition),
		Offset:    message.Offset,
		Timestamp: message.Timestamp,
		Key:       message.Key,
		Value:     message.Value,
		Headers:   headers,
	}
}
