/**
 * The state blob at the own domain, wire-spec/state.md section 5.
 *
 *   learn   1. read the blob, unless it is the one that was seen or written last   2. an old one is not believed, nor one that cannot be the user's
 *           3. both become one, durable here
 *   share   1. nothing new: done   2. seal, write in the place of the blob seen last   3. another device was faster: learn, and again
 */
import { sha256 } from '../crypto/kdf.ts';
import type { Clock } from '../clock.ts';
import type { Random } from '../crypto/random.ts';
import type { Secret } from '../crypto/secret.ts';
import { BeckonError, codeOf, type ErrorCode } from '../errors.ts';
import { bytesToJson } from '../keys/key-file.ts';
import { openState, sealState } from '../message/state-blob.ts';
import type { StateTrouble } from './api.ts';
import { contentOf, knowledgeOf } from './blob.ts';
import { expectJoinable, type Meeting } from './met-content.ts';
import type { OwnDomain, OwnState } from './own-domain.ts';
import { loadSecrets, type SecretsStore } from './secrets.ts';
import { formatContent, parseContent } from './state-json.ts';
import { shedToFit } from './shed.ts';
import type { KeptBlob, StateContent, Text64 } from './state.ts';
import type { Session } from './store.ts';

export interface ShareParts {
  readonly session: Session;
  readonly secrets: SecretsStore;
  readonly own: Pick<OwnDomain, 'state' | 'putState'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly wait: (ms: number) => Promise<void>;
}

export interface Share {
  /** What other devices wrote is known here when it resolves. Throws network codes. */
  learn(): Promise<void>;
  /**
   * As `learn`, after a theft: what cannot be learned, whoever wrote it, is overwritten by what is known here when that is shared next.
   * Throws network codes.
   */
  reclaim(): Promise<void>;
  /** What is known here is durable at the domain when it resolves. Throws network codes, `key_unknown`, `too_large`, `conflict`. */
  share(): Promise<void>;
  /** The same where nothing depends on it: what fails now is done the next time. */
  tryLearn(): Promise<void>;
  tryShare(): Promise<void>;
  /** What was found wrong since it was asked last. */
  troubles(): readonly StateTrouble[];
}

/** How often a write that another device overtook is tried again. */
const tries = 10;

