/** A reply of the door for mail programs: the text begins with the enhanced code (RFC 3463). */
export interface Reply {
  readonly code: number;
  readonly text: string;
}

export function reply(code: number, text: string): Reply {
  return { code, text };
}

/** As the SMTP library takes one that is no success, at every door. */
export function refusal({ code, text }: Reply): Error {
  return Object.assign(new Error(text), { responseCode: code });
}
