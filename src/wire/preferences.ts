/** What a recipient wants done with refs for a drop: wire-spec/fetch.md section 9. */
import { keyId, time } from './items.ts';
import { counts, sizes } from './registry.ts';
import { bytes, field, list, record, uint, type ValueOf } from './schema.ts';

const unproven = {
  pollKey: field(1, bytes(sizes.x25519Public)),
  /** Higher than that of the last one for this drop: what is repeated changes nothing. */
  counter: field(3, time),
  preference: field(4, uint(255)),
  until: field(5, time),
};

export const preferenceEntry = record('preference-entry', {
  ...unproven,
  proof: field(2, bytes(sizes.pollProof)),
});
export type PreferenceEntry = ValueOf<typeof preferenceEntry>;
/** The entry without its proof: what the proof is made over (wire-spec/addressing.md section 2). */
export const unprovenPreferenceEntry = record('preference-entry', unproven);

export const preferencesRequest = record('preferences-request', {
  time: field(1, time),
  nonce: field(2, bytes(sizes.pollNonce)),
  keyId: field(3, keyId),
  entries: field(4, list(preferenceEntry, { max: counts.pollEntries, min: 1 })),
});
export type PreferencesRequest = ValueOf<typeof preferencesRequest>;

/** The most bytes of a request. */
export const maxPreferencesRequest = 16 * 1024;
