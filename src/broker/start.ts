/**
 * Puts a broker together on given ports: opens the data, starts the log, listens. The simulator runs the same.
 *
 * A start is an event of the log: `brokerStarted` raises the leader epoch of every partition. Nothing that depends on it
 * leaves before it is durable, like everything else.
 */

import { formatUuid, newUuid } from "../base/uuid.ts";
import type { BrokerSettings } from "../config/load.ts";
import { GroupFold } from "../coordinator/group-fold.ts";
import { WAL_FOLDER } from "../log/wal-file.ts";
import type { ChildLauncher } from "../ports/child.ts";
import type { Clock } from "../ports/clock.ts";
import type { Disk } from "../ports/disk.ts";
import type { Address, Network } from "../ports/network.ts";
import type { Random } from "../ports/random.ts";
import type { RegionReads } from "../ports/region-reads.ts";
import { type Opened, openStore } from "../state/open.ts";
import { Store } from "../state/store.ts";
import { Storage } from "../storage/storage.ts";
import { Broker } from "./broker.ts";
import { Housekeeping } from "./housekeeping.ts";

export interface BrokerPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly network: Network;
  /** Launches storage workers. */
  readonly storageWorker: ChildLauncher;
  /** Reads large stretches of files; by means of the disk, in this thread, when there is no other way. */
  readonly regionReads?: RegionReads;
}

export interface StartOptions {
  readonly ports: BrokerPorts;
  readonly settings: Pick<BrokerSettings, "config" | "layers" | "listeners">;
  readonly log: (line: string) => void;
  /** Recovery reads `totalBytes` of log; called now and then. */
  readonly progress?: (doneBytes: number, totalBytes: number) => void;
  /** The broker cannot go on; the process must end with this. */
  readonly fail: (error: unknown) => void;
}

export interface RunningBroker {
  readonly broker: Broker;
  readonly opened: Opened;
  /** How long it took to open the data. */
  readonly openedInMs: number;
  /** What it is bound to, in the order of the listeners. */
  readonly addresses: readonly Address[];
  /** Answers what was asked, makes everything durable, and lets go of all files. */
  stop(): Promise<void>;
}

export async function startBroker(options: StartOptions): Promise<RunningBroker> {
  const { ports, settings, log, fail } = options;
  const { clock, random, disk, network, storageWorker: launcher } = ports;
  const nodeId = settings.config["node.id"];
  const groupFold = new GroupFold();
  const beganMs = clock.monotonicMs();
  const opened = await openStore({
    disk,
    brokerId: nodeId,
    settings: settings.layers.atStart,
    folds: [groupFold],
    nowMs: () => clock.wallMs(),
    progress: options.progress ?? (() => undefined),
  });
  const openedInMs = clock.monotonicMs() - beganMs;
  for (const line of opened.warnings) log(`warning: ${line}`);
  const incarnation = random.bytes(6).readUIntBE(0, 6);
  const syncedWrites = await disk.syncedWrites(WAL_FOLDER);
  const store = new Store({
    ...{ disk, syncedWrites, clock, opened, incarnation },
    regionReads: ports.regionReads,
    failed: fail,
    report: log,
  });
  if (store.state.clusterId === "") {
    store.append({ type: 1, value: { clusterId: formatUuid(newUuid(random)) } });
  }
  store.append({ type: 2, value: { brokerId: nodeId, incarnation } });
  const { reader } = store;
  const keepOrphans = opened.report.damage.some(({ stateLost }) => stateLost);
  const storage = new Storage({ store, launcher, clock, random, disk, keepOrphans, log, failed: fail });
  const broker = new Broker({ nodeId, store, storage, groupFold, reader, clock, random, disk, log, fail });
  const housekeeping = new Housekeeping(broker);
  await housekeeping.start();
  storage.start();
  const addresses: Address[] = [];
  for (const { host, port, advertised } of settings.listeners) {
    addresses.push(await broker.listen(network, { host, port }, advertised));
  }
  return {
    broker,
    opened,
    openedInMs,
    addresses,
    async stop() {
      housekeeping.stop();
      storage.stop();
      await broker.stop();
      await store.close();
      reader.close();
    },
  };
}
