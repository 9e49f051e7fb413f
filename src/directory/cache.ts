/** Where the directory keeps pins and records: passed in, a table at a server, part of its state at a client. */

export interface DirectoryCache {
  /** The bytes under a key, or undefined. Keys are ASCII texts of at most 512 bytes. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** Durable when it resolves: a pin that can be forgotten is none. */
  put(key: string, value: Uint8Array): Promise<void>;
  delete(key: string): Promise<void>;
}
