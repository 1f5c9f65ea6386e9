import type { BiasedOptions } from '../env/webshop/shoppers/biased-shopper.ts';
import type { SyntheticOptions } from '../env/webshop/synthetic/synthetic.ts';

/** All that decides what the demo does; the same settings and seed give the same run. */
export interface DemoSettings {
  readonly shop: Partial<Omit<SyntheticOptions, 'seed'>>;
  readonly model: {
    readonly hidden: number;
    readonly layers: number;
    readonly heads: number;
    readonly kvHeads: number;
    /** Tokens at most; the catalogue's words need about 1,700. */
    readonly vocab: number;
    readonly maxPositions: number;
    /** Standard deviation of the random weights. The usual 0.02 is for wide models: at this width copying is learned several times later. */
    readonly initializerRange: number;
    /** The same of the embedding: tokens have to stay apart while everything else is still noise. */
    readonly embeddingRange: number;
  };
  /** How careless the shopper is that the warm start imitates. */
  readonly careless: BiasedOptions;
  /** Imitation of the careless shopper. */
  readonly warmStart: {
    readonly episodes: number;
    readonly steps: number;
    readonly batch: number;
    readonly learningRate: number;
    readonly beta2: number;
  };
  /** Reference returns: `tasks` goals, `samples` episodes each. */
  readonly stage1: { readonly tasks: number; readonly samples: number; readonly beta1: number };
  readonly stage2: {
    readonly steps: number;
    readonly batch: number;
    readonly learningRate: number;
    readonly beta2: number;
    readonly checkpointEvery: number;
  };
  readonly rollout: { readonly maxTokens: number; readonly maxTurns: number; readonly concurrency: number };
  /** Held-out tasks of every evaluation. */
  readonly evaluation: { readonly episodes: number };
}

/** Half of the searches name the kind only, half of the options stay unchosen: about one episode in nine succeeds. */
const careless: BiasedOptions = { pCategoryOnly: 0.5, pSkipOption: 0.5, pRandomProduct: 0 };

export const fullDemo: DemoSettings = {
  shop: {},
  model: { hidden: 128, layers: 3, heads: 4, kvHeads: 2, vocab: 2048, maxPositions: 512, initializerRange: 0.07, embeddingRange: 0.5 },
  careless,
  warmStart: { episodes: 12_800, steps: 800, batch: 32, learningRate: 3e-3, beta2: 0.95 },
  stage1: { tasks: 512, samples: 8, beta1: 0.5 },
  stage2: { steps: 150, batch: 64, learningRate: 2e-4, beta2: 0.05, checkpointEvery: 25 },
  rollout: { maxTokens: 24, maxTurns: 8, concurrency: 64 },
  evaluation: { episodes: 400 },
};

/** Every part of the demo in half a minute, for tests and a first look; too little of each to learn anything. */
export const quickDemo: DemoSettings = {
  shop: { categories: 3, productsPerCategory: 20 },
  model: { hidden: 64, layers: 2, heads: 4, kvHeads: 2, vocab: 768, maxPositions: 512, initializerRange: 0.07, embeddingRange: 0.5 },
  careless,
  warmStart: { episodes: 512, steps: 240, batch: 16, learningRate: 3e-3, beta2: 0.95 },
  stage1: { tasks: 16, samples: 4, beta1: 0.5 },
  stage2: { steps: 6, batch: 16, learningRate: 2e-4, beta2: 0.05, checkpointEvery: 2 },
  rollout: { maxTokens: 24, maxTurns: 8, concurrency: 64 },
  evaluation: { episodes: 32 },
};
