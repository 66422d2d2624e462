import assert from "node:assert/strict";
import { test } from "node:test";
import { formatEndpoint, type ListenerTexts, parseEndpoint, resolveListeners } from "./listeners.ts";

const DEFAULTS: ListenerTexts = {
  listeners: ["PLAINTEXT://127.0.0.1:9092"],
  advertisedListeners: null,
  advertisedAddress: null,
  securityProtocolMap: "PLAINTEXT:PLAINTEXT,SSL:SSL,HOST:PLAINTEXT,INSIDE:PLAINTEXT",
  controllerNames: [],
};

/** `NAME host:port → advertised host:port` of each listener. */
function resolved(texts: Partial<ListenerTexts>): readonly string[] {
  const result = resolveListeners({ ...DEFAULTS, ...texts });
  assert.ok("listeners" in result, JSON.stringify(result));
  return result.listeners.map(
    ({ name, host, port, advertised }) => `${name} ${host}:${port} → ${advertised.host}:${advertised.port}`,
  );
}

function errors(texts: Partial<ListenerTexts>): readonly string[] {
  const result = resolveListeners({ ...DEFAULTS, ...texts });
  assert.ok("errors" in result, JSON.stringify(result));
  return result.errors;
}

for (const [text, endpoint] of [
  ["PLAINTEXT://:9092", { name: "PLAINTEXT", host: "", port: 9092 }],
  ["plaintext://localhost:0", { name: "PLAINTEXT", host: "localhost", port: 0 }],
  ["PLAINTEXT://[::1]:9092", { name: "PLAINTEXT", host: "::1", port: 9092 }],
  ["PLAINTEXT://::1:9092", { name: "PLAINTEXT", host: "::1", port: 9092 }],
  ["A-b_c.d://fe80::1%eth0:1", { name: "A-B_C.D", host: "fe80::1%eth0", port: 1 }],
  [" PLAINTEXT://a:1 ", { name: "PLAINTEXT", host: "a", port: 1 }],
  ["PLAINTEXT://a", null],
  ["PLAINTEXT://a:65536", null],
  ["PLAINTEXT://a:-1", null],
  ["PLAINTEXT://a:b", null],
  ["PLAINTEXT://a b:1", null],
  ["PLAINTEXT://1.2.3.4.5:1", null],
  ["PLAINTEXT://[::1:1", null],
  ["PLAINTEXT://x@y:1", null],
  ["a:1", null],
  ["", null],
] as const) {
  test(`${JSON.stringify(text)} is ${endpoint === null ? "no endpoint" : formatEndpoint(endpoint)}`, () => {
    assert.deepEqual(parseEndpoint(text), endpoint);
    if (endpoint !== null) assert.deepEqual(parseEndpoint(formatEndpoint(endpoint)), endpoint);
  });
}

test("an address of one host advertises itself", () => {
  for (const host of ["127.0.0.1", "localhost", "192.168.1.4", "203.0.113.9", "broker.example.org"]) {
    assert.deepEqual(resolved({ listeners: [`PLAINTEXT://${host}:9092`] }), [`PLAINTEXT ${host}:9092 → ${host}:9092`]);
  }
});

test("every address, however it is written, must be told to clients as another", () => {
  for (const host of ["", "0.0.0.0", "0", "[::]", "::", "::0", "[0:0:0:0:0:0:0:0]", "::ffff:0.0.0.0"]) {
    const listeners = [`PLAINTEXT://${host}:9092`];
    const [message, ...more] = errors({ listeners });
    assert.match(message!, /takes connections on every address .* --advertised-addr HOST .*PLAINTEXT:\/\/HOST:9092$/);
    assert.deepEqual(more, []);
    assert.match(resolved({ listeners, advertisedAddress: "broker.example.org" })[0]!, /→ broker.example.org:0$/);
  }
});

test("clients are never told to connect to every address", () => {
  for (const address of ["0.0.0.0", "[::]:9092", "::"]) {
    assert.match(errors({ advertisedAddress: address })[0]!, /^clients cannot connect to PLAINTEXT:/);
  }
  assert.match(errors({ advertisedListeners: ["PLAINTEXT://:9092"] })[0]!, /^clients cannot connect to PLAINTEXT:/);
});

test("an advertised address has a port or takes the listener's", () => {
  for (const [address, advertised] of [
    ["a", "a:0"],
    ["a:1", "a:1"],
    ["::1", "::1:0"],
    ["[::1]", "::1:0"],
    ["[::1]:1", "::1:1"],
  ] as const) {
    assert.deepEqual(resolved({ advertisedAddress: address }), [`PLAINTEXT 127.0.0.1:9092 → ${advertised}`]);
  }
  for (const address of ["", "a:", "a:0", "a:65536", ":1", "[::1]1", "a b"]) {
    assert.deepEqual(errors({ advertisedAddress: address }), [`advertised.addr: ${address} is not HOST or HOST:PORT`]);
  }
});

test("several listeners each have their own address", () => {
  assert.deepEqual(
    resolved({
      listeners: ["HOST://127.0.0.1:9092", "INSIDE://0.0.0.0:9093"],
      advertisedListeners: ["inside://broker:29093"],
    }),
    ["HOST 127.0.0.1:9092 → 127.0.0.1:9092", "INSIDE 0.0.0.0:9093 → broker:29093"],
  );
});

test("listeners of controllers are left out", () => {
  assert.deepEqual(
    resolved({
      listeners: ["PLAINTEXT://:9092", "CONTROLLER://:9093"],
      advertisedListeners: ["PLAINTEXT://localhost:9092", "CONTROLLER://localhost:9093"],
      controllerNames: ["CONTROLLER"],
    }),
    ["PLAINTEXT :9092 → localhost:9092"],
  );
  assert.match(errors({ controllerNames: ["plaintext"] })[0]!, /^listeners: there is none for clients/);
});

test("everything that is wrong is said at once", () => {
  assert.deepEqual(
    errors({
      listeners: ["HOST://127.0.0.1:1", "INSIDE://127.0.0.1:1", "HOST://a:2", "nowhere", "SSL://b:3", "OTHER://c:4"],
      advertisedListeners: ["HOSTS://a:1", "HOST://a:1", "HOST://b:1"],
      advertisedAddress: "a",
    }),
    [
      "listeners: nowhere is not an address: give NAME://HOST:PORT",
      "listeners: HOST and INSIDE have one port: give each its own",
      "listeners: HOST comes twice: give each its own name",
      "advertised.listeners: there is no listener HOSTS: there is HOST",
      "advertised.listeners: HOST comes twice: each listener has one address",
      "listener SSL is SSL: only PLAINTEXT can be listened on so far",
      "listener OTHER has no protocol: add OTHER:PLAINTEXT to listener.security.protocol.map",
      "give advertised.addr or advertised.listeners, not both",
    ],
  );
  assert.deepEqual(errors({ listeners: ["HOST://a:1", "INSIDE://b:2"], advertisedAddress: "c" }), [
    "advertised.addr is for one listener, here are 2: give advertised.listeners",
  ]);
});
