/** Operations of wire-spec/keys.md section 9. */
import { pinnedRecord, unseenPin, withRecord, type UserPin } from '../../../src/directory/user-pins.ts';
import { BeckonError } from '../../../src/errors.ts';
import {
  fingerprintDigits,
  fingerprintWords,
  isFingerprint,
  readFingerprint,
} from '../../../src/keys/fingerprint-forms.ts';
import { addressHash } from '../../../src/keys/fingerprints.ts';
import { judgeRecord, movesAgree, type MovingRecord } from '../../../src/keys/user-change.ts';
import { verifyInnerRecord } from '../../../src/keys/user-record.ts';
import { splitAddress } from '../../../src/wire/address.ts';
import type { Inputs, Operation } from '../inputs.ts';

function follow(inputs: Inputs): readonly unknown[] {
  const now = inputs.number('now');
  const expected = { domain: inputs.text('domain'), addressHash: inputs.bytes('addressHash'), now };
  const confirmed = inputs.boolean('confirmed') ? now : 0;
  let pin: UserPin | undefined;
  return inputs.bytesList('records').map((inner, index) => {
    const escrow = inputs.has('escrow') && inputs.flags('escrow')[index] === true;
    const record = { ...verifyInnerRecord(inner, expected), escrow };
    const change = judgeRecord(pin && pinnedRecord(pin), record);
    if (change.kind === 'changed') throw new BeckonError('trust_changed', change.what);
    const fresh = pin === undefined || change.kind === 'replaced';
    const base = fresh ? { ...unseenPin(record.identityFingerprint, now), confirmed } : pin;
    const about = { address: '', status: 'active', listedUntil: now } as const;
    const known = withRecord(base ?? unseenPin(record.identityFingerprint, now), { ...record, ...about });
    pin =
      index === 0 && inputs.has('sealingRank')
        ? { ...known, sealingRank: inputs.number('sealingRank') }
        : known;
    return { ...change, voidBefore: known.voidBefore };
  });
}

function movingRecord(inputs: Inputs, name: string): MovingRecord {
  const address = inputs.text(`${name}Address`);
  const { domain } = splitAddress(address);
  const expected = { domain, addressHash: addressHash(address), now: inputs.number('now') };
  return { ...verifyInnerRecord(inputs.bytes(name), expected), address };
}

export const trust: Readonly<Record<string, Operation>> = {
  'follow user records': follow,
  'moves agree': (inputs) => movesAgree(movingRecord(inputs, 'old'), movingRecord(inputs, 'next')),
  'fingerprint words': (inputs) => fingerprintWords(inputs.bytes('fingerprint')),
  'fingerprint digits': (inputs) => fingerprintDigits(inputs.bytes('fingerprint')),
  'compare fingerprint': (inputs) => {
    const typed = readFingerprint(inputs.text('typed'));
    if (!isFingerprint(typed, inputs.bytes('fingerprint')))
      throw new BeckonError('fingerprint_mismatch', 'another fingerprint');
    return typed.form;
  },
};
