/**
 * Changing settings: Kafka's rules, whichever API asks for it (KIP-133, KIP-339).
 *
 * Each resource succeeds or fails for itself, as a whole. Its settings are checked as they will be after the change, and the
 * change is one state record; what follows from it follows from the fold, at once.
 */
import { subscriptionProblem } from "../config/client-metrics.ts";
import { dynamicBrokerProblem } from "../config/dynamic-broker-config.ts";
import { groupConfigProblem } from "../config/group-config.ts";
import { appendToList, subtractFromList } from "../config/list-value.ts";
import { BROKER_SETTINGS, TOPIC_SETTINGS } from "../config/tables.ts";
import { topicConfigProblem } from "../config/topic-config.ts";
import { ErrorCode } from "../protocol/errors.ts";
import {
  type Overrides,
  RESOURCE_BROKER,
  RESOURCE_CLIENT_METRICS,
  RESOURCE_GROUP,
  RESOURCE_TOPIC,
} from "../state/state.ts";
import type { Broker } from "./broker.ts";
import { boundedMessage } from "./error-message.ts";
import type { Refusal } from "./topic-creation.ts";
import { topicNameProblem } from "./topic-names.ts";

/** Loggers have levels in Kafka, which are set like settings. There are none here. */
export const RESOURCE_BROKER_LOGGER = 8;

/** Groups that have settings, and subscriptions, at most: otherwise one client could fill the state. */
export const MAX_NAMED_RESOURCES = 10_000;

/** What IncrementalAlterConfigs can do to a setting, by its number on the wire. */
const OPERATIONS = ["SET", "DELETE", "APPEND", "SUBTRACT"] as const;
const DELETE = OPERATIONS.indexOf("DELETE");

interface ConfigResource {
  readonly resourceType: number;
  readonly resourceName: string;
}

/** A setting with its value, or a change to one. */
interface AskedConfig {
  readonly name: string;
  readonly value: string | null;
  readonly configOperation?: number;
}

export interface AskedResource extends ConfigResource {
  readonly configs: readonly AskedConfig[];
}

export interface AlteredResource extends ConfigResource {
  readonly errorCode: ErrorCode;
  readonly errorMessage: string | null;
}

/** "replace": the settings of a resource are those of the request. "change": single settings are changed. */
export type AlterMode = "replace" | "change";

export interface AlterOptions {
  readonly mode: AlterMode;
  /** Nothing is changed: the answer says what would come of it. */
  readonly validateOnly: boolean;
}

/** Alters each resource. The answers are in the order of the request. */
export function alterConfigs(
  broker: Broker,
  resources: readonly AskedResource[],
  options: AlterOptions,
): AlteredResource[] {
  const times = new Map<string, number>();
  for (const resource of resources) times.set(keyOf(resource), (times.get(keyOf(resource)) ?? 0) + 1);
  return resources.map((resource) => {
    const { resourceType, resourceName } = resource;
    const refusal =
      times.get(keyOf(resource)) === 1
        ? alter(broker, resource, options)
        : refused(ErrorCode.INVALID_REQUEST, "Each resource must appear at most once.");
    const errorCode = refusal?.errorCode ?? ErrorCode.NONE;
    const errorMessage = refusal === undefined ? null : boundedMessage(refusal.message);
    return { errorCode, errorMessage, resourceType, resourceName };
  });
}

function keyOf({ resourceType, resourceName }: ConfigResource): string {
  return `${resourceType}/${resourceName}`;
}

function alter(broker: Broker, resource: AskedResource, { mode, validateOnly }: AlterOptions): Refusal | undefined {
  const refusal = requestRefusal(resource, mode) ?? resourceRefusal(broker, resource, mode);
  if (refusal !== undefined || resource.resourceType === RESOURCE_BROKER_LOGGER) return refusal;
  const current = currentOverrides(broker, resource);
  const wanted = mode === "replace" ? valuesOf(resource) : changed(resource, current);
  if ("errorCode" in wanted) return wanted;
  const settingsProblem = settingsRefusal(broker, resource, wanted) ?? placeRefusal(broker, resource, wanted);
  if (settingsProblem !== undefined) return settingsProblem;
  if (!validateOnly) append(broker, resource, { current, wanted });
  return undefined;
}

