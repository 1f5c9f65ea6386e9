import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    exclude: ['tests/gpu/**'],
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // With CI set, as with a terminal, what is printed has colours; the tests read the words.
    env: { NO_COLOR: '1' },
  },
});
