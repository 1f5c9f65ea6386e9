import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { type ModelInitConfig, modelInitSchema } from '../config.ts';
import { catalogueTexts, shopTokenPattern } from '../env/webshop/shoppers/catalogue-texts.ts';
import { AStarPOError } from '../errors.ts';
import { initModel } from '../model/init-model.ts';
import { ioError } from '../util/atomic-file.ts';
import { mergeCommand } from './model-merge.ts';
import { pullCommand } from './model-pull.ts';
import { openEnvironment } from './open.ts';
import { addCommand } from './options.ts';

export function modelCommand(parent: Command): void {
  const group = parent.command('model').description('make, fetch and merge models');
  addCommand(group, 'init', 'random weights and a tokenizer trained on given texts', modelInitSchema, async (config) => {
    const texts = await textsOf(config);
    const pattern = config.env === undefined ? undefined : shopTokenPattern;
    const {
      out: _out,
      text: _text,
      env: _env,
      data: _data,
      shopSeed: _shopSeed,
      humanGoals: _humanGoals,
      style: _style,
      ...shape
    } = config;
    const policy = await initModel(texts, { ...shape, pattern, seed: BigInt(config.seed) });
    try {
      await policy.save(config.out);
      const { vocabSize, hiddenSize, layers } = policy.config;
      process.stderr.write(
        `${config.out}: ${layers} layers of width ${hiddenSize}, ${vocabSize} tokens, chat format ${policy.chat.name}\n`,
      );
    } finally {
      await policy.dispose();
    }
  });
  mergeCommand(group);
  pullCommand(group);
}

async function textsOf(config: ModelInitConfig): Promise<string[]> {
  const texts: string[] = [];
  for (const file of config.text ?? []) {
    texts.push(
      await readFile(file, 'utf8').catch((cause: unknown) => {
        throw ioError('read', file, cause);
      }),
    );
  }
  if (config.env !== undefined) for (const text of catalogueTexts(await openEnvironment(config))) texts.push(text);
  if (texts.length === 0) {
    throw new AStarPOError('ASTARPO_OPTION', 'expected texts to train a tokenizer on, got none', {
      hint: 'give --text FILE… or --env webshop',
    });
  }
  return texts;
}
