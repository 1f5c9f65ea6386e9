/** What goes wrong inside a template: its syntax, a wrong type, or (`raised`) what the template refuses by itself. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
  /** True when the template called raise_exception. */
  readonly raised: boolean;

  constructor(message: string, options: { raised?: boolean } = {}) {
    super(message);
    this.raised = options.raised ?? false;
  }
}
