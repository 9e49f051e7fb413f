/** A DNS record to publish, as text. */
export interface DnsEntry {
  /** Without a final dot. */
  readonly name: string;
  readonly type: string;
  /** In zone file form. */
  readonly value: string;
}
