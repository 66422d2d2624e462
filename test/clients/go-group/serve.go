// Package group is what the Go members of ../group-suite.ts share: the commands, and the lines that say what became of the
// member (../README.md). A member adds what its library does.
package group

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"time"
)

const (
	SessionTimeout    = 6 * time.Second
	HeartbeatInterval = time.Second
	// CommitInterval is below the 200 ms that are asked for.
	CommitInterval = 150 * time.Millisecond
	// CommitTimeout keeps a member from waiting for a broker that is away.
	CommitTimeout = 2 * time.Second
	// RetryBackoff is for what a library leaves to its user to try again.
	RetryBackoff = 250 * time.Millisecond
)

// Library is a Kafka library under test.
type Library interface {
	Modes() []string
	// Consume takes part in the group until the context ends, and then leaves it. An error is one that the library cannot go
	// on from: Consume is called again.
	Consume(ctx context.Context, membership Membership, report *Report) error
}

// Membership says in which group, and how.
type Membership struct {
	Address string
	Group   string
	Topic   string
	Mode    string
	// Instance is the name of a static member, or "".
	Instance string
}

// Serve is the main function of a member.
func Serve(library Library) {
	commands := bufio.NewScanner(os.Stdin)
	if !commands.Scan() {
		return
	}
	switch words := strings.Fields(commands.Text()); {
	case len(words) == 1 && words[0] == "modes":
		fmt.Println("modes", strings.Join(library.Modes(), " "))
	case len(words) == 5 && words[0] == "consume":
		membership := Membership{os.Args[len(os.Args)-1], words[1], words[2], words[3], words[4]}
		if membership.Instance == "-" {
			membership.Instance = ""
		}
		ctx, stop := context.WithCancel(context.Background())
		go func() {
			commands.Scan() // stop is the only command that can come
			stop()
		}()
		consume(ctx, library, membership)
	default:
		log.Fatalf("unknown command %q", commands.Text())
	}
}

func consume(ctx context.Context, library Library, membership Membership) {
	report := NewReport(os.Stdout)
	for ctx.Err() == nil {
		if err := library.Consume(ctx, membership, report); err != nil {
			report.Problem(err)
			time.Sleep(RetryBackoff)
		}
	}
	report.Stopped()
}
