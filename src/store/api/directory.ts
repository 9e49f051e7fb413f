/** What the directory remembers of other domains and users: pins and cached records, as bytes under its own keys. */
export interface DirectoryStore {
  /** Keys are texts of at most 1024 bytes. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** On disk when it resolves. Values hold at most 1 MiB. */
  put(key: string, value: Uint8Array): Promise<void>;
  delete(key: string): Promise<void>;
}
