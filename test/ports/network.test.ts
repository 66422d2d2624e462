/** What every `Network` does, on each implementation: Node with and without reads into the handler's buffers. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { IoError } from "../../src/ports/disk.ts";
import type { Listener } from "../../src/ports/network.ts";
import { ANYWHERE, BACKENDS, collect, inbox, MIB, sendInPieces, startEcho, type World } from "./network-world.ts";
import { Changes } from "./until.ts";

for (const backend of BACKENDS) {
  describe(`Network: ${backend.name}`, () => {
    const test = (title: string, scenario: (world: World) => Promise<void>): void => {
      void it(title, () => backend.run(scenario));
    };

    test("delivers every byte in its order to many connections that share one buffer", async (world) => {
      const { listener, collectors, changes } = await collect(world.network, { buffer: Buffer.alloc(4096) });
      const streams = Array.from({ length: 12 }, () => world.random.bytes(world.random.between(1, 60_000)));
      const peers = streams.map(() => world.connect(listener.address.port));
      streams.forEach((stream, index) => sendInPieces(peers[index]!, stream, world.random));
      const total = streams.reduce((sum, stream) => sum + stream.length, 0);
      await changes.until(() => collectors.reduce((sum, collector) => sum + collector.size, 0) === total);
      const received = new Set(collectors.map((collector) => collector.text));
      for (const stream of streams) assert(received.has(stream.toString("latin1")));
      for (const peer of peers) peer.close();
      await changes.until(() => collectors.every((collector) => collector.closedCalls === 1));
      await listener.close();
    });

    test("fills buffers of one byte, and others each time", async (world) => {
      const { listener, changes, first } = await collect(world.network, { buffer: Buffer.alloc(1) });
      const peer = world.connect(listener.address.port);
      const collector = await first();
      collector.onReceived = () => (collector.buffer = Buffer.alloc(world.random.between(1, 9)));
      const stream = world.random.bytes(500);
      sendInPieces(peer, stream, world.random);
      await changes.until(() => collector.size === stream.length);
      assert.equal(collector.text, stream.toString("latin1"));
      peer.close();
      await listener.close();
    });

    test("sends gathered parts in their order and calls back in that order", async (world) => {
      const { listener, changes, first } = await collect(world.network);
      const peer = world.connect(listener.address.port);
      const received = inbox(peer, changes);
      const collector = await first();
      const written: number[] = [];
      let expected = "";
      for (let index = 0; index < 200; index++) {
        const parts = Array.from({ length: index % 5 }, (_, part) => Buffer.from(`${index}.${part} `));
        expected += Buffer.concat(parts).toString();
        collector.socket.write(parts, () => {
          written.push(index);
          changes.changed();
        });
      }
      assert.equal(written.length, 0, "never called back from within the call");
      await changes.until(() => written.length === 200 && received.bytes.length === expected.length);
      assert.equal(received.bytes.toString(), expected);
      assert.deepEqual(
        written,
        Array.from({ length: 200 }, (_, index) => index),
      );
      peer.close();
      await listener.close();
    });

    test("holds writes back while the peer does not read, and loses none", async (world) => {
      const { listener, changes, first } = await collect(world.network);
      const peer = world.connect(listener.address.port);
      const received = inbox(peer, changes);
      const collector = await first();
      peer.pause();
      const stream = world.random.bytes(world.tooMuch);
      let written = 0;
      for (let from = 0; from < world.tooMuch; from += world.tooMuch / 8) {
        collector.socket.write([stream.subarray(from, from + world.tooMuch / 8)], () => {
          written++;
          changes.changed();
        });
      }
      peer.send(Buffer.from("still open"));
      await changes.until(() => collector.text === "still open");
      assert(written < 8, "the system took what no one reads");
      peer.resume();
      await changes.until(() => written === 8 && received.bytes.length === world.tooMuch);
      assert(received.bytes.equals(stream));
      peer.close();
      await listener.close();
    });

    test("delivers nothing and asks for no buffer while paused, and loses nothing", async (world) => {
      const { listener, changes, first } = await collect(world.network, { buffer: Buffer.alloc(1000) });
      const echo = await startEcho(world);
      const peer = world.connect(listener.address.port);
      const collector = await first();
      const stream = world.random.bytes(300_000);
      let paused = false;
      let pauses = 0;
      collector.onReceived = () => {
        assert(!paused, "received while paused");
        if (!world.random.chance(0.2)) return;
        paused = true;
        pauses++;
        collector.socket.pause();
        const { asked } = collector;
        void echo.roundTrip().then(() => {
          assert.equal(collector.asked, asked, "asked while paused");
          paused = false;
          collector.socket.resume();
        });
      };
      sendInPieces(peer, stream, world.random);
      await changes.until(() => collector.size === stream.length);
      assert.equal(collector.text, stream.toString("latin1"));
      assert(pauses > 0);
      peer.close();
      await Promise.all([listener.close(), echo.stop()]);
    });

    test("a pause and a resume at any moment lose nothing", async (world) => {
      const { listener, changes, first } = await collect(world.network, { buffer: Buffer.alloc(300) });
      const echo = await startEcho(world);
      const peer = world.connect(listener.address.port);
      const collector = await first();
      const stream = world.random.bytes(100_000);
      sendInPieces(peer, stream, world.random);
      collector.onReceived = () => {
        if (world.random.chance(0.3)) collector.socket.pause();
        if (world.random.chance(0.5)) collector.socket.resume();
      };
      while (collector.size < stream.length) {
        if (world.random.chance(0.5)) collector.socket.pause();
        const { size } = collector;
        await echo.roundTrip();
        collector.socket.resume();
        collector.socket.resume();
        await Promise.race([changes.until(() => collector.size > size), echo.roundTrip()]);
      }
      assert.equal(collector.text, stream.toString("latin1"));
      peer.close();
      await Promise.all([listener.close(), echo.stop()]);
    });

    test("hazard: a paused reader holds its peer back instead of filling memory", async (world) => {
      const { listener, changes, first } = await collect(world.network);
      const echo = await startEcho(world);
      const peer = world.connect(listener.address.port);
      const collector = await first();
      collector.socket.pause();
      const stream = world.random.bytes(world.tooMuch);
      peer.send(stream);
      for (let trip = 0; trip < 10; trip++) await echo.roundTrip();
      assert(peer.unsentBytes > 0);
      assert.equal(collector.size, 0);
      collector.buffer = Buffer.alloc(256 * 1024);
      collector.socket.resume();
      await changes.until(() => collector.size === world.tooMuch);
      assert(Buffer.concat(collector.chunks).equals(stream));
      peer.close();
      await Promise.all([listener.close(), echo.stop()]);
    });

    test("tells once that the peer has closed, after all its bytes", async (world) => {
      const { listener, changes, first } = await collect(world.network);
      const peer = world.connect(listener.address.port);
      const stream = world.random.bytes(100_000);
      peer.send(stream);
      peer.close();
      const collector = await first();
      await changes.until(() => collector.closedCalls > 0);
      assert.equal(collector.text, stream.toString("latin1"));
      collector.socket.write([Buffer.from("late")], () => assert.fail("called back after closed"));
      collector.socket.pause();
      collector.socket.resume();
      collector.socket.end();
      collector.socket.destroy();
      await listener.close();
      assert.equal(collector.closedCalls, 1);
    });

    test("takes a peer that only stopped sending for gone", async (world) => {
      const { listener, changes, first } = await collect(world.network);
      const peer = world.connect(listener.address.port);
      const received = inbox(peer, changes);
      peer.send(Buffer.from("all I have"));
      peer.shutdown();
      const collector = await first();
      await changes.until(() => collector.closedCalls === 1 && received.closed);
      assert.equal(collector.text, "all I have");
      await listener.close();
    });

    test("survives a reset, and calls back for every write before it says closed", async (world) => {
      const { listener, changes, first } = await collect(world.network);
      const peer = world.connect(listener.address.port);
      const collector = await first();
      peer.pause();
      let written = 0;
      const chunk = Buffer.alloc(MIB);
      for (let index = 0; index < 8; index++) {
        collector.socket.write([chunk, chunk], () => {
          assert.equal(collector.closedCalls, 0);
          written++;
        });
      }
      peer.send(Buffer.from("x"));
      await changes.until(() => collector.size === 1);
      peer.reset();
      await changes.until(() => collector.closedCalls > 0);
      assert.equal(written, 8);
      await listener.close();
    });

    test("end sends what waits, delivers nothing more, and closes", async (world) => {
      const { listener, changes, first } = await collect(world.network);
      const peer = world.connect(listener.address.port);
      const received = inbox(peer, changes);
      const collector = await first();
      const stream = world.random.bytes(MIB);
      let written = 0;
      collector.socket.write([stream], () => written++);
      collector.socket.end();
      collector.socket.write([Buffer.from("too late")], () => written++);
      collector.onReceived = () => assert.fail("received after end");
      await changes.until(() => collector.closedCalls > 0 && received.closed);
      assert(received.bytes.equals(stream));
      assert.equal(written, 2);
      await listener.close();
    });

    test("end still sends what waits to a peer that has stopped sending", async (world) => {
      const { listener, changes, first } = await collect(world.network);
      const peer = world.connect(listener.address.port);
      const received = inbox(peer, changes);
      const collector = await first();
      peer.pause();
      collector.onReceived = () => {
        collector.socket.write([Buffer.alloc(world.tooMuch, "r")], () => undefined);
        collector.socket.end();
        peer.resume();
      };
      peer.send(Buffer.from("request"));
      peer.shutdown();
      await changes.until(() => collector.closedCalls > 0 && received.closed);
      assert.equal(received.bytes.length, world.tooMuch);
      await listener.close();
    });

    test("destroy closes at once, from anywhere", async (world) => {
      const { listener, changes, collectors } = await collect(world.network);
      const peers = [1, 2, 3].map(() => world.connect(listener.address.port));
      const states = peers.map((peer) => inbox(peer, changes));
      await changes.until(() => collectors.length === 3);
      let written = 0;
      collectors[0]!.socket.destroy();
      collectors[1]!.socket.write([Buffer.alloc(world.tooMuch)], () => {
        written++;
      });
      collectors[1]!.socket.destroy();
      collectors[2]!.onReceived = () => collectors[2]!.socket.destroy();
      for (const peer of peers) for (let index = 0; index < 20; index++) peer.send(Buffer.alloc(5000));
      await changes.until(() => collectors.every((collector) => collector.closedCalls === 1));
      assert.equal(written, 1);
      assert.equal(collectors[2]!.chunks.length, 1);
      await changes.until(() => states.every((state) => state.closed));
      await listener.close();
    });

    test("a connection may be refused by accept itself", async (world) => {
      const changes = new Changes();
      let closed = 0;
      const listener = await world.network.listen(ANYWHERE, (socket) => {
        socket.write([Buffer.from("no")], () => undefined);
        socket.end();
        return {
          readBuffer: () => assert.fail("asked"),
          received: () => assert.fail("received"),
          closed: () => {
            closed++;
            changes.changed();
          },
        };
      });
      const peer = world.connect(listener.address.port);
      const received = inbox(peer, changes);
      await changes.until(() => closed === 1 && received.closed);
      assert.equal(received.bytes.toString(), "no");
      await listener.close();
    });

    test("tells both addresses", async (world) => {
      const { listener, first } = await collect(world.network);
      const peer = world.connect(listener.address.port);
      const { socket } = await first();
      assert.match(socket.peer, /^127\.0\.0\.1:\d+$/);
      assert.deepEqual(socket.local, { host: "127.0.0.1", port: listener.address.port });
      peer.close();
      await listener.close();
    });

    test("refuses an address in use, and frees it at close, which leaves sockets open", async (world) => {
      const { listener, changes, first } = await collect(world.network);
      const { address } = listener;
      assert(address.port > 0);
      const busy: Promise<Listener> = world.network.listen(address, () => assert.fail("accepted"));
      await assert.rejects(busy, (error) => {
        assert(error instanceof IoError);
        assert.equal(error.kind, "conflict");
        assert.match(error.message, new RegExp(`^cannot listen on 127.0.0.1:${address.port}: .*EADDRINUSE`));
        return true;
      });
      const peer = world.connect(address.port);
      const collector = await first();
      await listener.close();
      const second = await world.network.listen(address, () => assert.fail("accepted"));
      peer.send(Buffer.from("still here"));
      await changes.until(() => collector.text === "still here");
      peer.close();
      await second.close();
    });
  });
}
