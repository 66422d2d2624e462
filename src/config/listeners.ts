/**
 * Where the broker listens, and what it tells clients to connect to. A client connects once to the address it was
 * configured with, and from then on to the addresses that Metadata answers: when those are wrong, everything seems to
 * start and nothing works. So an address nobody can connect to is refused before the broker starts.
 */
import { nearest } from "./nearest.ts";

export interface Endpoint {
  /** In capitals, as Kafka compares them. */
  readonly name: string;
  /** "" is every address of this machine. */
  readonly host: string;
  readonly port: number;
}

export interface ListenerSettings extends Endpoint {
  readonly advertised: {
    readonly host: string;
    /** 0: the port that the listener was given. */
    readonly port: number;
  };
}

export interface ListenerTexts {
  readonly listeners: readonly string[];
  readonly advertisedListeners: readonly string[] | null;
  readonly advertisedAddress: string | null;
  readonly securityProtocolMap: string;
  readonly controllerNames: readonly string[];
}

const PORT_MAX = 65535;

/** The listeners for clients, or everything that is wrong with them. */
export function resolveListeners(
  texts: ListenerTexts,
): { readonly listeners: readonly ListenerSettings[] } | { readonly errors: readonly string[] } {
  const errors: string[] = [];
  const controllers = new Set(texts.controllerNames.map((name) => name.toUpperCase()));
  const read = (key: string, items: readonly string[]): Endpoint[] =>
    items.flatMap((item) => {
      const endpoint = parseEndpoint(item);
      if (endpoint === null) errors.push(`${key}: ${item} is not an address: give NAME://HOST:PORT`);
      return endpoint === null || controllers.has(endpoint.name) ? [] : [endpoint];
    });

  const endpoints = read("listeners", texts.listeners);
  const advertised = read("advertised.listeners", texts.advertisedListeners ?? []);
  errors.push(...duplicates(endpoints), ...strangers(advertised, endpoints));
  errors.push(...endpoints.flatMap((endpoint) => protocolProblem(endpoint.name, texts.securityProtocolMap)));
  if (texts.advertisedAddress !== null) {
    const address = parseAddress(texts.advertisedAddress);
    if (address === null) errors.push(`advertised.addr: ${texts.advertisedAddress} is not HOST or HOST:PORT`);
    else if (texts.advertisedListeners !== null) errors.push("give advertised.addr or advertised.listeners, not both");
    else if (endpoints.length === 1) advertised.push({ name: endpoints[0]!.name, ...address });
    else errors.push(`advertised.addr is for one listener, here are ${endpoints.length}: give advertised.listeners`);
  }
  if (errors.length > 0) return { errors: [...new Set(errors)] };
  if (endpoints.length === 0) return { errors: ["listeners: there is none for clients: give NAME://HOST:PORT"] };

  const listeners = endpoints.map((endpoint) => {
    const { host, port } = advertised.find(({ name }) => name === endpoint.name) ?? endpoint;
    return { ...endpoint, advertised: { host, port } };
  });
  const unreachable = listeners.flatMap(reachProblem);
  return unreachable.length > 0 ? { errors: unreachable } : { listeners };
}

/** NAME://HOST:PORT, or null. An IPv6 address may be in brackets. */
export function parseEndpoint(text: string): Endpoint | null {
  const [, name, rest] = /^([\w.-]+):\/\/(.*)$/s.exec(text.trim()) ?? [];
  const [, host, port] = /^(.*):(\d+)$/s.exec(rest ?? "") ?? [];
  if (name === undefined || host === undefined || !isPort(port!)) return null;
  const plain = host === "" ? "" : parseHost(host);
  return plain === null ? null : { name: name.toUpperCase(), host: plain, port: Number(port) };
}

