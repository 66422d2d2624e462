/**
 * DescribeConfigs 1-4: settings of topics, the broker, groups and subscriptions of client metrics, with where each comes from
 * (KIP-133, KIP-226, KIP-569). There are no loggers whose levels could be described.
 */
import { describeBroker, describeClusterWide } from "../../config/broker-config.ts";
import { describeSubscription } from "../../config/client-metrics.ts";
import type { DescribedConfig } from "../../config/described.ts";
import { describeGroup } from "../../config/group-config.ts";
import { describeTopic } from "../../config/topic-config.ts";
import type { APIS } from "../../protocol/apis.ts";
import type { MessageInput } from "../../protocol/codec/message.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { RESOURCE_BROKER, RESOURCE_CLIENT_METRICS, RESOURCE_GROUP, RESOURCE_TOPIC } from "../../state/state.ts";
import type { Broker } from "../broker.ts";
import { RESOURCE_BROKER_LOGGER } from "../config-changes.ts";
import { boundedMessage } from "../error-message.ts";
import type { Exchange } from "../exchange.ts";
import { topicNameProblem } from "../topic-names.ts";

type DescribeConfigs = (typeof APIS)["describeConfigs"];
type ResourceRequest = Exchange<DescribeConfigs>["request"]["resources"][number];
type ResourceAnswer = NonNullable<MessageInput<DescribeConfigs["response"]>["results"]>[number];

interface Found {
  readonly errorCode: ErrorCode;
  readonly errorMessage: string;
  readonly configs: readonly DescribedConfig[];
}

/** A resource's settings take thousands of bytes, and its name in a request may take one: so not any number of them. */
export const MAX_RESOURCES = 5_000;
const TOO_MUCH: Found = failed(
  ErrorCode.INVALID_REQUEST,
  `ask for each resource once, and for at most ${MAX_RESOURCES} in one request`,
);

export function handleDescribeConfigs(exchange: Exchange<DescribeConfigs>): void {
  const { broker, request } = exchange;
  const described = new Set<string>();
  const results = request.resources.map((resource): ResourceAnswer => {
    const { resourceType, resourceName, configurationKeys } = resource;
    const key = `${resourceType}/${resourceName}`;
    const isTooMuch = described.size >= MAX_RESOURCES || described.has(key);
    if (!isTooMuch) described.add(key);
    const { errorCode, errorMessage, configs } = isTooMuch ? TOO_MUCH : find(broker, resource);
    // As in Kafka an empty list of keys stands for all of them, like none.
    const wanted = configurationKeys?.length ? configs.filter(({ name }) => configurationKeys.includes(name)) : configs;
    return {
      errorCode,
      errorMessage,
      resourceType,
      resourceName,
      configs: wanted.map((config) => ({
        name: config.name,
        value: config.value,
        readOnly: config.readOnly,
        configSource: config.source,
        isSensitive: config.sensitive,
        synonyms: request.includeSynonyms ? config.synonyms : [],
        configType: config.type,
        documentation: request.includeDocumentation ? config.documentation : null,
      })),
    };
  });
  exchange.answer({ results });
}

function find(broker: Broker, { resourceType, resourceName }: ResourceRequest): Found {
  const { state } = broker.store;
  switch (resourceType) {
    case RESOURCE_TOPIC: {
      const problem = topicNameProblem(resourceName);
      if (problem !== undefined) return failed(ErrorCode.INVALID_TOPIC_EXCEPTION, problem);
      const topic = state.topic(resourceName);
      if (topic === undefined) return failed(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "");
      return found(describeTopic(topic.overrides, state.layers));
    }
    case RESOURCE_BROKER: {
      if (resourceName === "") return found(describeClusterWide(state.layers));
      return brokerProblem(broker, resourceName, " or empty string,") ?? found(describeBroker(state.layers));
    }
    case RESOURCE_BROKER_LOGGER:
      if (resourceName === "") return failed(ErrorCode.INVALID_REQUEST, "Broker id must not be empty");
      return brokerProblem(broker, resourceName, "") ?? found([]);
    case RESOURCE_CLIENT_METRICS:
      if (resourceName === "") {
        return failed(ErrorCode.INVALID_REQUEST, "Client metrics subscription name must not be empty");
      }
      return found(describeSubscription(state.overrides(RESOURCE_CLIENT_METRICS, resourceName)));
    case RESOURCE_GROUP:
      if (resourceName === "") return failed(ErrorCode.INVALID_REQUEST, "Group name must not be empty");
      return found(describeGroup(state.overrides(RESOURCE_GROUP, resourceName), state.layers));
    default:
      return failed(ErrorCode.INVALID_REQUEST, `Unsupported resource type: ${resourceType}`);
  }
}

function brokerProblem({ nodeId }: Broker, name: string, orElse: string): Found | undefined {
  if (name === String(nodeId)) return undefined;
  const message = /^[+-]?\d+$/.test(name)
    ? `Unexpected broker id, expected ${nodeId}${orElse} but received ${name}`
    : `Broker id must be an integer, but it is: ${name}`;
  return failed(ErrorCode.INVALID_REQUEST, message);
}

function found(configs: readonly DescribedConfig[]): Found {
  return { errorCode: ErrorCode.NONE, errorMessage: "", configs };
}

function failed(errorCode: ErrorCode, errorMessage: string): Found {
  return { errorCode, errorMessage: boundedMessage(errorMessage), configs: [] };
}
