import { equalBytes } from '#primitives';

/** Whether two byte strings are equal; the time depends on their lengths alone. */
export function constantTimeEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && equalBytes(a, b);
}

/**
 * Bytes that must not be printed: keys, seeds, tokens. Text forms (string, JSON, inspection) give `[secret]`, and the bytes
 * are reachable through `expose` alone, so that a search for that word finds every use.
 */
export class Secret {
  readonly #bytes: Uint8Array;

  /** Keeps the given bytes themselves, not a copy: `wipe` clears them for everyone. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The bytes, not a copy. */
  expose(): Uint8Array {
    return this.#bytes;
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** Compares in constant time. */
  equals(other: Secret | Uint8Array): boolean {
    return constantTimeEqual(this.#bytes, other instanceof Secret ? other.#bytes : other);
  }

  /** Overwrites the bytes with zeros. Copies that the engine made are out of reach. */
  wipe(): void {
    this.#bytes.fill(0);
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]';
  }
}
