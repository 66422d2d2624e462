package group

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Report writes the lines of a member. Any goroutine may call it.
type Report struct {
	mutex sync.Mutex
	out   io.Writer
	owned []int32
}

// NewReport returns the report of a member that owns nothing yet.
func NewReport(out io.Writer) *Report {
	return &Report{out: out}
}

// Assigned takes partitions that are owned from now on.
func (r *Report) Assigned(partitions ...int32) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.owned = append(r.owned, partitions...)
	r.sayOwned()
}

// Revoked takes partitions that are owned no longer.
func (r *Report) Revoked(partitions ...int32) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.owned = slices.DeleteFunc(r.owned, func(partition int32) bool { return slices.Contains(partitions, partition) })
	r.sayOwned()
}

func (r *Report) sayOwned() {
	slices.Sort(r.owned)
	r.owned = slices.Compact(r.owned)
	words := make([]string, len(r.owned))
	for i, partition := range r.owned {
		words[i] = strconv.Itoa(int(partition))
	}
	if len(words) == 0 {
		words = []string{"-"}
	}
	fmt.Fprintln(r.out, "assigned", strings.Join(words, ","))
}

// Read takes the offsets of records that were delivered, in their order.
func (r *Report) Read(partition int32, offsets []int64) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for first := 0; first < len(offsets); {
		next := first + 1
		for next < len(offsets) && offsets[next] == offsets[next-1]+1 {
			next++
		}
		fmt.Fprintln(r.out, "read", partition, offsets[first], offsets[next-1])
		first = next
	}
}

// Committed takes a position that the broker has acknowledged.
func (r *Report) Committed(partition int32, next int64) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	fmt.Fprintln(r.out, "committed", partition, next)
}

// Problem takes what the library could not go on from. It owns nothing any more.
func (r *Report) Problem(err error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	fmt.Fprintln(r.out, "problem", strings.ReplaceAll(err.Error(), "\n", " "))
	r.owned = nil
	r.sayOwned()
}

// Stopped says that the member has left.
func (r *Report) Stopped() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	fmt.Fprintln(r.out, "stopped")
}
