/** What can be said of a message before anyone is asked. */
import { base64urlnopad } from '@scure/base';
import { BeckonError } from '../errors.ts';
import { counts, mediaTypes, sizes, times } from '../wire/registry.ts';
import type { Outgoing, OutgoingPart } from './api.ts';
import { maxBatch } from './own-domain.ts';

/** Throws `request_invalid` for a message that could not be sent as it is. */
export function checkOutgoing(message: Outgoing, expires: number, now: number): void {
  const { to, parts, parents = [], retracts } = message;
  expect(to.length > 0 && to.length <= maxBatch, 'a message has 1 to 64 recipients');
  expect(parts.length > 0 && parts.length <= counts.coverParts, 'a message has 1 to 128 parts');
  expect(
    expires - now >= times.transitMin && expires - now <= times.transitMax,
    'a message waits for at least an hour and at most 90 days',
  );
  expect(parents.length <= counts.parents, 'a message answers at most 64 others');
  for (const id of retracts === undefined ? parents : [...parents, retracts])
    expect(isLetterId(id), 'what it answers or retracts is not a letter id');
  for (const part of parts) checkPart(part, expires, now);
}

function checkPart({ mediaType, fileName, length, expires }: OutgoingPart, end: number, now: number): void {
  expect(
    expires === undefined || (expires - now >= times.transitMin && expires <= end),
    'a part waits for at least an hour, and no longer than the whole',
  );
  expect(
    /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/.test(mediaType) && mediaType.length <= 127,
    'a media type is not one',
  );
  expect(mediaType !== mediaTypes.cover, 'covers are made by the client');
  expect(Number.isSafeInteger(length) && length >= 0, 'a length is not in bytes');
  if (fileName === undefined) return;
  const bytes = new TextEncoder().encode(fileName).length;
  expect(fileName.isWellFormed() && bytes > 0 && bytes <= 255, 'a file name has 1 to 255 bytes');
}

function isLetterId(text: string): boolean {
  try {
    return base64urlnopad.decode(text).length === sizes.letterId;
  } catch {
    return false;
  }
}

function expect(condition: boolean, reason: string): asserts condition {
  if (!condition) throw new BeckonError('request_invalid', reason);
}
