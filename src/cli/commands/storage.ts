/** `chronik storage`: where the records of a data folder lie, whether all of it is well, and what holds an offset. */
import { createNodeClock } from "../../io/node-clock.ts";
import { type DataFolder, lookInto, openDataFolder, topicOf } from "../data-folder.ts";
import { CommandFailure } from "../failure.ts";
import { note, writeLines } from "../output.ts";
import { Progress } from "../progress.ts";
import { checkStorage } from "../storage-check.ts";
import { checkJson, checkLines } from "../storage-check-lines.ts";
import { filesJson, filesLines, partitionJson, partitionLines, totalJson, totalLines } from "../storage-lines.ts";
import { locate, locatedJson, locatedLines } from "../storage-locate.ts";
import { reportFiles, reportPartitions } from "../storage-report.ts";

/** Something was not in order: before it is looked at again, a broker that is at work has come further. */
const SECOND_LOOK_MS = 300;

export interface StorageOptions {
  readonly dataDir: string;
  readonly json?: true;
}

export async function showStorage(options: StorageOptions & { readonly topic?: string }): Promise<void> {
  const { dataDir, topic: name, json } = options;
  const { lines, problems } = await lookInto(openDataFolder(dataDir), dataDir, async (folder, lost) => {
    const { reading } = folder;
    const topics = name === undefined ? reading.state.topics() : [topicOf(folder, name)];
    const partitions = await reportPartitions(folder, topics, lost);
    const own = json ? partitions.map(partitionJson) : partitionLines(partitions);
    if (name !== undefined) return { lines: own, problems: problemsOf(folder, lost) };
    const files = await reportFiles(folder);
    const all = json
      ? [...own, ...filesJson(files), totalJson(reading, partitions, files)]
      : [...own, "", ...filesLines(files), "", ...totalLines(reading, partitions, files)];
    return { lines: all, problems: problemsOf(folder, lost) };
  });
  await writeLines(lines);
  for (const problem of problems) note(problem);
}

/** A partition of a topic, and an offset of it that there may be or not. */
export interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** @throws CommandFailure when the offset should be there and is not, or cannot be read. */
export async function locateOffset(place: Place, { dataDir, json }: StorageOptions): Promise<void> {
  const { located, problems } = await lookInto(openDataFolder(dataDir), dataDir, async (folder, lost) => {
    const topic = topicOf(folder, place.topic);
    const partition = topic.partitions[place.partition];
    if (partition === undefined)
      throw new CommandFailure(
        `there is no partition ${place.partition}: ${topic.name} has ${topic.partitions.length}`,
      );
    return {
      located: await locate(folder, topic, partition, place.offset, lost),
      problems: problemsOf(folder, new Set()),
    };
  });
  await writeLines(json ? [locatedJson(located)] : locatedLines(located));
  for (const problem of problems) note(problem);
  const { is } = located;
  if (is === "missing" || is === "damaged" || is === "unreadable")
    throw new CommandFailure(`offset ${place.offset} cannot be read: chronik storage verify says what else is damaged`);
}

/** @throws CommandFailure when something is damaged. */
export async function verifyStorage({ dataDir, json }: StorageOptions): Promise<void> {
  const clock = createNodeClock();
  const progress = new Progress(clock);
  const report = await checkStorage({
    disk: openDataFolder(dataDir),
    path: dataDir,
    progress: (doneBytes, totalBytes) => progress.show(doneBytes, totalBytes),
    pause: () => new Promise((resolve) => void clock.schedule(SECOND_LOOK_MS, resolve)),
  }).finally(() => progress.end());
  await writeLines(json ? checkJson(report) : checkLines(report));
  if (report.isWell) return;
  throw new CommandFailure(
    "there is damage: put copies in the place of damaged files, or start the broker, which keeps what is good",
  );
}

function problemsOf({ reading }: DataFolder, lost: ReadonlySet<string>): readonly string[] {
  return [...reading.problems, ...[...lost].map((file) => `damage: ${file} is missing`)];
}
