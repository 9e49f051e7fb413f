/** What a client hands to its own domain, as values: the body of `POST account/messages`, wire-spec/account.md section 5. */

/** One payload and the messages, 1 to 64, that share it. */
export type Submission = PayloadSource & {
  /** SHA-256 of the ciphertext. */
  readonly payloadHash: Uint8Array;
  readonly messages: readonly SubmittedMessage[];
};

/** The client's id of a complete upload, 16 bytes; or the payload itself, 4096 to 32768 bytes of ciphertext. */
export type PayloadSource = { readonly upload: Uint8Array } | { readonly payload: Uint8Array };

export interface SubmittedMessage {
  /** Reserved for this user. */
  readonly id: Uint8Array;
  readonly destination: string;
  readonly recipientHash: Uint8Array;
  /** The sealed private header. */
  readonly header: Uint8Array;
  /** The encoded sealed-envelope. */
  readonly envelope: Uint8Array;
  readonly acceptTokenHash: Uint8Array;
  /** End of transit, unix seconds. */
  readonly expires: number;
  /** At first contact. */
  readonly introduction?: Uint8Array;
}
