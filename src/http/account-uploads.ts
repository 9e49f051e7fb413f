/** Uploads at the account interface, wire-spec/account.md section 4: a part of `account-schemas.ts`. */
import { everyday } from './everyday.ts';
import { binary, byteCount, digits, integer, object } from './json-schemas.ts';

/** The most bytes of one part of an upload. */
export const maxPart = 32 * 1024 * 1024;
const uploadId = binary(16);
const uploadParams = object({ upload: uploadId });
const progress = object({ size: byteCount, received: byteCount });

export const uploadOperations = {
  openUpload: {
    method: 'PUT',
    path: 'uploads/:upload',
    summary: 'Open an upload, or find it again',
    signers: everyday,
    params: uploadParams,
    body: object({ size: integer(1, 2 ** 50) }),
    status: 200,
    answer: progress,
  },
  uploadProgress: {
    method: 'GET',
    path: 'uploads/:upload',
    summary: 'How much of an upload has arrived',
    signers: everyday,
    params: uploadParams,
    status: 200,
    answer: progress,
  },
  abandonUpload: {
    method: 'DELETE',
    path: 'uploads/:upload',
    summary: 'Give up an upload that is not committed',
    signers: everyday,
    params: uploadParams,
    status: 204,
    answer: 'nothing',
  },
  writePart: {
    method: 'PUT',
    path: 'uploads/:upload/parts/:offset',
    summary: 'The next bytes of an upload, at most 32 MiB; answered when they are on disk',
    signers: everyday,
    params: object({ upload: uploadId, offset: digits }),
    body: 'octets',
    bodyLimit: maxPart,
    status: 200,
    answer: progress,
  },
} as const;
