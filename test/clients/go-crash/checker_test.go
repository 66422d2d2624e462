package crash

import (
	"strings"
	"testing"
	"time"
)

const (
	base       = 1_000_000
	partitions = 4
	// wanted has a key, a value and headers.
	wanted = 18
)

// read checks 100 acknowledged records, with record `wanted` bent, and returns the checker after the last one.
func read(bend func(record *Record) (copies int)) *checker {
	sent := newSent(base, 100)
	checker := newChecker(sent, partitions)
	next := make([]int64, partitions)
	for index := range sent.offsets {
		record := recordAt(index, partitions, base)
		record.Offset = next[record.Partition]
		sent.offsets[index] = record.Offset
		copies := 1
		if index == wanted {
			copies = bend(&record)
		}
		for range copies {
			checker.check(record)
			record.Offset++
		}
		next[record.Partition] = record.Offset
	}
	checker.finish()
	return checker
}

func TestAllAsSentIsNoProblem(t *testing.T) {
	checker := read(func(*Record) int { return 1 })
	if checker.records != 100 || checker.duplicates != 0 || len(checker.problems) > 0 {
		t.Fatalf("%d records, %d duplicates, %q", checker.records, checker.duplicates, checker.problems)
	}
}

func TestEveryDifferenceIsNoticed(t *testing.T) {
	for problem, bend := range map[string]func(record *Record) int{
		"another key":         func(r *Record) int { r.Key = append([]byte{'x'}, r.Key...); return 1 },
		"another value":       func(r *Record) int { r.Value = r.Value[1:]; return 1 },
		"other headers":       func(r *Record) int { r.Headers = r.Headers[:2]; return 1 },
		"unknown timestamp":   func(r *Record) int { r.Timestamp = r.Timestamp.Add(time.Hour); return 1 },
		"comes after":         func(r *Record) int { r.Timestamp = time.UnixMilli(base + (98 ^ 5)); return 1 },
		"the wrong partition": func(r *Record) int { r.Partition = (r.Partition + 1) % partitions; return 1 },
		"is lost":             func(*Record) int { return 0 },
		"acknowledged at":     func(r *Record) int { r.Offset++; return 1 },
	} {
		problems := strings.Join(read(bend).problems, "\n")
		if !strings.Contains(problems, problem) {
			t.Errorf("not noticed: %s, only %q", problem, problems)
		}
	}
}

func TestNullIsNotEmpty(t *testing.T) {
	for part, bend := range map[string]func(record *Record){
		"key":     func(r *Record) { r.Key = nil },
		"value":   func(r *Record) { r.Value = nil },
		"headers": func(r *Record) { r.Headers[0].Value = nil },
	} {
		a := Record{Key: []byte{}, Value: []byte{}, Headers: []Header{{"a", []byte{}}}}
		b := Record{Key: []byte{}, Value: []byte{}, Headers: []Header{{"a", []byte{}}}}
		bend(&b)
		if found := difference(a, b); found != part {
			t.Errorf("null for an empty %s is called %q", part, found)
		}
	}
}

func TestDuplicatesAreCountedAndNoProblem(t *testing.T) {
	checker := read(func(*Record) int { return 3 })
	if checker.records != 102 || checker.duplicates != 2 || len(checker.problems) > 0 {
		t.Fatalf("%d records, %d duplicates, %q", checker.records, checker.duplicates, checker.problems)
	}
}

func TestOneOfTheCopiesIsWhereItWasAcknowledged(t *testing.T) {
	for acknowledged, problems := range map[int64]int{0: 0, 1: 0, 2: 1} {
		sent := newSent(base, 1)
		sent.offsets[0] = acknowledged
		checker := newChecker(sent, 1)
		for offset := range int64(2) {
			record := recordAt(0, 1, base)
			record.Offset = offset
			checker.check(record)
		}
		if checker.finish(); len(checker.problems) != problems {
			t.Errorf("copies at 0 and 1, acknowledged at %d: %q", acknowledged, checker.problems)
		}
	}
}

func TestARecordThatWasNotAcknowledgedMayBeMissing(t *testing.T) {
	checker := newChecker(newSent(base, 1), 1)
	if checker.finish(); len(checker.problems) > 0 {
		t.Fatalf("%q", checker.problems)
	}
}

func TestARecordGoesThroughAFileAsItIs(t *testing.T) {
	for index := range 100 {
		record := recordAt(index, partitions, base)
		again, rest := takeRecord(appendRecord(nil, record))
		if len(rest) > 0 || difference(record, again) != "" || !record.Timestamp.Equal(again.Timestamp) {
			t.Fatalf("record %d: %v became %v", index, record, again)
		}
	}
}
