/**
 * How much the system keeps of a socket's bytes: SO_SNDBUF and SO_RCVBUF, which Node.js sets for UDP only. Sockets that are accepted
 * have what their listener has, so it is asked for once, before the first one comes.
 *
 * An answer of megabytes goes through the send buffer a part at a time. One that is small enough stays in the processor's caches between the
 * sender's copy and the receiver's; one that is too small has the sender woken for every part (docs/decisions/0017-experiments.md).
 *
 * Linux, where setsockopt(2) can be called (`c-library.ts`); elsewhere the system chooses.
 */
import { cLibrary } from "./c-library.ts";

/** In bytes, before the system doubles them for what it needs itself, and bounds them (net.core.wmem_max, rmem_max); -1: the system chooses. */
export interface SocketBuffers {
  readonly sendBytes: number;
  readonly receiveBytes: number;
}

/** Of Linux, as on all processors that Node.js has 64-bit releases for. */
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const INT_BYTES = 4;
const OF_THE_SYSTEM = -1;

const sockets = cLibrary({
  setsockopt: { return: "int32", arguments: ["int32", "int32", "int32", "pointer", "uint32"] },
  getsockopt: { return: "int32", arguments: ["int32", "int32", "int32", "pointer", "pointer"] },
});

/** What is used of Node's undocumented handles. */
interface HandleOwner {
  readonly _handle?: { readonly fd?: number } | null;
}

/** Sizes the buffers of a socket, or of those that a server is going to accept. What the system refuses stays as it is. */
export function sizeSocketBuffers(owner: object, { sendBytes, receiveBytes }: SocketBuffers): void {
  if (sendBytes !== OF_THE_SYSTEM) setOption(owner, SO_SNDBUF, sendBytes);
  if (receiveBytes !== OF_THE_SYSTEM) setOption(owner, SO_RCVBUF, receiveBytes);
}

/** What they are, as the system counts them; undefined where nobody knows. */
export function socketBuffersOf(owner: object): SocketBuffers | undefined {
  const sendBytes = optionOf(owner, SO_SNDBUF);
  const receiveBytes = optionOf(owner, SO_RCVBUF);
  return sendBytes === undefined || receiveBytes === undefined ? undefined : { sendBytes, receiveBytes };
}

function setOption(owner: object, option: number, value: number): void {
  const wanted = new Int32Array([value]);
  withDescriptor(owner, (fd, { setsockopt }) => setsockopt(fd, SOL_SOCKET, option, wanted, INT_BYTES));
}

function optionOf(owner: object, option: number): number | undefined {
  const value = new Int32Array(1);
  const sizeBytes = new Uint32Array([INT_BYTES]);
  const result = withDescriptor(owner, (fd, { getsockopt }) => getsockopt(fd, SOL_SOCKET, option, value, sizeBytes));
  return result === 0 ? value[0] : undefined;
}

type Functions = NonNullable<ReturnType<typeof sockets>>["functions"];

function withDescriptor(owner: object, call: (fd: number, functions: Functions) => number): number | undefined {
  const fd = (owner as HandleOwner)._handle?.fd;
  const library = sockets();
  if (fd === undefined || fd < 0 || library === undefined) return undefined;
  try {
    return call(fd, library.functions);
  } catch {
    return undefined; // refused by Node.js: no reason not to start
  }
}
