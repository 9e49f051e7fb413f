/** Whole messages: the one door to both halves, wire-spec/message.md section 5. */
export * from './seal-message.ts';
export * from './open-message.ts';
