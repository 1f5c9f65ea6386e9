import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { AStarPOError, type ErrorCode } from '../../errors.ts';

/** A request that is refused: an error with the HTTP status to answer. */
export class Refusal extends AStarPOError {
  readonly status: ContentfulStatusCode;

  constructor(status: ContentfulStatusCode, message: string, hint?: string) {
    super('ASTARPO_REQUEST', message, hint === undefined ? {} : { hint });
    this.status = status;
  }
}

const statuses: Partial<Record<ErrorCode, ContentfulStatusCode>> = {
  ASTARPO_TASKS: 404,
  ASTARPO_OPTION: 400,
};

export function statusOf(error: AStarPOError): ContentfulStatusCode {
  return error instanceof Refusal ? error.status : (statuses[error.code] ?? 500);
}

/** A number in a URL or a form: digits alone. Throws a refusal. */
export function integerOf(text: string | undefined, what: string): number {
  if (text !== undefined && /^\d{1,15}$/.test(text)) return Number(text);
  throw new Refusal(400, `expected ${what} as a number from 0, got ${JSON.stringify((text ?? '').slice(0, 40))}`);
}