/** What is wrong with what is asked, whatever it is asked of. */
function requestRefusal({ configs }: AskedResource, mode: AlterMode): Refusal | undefined {
  if (new Set(configs.map(({ name }) => name)).size < configs.length) {
    return refused(ErrorCode.INVALID_REQUEST, "Error due to duplicate config keys");
  }
  const needsValue = ({ configOperation }: AskedConfig): boolean => mode === "replace" || configOperation !== DELETE;
  const nulls = configs.filter((config) => config.value === null && needsValue(config)).map(({ name }) => name);
  if (nulls.length === 0) return undefined;
  return refused(ErrorCode.INVALID_REQUEST, `Null value not supported for : ${nulls.join(", ")}`);
}

/** What is wrong with the resource itself, as far as that comes before its settings. */
function resourceRefusal(broker: Broker, resource: AskedResource, mode: AlterMode): Refusal | undefined {
  const { resourceType, resourceName } = resource;
  switch (resourceType) {
    case RESOURCE_TOPIC:
    case RESOURCE_CLIENT_METRICS:
    case RESOURCE_GROUP:
      return undefined;
    case RESOURCE_BROKER:
      return resourceName === "" ? undefined : brokerNameRefusal(broker, resourceName);
    case RESOURCE_BROKER_LOGGER:
      if (mode === "change") return brokerNameRefusal(broker, resourceName) ?? loggerRefusal(resource);
  }
  return refused(ErrorCode.INVALID_REQUEST, `Unknown resource type ${resourceType}`);
}

function brokerNameRefusal({ nodeId }: Broker, name: string): Refusal | undefined {
  if (name === String(nodeId)) return undefined;
  const message = /^[+-]?\d+$/.test(name)
    ? `Unexpected broker id, expected ${nodeId}, but received ${name}`
    : `Node id must be an integer, but it is: ${name}`;
  return refused(ErrorCode.INVALID_REQUEST, message);
}

function loggerRefusal({ configs: [logger] }: AskedResource): Refusal | undefined {
  if (logger === undefined) return undefined;
  return refused(ErrorCode.INVALID_CONFIG, `Logger ${logger.name} does not exist!`);
}

function currentOverrides({ store: { state } }: Broker, { resourceType, resourceName }: ConfigResource): Overrides {
  switch (resourceType) {
    case RESOURCE_BROKER:
    case RESOURCE_CLIENT_METRICS:
    case RESOURCE_GROUP:
      return state.overrides(resourceType, resourceName);
    default:
      return state.topic(resourceName)?.overrides ?? new Map();
  }
}

function valuesOf({ configs }: AskedResource): Map<string, string> {
  return new Map(configs.map(({ name, value }) => [name, value!]));
}

/** The settings after the changes, or why a change cannot be made. */
function changed({ resourceType, configs }: AskedResource, current: Overrides): Map<string, string> | Refusal {
  const wanted = new Map(current);
  for (const { name, value, configOperation } of configs) {
    const operation = OPERATIONS[configOperation!];
    switch (operation) {
      case "SET":
        wanted.set(name, value!);
        break;
      case "DELETE":
        wanted.delete(name);
        break;
      case "APPEND":
      case "SUBTRACT": {
        const settings = LISTS.get(resourceType);
        const setting = settings?.get(name);
        if (setting?.type !== "LIST") return notAList(resourceType, name, operation);
        const list = wanted.get(name) ?? setting.default.text ?? "";
        wanted.set(name, operation === "APPEND" ? appendToList(list, value!) : subtractFromList(list, value!));
        break;
      }
      case undefined:
        return refused(ErrorCode.INVALID_REQUEST, `Unknown operations type ${configOperation}`);
    }
  }
  return wanted;
}

