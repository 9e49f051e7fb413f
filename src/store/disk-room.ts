/** Whether the disk has room: below its reserve nothing is accepted, so that what was accepted can still be kept. */
import { statfsSync } from 'node:fs';

export type DiskReserve = { readonly percent: number } | { readonly bytes: number };

/**
 * Whether so many bytes more leave the reserve of the disk untouched. `inside`: what is free within files that never shrink,
 * which takes nothing from the disk. It counts as long as half of the reserve is really there: tables grow, too.
 */
export type HasRoom = (bytes: number, inside: number) => boolean;

/** For `openStore`: of the disk that holds `dir`. */
export function createDiskRoom(dir: string, reserve: DiskReserve): HasRoom {
  return (bytes, inside) => {
    const { bavail, blocks, bsize } = statfsSync(dir);
    const available = bavail * bsize;
    const kept = 'bytes' in reserve ? reserve.bytes : (blocks * bsize * reserve.percent) / 100;
    return available >= kept / 2 && available + inside - bytes >= kept;
  };
}
