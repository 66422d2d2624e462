/** Values over time, one line for each series. */
import { numberText, scaleTo } from "./scale.ts";
import { element, label, line, picture } from "./svg.ts";

const WIDTH = 860;
const PLOT_HEIGHT = 260;
const MARGIN = 16;
const TITLE_HEIGHT = 24;
const LEGEND_LINE = 18;
const LEFT = 70;
const AXIS_HEIGHT = 44;
const GRID = "#dddddd";

export interface LineSeries {
  readonly name: string;
  readonly color: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface LinePlot {
  readonly title: string;
  readonly xAxis: string;
  readonly yAxis: string;
  readonly series: readonly LineSeries[];
}

export function linePlot({ title, xAxis, yAxis, series }: LinePlot): string {
  const points = series.flatMap((each) => each.points);
  const xScale = scaleTo(Math.max(0, ...points.map(([x]) => x)));
  const yScale = scaleTo(Math.max(0, ...points.map(([, y]) => y)));
  const top = MARGIN + TITLE_HEIGHT + series.length * LEGEND_LINE + 28;
  const bottom = top + PLOT_HEIGHT;
  const right = WIDTH - MARGIN - 20;
  const xOf = (x: number): number => LEFT + xScale.place(x) * (right - LEFT);
  const yOf = (y: number): number => bottom - yScale.place(y) * PLOT_HEIGHT;
  const path = ({ points: own, color }: LineSeries): string =>
    element("polyline", {
      points: own.map(([x, y]) => `${xOf(x).toFixed(1)},${yOf(y).toFixed(1)}`).join(" "),
      fill: "none",
      stroke: color,
      "stroke-width": 2,
    });
  return picture(
    WIDTH,
    bottom + AXIS_HEIGHT,
    label(title, { x: MARGIN, y: MARGIN + 12 }, { "font-weight": "bold", "font-size": 14 }),
    ...series.flatMap(({ name, color }, index) => {
      const y = MARGIN + TITLE_HEIGHT + index * LEGEND_LINE;
      return [
        element("rect", { x: MARGIN, y: y + 4, width: 12, height: 4, fill: color }),
        label(name, { x: MARGIN + 18, y: y + 11 }),
      ];
    }),
    label(yAxis, { x: MARGIN, y: top - 12 }),
    label(xAxis, { x: right, y: bottom + 34 }, { "text-anchor": "end" }),
    ...yScale.ticks.flatMap((tick) => [
      line([LEFT, yOf(tick)], [right, yOf(tick)], { stroke: GRID }),
      label(numberText(tick), { x: LEFT - 8, y: yOf(tick) + 4 }, { "text-anchor": "end" }),
    ]),
    ...xScale.ticks.map((tick) =>
      label(numberText(tick), { x: xOf(tick), y: bottom + 16 }, { "text-anchor": "middle" }),
    ),
    ...series.map(path),
  );
}
