// Command member is github.com/segmentio/kafka-go in ../../group-suite.ts.
package main

import (
	"context"
	"errors"
	"log"
	"maps"
	"sync"
	"time"

	group "chronik/test/clients/go-group"

	"github.com/segmentio/kafka-go"
)

const (
	queueCapacity = 1000
	maxFetchBytes = 1 << 20
	maxFetchWait  = 100 * time.Millisecond // a reader is not closed sooner
)

var balancers = map[string]kafka.GroupBalancer{
	"range":      kafka.RangeGroupBalancer{},
	"roundrobin": kafka.RoundRobinGroupBalancer{},
}

type library struct{}

func main() {
	group.Serve(library{})
}

func (library) Modes() []string {
	return []string{"range", "roundrobin"}
}

func (library) Consume(ctx context.Context, membership group.Membership, report *group.Report) error {
	consumer, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID:                membership.Group,
		Brokers:           []string{membership.Address},
		Topics:            []string{membership.Topic},
		GroupBalancers:    []kafka.GroupBalancer{balancers[membership.Mode]},
		SessionTimeout:    group.SessionTimeout,
		HeartbeatInterval: group.HeartbeatInterval,
		JoinGroupBackoff:  group.RetryBackoff,
		StartOffset:       kafka.FirstOffset,
	})
	if err != nil {
		return err
	}
	defer consumer.Close()
	for ctx.Err() == nil {
		generation, err := consumer.Next(ctx)
		switch {
		case errors.Is(err, kafka.ErrGroupClosed):
			return err
		case err != nil:
			if ctx.Err() == nil {
				log.Print(err)
			}
		default:
			start(generation, membership, report)
		}
	}
	return nil
}

// start consumes what one generation assigns. The next one begins when all of its functions have ended.
func start(generation *kafka.Generation, membership group.Membership, report *group.Report) {
	assignments := generation.Assignments[membership.Topic]
	m := &member{generation: generation, topic: membership.Topic, report: report, uncommitted: map[int]int64{}}
	partitions := make([]int32, len(assignments))
	var readers sync.WaitGroup
	for i, assignment := range assignments {
		partitions[i] = int32(assignment.ID)
		readers.Add(1)
	}
	report.Assigned(partitions...)
	for _, assignment := range assignments {
		generation.Start(func(ctx context.Context) {
			defer readers.Done()
			m.read(ctx, membership.Address, assignment)
		})
	}
	generation.Start(func(ctx context.Context) {
		ticker := time.NewTicker(group.CommitInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				m.commit()
			case <-ctx.Done():
				readers.Wait()
				m.commit()
				report.Revoked(partitions...)
				return
			}
		}
	})
}

type member struct {
	generation *kafka.Generation
	topic      string
	report     *group.Report
	mutex      sync.Mutex
	// uncommitted holds the position of each partition that was read, unless that is committed.
	uncommitted map[int]int64
}

func (m *member) read(ctx context.Context, address string, assignment kafka.PartitionAssignment) {
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers:       []string{address},
		Topic:         m.topic,
		Partition:     assignment.ID,
		QueueCapacity: queueCapacity,
		MaxBytes:      maxFetchBytes,
		MaxWait:       maxFetchWait,
	})
	defer reader.Close()
	if err := reader.SetOffset(assignment.Offset); err != nil {
		log.Print(err)
		return
	}
	for {
		message, err := reader.ReadMessage(ctx)
		switch {
		case err == nil:
			m.mutex.Lock()
			m.report.Read(int32(assignment.ID), []int64{message.Offset})
			m.uncommitted[assignment.ID] = message.Offset + 1
			m.mutex.Unlock()
		case ctx.Err() != nil:
			return
		default:
			log.Printf("partition %d: %v", assignment.ID, err)
		}
	}
}

// commit tries once: what fails is committed later, in this generation or not at all.
func (m *member) commit() {
	m.mutex.Lock()
	positions := maps.Clone(m.uncommitted)
	m.mutex.Unlock()
	if len(positions) == 0 {
		return
	}
	if err := m.generation.CommitOffsets(map[string]map[int]int64{m.topic: positions}); err != nil {
		log.Printf("commit: %v", err)
		return
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for partition, next := range positions {
		m.report.Committed(int32(partition), next)
		if m.uncommitted[partition] == next {
			delete(m.uncommitted, partition)
		}
	}
}
