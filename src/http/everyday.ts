/** Who may do what a user does in daily life, but for who speaks for them: wire-spec/account.md section 14. */
export const everyday = ['device', 'gateway'] as const;
