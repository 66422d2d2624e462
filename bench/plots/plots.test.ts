import assert from "node:assert/strict";
import { test } from "node:test";
import { barPlot } from "./bars.ts";
import { linePlot } from "./lines.ts";
import { numberText, scaleTo } from "./scale.ts";
import { element, label } from "./svg.ts";

test("text and attributes are escaped, and numbers cut", () => {
  assert.equal(label("a < b & c", { x: 1 / 3, y: 2 }), '<text x="0.33" y="2" fill="#333333">a &lt; b &amp; c</text>');
  assert.equal(element("g", { id: '"' }), '<g id="&quot;"/>');
});

test("an axis begins at 0, has round steps and holds the largest value", () => {
  assert.deepEqual(scaleTo(648).ticks, [0, 200, 400, 600, 800]);
  assert.deepEqual(scaleTo(0.9).ticks, [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.deepEqual(scaleTo(5).ticks, [0, 1, 2, 3, 4, 5]);
  assert.equal(scaleTo(648).place(400), 0.5);
  assert.deepEqual(scaleTo(0).ticks, [0, 0.2, 0.4, 0.6, 0.8, 1]);
});

test("numbers show what counts", () => {
  assert.deepEqual([0, 0.416, 12.34, 1234.5].map(numberText), ["0", "0.42", "12.3", "1,235"]);
});

const SERIES = [
  { name: "kafka", color: "#111111" },
  { name: "chronik", color: "#222222" },
];

/** The widths of the bars with this colour. */
function widths(svg: string, color: string): number[] {
  const bars = svg.matchAll(
    new RegExp(`<rect x="[\\d.]+" y="[\\d.]+" width="([\\d.]+)" height="14" fill="${color}"/>`, "g"),
  );
  return [...bars].map(([, width]) => Number(width));
}

test("bars are as long as their values, and only a spread has a whisker", () => {
  const plot = {
    title: "Rates",
    axis: "MB/s",
    series: SERIES,
    groups: [
      {
        name: "one",
        bars: [
          { median: 100, min: 100, max: 100 },
          { median: 200, min: 150, max: 400 },
        ],
      },
      { name: "two", bars: [undefined, { median: 400, min: 400, max: 400 }] },
    ],
  };
  const svg = barPlot(plot);
  const [kafka, chronik] = SERIES.map(({ color }) => widths(svg, color));
  assert.equal(kafka!.length, 1);
  assert.ok(Math.abs(chronik![0]! - 2 * kafka![0]!) < 0.1 && Math.abs(chronik![1]! - 4 * kafka![0]!) < 0.1);
  assert.equal(svg.match(/stroke="#222222"/g)?.length, 3);
  for (const text of ["Rates", "MB/s", "one", "two", "kafka", "chronik"])
    assert.ok(svg.includes(`>${text}</text>`), text);
});

test("a line goes through its points, later to the right and larger upwards", () => {
  const series = [
    {
      name: "chronik",
      color: "#222222",
      points: [
        [1, 10],
        [2, 5],
      ] as [number, number][],
    },
  ];
  const svg = linePlot({ title: "Soak", xAxis: "minutes", yAxis: "ms", series });
  const [, points = ""] = /<polyline points="([^"]+)"/.exec(svg) ?? [];
  const [[x1, y1], [x2, y2]] = points.split(" ").map((point) => point.split(",").map(Number)) as [number[], number[]];
  assert.ok(x1! < x2! && y1! < y2!);
});
