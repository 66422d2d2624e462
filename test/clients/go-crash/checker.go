package crash

import (
	"fmt"
	"slices"
	"sync"
)

const (
	maxProblems     = 10
	notAcknowledged = -2
	notFound        = -1
)

// sent is what was produced to one topic, with the offset of each record, if it has one.
type sent struct {
	baseTimestamp int64
	offsets       []int64
}

func newSent(baseTimestamp int64, records int) *sent {
	return &sent{baseTimestamp, slices.Repeat([]int64{notAcknowledged}, records)}
}

func (s *sent) acknowledged() int64 {
	return int64(len(s.offsets) - s.count(notAcknowledged))
}

func (s *sent) count(wanted int64) int {
	count := 0
	for _, offset := range s.offsets {
		if offset == wanted {
			count++
		}
	}
	return count
}

// checker compares what is read with what was sent.
type checker struct {
	mutex sync.Mutex
	sent  *sent
	// found holds where each record was found: of several copies, where it was acknowledged.
	found []int64
	// previous holds the index of the last new record of each partition.
	previous   []int
	records    int
	duplicates int
	problems   []string
}

func newChecker(sent *sent, partitions int) *checker {
	return &checker{
		sent:     sent,
		found:    slices.Repeat([]int64{notFound}, len(sent.offsets)),
		previous: slices.Repeat([]int{-1}, partitions),
	}
}

func (c *checker) check(record Record) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.records++
	if problem := c.problem(record); problem != "" {
		c.problems = append(c.problems, fmt.Sprintf("partition %d: %s", record.Partition, problem))
	}
}

// problem returns what is wrong with a record that was read, or "".
func (c *checker) problem(record Record) string {
	index := indexOf(record, c.sent.baseTimestamp)
	if index < 0 || index >= len(c.found) {
		return fmt.Sprintf("offset %d has the unknown timestamp %d", record.Offset, record.Timestamp.UnixMilli())
	}
	duplicate := c.found[index] != notFound
	if duplicate {
		c.duplicates++
	}
	if !duplicate || record.Offset == c.sent.offsets[index] {
		c.found[index] = record.Offset
	}
	expected := recordAt(index, len(c.previous), c.sent.baseTimestamp)
	if record.Partition != expected.Partition {
		return fmt.Sprintf("record %d is in the wrong partition", index)
	}
	if !duplicate {
		if previous := c.previous[record.Partition]; index < previous {
			return fmt.Sprintf("record %d comes after %d", index, previous)
		}
		c.previous[record.Partition] = index
	}
	if part := difference(record, expected); part != "" {
		return fmt.Sprintf("record %d has another %s", index, part)
	}
	return ""
}

// finish looks for what is missing, as all was read.
func (c *checker) finish() {
	for i, offset := range c.sent.offsets {
		switch {
		case offset != notAcknowledged && c.found[i] == notFound:
			c.problems = append(c.problems, fmt.Sprintf("record %d, acknowledged at offset %d, is lost", i, offset))
		case offset >= 0 && offset != c.found[i]:
			c.problems = append(c.problems, fmt.Sprintf("record %d is at offset %d, acknowledged at %d", i, c.found[i], offset))
		}
	}
}

// report prints the answer to the command `read`.
func (c *checker) report() {
	for _, problem := range c.problems[:min(len(c.problems), maxProblems)] {
		fmt.Println("problem", problem)
	}
	if more := len(c.problems) - maxProblems; more > 0 {
		fmt.Println("problem … and", more, "more")
	}
	fmt.Println("read", c.records, c.sent.count(UnknownOffset), c.duplicates)
}
