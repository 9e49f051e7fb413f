import { statfsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { createDiskRoom } from '../../src/store/disk-room.ts';
import { alice, opened, random, sent, uploaded } from './fixture.ts';

const { bavail, bsize } = statfsSync(tmpdir());
const available = bavail * bsize;

test('what leaves the reserve untouched has room, what is free inside takes nothing', (t) => {
  const hasRoom = createDiskRoom(tmpdir(), { bytes: available / 2 });
  t.true(hasRoom(0, 0));
  t.true(hasRoom(available / 4, 0));
  t.false(hasRoom(available * 0.75, 0));
  t.true(hasRoom(available * 0.75, available / 2));
  t.true(createDiskRoom(tmpdir(), { percent: 0 })(0, 0));
  t.false(createDiskRoom(tmpdir(), { percent: 100 })(0, 0));
});

test('a disk on which half of the reserve is gone takes nothing, whatever is free inside', (t) => {
  const reserve = { bytes: available * 3 };
  t.false(createDiskRoom(tmpdir(), reserve)(0, available * 100));
});

test('the space of what went is counted as room, and used again', async (t) => {
  const asked: number[] = [];
  let outside = true;
  const { store, dir } = await opened(t, {
    hasRoom(_bytes, inside) {
      asked.push(inside);
      return outside || inside > 0;
    },
  });
  const size = () => statSync(join(dir, 'blobs', 'data.mdb')).size;
  const payload = random(4 << 20);
  const fill = async () => {
    const upload = await uploaded(store, alice, payload);
    await store.uploads.abandon(alice, upload);
    while ((await store.blobs.sweep(1000)) > 0);
  };
  await fill();
  await fill();
  const after = size();
  outside = false;
  await sent(store);
  outside = true;
  t.true((asked.at(-1) ?? 0) > payload.length * 0.9);
  for (let i = 0; i < 6; i++) await fill();
  t.true(size() < after * 1.2, 'the file does not grow with what came and went');
});
