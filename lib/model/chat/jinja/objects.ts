import { TemplateError } from './template-error.ts';
import { equal, orElse, PythonFunction, PythonObject, Undefined, type Value } from './values.ts';

/** What `namespace(…)` makes: the one thing whose attributes a template may set. */
export class Namespace extends PythonObject {
  readonly typeName = 'Namespace';
  readonly #values: Map<string, Value>;

  constructor(values: Map<string, Value>) {
    super();
    this.#values = values;
    for (const name of values.keys()) checkName(name);
  }

  override attribute(name: string): Value | undefined {
    return this.#values.has(name) ? (this.#values.get(name) as Value) : undefined;
  }

  set(name: string, value: Value): void {
    checkName(name);
    this.#values.set(name, value);
  }
}

function checkName(name: string): void {
  if (name.startsWith('_')) throw new TemplateError(`chat templates cannot store underscore-prefixed attributes on a namespace: ${name}`);
}

/** The variable `loop`. */
export class Loop extends PythonObject {
  readonly typeName = 'LoopContext';
  readonly #items: readonly Value[];
  #index = 0;
  #last: readonly Value[] | undefined;

  constructor(items: readonly Value[]) {
    super();
    this.#items = items;
  }

  /** `index` counts from 0. */
  moveTo(index: number): void {
    this.#index = index;
  }

  override attribute(name: string): Value | undefined {
    const { length } = this.#items;
    const index = this.#index;
    switch (name) {
      case 'index':
        return index + 1;
      case 'index0':
        return index;
      case 'revindex':
        return length - index;
      case 'revindex0':
        return length - index - 1;
      case 'first':
        return index === 0;
      case 'last':
        return index === length - 1;
      case 'length':
        return length;
      // They count the levels of recursive loops, which the parser does not know.
      case 'depth':
        return 1;
      case 'depth0':
        return 0;
      case 'previtem':
        return orElse(this.#items[index - 1], () => new Undefined('there is no previous item'));
      case 'nextitem':
        return orElse(this.#items[index + 1], () => new Undefined('there is no next item'));
      case 'cycle':
        return new PythonFunction(name, (args) => cycled(args, index));
      case 'changed':
        return new PythonFunction(name, (args) => {
          const before = this.#last;
          this.#last = args;
          return before === undefined || before.length !== args.length || !args.every((value, i) => equal(value, before[i] as Value));
        });
      default:
        return undefined;
    }
  }
}

/** What `cycler(…)` makes. */
export class Cycler extends PythonObject {
  readonly typeName = 'Cycler';
  readonly #items: readonly Value[];
  #place = 0;

  constructor(items: readonly Value[]) {
    super();
    this.#items = items;
  }

  override attribute(name: string): Value | undefined {
    if (name === 'current') return cycled(this.#items, this.#place);
    if (name === 'next') return new PythonFunction(name, () => cycled(this.#items, this.#place++));
    if (name === 'reset') {
      return new PythonFunction(name, () => {
        this.#place = 0;
        return null;
      });
    }
    return undefined;
  }
}

function cycled(items: readonly Value[], place: number): Value {
  if (items.length === 0) throw new TemplateError('no items for cycling given');
  return items[place % items.length] as Value;
}
