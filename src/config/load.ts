/**
 * What the broker was told at start, from a file, `--set` and flags, checked as a whole: either settings to run with,
 * or everything that is wrong, so that nobody has to start ten times to find ten mistakes.
 */
import { type BrokerLayers, layersAtStart, resolveBroker } from "./broker-config.ts";
import {
  formatEndpoint,
  isPort,
  type ListenerSettings,
  parseEndpoint,
  parseHost,
  resolveListeners,
} from "./listeners.ts";
import { nearest } from "./nearest.ts";
import { parseProperties } from "./properties.ts";
import { ALIASES, BROKER_FOR_TOPIC } from "./synonyms.ts";
import { BROKER_SETTINGS, type BrokerConfig, TOPIC_SETTINGS, type TopicKey } from "./tables.ts";
import { topicDefaultsProblems } from "./topic-config.ts";

/** What the broker starts with. */
export interface BrokerSettings {
  /** The values. What changes while the broker runs is resolved again from `layers`. */
  readonly config: BrokerConfig;
  /** The texts they come from, for describing and for changes. */
  readonly layers: BrokerLayers;
  /** The folder of all data, as given. */
  readonly dataFolder: string;
  /** At least one. */
  readonly listeners: readonly ListenerSettings[];
  /** What the operator should know: settings that have no effect, and the like. */
  readonly notices: readonly string[];
}

export interface Sources {
  readonly file?: { readonly name: string; readonly text: string };
  /** `key=value` each. */
  readonly set: readonly string[];
  readonly flags: Flags;
}

/** The flags that stand for settings, as given. */
export interface Flags {
  readonly dataDir?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: string | undefined;
  readonly advertisedAddr?: string | undefined;
}

export type Loaded = { readonly settings: BrokerSettings } | { readonly errors: readonly string[] };

/** One setting as given, and where. */
interface Given {
  readonly key: string;
  readonly text: string;
  readonly origin: string;
}

/** What the sources say, put together: a later one counts. */
interface Gathered {
  readonly texts: Map<string, string>;
  readonly notices: string[];
  readonly errors: string[];
}

export function loadSettings(sources: Sources): Loaded {
  const gathered = gather(sources);
  if (gathered.errors.length > 0) return { errors: gathered.errors };
  const { texts, notices } = gathered;

  const errors = [...sameIds(texts), ...listenAt(texts, sources.flags)];
  const layers = layersAtStart(texts);
  const config = resolveBroker(layers);
  errors.push(...conflicts(config, layers));
  const dataFolders = config["log.dirs"] ?? config["log.dir"];
  if (dataFolders.length > 1) errors.push("log.dirs: all data lies in one folder: give one");
  const resolved = resolveListeners({
    listeners: config.listeners,
    advertisedListeners: config["advertised.listeners"],
    advertisedAddress: config["advertised.addr"],
    securityProtocolMap: config["listener.security.protocol.map"],
    controllerNames: config["controller.listener.names"] ?? [],
  });
  if ("errors" in resolved) return { errors: [...errors, ...resolved.errors] };
  if (errors.length > 0) return { errors };
  return {
    settings: { config, layers, dataFolder: dataFolders[0]!, listeners: resolved.listeners, notices },
  };
}

function gather({ file, set, flags }: Sources): Gathered {
  const gathered: Gathered = { texts: new Map(), notices: [], errors: [] };
  const unused: { readonly key: string; readonly reason: string }[] = [];
  const given = [
    ...(file === undefined ? [] : fromFile(file, gathered)),
    ...fromPairs(set, gathered.errors),
    ...fromFlags(flags),
  ];
  for (const { key, text, origin } of given) {
    const alias = ALIASES.get(key);
    const setting = alias?.setting ?? BROKER_SETTINGS.get(key);
    const reason = setting === undefined ? whyNotPerListener(key) : setting.noMeaning;
    if (reason !== null) unused.push({ key, reason });
    if (setting === undefined) {
      if (reason === null) gathered.errors.push(`${origin}: ${unknownSetting(key)}`);
      continue;
    }
    const checked = setting.check(key, text);
    if ("error" in checked) {
      const kind = setting.type.toLowerCase();
      gathered.errors.push(`${origin}: ${key}=${text} is not valid: give ${setting.valid} (${kind})`);
      continue;
    }
    const own = alias === undefined ? text : alias.translate(checked.text!);
    if (own !== null) gathered.texts.set(alias?.of ?? key, own);
  }
  for (const [reason, settings] of Map.groupBy(unused, (one) => one.reason)) {
    const keys = new Set(settings.map(({ key }) => key));
    gathered.notices.push(`no effect here: ${[...keys].join(", ")} (${reason})`);
  }
  return gathered;
}