/** Nothing is shared where the device has no state key: homes of version 0.1.0, until they get a phrase. */
export function createShare(parts: ShareParts): Share {
  const { session, secrets, own, clock, random, wait } = parts;
  const found = new Set<StateTrouble>();
  let last: Promise<void> = Promise.resolve();

  /** One after another, also after one that failed. */
  function inTurn(action: () => Promise<void>): Promise<void> {
    const turn = last.catch(() => undefined).then(action);
    last = turn;
    return turn;
  }

  async function stateKeys(): Promise<readonly Secret[]> {
    const { stateKey, formerStateKey } = await loadSecrets(secrets, session.state().epoch);
    return [stateKey, formerStateKey].filter((key) => key !== undefined);
  }

  async function learn(): Promise<void> {
    const keys = await stateKeys();
    if (keys.length === 0) return;
    await take(keys, await own.state());
  }

  async function reclaim(): Promise<void> {
    const keys = await stateKeys();
    if (keys.length === 0) return;
    const shown = await own.state();
    try {
      await take(keys, shown);
    } catch (error) {
      if (['storage_failed', 'internal'].includes(codeOf(error)) || shown === undefined) throw error;
      const { revision = 0 } = session.state().blob ?? {};
      await session.commit({ type: 'content-kept', blob: { tag: shown.tag, revision } });
    }
  }

  async function take(keys: readonly Secret[], shown: OwnState | undefined): Promise<void> {
    const { address, blob } = session.state();
    if (shown?.tag === blob?.tag) return;
    if (shown === undefined) return await notBelieved();
    const revision = blob?.revision ?? 0;
    const { identityFingerprint } = session.keys();
    const content = ours(keys, shown, { address, identityFingerprint, revision, now: clock.seconds() });
    if (content.revision < revision) return await notBelieved(shown);
    await session.commit(
      { type: 'content-met', content, blob: blobOf(shown.tag, content) },
      { type: 'time-passed', now: clock.seconds() },
    );
  }

  function ours(keys: readonly Secret[], shown: OwnState, meeting: Meeting): StateContent {
    try {
      const content = openContent(keys, shown);
      expectJoinable(content, meeting);
      found.delete('not_ours');
      return content;
    } catch (cause) {
      if (!['state_invalid', 'record_mismatch'].includes(codeOf(cause))) throw cause;
      found.add('not_ours');
      throw new BeckonError('record_mismatch', notOurs, { cause });
    }
  }

  function openContent(keys: readonly Secret[], shown: OwnState): StateContent {
    const { address } = session.state();
    let failure: unknown;
    for (const key of keys) {
      try {
        const content = parseContent(openState(key, address, shown.bytes));
        found.delete('other_phrase');
        return content;
      } catch (error) {
        if (codeOf(error) !== 'key_unknown') throw error;
        failure = error;
      }
    }
    found.add('other_phrase');
    throw failure;
  }

  /** What is known here is more: the next write says it again, in the place of what is there. */
  async function notBelieved(shown?: OwnState): Promise<void> {
    const { blob } = session.state();
    if (blob === undefined) return;
    found.add('older');
    const tag = shown === undefined ? {} : { tag: shown.tag };
    await session.commit({ type: 'content-kept', blob: { ...tag, revision: blob.revision } });
  }

  async function share(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const [stateKey] = await stateKeys();
      const state = session.state();
      const content = shedToFit(contentOf(state, (state.blob?.revision ?? 0) + 1));
      if (stateKey === undefined || digestOf(content) === state.blob?.digest) return;
      const bytes = sealState(stateKey, state.address, formatContent(content), random);
      try {
        const tag = await own.putState(bytes, state.blob?.tag);
        return await session.commit({ type: 'content-kept', blob: blobOf(tag, content) });
      } catch (error) {
        await afterFailure(error, attempt);
      }
    }
  }

  async function afterFailure(error: unknown, attempt: number): Promise<void> {
    const code = codeOf(error);
    if (attempt === tries || (code !== 'precondition_failed' && code !== 'conflict')) throw error;
    if (code === 'conflict') await wait(100 * attempt);
    else await learn();
  }

  const learnIn = (): Promise<void> => inTurn(() => learn().catch(unlessUnsupported));
  const shareIn = (): Promise<void> => inTurn(() => share().catch(unlessUnsupported));
  return {
    learn: learnIn,
    reclaim: () => inTurn(() => reclaim().catch(unlessUnsupported)),
    tryLearn: () => learnIn().catch(unlessLocal),
    share: shareIn,
    tryShare: () => shareIn().catch(unlessLocal),
    troubles() {
      const all = [...found];
      found.clear();
      return all;
    },
  };
}

const notOurs =
  'what your devices share cannot be yours, or a newer program wrote it: a device that was stolen is removed as stolen';

/** What has to do with this machine and not with the domain. */
const local: readonly ErrorCode[] = ['storage_failed', 'state_invalid', 'state_locked', 'internal'];

function unlessLocal(error: unknown): void {
  if (local.includes(codeOf(error))) throw error;
}

/** A domain that keeps no states for its users. */
function unlessUnsupported(error: unknown): void {
  if (codeOf(error) !== 'unsupported') throw error;
}

function blobOf(tag: string, content: StateContent): KeptBlob {
  return { tag, revision: content.revision, digest: digestOf(content) };
}

function digestOf(content: StateContent): Text64 {
  return bytesToJson(sha256(new TextEncoder().encode(knowledgeOf(content))));
}
