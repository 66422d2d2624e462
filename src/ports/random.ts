/** Randomness: identities and jitter, never security decisions by itself. */
export interface Random {
  /** `size` random bytes, freshly allocated. Cryptographic quality outside the simulator. */
  bytes(size: number): Buffer;
}
