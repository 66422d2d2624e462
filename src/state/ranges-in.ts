/** What partitions have in a file, whoever they are. Goes over all of them: not for every request. */
import type { FileRange, LogFile } from "../log/log-file.ts";
import type { State, Topic } from "./state.ts";

export interface RangeOfTopic {
  readonly topic: Topic;
  readonly range: FileRange;
}

export function rangesIn(state: Pick<State, "topics">, file: LogFile): RangeOfTopic[] {
  const found: RangeOfTopic[] = [];
  for (const topic of state.topics()) {
    for (const partition of topic.partitions) {
      for (const range of partition.ranges) if (range.file === file) found.push({ topic, range });
    }
  }
  return found;
}
