/**
 * Error of this folder. `code` is a row of the table in lib/errors.ts, `hint` says what to do next; lib/native turns it into an
 * AStarPOError, the build scripts print it.
 */
export class LibtorchError extends Error {
  constructor(code, message, hint, options) {
    super(message, options);
    this.name = 'LibtorchError';
    this.code = code;
    this.hint = hint;
  }
}
