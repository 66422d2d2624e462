// Command member is github.com/IBM/sarama in ../../group-suite.ts.
package main

import (
	"context"
	"errors"
	"log"
	"maps"
	"slices"
	"sync"
	"time"

	group "chronik/test/clients/go-group"

	"github.com/IBM/sarama"
)

// maxRead bounds the records of one report.
const maxRead = 500

var strategies = map[string]func() sarama.BalanceStrategy{
	"range":       sarama.NewBalanceStrategyRange,
	"roundrobin":  sarama.NewBalanceStrategyRoundRobin,
	"sticky":      sarama.NewBalanceStrategySticky,
	"cooperative": sarama.NewBalanceStrategyCooperativeSticky,
}

type library struct{}

func main() {
	group.Serve(library{})
}

func (library) Modes() []string {
	return []string{"range", "sticky", "cooperative"}
}

func (library) Consume(ctx context.Context, membership group.Membership, report *group.Report) error {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{strategies[membership.Mode]()}
	config.Consumer.Group.Session.Timeout = group.SessionTimeout
	config.Consumer.Group.Heartbeat.Interval = group.HeartbeatInterval
	config.Consumer.Group.InstanceId = membership.Instance
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Enable = false
	config.Consumer.Return.Errors = true
	addresses := []string{membership.Address}
	admin, err := sarama.NewClusterAdmin(addresses, config)
	if err != nil {
		return err
	}
	defer admin.Close()
	consumer, err := sarama.NewConsumerGroup(addresses, membership.Group, config)
	if err != nil {
		return err
	}
	defer consumer.Close()
	go func() {
		for err := range consumer.Errors() {
			log.Print(err)
		}
	}()
	m := &member{membership: membership, report: report, admin: admin, uncommitted: map[int32]int64{}}
	// A session ends with every rebalance, and the next one is for the user to begin.
	for ctx.Err() == nil {
		err := consumer.Consume(ctx, []string{membership.Topic}, m)
		if errors.Is(err, sarama.ErrClosedConsumerGroup) {
			return err
		}
		if err != nil {
			log.Print(err)
			time.Sleep(group.RetryBackoff)
		}
	}
	return nil
}

type member struct {
	membership group.Membership
	report     *group.Report
	admin      sarama.ClusterAdmin
	mutex      sync.Mutex
	// uncommitted holds the position of each partition that was read, unless that is committed.
	uncommitted map[int32]int64
}

func (m *member) Setup(session sarama.ConsumerGroupSession) error {
	m.report.Assigned()
	go func() {
		ticker := time.NewTicker(group.CommitInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				m.commit(session)
			case <-session.Context().Done():
				return
			}
		}
	}()
	return nil
}

func (m *member) Cleanup(session sarama.ConsumerGroupSession) error {
	m.commit(session)
	m.mutex.Lock()
	defer m.mutex.Unlock()
	clear(m.uncommitted)
	return nil
}

func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	m.report.Assigned(claim.Partition())
	defer m.report.Revoked(claim.Partition())
	for {
		select {
		case message, open := <-claim.Messages():
			if !open {
				return nil
			}
			m.read(session, claim, message)
		case <-session.Context().Done():
			return nil
		}
	}
}

// read reports the record and those that are there already, and marks them to be committed.
func (m *member) read(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim, first *sarama.ConsumerMessage) {
	last := first
	offsets := []int64{first.Offset}
	for more := true; more && len(offsets) < maxRead; {
		select {
		case message, open := <-claim.Messages():
			if more = open; open {
				last = message
				offsets = append(offsets, message.Offset)
			}
		default:
			more = false
		}
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.report.Read(claim.Partition(), offsets)
	session.MarkMessage(last, "")
	m.uncommitted[claim.Partition()] = last.Offset + 1
}

// commit commits all that is marked. The library does not say whether that worked, so the broker is asked.
func (m *member) commit(session sarama.ConsumerGroupSession) {
	m.mutex.Lock()
	asked := maps.Clone(m.uncommitted)
	m.mutex.Unlock()
	if len(asked) == 0 {
		return
	}
	session.Commit()
	topic := m.membership.Topic
	answer, err := m.admin.ListConsumerGroupOffsets(
		m.membership.Group, map[string][]int32{topic: slices.Collect(maps.Keys(asked))})
	if err != nil {
		log.Print(err)
		return
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for partition, next := range asked {
		block := answer.GetBlock(topic, partition)
		if block == nil || block.Err != sarama.ErrNoError || block.Offset < next {
			continue
		}
		m.report.Committed(partition, block.Offset)
		if m.uncommitted[partition] == next {
			delete(m.uncommitted, partition)
		}
	}
}
