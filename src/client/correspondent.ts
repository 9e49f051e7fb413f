import type { OwnDrop } from './state-drops.ts';

/** Who may write to an own drop: whom it was handed to, who claims the introduction, or who was first to use a card; undefined before that. */
export function correspondentOf(drop: OwnDrop): string | undefined {
  switch (drop.kind) {
    case 'handed':
      return drop.correspondent;
    case 'introduced':
      return drop.claimedAddress;
    case 'card':
      return drop.claimed?.by;
  }
}
