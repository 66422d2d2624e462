/** Groups of horizontal bars, one bar for each side, with a whisker from the smallest to the largest round. */
import type { Spread } from "../report/samples.ts";
import { numberText, type Scale, scaleTo } from "./scale.ts";
import { element, label, line, picture, textWidth } from "./svg.ts";

const WIDTH = 860;
const BAR_HEIGHT = 14;
const BAR_GAP = 3;
const GROUP_GAP = 16;
const MARGIN = 16;
const TITLE_HEIGHT = 24;
const LEGEND_LINE = 18;
const AXIS_HEIGHT = 40;
const WHISKER_HEIGHT = 6;
const GRID = "#dddddd";
const WHISKER = "#222222";

export interface BarSeries {
  readonly name: string;
  readonly color: string;
}

export interface BarGroup {
  readonly name: string;
  /** One for each series; those that are undefined get no bar. */
  readonly bars: readonly (Spread | undefined)[];
}

export interface BarPlot {
  readonly title: string;
  /** What the axis shows, with its unit. */
  readonly axis: string;
  readonly series: readonly BarSeries[];
  readonly groups: readonly BarGroup[];
}

export function barPlot({ title, axis, series, groups }: BarPlot): string {
  const spreads = groups.flatMap(({ bars }) => bars.filter((bar) => bar !== undefined));
  const scale = scaleTo(Math.max(0, ...spreads.map(({ max }) => max)));
  const top = MARGIN + TITLE_HEIGHT + series.length * LEGEND_LINE + GROUP_GAP;
  const left = MARGIN + Math.max(...groups.map(({ name }) => textWidth(name))) + 10;
  const right = WIDTH - MARGIN - 60; // the value beside the longest bar
  const heights = groups.map(({ bars }) => bars.filter((bar) => bar !== undefined).length * (BAR_HEIGHT + BAR_GAP));
  const bottom = top + heights.reduce((sum, height) => sum + height + GROUP_GAP, 0);
  const frame = { scale, left, right, top, bottom };
  let y = top;
  const drawn = groups.flatMap((group, index) => {
    const at = y;
    y += heights[index]! + GROUP_GAP;
    return drawGroup(group, series, { ...frame, y: at, height: heights[index]! });
  });
  return picture(
    WIDTH,
    bottom + AXIS_HEIGHT,
    label(title, { x: MARGIN, y: MARGIN + 12 }, { "font-weight": "bold", "font-size": 14 }),
    ...series.map(({ name, color }, index) => drawLegend(name, color, MARGIN + TITLE_HEIGHT + index * LEGEND_LINE)),
    ...drawAxis(axis, frame),
    ...drawn,
  );
}

interface Frame {
  readonly scale: Scale;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

function xOf({ scale, left, right }: Frame, value: number): number {
  return left + scale.place(value) * (right - left);
}

function drawLegend(name: string, color: string, y: number): string {
  const box = element("rect", { x: MARGIN, y, width: 12, height: 12, fill: color });
  return box + label(name, { x: MARGIN + 18, y: y + 11 });
}

function drawAxis(axis: string, frame: Frame): string[] {
  const { top, bottom, right } = frame;
  const ticks = frame.scale.ticks.flatMap((tick) => {
    const x = xOf(frame, tick);
    const text = label(numberText(tick), { x, y: bottom + 14 }, { "text-anchor": "middle" });
    return [line([x, top - 6], [x, bottom], { stroke: GRID }), text];
  });
  return [...ticks, label(axis, { x: right, y: bottom + 32 }, { "text-anchor": "end" })];
}

function drawGroup(
  { name, bars }: BarGroup,
  series: readonly BarSeries[],
  place: Frame & { readonly y: number; readonly height: number },
): string[] {
  const parts = [label(name, { x: place.left - 8, y: place.y + place.height / 2 + 3 }, { "text-anchor": "end" })];
  let { y } = place;
  for (const [index, spread] of bars.entries()) {
    if (spread === undefined) continue;
    const end = xOf(place, spread.median);
    const box = { x: place.left, y, width: end - place.left, height: BAR_HEIGHT, fill: series[index]!.color };
    const middle = y + BAR_HEIGHT / 2;
    parts.push(element("rect", box));
    if (spread.min !== spread.max) parts.push(...drawWhisker(xOf(place, spread.min), xOf(place, spread.max), middle));
    parts.push(label(numberText(spread.median), { x: xOf(place, spread.max) + 6, y: middle + 4 }));
    y += BAR_HEIGHT + BAR_GAP;
  }
  return parts;
}

function drawWhisker(from: number, to: number, y: number): string[] {
  const half = WHISKER_HEIGHT / 2;
  const end = (x: number): string => line([x, y - half], [x, y + half], { stroke: WHISKER });
  return [line([from, y], [to, y], { stroke: WHISKER }), end(from), end(to)];
}
