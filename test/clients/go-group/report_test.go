package group

import (
	"errors"
	"strings"
	"testing"
)

func TestARunEndsWhereAnOffsetIsMissing(t *testing.T) {
	for lines, offsets := range map[string][]int64{
		"":                                     {},
		"read 3 7 7\n":                         {7},
		"read 3 0 2\n":                         {0, 1, 2},
		"read 3 0 1\nread 3 3 4\n":             {0, 1, 3, 4},
		"read 3 5 5\nread 3 7 7\n":             {5, 7},
		"read 3 8 9\nread 3 8 9\n":             {8, 9, 8, 9},
		"read 3 0 0\nread 3 2 3\nread 3 9 9\n": {0, 2, 3, 9},
	} {
		var out strings.Builder
		NewReport(&out).Read(3, offsets)
		if out.String() != lines {
			t.Errorf("offsets %v are reported as %q", offsets, out.String())
		}
	}
}

func TestAllThatIsOwnedIsSaidWithEveryChange(t *testing.T) {
	var out strings.Builder
	report := NewReport(&out)
	report.Assigned()
	report.Assigned(4, 1)
	report.Assigned(1, 2)
	report.Revoked(4, 5)
	report.Problem(errors.New("one\ntwo"))
	if want := "assigned -\nassigned 1,4\nassigned 1,2,4\nassigned 1,2\nproblem one two\nassigned -\n"; out.String() != want {
		t.Errorf("reported %q", out.String())
	}
}
