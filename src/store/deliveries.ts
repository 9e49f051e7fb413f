/** Messages that the daemon makes itself. What was stored under a name is not stored again: the name is one write with the message. */
import type { DeliveryStore, NewDelivery } from './api/deliveries.ts';
import type { Owner } from './api/terms.ts';
import type { Commit } from './api/transit.ts';
import { time } from '../wire/items.ts';
import { sizes } from '../wire/registry.ts';
import { bytes, field, record } from '../wire/schema.ts';
import { schemaCodec, type Engine } from './engine.ts';
import type { OutboxTables } from './outbox.ts';
import { createShortRound } from './round.ts';
import type { Transit } from './transit.ts';
import type { UploadTables } from './uploads.ts';
import type { UsageCounts } from './usage.ts';

export const deliveredRow = record('delivered', {
  handle: field(1, bytes(sizes.traceHandle)),
  until: field(2, time),
});

export interface DeliveryParts {
  readonly engine: Engine;
  readonly transit: Pick<Transit, 'arrived' | 'commitNew'>;
  readonly uploads: Pick<UploadTables, 'giveUp'>;
  readonly received: Pick<UsageCounts, 'of'>;
  readonly outbox: Pick<OutboxTables, 'wake'>;
}

export function createDeliveries({
  engine,
  transit,
  uploads,
  received,
  outbox,
}: DeliveryParts): DeliveryStore {
  const names = engine.table('delivered', schemaCodec(deliveredRow));
  const expire = createShortRound({
    engine,
    table: names,
    isOld: (row, now) => row.until <= now,
    remove: (rows) => rows.forEach(({ key }) => names.remove(key)),
  });

  function known(name: Uint8Array | undefined): Uint8Array | undefined {
    return name && names.get(name)?.handle;
  }

  function giveUp(owner: Owner, { source }: NewDelivery): void {
    if ('upload' in source) uploads.giveUp(owner, source.upload);
  }

  return {
    async deliver(owner, delivery, limits) {
      const { source, hash } = delivery;
      const whole: Commit = { ...source, hash, messages: delivery.messages.map(({ message }) => message) };
      const payload = await transit.arrived(owner, whole);
      const before = await engine.write(() => {
        const handles = delivery.messages.map(({ once }) => known(once?.name));
        const fresh = delivery.messages.filter((_, i) => handles[i] === undefined);
        if (fresh.length === 0) giveUp(owner, delivery);
        else {
          transit.commitNew(
            owner,
            { ...whole, messages: fresh.map(({ message }) => message) },
            payload,
            limits,
          );
          for (const { message, once } of fresh)
            if (once !== undefined) names.put(once.name, { handle: message.traceHandle, until: once.until });
        }
        return handles;
      });
      outbox.wake();
      return before;
    },
    waitingFor: async (destination, recipientHash) => received.of(destination, recipientHash).bytes,
    async delivered(name, now) {
      const row = names.get(name);
      return row !== undefined && row.until > now ? row.handle : undefined;
    },
    expire,
  };
}
