// Command member is franz-go in ../../group-suite.ts.
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

	"github.com/twmb/franz-go/pkg/kgo"
)

const pollTimeout = 100 * time.Millisecond

var modes = map[string][]kgo.Opt{
	"range":       {kgo.Balancers(kgo.RangeBalancer())},
	"roundrobin":  {kgo.Balancers(kgo.RoundRobinBalancer())},
	"sticky":      {kgo.Balancers(kgo.StickyBalancer())},
	"cooperative": {kgo.Balancers(kgo.CooperativeStickyBalancer())},
	"consumer":    {kgo.Balancers(kgo.StickyBalancer()), kgo.ServerSideBalancer()},
}

type library struct{}

func main() {
	group.Serve(library{})
}

func (library) Modes() []string {
	return []string{"range", "cooperative", "consumer"}
}

func (library) Consume(ctx context.Context, membership group.Membership, report *group.Report) error {
	m := &member{topic: membership.Topic, report: report, uncommitted: map[int32]*kgo.Record{}}
	options := append(modes[membership.Mode],
		kgo.SeedBrokers(membership.Address),
		kgo.ConsumerGroup(membership.Group),
		kgo.ConsumeTopics(membership.Topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.SessionTimeout(group.SessionTimeout),
		kgo.HeartbeatInterval(group.HeartbeatInterval),
		// So that nothing is committed of a partition that has gone to another member.
		kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsAssigned(m.assigned),
		kgo.OnPartitionsRevoked(m.revoked),
		kgo.OnPartitionsLost(m.lost),
	)
	if membership.Instance != "" {
		options = append(options, kgo.InstanceID(membership.Instance))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return err
	}
	defer client.CloseAllowingRebalance()
	for committedAt := time.Now(); ctx.Err() == nil; client.AllowRebalance() {
		if err := m.poll(ctx, client); err != nil {
			return err
		}
		if time.Since(committedAt) >= group.CommitInterval {
			m.commit(client)
			committedAt = time.Now()
		}
	}
	return nil
}

type member struct {
	topic  string
	report *group.Report
	mutex  sync.Mutex
	// uncommitted holds the last record that was read of each partition, unless that is committed.
	uncommitted map[int32]*kgo.Record
}

func (m *member) poll(ctx context.Context, client *kgo.Client) error {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	fetches := client.PollFetches(ctx)
	if fetches.IsClientClosed() {
		return kgo.ErrClientClosed
	}
	fetches.EachError(func(_ string, partition int32, err error) {
		if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
			log.Printf("partition %d: %v", partition, err)
		}
	})
	m.mutex.Lock()
	defer m.mutex.Unlock()
	fetches.EachPartition(func(fetched kgo.FetchTopicPartition) {
		if len(fetched.Records) == 0 {
			return
		}
		offsets := make([]int64, len(fetched.Records))
		for i, record := range fetched.Records {
			offsets[i] = record.Offset
		}
		m.report.Read(fetched.Partition, offsets)
		m.uncommitted[fetched.Partition] = fetched.Records[len(fetched.Records)-1]
	})
	return nil
}

// commit tries once: what fails is committed later, unless the partition is lost in the meantime.
func (m *member) commit(client *kgo.Client) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if len(m.uncommitted) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), group.CommitTimeout)
	defer cancel()
	if err := client.CommitRecords(ctx, slices.Collect(maps.Values(m.uncommitted))...); err != nil {
		log.Printf("commit: %v", err)
		return
	}
	for partition, record := range m.uncommitted {
		m.report.Committed(partition, record.Offset+1)
	}
	clear(m.uncommitted)
}

func (m *member) assigned(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
	m.report.Assigned(partitions[m.topic]...)
}

func (m *member) revoked(ctx context.Context, client *kgo.Client, partitions map[string][]int32) {
	m.commit(client)
	m.lost(ctx, client, partitions)
}

func (m *member) lost(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, partition := range partitions[m.topic] {
		delete(m.uncommitted, partition)
	}
	m.report.Revoked(partitions[m.topic]...)
}