function fromFile(file: { readonly name: string; readonly text: string }, { notices, errors }: Gathered): Given[] {
  const { properties, errors: problems } = parseProperties(file.text);
  for (const { line, message } of problems) errors.push(`${file.name}:${line}: ${message}`);
  const lines = new Map<string, number>();
  return properties.map(({ key, value, line }) => {
    const earlier = lines.get(key);
    if (earlier !== undefined) notices.push(`${file.name}:${line}: ${key} counts, not the one of line ${earlier}`);
    lines.set(key, line);
    return { key, text: value, origin: `${file.name}:${line}` };
  });
}

function fromPairs(pairs: readonly string[], errors: string[]): Given[] {
  return pairs.flatMap((pair) => {
    const [, key, text] = /^\s*([^=\s]+)\s*=(.*)$/s.exec(pair) ?? [];
    if (key === undefined || text === undefined) {
      errors.push(`--set ${pair}: give key=value`);
      return [];
    }
    return [{ key, text, origin: "--set" }];
  });
}

function fromFlags({ dataDir, advertisedAddr }: Flags): Given[] {
  return [
    ...(dataDir === undefined ? [] : [{ key: "log.dirs", text: dataDir, origin: "--data-dir" }]),
    ...(advertisedAddr === undefined
      ? []
      : [{ key: "advertised.addr", text: advertisedAddr, origin: "--advertised-addr" }]),
  ];
}

function unknownSetting(key: string): string {
  if (TOPIC_SETTINGS.has(key)) {
    const [broker] = BROKER_FOR_TOPIC[key as TopicKey] ?? [];
    const advice = broker === undefined ? "set it on topics" : `set it on topics, or ${broker} for all of them`;
    return `${key} is a setting of topics, not of the broker: ${advice}`;
  }
  const meant = nearest(key, [...BROKER_SETTINGS.keys(), ...ALIASES.keys()]);
  const advice = meant === undefined ? "docs/configuration.md lists all there are" : `did you mean ${meant}?`;
  return `unknown setting ${key}: ${advice}`;
}

/** Why `listener.name.NAME.SETTING` has no effect; null when `key` is nothing of the kind. */
function whyNotPerListener(key: string): string | null {
  const base = /^listener\.name\.[^.]+\.(?:[^.]+\.)??(.+)$/.exec(key)?.[1];
  const setting = base === undefined ? undefined : BROKER_SETTINGS.get(base);
  if (setting === undefined) return null;
  return setting.noMeaning ?? "listeners share all settings";
}

/** `node.id` and `broker.id` are one setting. */
function sameIds(texts: Map<string, string>): string[] {
  const [node, broker] = [texts.get("node.id"), texts.get("broker.id")];
  if (node !== undefined && broker !== undefined && Number(node) !== Number(broker)) {
    return [`node.id=${node} and broker.id=${broker} are one setting: give one of them`];
  }
  const id = node ?? broker;
  if (id !== undefined) texts.set("node.id", id).set("broker.id", id);
  return [];
}

/** Puts `--host` and `--port` into `listeners`. */
function listenAt(texts: Map<string, string>, { host, port }: Flags): string[] {
  if (host === undefined && port === undefined) return [];
  const listeners = (texts.get("listeners") ?? BROKER_SETTINGS.get("listeners")!.default.text!).split(",");
  if (listeners.length > 1) return ["--host and --port are for one listener: change listeners in their place"];
  const endpoint = parseEndpoint(listeners[0]!);
  if (endpoint === null) return []; // which is told of when the listeners are resolved
  const newHost = host === undefined ? endpoint.host : parseHost(host);
  if (newHost === null) return [`--host ${host} is not valid: give a host name or an address`];
  if (port !== undefined && !isPort(port)) return [`--port ${port} is not valid: give a number between 0 and 65535`];
  texts.set("listeners", formatEndpoint({ name: endpoint.name, host: newHost, port: Number(port ?? endpoint.port) }));
  return [];
}

/** What is wrong with settings that are right one by one. */
function conflicts(config: BrokerConfig, layers: BrokerLayers): string[] {
  const errors: string[] = [];
  for (const [small, large] of [
    ["socket.request.max.bytes", "queued.max.request.bytes"],
    ["wal.group.max.bytes", "wal.segment.bytes"],
    ["group.consumer.min.heartbeat.interval.ms", "group.consumer.heartbeat.interval.ms"],
    ["group.consumer.heartbeat.interval.ms", "group.consumer.max.heartbeat.interval.ms"],
    ["group.consumer.min.session.timeout.ms", "group.consumer.session.timeout.ms"],
    ["group.consumer.session.timeout.ms", "group.consumer.max.session.timeout.ms"],
    ["group.consumer.heartbeat.interval.ms", "group.consumer.session.timeout.ms"],
  ] as const) {
    const [smaller, larger] = [config[small], config[large]];
    if (smaller > larger) errors.push(`${small} (${smaller}) is more than ${large} (${larger}): raise the latter`);
  }
  return [...errors, ...topicDefaultsProblems(layers)];
}
