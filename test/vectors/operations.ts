/** What the cases of vectors/ ask the implementation to do, by name: the same names as in vectors/README.md. */
import type { Operation } from './inputs.ts';
import { account } from './operations/account.ts';
import { addressing } from './operations/addressing.ts';
import { cards } from './operations/cards.ts';
import { conventions } from './operations/conventions.ts';
import { discovery } from './operations/discovery.ts';
import { identity } from './operations/identity.ts';
import { keys } from './operations/keys.ts';
import { bridges } from './operations/bridges.ts';
import { message } from './operations/message.ts';
import { notification } from './operations/notification.ts';
import { state } from './operations/state.ts';
import { trust } from './operations/trust.ts';

export const operations: Readonly<Record<string, Operation>> = {
  ...conventions,
  ...discovery,
  ...keys,
  ...identity,
  ...addressing,
  ...cards,
  ...message,
  ...notification,
  ...account,
  ...state,
  ...bridges,
  ...trust,
};
