// The Go side of ../crash-suite.ts: commands on stdin, answers on stdout (../README.md).
package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	maxProblems     = 10
	maxBuffered     = 100_000
	notAcknowledged = -2
	withoutOffset   = -1
)

// sent is what was produced to one topic.
type sent struct {
	baseTimestamp int64
	offsets       []int64
}

type crashClient struct {
	address    string
	commands   *bufio.Scanner
	partitions map[string]int
	sent       map[string]*sent
}

func main() {
	client := crashClient{
		address:    os.Args[1],
		commands:   bufio.NewScanner(os.Stdin),
		partitions: map[string]int{},
		sent:       map[string]*sent{},
	}
	if err := client.serve(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func (c *crashClient) serve(ctx context.Context) error {
	for c.commands.Scan() {
		words := strings.Fields(c.commands.Text())
		numbers := numbersIn(words)
		var err error
		switch words[0] {
		case "create":
			err = c.create(ctx, words[1], int(numbers[0]))
		case "produce":
			err = c.produce(ctx, words[1], int(numbers[0]), numbers[1], words[4], numbers[2:])
		case "read":
			err = c.read(ctx, words[1], c.sent[words[2]])
		default:
			err = fmt.Errorf("unknown command %q", words[0])
		}
		if err != nil {
			return err
		}
	}
	return c.commands.Err()
}

// numbersIn returns the words after the second that are numbers.
func numbersIn(words []string) []int64 {
	var numbers []int64
	for _, word := range words[2:] {
		if number, err := strconv.ParseInt(word, 10, 64); err == nil {
			numbers = append(numbers, number)
		}
	}
	return numbers
}

func (c *crashClient) create(ctx context.Context, topic string, count int) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(c.address))
	if err != nil {
		return err
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(ctx, int32(count), 1, nil, topic); err != nil {
		return err
	}
	c.partitions[topic] = count
	fmt.Println("created")
	return nil
}

func (c *crashClient) produce(
	ctx context.Context, topic string, count int, baseTimestamp int64, codec string, checkpoints []int64,
) error {
	compression := kgo.NoCompression()
	if codec == "zstd" {
		compression = kgo.ZstdCompression()
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(c.address),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.RequiredAcks(kgo.AllISRAcks()), // idempotent, as by default
		kgo.ProducerBatchCompression(compression),
		kgo.MaxBufferedRecords(maxBuffered),
	)
	if err != nil {
		return err
	}
	defer client.Close()

	result := &sent{baseTimestamp: baseTimestamp, offsets: slices.Repeat([]int64{notAcknowledged}, count)}
	c.sent[topic] = result
	var acknowledged atomic.Int64
	var pending sync.WaitGroup
	for i := range count {
		if slices.Contains(checkpoints, int64(i)) {
			fmt.Println("checkpoint", i)
			c.commands.Scan() // go
		}
		pending.Add(1)
		record := &kgo.Record{
			Topic:     topic,
			Partition: int32(i % c.partitions[topic]),
			Timestamp: time.UnixMilli(baseTimestamp + int64(i^5)),
			Key:       key(i),
			Value:     value(i),
			Headers:   headers(i),
		}
		client.Produce(ctx, record, func(record *kgo.Record, err error) {
			defer pending.Done()
			if err != nil {
				log.Printf("record %d: %v", i, err)
				return
			}
			result.offsets[i] = max(record.Offset, withoutOffset)
			acknowledged.Add(1)
		})
	}
	pending.Wait()
	fmt.Println("produced", acknowledged.Load())
	return nil
}

func (c *crashClient) read(ctx context.Context, topic string, expected *sent) error {
	assignment := map[int32]kgo.Offset{}
	for partition := range c.partitions[topic] {
		assignment[int32(partition)] = kgo.NewOffset().At(0)
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(c.address),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: assignment}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topic)
	if err != nil {
		return err
	}
	left := int64(0)
	ends.Each(func(end kadm.ListedOffset) { left += end.Offset })

	checker := checker{sent: expected, seen: make([]bool, len(expected.offsets)), previous: map[int32]int{}}
	for partition := range assignment {
		checker.previous[partition] = -1
	}
	for checker.records < left {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		fetches.EachRecord(checker.check)
	}
	checker.checkLost()
	for _, problem := range checker.problems[:min(len(checker.problems), maxProblems)] {
		fmt.Println("problem", problem)
	}
	if more := len(checker.problems) - maxProblems; more > 0 {
		fmt.Println("problem … and", more, "more")
	}
	missing := 0
	for _, offset := range expected.offsets {
		if offset == withoutOffset {
			missing++
		}
	}
	fmt.Println("read", checker.records, missing)
	return nil
}

// checker compares what is read with what was sent.
type checker struct {
	sent     *sent
	seen     []bool
	previous map[int32]int
	records  int64
	problems []string
}

func (c *checker) check(record *kgo.Record) {
	c.records++
	if problem := c.problem(record); problem != "" {
		c.problems = append(c.problems, fmt.Sprintf("%s-%d: %s", record.Topic, record.Partition, problem))
	}
}

// problem returns what is wrong with a record that was read, or "".
func (c *checker) problem(record *kgo.Record) string {
	index := int(record.Timestamp.UnixMilli()-c.sent.baseTimestamp) ^ 5
	if index < 0 || index >= len(c.seen) {
		return fmt.Sprintf("offset %d has the unknown timestamp %d", record.Offset, record.Timestamp.UnixMilli())
	}
	if c.seen[index] {
		return fmt.Sprintf("record %d is there again at offset %d", index, record.Offset)
	}
	c.seen[index] = true
	if int(record.Partition) != index%len(c.previous) {
		return fmt.Sprintf("record %d is in the wrong partition", index)
	}
	if previous := c.previous[record.Partition]; index < previous {
		return fmt.Sprintf("record %d comes after %d", index, previous)
	}
	c.previous[record.Partition] = index
	if offset := c.sent.offsets[index]; offset >= 0 && offset != record.Offset {
		return fmt.Sprintf("record %d is at offset %d, acknowledged at %d", index, record.Offset, offset)
	}
	switch {
	case !same(record.Key, key(index)):
		return fmt.Sprintf("record %d has another key", index)
	case !same(record.Value, value(index)):
		return fmt.Sprintf("record %d has another value", index)
	case !slices.EqualFunc(record.Headers, headers(index), func(a, b kgo.RecordHeader) bool {
		return a.Key == b.Key && same(a.Value, b.Value)
	}):
		return fmt.Sprintf("record %d has other headers", index)
	}
	return ""
}

func (c *checker) checkLost() {
	for i, offset := range c.sent.offsets {
		if offset != notAcknowledged && !c.seen[i] {
			c.problems = append(c.problems, fmt.Sprintf("record %d, acknowledged at offset %d, is lost", i, offset))
		}
	}
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

func headers(i int) []kgo.RecordHeader {
	switch i % 4 {
	case 0:
		return nil
	case 1:
		return []kgo.RecordHeader{{Key: "index", Value: fmt.Appendf(nil, "%d", i)}}
	case 2:
		return []kgo.RecordHeader{{Key: "a", Value: []byte("1")}, {Key: "a", Value: nil}, {Key: "", Value: []byte{}}}
	default:
		return []kgo.RecordHeader{{Key: "trace", Value: slice(i, 16)}}
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