/** Where there are lists to append to. Kafka knows of those of topics and brokers only. */
const LISTS = new Map([
  [RESOURCE_TOPIC, TOPIC_SETTINGS],
  [RESOURCE_BROKER, BROKER_SETTINGS],
]);

function notAList(resourceType: number, name: string, operation: "APPEND" | "SUBTRACT"): Refusal {
  const message =
    resourceType === RESOURCE_BROKER
      ? `Config value ${operation.toLowerCase()} is not allowed for config key: ${name}`
      : `Can't ${operation} to key ${name} because its type is not LIST.`;
  return refused(ErrorCode.INVALID_CONFIG, message);
}

/** What is wrong with the settings that the resource shall have. */
function settingsRefusal(
  { store: { state } }: Broker,
  { resourceType, resourceName: name }: ConfigResource,
  wanted: Overrides,
): Refusal | undefined {
  switch (resourceType) {
    case RESOURCE_BROKER: {
      const perBroker = name !== "";
      const layers = { ...state.layers, [perBroker ? "perBroker" : "clusterWide"]: wanted };
      const problem = dynamicBrokerProblem(wanted, { perBroker, layers });
      return problem === null ? undefined : refused(ErrorCode.INVALID_REQUEST, problem);
    }
    case RESOURCE_CLIENT_METRICS: {
      if (name === "") return refused(ErrorCode.INVALID_REQUEST, "Subscription name can't be empty");
      const problem = subscriptionProblem(wanted);
      if (problem === null) return undefined;
      return refused(problem.invalidRequest ? ErrorCode.INVALID_REQUEST : ErrorCode.INVALID_CONFIG, problem.message);
    }
    case RESOURCE_GROUP: {
      if (name === "") return refused(ErrorCode.INVALID_REQUEST, "Default group resources are not allowed.");
      return invalidConfig(groupConfigProblem(wanted, state.layers));
    }
    default: {
      if (name === "") return refused(ErrorCode.INVALID_REQUEST, "Default topic resources are not allowed.");
      const problem = topicNameProblem(name);
      if (problem !== undefined) return refused(ErrorCode.INVALID_TOPIC_EXCEPTION, problem);
      return invalidConfig(topicConfigProblem(wanted, state.layers));
    }
  }
}

function invalidConfig(problem: string | null): Refusal | undefined {
  return problem === null ? undefined : refused(ErrorCode.INVALID_CONFIG, problem);
}

/** What is wrong with the place where the settings shall go: a topic that is not there, or no room for more. */
function placeRefusal(
  { store: { state } }: Broker,
  { resourceType, resourceName: name }: ConfigResource,
  wanted: Overrides,
): Refusal | undefined {
  if (resourceType === RESOURCE_TOPIC) {
    if (state.topic(name) !== undefined) return undefined;
    return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `The topic '${name}' does not exist.`);
  }
  if (resourceType !== RESOURCE_GROUP && resourceType !== RESOURCE_CLIENT_METRICS) return undefined;
  const resources = state.overridesOf(resourceType);
  if (wanted.size === 0 || resources.has(name) || resources.size < MAX_NAMED_RESOURCES) return undefined;
  return refused(ErrorCode.POLICY_VIOLATION, `${MAX_NAMED_RESOURCES} of its kind have settings: delete some first`);
}

/** Appends the difference, if there is one. */
function append(
  { store }: Broker,
  { resourceType: type, resourceName: name }: ConfigResource,
  { current, wanted }: { readonly current: Overrides; readonly wanted: Overrides },
): void {
  const entries = [
    ...[...wanted].filter(([key, value]) => current.get(key) !== value).map(([key, value]) => ({ key, value })),
    ...[...current.keys()].filter((key) => !wanted.has(key)).map((key) => ({ key, value: null })),
  ];
  if (entries.length > 0) store.append({ type: 6, value: { type, name, entries } });
}

function refused(errorCode: ErrorCode, message: string): Refusal {
  return { errorCode, message };
}
