import type { Command } from 'commander';
import { modelMergeSchema } from '../config.ts';
import { AStarPOError } from '../errors.ts';
import { Policy } from '../model/policy.ts';
import { defined } from '../util/defined.ts';
import { addCommand } from './options.ts';

export function mergeCommand(group: Command): void {
  const about = 'fold an adapter into its base and write the whole model';
  addCommand(
    group,
    'merge',
    about,
    modelMergeSchema,
    async ({ adapter, out, base, dtype }) => {
      const policy = await Policy.load(adapter, defined({ base, dtype }));
      try {
        const { lora } = policy;
        if (lora === undefined) {
          throw new AStarPOError('ASTARPO_ADAPTER', `expected the folder of an adapter, got ${adapter}, which is a model of its own`, {
            hint: 'there is nothing to merge',
          });
        }
        await policy.save(out);
        process.stderr.write(`${out}: ${adapter} folded into ${lora.modules.length} modules, written as ${policy.dtype}\n`);
      } finally {
        await policy.dispose();
      }
    },
    { positional: 'adapter' },
  );
}
