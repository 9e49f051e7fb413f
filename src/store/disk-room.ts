/** Whether the disk has room: below its reserve nothing is accepted, so that what was accepted can still be kept. */
import { statfsSync } from 'node:fs';

export type DiskReserve = { readonly percent: number } | { readonly bytes: number };

/** For `openStore`: whether so many bytes more leave the reserve of the disk that holds `dir` untouched. */
export function createDiskRoom(dir: string, reserve: DiskReserve): (bytes: number) => boolean {
  return (bytes) => {
    const { bavail, blocks, bsize } = statfsSync(dir);
    const kept = 'bytes' in reserve ? reserve.bytes : (blocks * bsize * reserve.percent) / 100;
    return bavail * bsize - bytes >= kept;
  };
}
