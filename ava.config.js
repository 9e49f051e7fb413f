// Child processes instead of worker threads: lmdb and sodium-native are native code, and a crash must name its file.
export const common = {
  extensions: ['ts'],
  workerThreads: false,
  concurrency: 3,
  timeout: '5m',
  environmentVariables: { NODE_ENV: 'test' },
};

export default {
  ...common,
  files: ['test/**/*.test.ts', '!test/peers/**'],
};
