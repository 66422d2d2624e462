/** DescribeConfigs 1-4: settings of topics and of the broker, with where each comes from (KIP-133, KIP-226, KIP-569). */
import { describeBroker, describeClusterWide } from "../../config/broker-config.ts";
import type { DescribedConfig } from "../../config/described.ts";
import { describeTopic } from "../../config/topic-config.ts";
import type { APIS } from "../../protocol/apis.ts";
import type { MessageInput } from "../../protocol/codec/message.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { RESOURCE_BROKER, RESOURCE_TOPIC } from "../../state/state.ts";
import type { Broker } from "../broker.ts";
import type { Exchange } from "../exchange.ts";
import { topicNameProblem } from "../topic-names.ts";

type DescribeConfigs = (typeof APIS)["describeConfigs"];
type ResourceRequest = Exchange<DescribeConfigs>["request"]["resources"][number];
type ResourceAnswer = NonNullable<MessageInput<DescribeConfigs["response"]>["results"]>[number];

interface Found {
  readonly errorCode: ErrorCode;
  readonly errorMessage: string | null;
  readonly configs: readonly DescribedConfig[];
}

export function handleDescribeConfigs(exchange: Exchange<DescribeConfigs>): void {
  const { broker, request } = exchange;
  const results = request.resources.map((resource): ResourceAnswer => {
    const { resourceType, resourceName, configurationKeys } = resource;
    const { errorCode, errorMessage, configs } = find(broker, resource);
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
      if (topic === undefined) {
        return failed(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "This server does not host this topic-partition.");
      }
      return found(describeTopic(topic.overrides, state.layers));
    }
    case RESOURCE_BROKER: {
      if (resourceName === "") return found(describeClusterWide(state.layers));
      if (resourceName === String(broker.nodeId)) return found(describeBroker(state.layers));
      const message = `Unexpected broker id, expected ${broker.nodeId} or empty string, but received ${resourceName}`;
      return failed(ErrorCode.INVALID_REQUEST, message);
    }
    default:
      return failed(ErrorCode.INVALID_REQUEST, `Unsupported resource type: ${resourceType}`);
  }
}

function found(configs: readonly DescribedConfig[]): Found {
  return { errorCode: ErrorCode.NONE, errorMessage: null, configs };
}

function failed(errorCode: ErrorCode, errorMessage: string): Found {
  return { errorCode, errorMessage, configs: [] };
}
