/** Single byte ranges and conditions on an entity tag, RFC 9110 sections 13 and 14. */

/** `part`: from `start` to just before `end`. */
export type Selected =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly start: number; readonly end: number }
  | { readonly kind: 'unsatisfiable' };

const whole: Selected = { kind: 'whole' };

/**
 * What a Range header selects of `size` bytes. What is not one well-formed byte range (other units, several ranges) is
 * ignored, as RFC 9110 section 14.2 allows.
 */
export function selectRange(range: string | undefined, size: number): Selected {
  const match = /^bytes=[ \t]*(?:(\d+)-(\d*)|-(\d+))[ \t]*$/i.exec(range ?? '');
  if (match === null) return whole;
  const [, first, last, suffix] = match;
  if (suffix !== undefined) return clamp(Math.max(0, size - Number(suffix)), size, size);
  const start = Number(first);
  if (last === '' || last === undefined) return clamp(start, size, size);
  if (Number(last) < start) return whole;
  return clamp(start, Number(last) + 1, size);
}

function clamp(start: number, end: number, size: number): Selected {
  return start < size ? { kind: 'part', start, end: Math.min(end, size) } : { kind: 'unsatisfiable' };
}

/** Whether a Range header counts, given If-Range: only the very entity tag lets it (section 13.1.5). */
export function rangeCounts(ifRange: string | undefined, etag: string): boolean {
  return ifRange === undefined || ifRange.trim() === etag;
}

/** Whether If-None-Match names the entity tag, compared weakly (section 13.1.2): the answer is 304 then. */
export function isUnchanged(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  const tags = ifNoneMatch.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes('*') || tags.includes(etag);
}
