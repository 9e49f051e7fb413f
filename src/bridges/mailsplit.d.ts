/** What of mailsplit is used: the package has no types. */
declare module 'mailsplit' {
  import type { Readable, Transform, Writable } from 'node:stream';

  export interface MimeNode {
    readonly parentNode?: MimeNode | undefined;
    /** The subtype of a multipart node. */
    readonly multipart: string | false;
    readonly flowed: boolean;
    readonly encoding: string | false;
    readonly contentType: string | false;
    readonly headers: { hasHeader(key: string): boolean; add(key: string, value: string): void } | false;
  }

  export const Splitter: new () => Transform;
  export const Joiner: new () => Transform;
  export interface RewrittenNode {
    readonly node: MimeNode;
    readonly decoder: Readable;
    readonly encoder: Writable;
  }
  export interface NodeRewriter extends Transform {
    on(event: 'node', listener: (rewritten: RewrittenNode) => void): this;
    on(event: string, listener: (...values: unknown[]) => void): this;
  }
  export const Rewriter: new (filter: (node: MimeNode) => boolean) => NodeRewriter;
}
