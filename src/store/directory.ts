/** What the directory remembers of others. */
import { BeckonError } from '../errors.ts';
import type { DirectoryStore } from './api/directory.ts';
import { rawCodec, type Engine } from './engine.ts';
import { name } from './keys.ts';

const maxKey = 1024;
const maxValue = 1024 * 1024;

export function createDirectoryStore(engine: Engine): DirectoryStore {
  const table = engine.table('directory', rawCodec);
  const keyOf = (key: string) => {
    const bytes = name(key);
    if (bytes.length > maxKey) throw new BeckonError('too_large', 'a key of the directory is too long');
    return bytes;
  };
  return {
    async get(key) {
      const value = table.get(keyOf(key));
      return value && new Uint8Array(value);
    },
    async put(key, value) {
      const bytes = keyOf(key);
      if (value.length > maxValue)
        throw new BeckonError('too_large', 'a value of the directory is too large');
      await engine.write(() => table.put(bytes, value));
    },
    async delete(key) {
      const bytes = keyOf(key);
      await engine.write(() => table.remove(bytes));
    },
  };
}
