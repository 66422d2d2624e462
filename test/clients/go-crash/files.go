package crash

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"sync"
	"time"
)

// progressRecords are acknowledged between two lines that say it.
const progressRecords = 1000

// send sends the records of a file, idempotently, and writes where each of them is to another (../README.md).
func (s *server) send(ctx context.Context, topic, codec, tapePath, offsetsPath string) error {
	tape, err := os.ReadFile(tapePath)
	if err != nil {
		return err
	}
	var mutex sync.Mutex
	offsets := []int64{}
	count := 0
	acknowledged := func(index int, offset int64, err error) {
		if err != nil {
			log.Printf("record %d: %v", index, err)
			return
		}
		mutex.Lock()
		defer mutex.Unlock()
		offsets[index] = max(offset, UnknownOffset)
		if count++; count%progressRecords == 0 {
			fmt.Println("acknowledged", count)
		}
	}
	producer, err := s.library.Producer(ctx, Production{topic, codec, AcksAll, acknowledged})
	if err != nil {
		return err
	}
	for index := 0; len(tape) > 0; index++ {
		var record Record
		record, tape = takeRecord(tape)
		mutex.Lock()
		offsets = append(offsets, notAcknowledged)
		mutex.Unlock()
		if err := producer.Send(ctx, index, record); err != nil {
			return err
		}
	}
	if err := producer.Close(); err != nil {
		return err
	}
	bytes, err := binary.Append(nil, binary.BigEndian, offsets)
	if err != nil {
		return err
	}
	if err := os.WriteFile(offsetsPath, bytes, 0o644); err != nil {
		return err
	}
	fmt.Println("sent", count)
	return nil
}

// copy writes the records of a topic to a file, each behind its offset.
func (s *server) copy(ctx context.Context, topic, path string, ends []int64) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	writer := bufio.NewWriter(file)
	var mutex sync.Mutex
	count := 0
	err = s.library.Read(ctx, topic, ends, func(record Record) {
		mutex.Lock()
		defer mutex.Unlock()
		count++
		_, _ = writer.Write(appendRecord(binary.BigEndian.AppendUint64(nil, uint64(record.Offset)), record)) // Flush tells
	})
	if err != nil {
		return err
	}
	if err := writer.Flush(); err != nil {
		return err
	}
	fmt.Println("copied", count)
	return nil
}

func takeRecord(tape []byte) (Record, []byte) {
	number := func() int {
		number := int32(binary.BigEndian.Uint32(tape))
		tape = tape[4:]
		return int(number)
	}
	bytes := func() []byte {
		size := number()
		if size < 0 {
			return nil
		}
		bytes := tape[:size:size]
		tape = tape[size:]
		return bytes
	}
	record := Record{Partition: number(), Timestamp: time.UnixMilli(int64(binary.BigEndian.Uint64(tape)))}
	tape = tape[8:]
	record.Key, record.Value = bytes(), bytes()
	for range number() {
		name := string(bytes())
		record.Headers = append(record.Headers, Header{name, bytes()})
	}
	return record, tape
}

func appendRecord(to []byte, record Record) []byte {
	number := func(number int) { to = binary.BigEndian.AppendUint32(to, uint32(number)) }
	bytes := func(bytes []byte) {
		if bytes == nil {
			number(-1)
			return
		}
		number(len(bytes))
		to = append(to, bytes...)
	}
	number(record.Partition)
	to = binary.BigEndian.AppendUint64(to, uint64(record.Timestamp.UnixMilli()))
	bytes(record.Key)
	bytes(record.Value)
	number(len(record.Headers))
	for _, header := range record.Headers {
		bytes([]byte(header.Key))
		bytes(header.Value)
	}
	return to
}
