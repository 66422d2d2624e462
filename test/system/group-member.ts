/** A consumer in a group, for tests: BROKER GROUP TOPIC. Says `joined` when it has its partitions, and stays. */
import { Consumer } from "@platformatic/kafka";

const [broker, groupId, topic] = process.argv.slice(2) as [string, string, string];
const consumer = new Consumer({ clientId: "member", groupId, bootstrapBrokers: [broker] });
const stream = await consumer.consume({ topics: [topic], autocommit: false });
process.stdout.write("joined\n");
for await (const _ of stream);
