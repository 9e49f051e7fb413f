/** Loaded before everything else, puts the clock of a process ahead by BECKON_TEST_AHEAD seconds. */
const ahead = Number(process.env['BECKON_TEST_AHEAD'] ?? 0) * 1000;
const now = Date.now;
Date.now = () => now() + ahead;
