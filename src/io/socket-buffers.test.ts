import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import process from "node:process";
import { test } from "node:test";
import { createNodeNetwork } from "./node-network.ts";
import { type SocketBuffers, sizeSocketBuffers, socketBuffersOf } from "./socket-buffers.ts";

const SMALL = 20_000;
const skip =
  process.platform === "linux" && process.getBuiltinModule("node:ffi") !== undefined
    ? false
    : "needs Linux and a Node.js with node:ffi";

/** What a socket has that was accepted by a server which was prepared so. */
async function accepted(prepare: (server: net.Server) => void): Promise<SocketBuffers | undefined> {
  const server = net.createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  prepare(server);
  const client = net.connect((server.address() as net.AddressInfo).port, "127.0.0.1");
  const [socket] = (await once(server, "connection")) as [net.Socket];
  const buffers = socketBuffersOf(socket);
  socket.destroy();
  client.destroy();
  server.close();
  return buffers;
}

test("sockets have the buffers that their listener was given", { skip }, async () => {
  const buffers = await accepted((server) => sizeSocketBuffers(server, { sendBytes: SMALL, receiveBytes: 2 * SMALL }));
  assert.deepEqual(buffers, { sendBytes: 2 * SMALL, receiveBytes: 4 * SMALL }, "Linux doubles them");
});

test("what is left to the system stays as it is", { skip }, async () => {
  const usual = await accepted(() => undefined);
  const sent = await accepted((server) => sizeSocketBuffers(server, { sendBytes: SMALL, receiveBytes: -1 }));
  const received = await accepted((server) => sizeSocketBuffers(server, { sendBytes: -1, receiveBytes: SMALL }));
  assert.deepEqual(sent, { ...usual, sendBytes: 2 * SMALL });
  assert.deepEqual(received, { ...usual, receiveBytes: 2 * SMALL });
});

test("the network sizes the buffers of what it accepts", { skip }, async () => {
  let sized: SocketBuffers | undefined;
  const createServer = net.createServer;
  const made: net.Server[] = [];
  net.createServer = ((...given: Parameters<typeof net.createServer>) => {
    made.push(createServer(...given));
    return made.at(-1);
  }) as typeof net.createServer;
  try {
    const network = createNodeNetwork({ buffers: { sendBytes: SMALL, receiveBytes: SMALL } });
    const listener = await network.listen({ host: "127.0.0.1", port: 0 }, () => assert.fail("nobody comes"));
    sized = socketBuffersOf(made[0]!);
    await listener.close();
  } finally {
    net.createServer = createServer;
  }
  assert.deepEqual(sized, { sendBytes: 2 * SMALL, receiveBytes: 2 * SMALL });
});

test("a server that does not listen has none, and is left alone", { skip }, () => {
  const server = net.createServer();
  sizeSocketBuffers(server, { sendBytes: SMALL, receiveBytes: SMALL });
  assert.equal(socketBuffersOf(server), undefined);
});
