/** The few SVG elements that a plot needs, as text. */

export type Attributes = Readonly<Record<string, string | number>>;

export const FONT_SIZE = 12;
/** A letter of the fonts below is about this wide; labels get room by it. */
const LETTER_WIDTH = 7.2;
const FONT = "Helvetica, Arial, sans-serif";
const INK = "#333333";

/** An element with what is inside it; numbers are cut to a hundredth of a pixel. */
export function element(name: string, attributes: Attributes, ...children: readonly string[]): string {
  const words = Object.entries(attributes).map(([key, value]) => ` ${key}="${attributeText(value)}"`);
  const open = `<${name}${words.join("")}`;
  return children.length === 0 ? `${open}/>` : `${open}>${children.join("")}</${name}>`;
}

export function label(
  text: string,
  place: { readonly x: number; readonly y: number },
  attributes: Attributes = {},
): string {
  return element("text", { ...place, fill: INK, ...attributes }, escape(text));
}

export function line(from: readonly [number, number], to: readonly [number, number], attributes: Attributes): string {
  return element("line", { x1: from[0], y1: from[1], x2: to[0], y2: to[1], ...attributes });
}

/** A whole picture on white, so that it reads the same on a dark page. */
export function picture(width: number, height: number, ...children: readonly string[]): string {
  const size = { width, height, viewBox: `0 0 ${Math.ceil(width)} ${Math.ceil(height)}` };
  const font = { "font-family": FONT, "font-size": FONT_SIZE };
  const ground = element("rect", { x: 0, y: 0, width, height, fill: "#ffffff" });
  const lines = [ground, ...children].map((child) => `${child}\n`);
  return `${element("svg", { xmlns: "http://www.w3.org/2000/svg", ...size, ...font }, "\n", ...lines)}\n`;
}

export function textWidth(text: string): number {
  return text.length * LETTER_WIDTH;
}

function attributeText(value: string | number): string {
  return typeof value === "number" ? String(Math.round(value * 100) / 100) : escape(value);
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
