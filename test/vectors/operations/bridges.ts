/** Operations of wire-spec/bridges.md. */
import { openMail, sealMail } from '../../../src/message/mail-submission.ts';
import { mailSubmission } from '../../../src/wire/mail-submission.ts';
import { decode, encode } from '../../../src/wire/schema.ts';
import type { Inputs, Operation } from '../inputs.ts';

const binding = (inputs: Inputs) => ({ domain: inputs.text('domain'), keyId: inputs.bytes('keyId') });

export const bridges: Readonly<Record<string, Operation>> = {
  'seal mail': (inputs) =>
    sealMail(decode(mailSubmission, inputs.bytes('mail')), inputs.bytes('bridgeKey'), binding(inputs), () =>
      inputs.bytes('randomness'),
    ),
  'open mail': (inputs) =>
    encode(mailSubmission, openMail(inputs.bytes('sealed'), inputs.secret('seed'), binding(inputs))),
};