export function formatEndpoint({ name, host, port }: Endpoint): string {
  return `${name}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** HOST or HOST:PORT, or null. Without a port it is 0: the listener's. */
function parseAddress(text: string): { readonly host: string; readonly port: number } | null {
  // More than one colon outside of brackets is an IPv6 address, which then has no port.
  const [, host, port] = /^(\[.*\]|[^:]*)(?::(\d+))?$/s.exec(text.trim()) ?? [null, text.trim(), undefined];
  const plain = parseHost(host!);
  if (plain === null || (port !== undefined && (!isPort(port) || Number(port) === 0))) return null;
  return { host: plain, port: Number(port ?? 0) };
}

/** Whether `text` is a port to listen on. */
export function isPort(text: string): boolean {
  return /^\d+$/.test(text) && Number(text) <= PORT_MAX;
}

/** A host name, or an address without its brackets; null when it can be neither. */
export function parseHost(text: string): string | null {
  const host = /^\[(.*)\]$/s.exec(text)?.[1] ?? text;
  return canonicalHost(host) === null ? null : host;
}

/** Brings the many ways to write an address ("::0", "127.1") to one; null when it is none. */
function canonicalHost(host: string): string | null {
  if (!/^[\w.:%-]+$/.test(host)) return null;
  // A zone ("fe80::1%eth0") says which network card; it is no part of the address.
  const [address] = host.split("%");
  return URL.parse(`http://${host.includes(":") ? `[${address}]` : address}`)?.hostname ?? null;
}

/** Addresses that stand for every address of the machine: to listen on, not to connect to. */
const EVERY_ADDRESS: ReadonlySet<string | null> = new Set(["0.0.0.0", "[::]", "[::ffff:0:0]"]);

function isEveryAddress(host: string): boolean {
  return host === "" || EVERY_ADDRESS.has(canonicalHost(host));
}

function reachProblem(listener: ListenerSettings): string[] {
  if (!isEveryAddress(listener.advertised.host)) return [];
  const { name, port, advertised } = listener;
  const advertisedPort = advertised.port || port;
  const fix =
    `say which address clients can reach, for example --advertised-addr HOST ` +
    `or advertised.listeners=${name}://HOST:${advertisedPort === 0 ? "PORT" : advertisedPort}`;
  return advertised.host === listener.host && advertised.port === port
    ? [`listener ${formatEndpoint(listener)} takes connections on every address of this machine: ${fix}`]
    : [`clients cannot connect to ${formatEndpoint({ name, host: advertised.host, port: advertisedPort })}: ${fix}`];
}

function duplicates(endpoints: readonly Endpoint[]): string[] {
  return endpoints.flatMap((endpoint, index) =>
    endpoints.slice(0, index).flatMap((other) => {
      if (other.name === endpoint.name) return [`listeners: ${endpoint.name} comes twice: give each its own name`];
      const same = other.port !== 0 && other.port === endpoint.port && other.host === endpoint.host;
      return same ? [`listeners: ${other.name} and ${endpoint.name} have one port: give each its own`] : [];
    }),
  );
}

/** Advertised listeners that are not there, or come twice. */
function strangers(advertised: readonly Endpoint[], endpoints: readonly Endpoint[]): string[] {
  const names = endpoints.map(({ name }) => name);
  return advertised.flatMap(({ name }, index) => {
    if (advertised.slice(0, index).some((other) => other.name === name)) {
      return [`advertised.listeners: ${name} comes twice: each listener has one address`];
    }
    if (names.includes(name)) return [];
    const meant = nearest(name, names) ?? names.join(", ");
    return [
      `advertised.listeners: there is no listener ${name}: ${meant === "" ? "add it to listeners" : `there is ${meant}`}`,
    ];
  });
}

function protocolProblem(name: string, map: string): string[] {
  const pairs = map.split(",").map((pair) => pair.trim().toUpperCase().split(":"));
  const protocol = pairs.find(([listener]) => listener === name)?.[1];
  if (protocol === "PLAINTEXT") return [];
  return protocol === undefined
    ? [`listener ${name} has no protocol: add ${name}:PLAINTEXT to listener.security.protocol.map`]
    : [`listener ${name} is ${protocol}: only PLAINTEXT can be listened on so far`];
}
