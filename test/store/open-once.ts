/** Opens the store in the directory given and prints how that went. */
import { systemClock } from '../../src/clock.ts';
import { codeOf } from '../../src/errors.ts';
import { openStore } from '../../src/store/store.ts';

const [dir = ''] = process.argv.slice(2);
try {
  const store = await openStore({ dir, clock: systemClock, onFailure: () => process.exit(2) });
  await store.close();
  console.log('opened');
} catch (error) {
  console.log(codeOf(error));
}
