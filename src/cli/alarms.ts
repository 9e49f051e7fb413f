/** What is wrong with what others are shown of the user, in words. */
import type { Alarm, AlarmCode, StateTrouble } from '../client/api.ts';
import type { Face } from './face.ts';
import { formatTime } from './format.ts';
import { safeLine } from './safe-text.ts';

const words: Readonly<Record<AlarmCode, string>> = {
  identity_other: 'your domain lists another identity than yours',
  record_other: 'your domain lists a record that none of your devices signed',
  record_older: 'your domain lists an older record than your newest',
  record_invalid: 'your domain lists a record that does not verify',
  record_missing: 'your domain says that there is no such user',
  record_shown: 'somebody wrote to a record that you never signed',
  not_active: 'your domain lists you as suspended or gone',
  escrow: 'your domain says that it holds its users’ keys',
};

/** One line for each alarm, its code in brackets. */
export function alarmLines(alarms: readonly Alarm[]): string[] {
  return alarms.map(({ code, address, by, since, corrected }) => {
    const who = by === undefined ? '' : `, as ${safeLine(by)} says`;
    const until = corrected === undefined ? '' : `, until ${formatTime(corrected)}`;
    return `${safeLine(address)}: ${words[code]}${who} [${code}], since ${formatTime(since)}${until}`;
  });
}

/** Warns of all that stands: exit code 1. */
export function warnOfAlarms(face: Face, alarms: readonly Alarm[]): void {
  for (const line of alarmLines(alarms)) face.warn(line);
  if (alarms.length > 0)
    face.note('        ask your hoster, tell your correspondents; then: beckon trust own --dismiss');
}

const troubleWords: Readonly<Record<StateTrouble, string>> = {
  older:
    'your domain showed an older state than this device has seen, or none: it was not taken over, and is written again [state_older]',
  other_phrase:
    'a new recovery phrase was made on another device, and this one cannot read what your devices share [state_other_phrase]',
  not_ours:
    'what your devices share became something that cannot be yours, or that a newer program wrote: it was not taken over [state_not_ours]',
};
const troubleAdvice: Readonly<Record<StateTrouble, string>> = {
  older:
    'ask your hoster whether a backup was restored; your other devices may have written more than is known here',
  other_phrase:
    'beckon devices add there, beckon enroll here; until then this one also takes records that were signed there for a stranger’s',
  not_ours: 'beckon devices list; one that was stolen: beckon devices remove NAME --stolen',
};

/** Warns of what is wrong with the state that the user's devices share: exit code 1. */
export function warnOfTroubles(face: Face, troubles: readonly StateTrouble[]): void {
  for (const trouble of troubles) {
    face.warn(troubleWords[trouble]);
    face.note(`next    ${troubleAdvice[trouble]}`);
  }
}
