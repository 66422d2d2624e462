/**
 * Whether WAL files and segments are as they were written: every checksum (of records, groups, and each batch's own), the
 * chain of the groups, the order of each partition's offsets, and the index beside a file or in it.
 */

import { CorruptionError } from "../log/corruption.ts";
import { type GroupHeader, NO_STATE_POSITION } from "../log/wal-record.ts";
import { isMissing } from "../ports/disk.ts";
import { verifySegment } from "../storage/segment-verify.ts";
import { IndexCheck } from "./index-check.ts";
import { stateJson } from "./state-json.ts";
import { batchesIn } from "./stored-batches.ts";
import type { Place, WalInput, WalItem } from "./wal-walk.ts";

/** Of those beyond it only the number is kept. */
const PROBLEMS_MAX = 100;
/** What stands behind the last byte of the log in a file. */
const BEHIND_THE_LOG: ReadonlySet<WalItem["kind"]> = new Set(["torn", "cut", "old", "room"]);

export interface Problem extends Place {
  readonly what: string;
}

export interface FileReport {
  readonly groups: number;
  readonly batches: number;
  /** In batches, and those of version 1. */
  readonly records: number;
  readonly stateRecords: number;
  /** State records of a newer version of this program, which a start of this one refuses. */
  readonly newerStateRecords: number;
  /** The first of them. */
  readonly problems: readonly Problem[];
  readonly problemCount: number;
  readonly index: "none" | "matches" | "damaged" | "not compared";
  /** Written last and never acknowledged: no damage. */
  readonly torn: Place | undefined;
  /** Cut off by a start: no damage either. */
  readonly cut: Place | undefined;
}

/** What is known behind a file, and must hold in the one that goes on from there. */
interface Chain {
  readonly folder: string;
  end: number;
  /** Stated by the newest group header. */
  durable: number;
  /** The newest group with state records; undefined where that is not known. */
  state: number | undefined;
  /** Where each partition goes on. */
  readonly ends: Map<string, number>;
}

/** Checks files one after the other. Those that go on from each other are checked as one log. */
export class WalCheck {
  #chain: Chain | undefined;

  async check(input: WalInput): Promise<FileReport> {
    const folder = input.path.slice(0, -input.name.length);
    const base = input.log?.base ?? 0;
    const goesOn = input.log !== undefined && this.#chain?.folder === folder && this.#chain.end === base;
    const chain = goesOn ? this.#chain! : { folder, end: base, durable: 0, state: undefined, ends: new Map() };
    this.#chain = input.log === undefined ? undefined : chain;
    const check = new FileCheck(chain, base);
    for await (const item of input.items()) check.add(item);
    return check.finish(input);
  }
}

class FileCheck {
  readonly #chain: Chain;
  readonly #base: number;
  readonly #index = new IndexCheck();
  readonly #problems: { at: number; bytes: number; what: string }[] = [];
  #problemCount = 0;
  #groups = 0;
  #batches = 0;
  #records = 0;
  #stateRecords = 0;
  #newerStateRecords = 0;
  #torn: Place | undefined;
  #cut: Place | undefined;
  /** The group that the items belong to. */
  #group: number | undefined;
  /** Damage of which the next group will tell whether state records were in it. */
  #openDamage: number | undefined;

  constructor(chain: Chain, base: number) {
    this.#chain = chain;
    this.#base = base;
  }

  add(item: WalItem): void {
    if (!BEHIND_THE_LOG.has(item.kind)) this.#chain.end = this.#base + item.at + item.bytes;
    switch (item.kind) {
      case "group":
        this.#addGroup(item, item.header);
        break;
      case "batch":
        this.#addBatches(item);
        break;
      case "state":
        this.#addState(item);
        break;
      case "record":
        this.#records += 1;
        this.#addOffsets(item, "", { first: item.record.offset, end: item.record.offset + 1 });
        break;
      case "filler":
      case "old":
      case "room":
      case "segment":
      case "range":
      case "padding":
      case "directory":
        break;
      case "damage":
        this.#addProblem(item, item.what);
        this.#openDamage ??= this.#base + item.at;
        this.#chain.state = undefined;
        break;
      case "torn":
        this.#torn = item;
        break;
      case "cut":
        this.#cut = item;
        break;
    }
  }

  async finish(input: WalInput): Promise<FileReport> {
    if (this.#openDamage !== undefined && input.log !== undefined) this.#noteLostState("possibly with state records");
    const index = await this.#checkIndex(input); // may add to the problems
    return {
      index,
      groups: this.#groups,
      batches: this.#batches,
      records: this.#records,
      stateRecords: this.#stateRecords,
      newerStateRecords: this.#newerStateRecords,
      problems: this.#problems,
      problemCount: this.#problemCount,
      torn: this.#torn,
      cut: this.#cut,
    };
  }

  #addGroup(place: Place, header: GroupHeader): void {
    const { position, durablePosition, previousStatePosition: previous } = header;
    const chain = this.#chain;
    this.#groups += 1;
    this.#group = position;
    if (durablePosition > position)
      this.#addProblem(place, `group at ${position} states ${durablePosition} as durable, beyond itself`);
    if (durablePosition < chain.durable)
      this.#addProblem(place, `durable position goes back from ${chain.durable} to ${durablePosition}`);
    if (previous !== NO_STATE_POSITION && previous >= position)
      this.#addProblem(place, `group at ${position} names a later one, ${previous}, as the last with state records`);
    else if (chain.state !== undefined && previous !== chain.state)
      this.#addProblem(
        place,
        `the last group with state records is ${stateName(chain.state)}, not ${stateName(previous)}`,
      );
    if (this.#openDamage !== undefined && previous !== NO_STATE_POSITION && previous >= this.#openDamage)
      this.#noteLostState("with state records");
    this.#openDamage = undefined;
    chain.durable = durablePosition;
    chain.state = previous;
  }

