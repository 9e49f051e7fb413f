// The long tests: real servers, kill -9 under load. One at a time, since each fills the machine.
import { common } from './ava.config.js';

export default {
  ...common,
  files: ['test/peers/**/*.test.ts'],
  concurrency: 1,
  timeout: '10m',
};
