package crash

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// patience is how long acknowledged records may take until they are below the end offsets.
const patience = 30 * time.Second

type server struct {
	library    Library
	commands   *bufio.Scanner
	partitions map[string]int
	sent       map[string]*sent
}

// Serve is the main function of a client: `open` gets the broker's address.
func Serve(open func(address string) (Library, error)) {
	library, err := open(os.Args[len(os.Args)-1])
	if err != nil {
		log.Fatal(err)
	}
	s := server{library, bufio.NewScanner(os.Stdin), map[string]int{}, map[string]*sent{}}
	for s.commands.Scan() {
		line := s.commands.Text()
		if err := s.execute(context.Background(), strings.Fields(line)); err != nil {
			log.Fatalf("%s: %v", line, err)
		}
	}
}

func (s *server) execute(ctx context.Context, words []string) error {
	switch command, args := words[0], words[1:]; command {
	case "codecs":
		fmt.Println("codecs", strings.Join(s.library.Codecs(), " "))
		return nil
	case "create":
		partitions, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		return s.create(ctx, args[0], partitions)
	case "produce":
		numbers, err := numbersIn(slices.Concat(args[1:3], args[5:]))
		if err != nil {
			return err
		}
		production := Production{Topic: args[0], Codec: args[3], Acks: Acks(args[4])}
		return s.produce(ctx, production, int(numbers[0]), numbers[1], numbers[2:])
	case "read":
		return s.read(ctx, args[0], s.sent[args[1]])
	case "send":
		return s.send(ctx, args[0], args[1], args[2], args[3])
	case "copy":
		ends, err := numbersIn(args[2:])
		if err != nil {
			return err
		}
		return s.copy(ctx, args[0], args[1], ends)
	default:
		return fmt.Errorf("unknown command")
	}
}

func numbersIn(words []string) ([]int64, error) {
	numbers := make([]int64, len(words))
	for i, word := range words {
		number, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return nil, err
		}
		numbers[i] = number
	}
	return numbers, nil
}

func (s *server) create(ctx context.Context, topic string, partitions int) error {
	if err := s.library.Create(ctx, topic, partitions); err != nil {
		return err
	}
	s.partitions[topic] = partitions
	fmt.Println("created")
	return nil
}

func (s *server) produce(
	ctx context.Context, production Production, records int, baseTimestamp int64, checkpoints []int64,
) error {
	result := newSent(baseTimestamp, records)
	var acknowledged atomic.Int64
	production.Acknowledged = func(index int, offset int64, err error) {
		if err != nil {
			log.Printf("record %d: %v", index, err)
			return
		}
		if production.Acks == AcksNone {
			offset = UnknownOffset // nobody told the library
		}
		result.offsets[index] = max(offset, UnknownOffset)
		acknowledged.Add(1)
	}
	producer, err := s.library.Producer(ctx, production)
	if err != nil {
		return err
	}
	for i := range records {
		if slices.Contains(checkpoints, int64(i)) {
			fmt.Println("checkpoint", i)
			s.commands.Scan() // go
		}
		if err := producer.Send(ctx, i, recordAt(i, s.partitions[production.Topic], baseTimestamp)); err != nil {
			return err
		}
	}
	if err := producer.Close(); err != nil {
		return err
	}
	s.sent[production.Topic] = result
	fmt.Println("produced", acknowledged.Load())
	return nil
}

func (s *server) read(ctx context.Context, topic string, expected *sent) error {
	partitions := s.partitions[topic]
	ends, err := s.endOffsets(ctx, topic, s.sent[topic].acknowledged())
	if err != nil {
		return err
	}
	checker := newChecker(expected, partitions)
	if err := s.library.Read(ctx, topic, ends, checker.check); err != nil {
		return err
	}
	checker.finish()
	checker.report()
	return nil
}

// endOffsets waits until `acknowledged` records are below the end offsets: with acks=0 they may yet be on their way.
func (s *server) endOffsets(ctx context.Context, topic string, acknowledged int64) ([]int64, error) {
	for deadline := time.Now().Add(patience); ; {
		ends, err := s.library.EndOffsets(ctx, topic, s.partitions[topic])
		if err != nil {
			return nil, err
		}
		sum := int64(0)
		for _, end := range ends {
			sum += end
		}
		if sum >= acknowledged || time.Now().After(deadline) {
			return ends, nil
		}
	}
}