  #noteLostState(what: string): void {
    for (const problem of this.#problems) {
      if (this.#base + problem.at >= this.#openDamage! && !problem.what.endsWith(what)) problem.what += `, ${what}`;
    }
    this.#openDamage = undefined;
  }

  #addBatches(item: Extract<WalItem, { kind: "batch" }>): void {
    const { record, buffer } = item;
    const { topicName, topicId, partition, dataAt, dataBytes } = record;
    this.#batches += record.isKafkaBatch ? 0 : 1;
    if (!record.isKafkaBatch) return;
    let extent: Extent | undefined;
    for (const { header, problem } of batchesIn(buffer, dataAt, dataAt + dataBytes)) {
      if (problem !== undefined) this.#addProblem(item, `${topicName}-${partition}: ${problem}`);
      if (header === undefined) break;
      this.#batches += 1;
      this.#records += header.records;
      const end = header.lastOffset + 1;
      this.#addOffsets(item, `${topicId ?? topicName}/${partition}`, { first: header.baseOffset, end }, topicName);
      extent = { first: extent?.first ?? header.baseOffset, end };
    }
    if (topicId === undefined || extent === undefined) return;
    const { first: baseOffset, end: endOffset } = extent;
    const row = { baseOffset, endOffset, position: this.#base + item.at, sizeBytes: dataBytes };
    this.#index.add(topicId, partition, row);
  }

  #addOffsets(place: Place, key: string, { first, end }: Extent, topic?: string): void {
    const { ends } = this.#chain;
    const last = ends.get(key) ?? 0;
    const of = topic === undefined ? "" : `${topic}${key.slice(key.lastIndexOf("/")).replace("/", "-")}: `;
    if (first < last) this.#addProblem(place, `${of}offset ${first} comes after ${last - 1}`);
    ends.set(key, Math.max(last, end));
  }

  #addState(item: Extract<WalItem, { kind: "state" }>): void {
    this.#stateRecords += 1;
    const { problem, isNewer } = stateJson(item.type, item.fields);
    if (problem !== undefined) this.#addProblem(item, `a state record of type ${item.type}: ${problem}`);
    if (isNewer) this.#newerStateRecords += 1;
    if (this.#group !== undefined) this.#chain.state = this.#group;
  }

  async #checkIndex(input: WalInput): Promise<FileReport["index"]> {
    const { folder, index, sizeBytes } = input;
    if (input.isSegment) return this.#checkSegment(input);
    if (index === undefined) return "none";
    const place = { at: sizeBytes, bytes: 0 };
    if (index === "broken") {
      this.#addProblem(place, "its index is not whole: a broker finds again in the file what it needs of it");
      return "damaged";
    }
    const isWhole = this.#problemCount === 0;
    if (this.#chain.end > index.end) {
      this.#addProblem(place, `${this.#chain.end - index.end} bytes more than its index knows of`);
      return "damaged";
    }
    const name = input.name.replace(/wal$/, "index");
    const file = await folder.open(name, "read").catch((error: unknown) => {
      // Removed, and the file after it, because no partition needs them any more.
      if (isMissing(error)) return undefined;
      throw error;
    });
    if (file === undefined) return "none";
    try {
      const problem = await this.#index.problem(file, index, isWhole);
      if (problem !== undefined) this.#addProblem(place, `index: ${problem}`);
      return problem !== undefined ? "damaged" : isWhole ? "matches" : "not compared";
    } finally {
      await file.close();
    }
  }

  /** What only the whole segment shows: that its records and its indexes belong together. */
  async #checkSegment({ folder, name }: WalInput): Promise<FileReport["index"]> {
    if (this.#problemCount > 0) return "not compared";
    try {
      await verifySegment(folder, name, () => undefined);
      return "matches";
    } catch (error) {
      if (!(error instanceof CorruptionError)) throw error;
      this.#addProblem({ at: error.position, bytes: 0 }, error.what);
      return "damaged";
    }
  }

  #addProblem({ at, bytes }: Place, what: string): void {
    this.#problemCount += 1;
    if (this.#problems.length < PROBLEMS_MAX) this.#problems.push({ at, bytes, what });
  }
}

/** From the first offset to the one behind the last. */
interface Extent {
  readonly first: number;
  readonly end: number;
}

function stateName(position: number): string {
  return position === NO_STATE_POSITION ? "none" : String(position);
}
