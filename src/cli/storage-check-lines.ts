/** What `chronik storage verify` has found, for people or as lines of JSON. */
import { toJson } from "./exact-json.ts";
import type { CheckedFile, StorageCheckReport } from "./storage-check.ts";
import type { OtherFile } from "./storage-report.ts";
import type { Problem } from "./wal-check.ts";

const OTHERS: Readonly<Record<OtherFile["kind"], string>> = {
  unknown: "belongs to nothing: it is being written now, or an interrupted job or somebody else has left it",
  aside: "was set aside by a start, and is not read",
  recycled: "",
  index: "",
  snapshot: "",
};

/** What is not well, what should be known, and a summary. */
export function checkLines(report: StorageCheckReport): readonly string[] {
  const { files, partitions, problems, others, isWell } = report;
  const lines = [...problems];
  for (const file of files) {
    const { file: name, problems: own, problemCount, note } = file;
    if (problemCount > 0) lines.push(`${name}: damaged`, ...own.map((problem) => `  damage: ${placed(problem)}`));
    if (problemCount > own.length) lines.push(`  and ${problemCount - own.length} more`);
    if (note !== undefined) lines.push(`${name}: ${note}`);
  }
  for (const { topic, partition, problems: own } of partitions) {
    lines.push(`${topic.name}-${partition.partition}: damaged`, ...own.map((problem) => `  damage: ${problem}`));
  }
  lines.push(...others.map(({ name, kind, bytes }) => `${name}: ${bytes} bytes: ${OTHERS[kind]}`));
  return [...lines, `${isWell ? "all well" : "damaged"}: ${summary(files)}`];
}

function placed({ at, bytes, what }: Problem): string {
  if (bytes > 0) return `${bytes} bytes at byte ${at}: ${what}`;
  return at > 0 ? `at byte ${at}: ${what}` : what;
}

function summary(files: readonly CheckedFile[]): string {
  const count = (kind: CheckedFile["kind"]): number => files.filter((file) => file.kind === kind).length;
  const { bytes, batches } = totals(files);
  return [
    `${count("wal")} files of the log`,
    `${count("segment")} segments`,
    `${count("snapshot")} snapshots`,
    `${batches} batches`,
    `${bytes} bytes`,
  ].join(", ");
}

function totals(files: readonly CheckedFile[]) {
  const [bytes, batches] = files.reduce(([sum, all], file) => [sum + file.bytes, all + file.batches], [0, 0]);
  return { bytes, batches };
}

export function checkJson({ files, partitions, problems, others, isWell }: StorageCheckReport): readonly string[] {
  return [
    ...problems.map((what) => toJson({ kind: "state", ok: false, what })),
    ...files.map(({ kind, file, bytes, batches, problems: damage, problemCount: damageCount, note }) =>
      toJson({ kind, file, ok: damageCount === 0, bytes, batches, damageCount, damage, note }),
    ),
    ...partitions.map(({ topic, partition, problems: damage }) =>
      toJson({ kind: "partition", topic: topic.name, partition: partition.partition, ok: false, damage }),
    ),
    ...others.map(({ name: file, kind, bytes }) => toJson({ kind, file, bytes })),
    toJson({ kind: "total", ok: isWell, files: files.length, ...totals(files) }),
  ];
}
