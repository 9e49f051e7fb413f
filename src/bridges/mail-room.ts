/** Memory for mail: all that is being received or sealed at one time shares a budget of bytes. Pure. */

export interface MailRoom {
  /** True where so many bytes more are free: they are taken then. */
  take(bytes: number): boolean;
  give(bytes: number): void;
  /** Bytes that are taken. */
  used(): number;
}

export function createMailRoom(most: number): MailRoom {
  let used = 0;
  return {
    take(bytes) {
      if (used + bytes > most) return false;
      used += bytes;
      return true;
    },
    give(bytes) {
      used -= bytes;
    },
    used: () => used,
  };
}
