/** The reader of the text format refuses what is wrong (canary), and reads what is right. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Exposition } from "./exposition.ts";

const GAUGE = ["# HELP g A gauge.", "# TYPE g gauge"];
const COUNTER = ["# HELP c_total A counter.", "# TYPE c_total counter"];
const HISTOGRAM = ["# HELP h A histogram.", "# TYPE h histogram"];

function text(...lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}

test("names, labels and numbers are read", () => {
  const exposition = new Exposition(
    text(...GAUGE, "g 1.5", String.raw`g{a="x\\y\"z\n",b="}, c=1"} -2e3`, "", ...COUNTER, `c_total{a=""} 7`),
  );
  assert.equal(exposition.value("g"), 1.5);
  assert.equal(exposition.value("g", { b: "}, c=1", a: 'x\\y"z\n' }), -2000);
  assert.equal(exposition.value("c_total", { a: "" }), 7);
  assert.equal(exposition.value("c_total"), undefined);
  assert.equal(exposition.series("g").length, 2);
});

test("a histogram is read", () => {
  const exposition = new Exposition(
    text(...HISTOGRAM, 'h_bucket{le="0.5"} 1', 'h_bucket{le="+Inf"} 3', "h_sum 4.5", "h_count 3"),
  );
  assert.equal(exposition.value("h_bucket", { le: "0.5" }), 1);
});

test("a counter that goes back or away, or a histogram that does, is found (canary); a gauge may", () => {
  const histogram = (count: number): string[] => [
    ...HISTOGRAM,
    `h_bucket{le="+Inf"} ${count}`,
    "h_sum 1",
    `h_count ${count}`,
  ];
  const before = new Exposition(text(...GAUGE, "g 5", ...COUNTER, 'c_total{a="b"} 5', "c_total 5", ...histogram(5)));
  assert.deepEqual(before.shrunkSince(before), []);
  const later = new Exposition(text(...GAUGE, "g 1", ...COUNTER, "c_total 4", ...histogram(4)));
  assert.deepEqual(later.shrunkSince(before), [
    'c_total[["a","b"]]',
    "c_total[]",
    'h_bucket[["le","+Inf"]]',
    "h_count[]",
  ]);
});

const WRONG: readonly (readonly [what: string, text: string, expected: RegExp])[] = [
  ["no end of the last line", `${GAUGE.join("\n")}\ng 1`, /does not end/],
  ["a number without an explanation", text("g 1"), /not told what it is/],
  ["a number without a type", text(GAUGE[0]!, "g 1"), /not told what it is/],
  ["a type without an explanation", text(GAUGE[1]!, "g 1"), /TYPE does not follow/],
  ["two types", text(...GAUGE, GAUGE[1]!, "g 1"), /TYPE does not follow/],
  ["a metric in two places", text(...GAUGE, "g 1", ...COUNTER, "c_total 1", ...GAUGE, 'g{a="b"} 1'), /told of before/],
  ["another metric's number", text(...GAUGE, "f 1"), /no part of g/],
  ["a gauge with a bucket", text(...GAUGE, 'g_bucket{le="1"} 1'), /no part of g/],
  ["a series twice", text(...GAUGE, 'g{a="b",c="d"} 1', 'g{c="d",a="b"} 1'), /said twice/],
  ["a bad name", text(...GAUGE, "g-h 1"), /no sample/],
  ["a number with a time", text(...GAUGE, "g 1 1700000000000"), /no sample/],
  ["no number", text(...GAUGE, "g NaN"), /no number/],
  ["an infinite number", text(...GAUGE, "g +Inf"), /no number/],
  ["a label without quotes", text(...GAUGE, "g{a=b} 1"), /labels cannot be read/],
  ["a quote in a label", text(...GAUGE, 'g{a="b"c"} 1'), /labels cannot be read/],
  ["a backslash in a label", text(...GAUGE, String.raw`g{a="\b"} 1`), /labels cannot be read/],
  ["a comma at the end", text(...GAUGE, 'g{a="b",} 1'), /labels cannot be read/],
  ["a label twice", text(...GAUGE, 'g{a="b",a="c"} 1'), /label twice/],
  ["a counter without _total", text("# HELP c A counter.", "# TYPE c counter", "c 1"), /ends in _total/],
  ["a counter below 0", text(...COUNTER, "c_total -1"), /below 0/],
  ["a gauge with _total", text("# HELP g_total A gauge.", "# TYPE g_total gauge", "g_total 1"), /no name of a gauge/],
  ["another type", text("# HELP s Something.", "# TYPE s summary", "s 1"), /its type is summary/],
  ["an explanation that breaks off", text("# HELP g A", "# TYPE g gauge", "g 1"), /no sentence/],
  ["a histogram without +Inf", text(...HISTOGRAM, 'h_bucket{le="1"} 1', "h_sum 1", "h_count 1"), /end with \+Inf/],
  ["a histogram without a sum", text(...HISTOGRAM, 'h_bucket{le="+Inf"} 1', "h_count 1"), /no sum/],
  [
    "a histogram with another count",
    text(...HISTOGRAM, 'h_bucket{le="+Inf"} 1', "h_sum 1", "h_count 2"),
    /is not its count/,
  ],
  [
    "a histogram that is not cumulative",
    text(...HISTOGRAM, 'h_bucket{le="1"} 2', 'h_bucket{le="+Inf"} 1', "h_sum 1", "h_count 1"),
    /do not add up/,
  ],
  [
    "a histogram out of order",
    text(...HISTOGRAM, 'h_bucket{le="2"} 1', 'h_bucket{le="1"} 1', 'h_bucket{le="+Inf"} 1', "h_sum 1", "h_count 1"),
    /do not rise/,
  ],
];

for (const [what, wrong, expected] of WRONG) {
  test(`${what} is refused (canary)`, () => {
    assert.throws(() => new Exposition(wrong), expected);
  });
}
