import { z } from 'zod';
import { callFormats } from './env/webshop/agent/agent-options.ts';
import { agentStyleNames } from './env/webshop/agent/styles.ts';
import { layouts } from './env/webshop/pages/layout.ts';
import { penalties, scoreConventionNames } from './env/webshop/scoring/conventions.ts';
import { shapingNames } from './env/webshop/scoring/shapings.ts';
import { splitSchemes } from './env/webshop/shop/splits.ts';
import { titleTaggers } from './env/webshop/titles/title-tagger.ts';
import { AStarPOError } from './errors.ts';
import { architectures } from './model/families/index.ts';
import { nameHint, nearestName } from './util/nearest-name.ts';

/*
 * Every option of every command, once: the config file (JSON), the command-line flags, their help and their defaults are all
 * read from these schemas. A flag is the key in kebab case: `learningRate` is --learning-rate.
 */

const count = () => z.int().min(1);
const share = () => z.number().gt(0).lte(1);

const deviceFields = {
  device: z.string().default('cpu').describe("where the model lives: 'cpu', 'cuda' or 'cuda:1'"),
  dtype: z.enum(['float32', 'bfloat16']).optional().describe('type of the weights (default: float32 on the CPU, bfloat16 on CUDA)'),
  reproducible: z.boolean().default(false).describe('results of a row do not depend on what else is in its batch'),
  threads: count().optional().describe('threads of the CPU lane (default: one per core)'),
};

const hubFields = {
  revision: z.string().optional().describe('branch, tag or commit of a model of the hub (default: main)'),
  offline: z.boolean().optional().describe('take models of the hub from its cache alone (default: what HF_HUB_OFFLINE says)'),
};

const chatFields = {
  chatTemplate: z.string().optional().describe('file with a Jinja chat template (default: the model’s own)'),
  chatVariable: z.array(z.string()).optional().describe('what the chat template may read besides, as NAME=VALUE: enable_thinking=false'),
  chatDate: z.string().optional().describe('date that chat templates see, YYYY-MM-DD (default: today)'),
  earlierTurns: z
    .enum(['check', 'keep'])
    .optional()
    .describe('with a chat template that writes earlier turns anew: refuse it (check, the default), or keep them as they were said'),
};

const modelFields = {
  model: z.string().describe('folder of a model (Hugging Face layout) or of an adapter (PEFT’s), or its id on the hub (org/name)'),
  ...hubFields,
  base: z.string().optional().describe('the model that an adapter belongs to (default: the one that its files name)'),
  ...chatFields,
  ...deviceFields,
};

const loraFields = {
  loraRank: count().optional().describe('train a low-rank adapter of this rank (r in PEFT) instead of the weights'),
  loraAlpha: z.number().gt(0).optional().describe('the adapter’s product is scaled by alpha / rank (default: 8, as in PEFT)'),
  loraDropout: z.number().min(0).lt(1).optional().describe('share of its inputs that the adapter does not see while training (default: 0)'),
  loraTargets: z.array(z.string()).optional().describe('modules with an adapter, by the end of their names (default: all linear ones)'),
  loraPattern: z.string().optional().describe('the same as a regular expression for whole names; instead of --lora-targets'),
  loraLayers: z.array(z.int().min(0)).optional().describe('layers with an adapter, counted from 0 (default: all)'),
  loraRslora: z.boolean().optional().describe('scale by alpha / √rank instead'),
};

const scoringFields = {
  scoring: z
    .enum(scoreConventionNames)
    .optional()
    .describe('whose convention of what a score pays, and from which one on it is a success (default: webshop)'),
  successAt: z.number().gt(0).lte(1).optional().describe('lowest score that counts as success (default: what --scoring says, mostly 1)'),
  penalty: z
    .number()
    .min(0)
    .optional()
    .describe('subtracted from the reward of a turn that --penalty-for names (default: what --scoring says, mostly 0)'),
  penaltyFor: z
    .enum(penalties)
    .optional()
    .describe('turns without the form asked for (format), or those and impossible actions (default: what --scoring says, mostly action)'),
  shaping: z
    .array(z.enum(shapingNames))
    .optional()
    .describe(`what is paid for the way besides (${shapingNames.join(', ')})`),
  signals: z.boolean().optional().describe('tell with every turn how far the episode is; pays nothing'),
};

const titlesFields = {
  titles: z
    .string()
    .optional()
    .describe(
      `who names the nouns of titles: ${titleTaggers.join(', ')} or the file of a table (default: wink with a folder as --data, else rule)`,
    ),
  titlesFallback: z.enum(titleTaggers).optional().describe('who names the nouns of titles that a table lacks (default: that is an error)'),
};

const agentFields = {
  style: z
    .enum(agentStyleNames)
    .optional()
    .describe(
      'how the model is spoken to and understood (default: plain, pages are messages and the text is the action; numbered with a JSON file)',
    ),
  maxActions: count().optional().describe('actions of an episode at most (default: what the style says, else no limit but --max-turns)'),
  pageBudget: count()
    .optional()
    .describe('characters of a page at most, its longest texts and lists cut in the middle (default: no limit)'),
  history: z.int().min(0).optional().describe('turns that each prompt tells again, for the styles verl-agent (default: 2) and think-act'),
  promptLimit: count()
    .optional()
    .describe('characters of a whole prompt; past it turns are not told again (default: 13,000 for verl-agent)'),
  actionsPerTurn: count().optional().describe('actions of one turn at most, for the style ragen (default: 1)'),
  callFormat: z.enum(callFormats).optional().describe('how scripted shoppers write calls in the style tools (default: hermes)'),
};

const environmentFields = {
  env: z.enum(['webshop']).default('webshop').describe('environment'),
  data: z
    .string()
    .optional()
    .describe(
      'folder with WebShop product files, an imported catalogue, or a JSON file of products and tasks (default: the embedded synthetic shop)',
    ),
  shopSeed: z.int().min(0).default(1).describe('seed of the synthetic shop; unused with --data'),
  layout: z
    .enum(layouts)
    .optional()
    .describe('page texts: as in WebShop, or in few words (default: full with a folder as --data, else compact)'),
  humanGoals: z.boolean().default(false).describe('goals from the human instructions of --data instead of generated ones'),
  splits: z.enum(splitSchemes).optional().describe('how the goals of --data are divided (default: paper)'),
  searchThreads: z
    .int()
    .min(0)
    .max(256)
    .optional()
    .describe('threads that search the catalogue; 0 searches on the JavaScript thread (default: by its size)'),
  ...agentFields,
  ...titlesFields,
  ...scoringFields,
};

const samplingFields = {
  temperature: z.number().gt(0).default(1).describe('sampling temperature; log-probs are scored at the same one'),
  topP: share().default(1).describe('smallest set of tokens whose probability reaches it; 1 is off'),
  topK: z.int().min(0).default(0).describe('keep the likeliest tokens; 0 is off'),
  maxTokens: count().default(48).describe('tokens of one agent turn at most'),
  maxTurns: count().default(15).describe('agent turns of one episode at most'),
  maxContext: count().optional().describe("tokens of one context at most (default: the model's positions)"),
  concurrency: count().default(64).describe('episodes that run at the same time'),
  stepTimeout: z.number().gt(0).default(60).describe('seconds that one answer of the environment may take'),
  system: z.string().optional().describe('system prompt'),
};

const vstarFields = {
  samples: count().default(8).describe('returns of the reference per task (N of stage 1)'),
  beta1: z.number().gt(0).default(0.5).describe('temperature of the soft maximum over returns'),
  vstarMode: z.enum(['soft', 'max', 'mean', 'zero']).default('soft').describe('how V* is read from the returns'),
  filter: z.enum(['none', 'all-fail', 'all-equal']).default('none').describe('tasks to leave out after stage 1'),
  whenAllFail: z
    .enum(['stop', 'continue'])
    .default('continue')
    .describe('when no sample of stage 1 succeeds and no two returns differ: stop, or go on with a warning'),
};

const seedField = { seed: z.int().min(0).default(1).describe('seed of everything that is random') };

export const trainSchema = z.strictObject({
  ...modelFields,
  ...loraFields,
  ...environmentFields,
  split: z.string().default('train').describe('split that training takes tasks from'),
  name: z.string().default('train').describe('name of the run'),
  out: z.string().optional().describe('run folder (default: runs/NAME; an unfinished run in it continues)'),
  objective: z.enum(['astar-po', 'astar-po-sft']).default('astar-po').describe('what is minimised'),
  ...vstarFields,
  beta2: z.number().min(0).optional().describe('strength of the implicit KL (default: the objective’s own)'),
  klCoefficient: z.number().min(0).optional().describe('weight of the full-vocabulary KL in astar-po-sft (default: the objective’s own)'),
  vstar: z.string().optional().describe('file of stored returns (default: vstar.jsonl in the run folder)'),
  steps: count().default(100).describe('optimizer steps'),
  batch: count().default(64).describe('tasks (one rollout each) per step'),
  learningRate: z.number().gt(0).default(1e-6).describe('learning rate'),
  lrSchedule: z.enum(['constant', 'cosine', 'linear']).default('constant').describe('course of the learning rate'),
  gradClip: z.number().min(0).default(1).describe('largest global gradient norm; 0 is off'),
  weightDecay: z.number().min(0).default(0).describe('decoupled weight decay'),
  microBatchTokens: count().default(16384).describe('tokens of one forward and backward pass at most'),
  ...samplingFields,
  evalSplit: z.string().default('test').describe('split that evaluation takes tasks from'),
  evalEpisodes: z.int().min(0).default(100).describe('held-out tasks per evaluation; 0 is none'),
  evalEvery: z.int().min(0).default(0).describe('steps between evaluations; 0 is only before and after'),
  checkpointEvery: count().default(20).describe('steps between checkpoints'),
  tensorboard: z.boolean().default(false).describe('write TensorBoard event files into the run folder'),
  ...seedField,
});

export const vstarSchema = z.strictObject({
  ...modelFields,
  ...environmentFields,
  split: z.string().default('train').describe('split that tasks are taken from'),
  tasks: count().default(64).describe('tasks to sample, from the start of the split'),
  out: z.string().default('vstar.jsonl').describe('file of stored returns; what it already holds is not drawn again'),
  ...vstarFields,
  ...samplingFields,
  ...seedField,
});

export const sftSchema = z.strictObject({
  ...modelFields,
  ...loraFields,
  ...environmentFields,
  split: z.string().default('train').describe('split that the shopper plays'),
  out: z.string().describe('folder for the trained model'),
  save: z
    .enum(['merged', 'adapter'])
    .default('merged')
    .describe('what is written of a model with an adapter: a whole model, or the adapter'),
  trajectories: z.string().optional().describe('file of saved trajectories (JSON lines) to learn from instead of a shopper'),
  shopper: z.enum(['scripted', 'biased']).default('scripted').describe('scripted agent to imitate'),
  episodes: count().default(1000).describe('episodes that the shopper plays'),
  steps: count().default(300).describe('optimizer steps'),
  batch: count().default(32).describe('trajectories per step'),
  learningRate: z.number().gt(0).default(1e-3).describe('peak learning rate'),
  lrSchedule: z.enum(['cosine', 'constant']).default('cosine').describe('course of the learning rate'),
  gradClip: z.number().min(0).default(1).describe('largest global gradient norm; 0 is off'),
  microBatchTokens: count().default(16384).describe('tokens of one forward and backward pass at most'),
  maxTurns: samplingFields.maxTurns,
  ...seedField,
});

export const evalSchema = z.strictObject({
  ...modelFields,
  ...environmentFields,
  split: z.string().default('test').describe('split that tasks are taken from'),
  episodes: count().default(100).describe('tasks to play, from the start of the split'),
  greedy: z.boolean().default(false).describe('take the likeliest token each time'),
  show: z.int().min(0).default(0).describe('print the first so many episodes'),
  ...samplingFields,
  json: z.string().optional().describe('write the result to this file'),
  audit: z.string().optional().describe('append every episode to this file as a line of JSON: all that was seen, said and paid'),
  csv: z.string().optional().describe('append the result to this CSV file as a row'),
  ...seedField,
});

export const modelInitSchema = z.strictObject({
  out: z.string().describe('folder for the model'),
  text: z.array(z.string()).optional().describe('text files that the tokenizer is trained on'),
  env: z.enum(['webshop']).optional().describe('train the tokenizer on this environment’s texts'),
  data: environmentFields.data,
  shopSeed: environmentFields.shopSeed,
  humanGoals: environmentFields.humanGoals,
  style: environmentFields.style,
  architecture: z.enum(architectures).default('Qwen2ForCausalLM').describe('whose decoder: the class that transformers will open it with'),
  hidden: count().default(128).describe('width of the model'),
  layers: count().default(3).describe('decoder layers'),
  heads: count().default(4).describe('attention heads'),
  kvHeads: count().default(2).describe('key and value heads'),
  intermediate: count().optional().describe('width of the feed-forward part (default: 3 × hidden)'),
  vocab: z.int().min(260).default(2048).describe('tokens of the trained tokenizer, special tokens included'),
  maxPositions: count().default(4096).describe('longest context in tokens'),
  initializerRange: z
    .number()
    .gt(0)
    .default(0.07)
    .describe('standard deviation of the random matrices (0.02 is usual from a width of 1,000)'),
  embeddingRange: z.number().gt(0).default(0.5).describe('the same of the embedding; wide, so that a small model tells tokens apart'),
  tiedHead: z.boolean().default(true).describe('the head shares the embedding’s weights'),
  chat: z.enum(['chatml', 'compact']).default('compact').describe('special tokens between the turns'),
  ...seedField,
});

export const webshopImportSchema = z.strictObject({
  from: z.array(z.string()).min(1).describe('the original’s files (.json, .json.gz, .json.zip), or folders that hold them'),
  out: z.string().describe('folder to make or to replace'),
  count: count().optional().describe('keep only the first so many entries of the product file (default: all)'),
});
export type WebShopImportConfig = z.output<typeof webshopImportSchema>;

export const webshopGenerateSchema = z.strictObject({
  out: z.string().describe('folder to make or to replace'),
  products: count().default(1000).describe('how many products'),
  seed: z.int().min(0).default(0).describe('another seed gives another catalogue'),
});
export type WebShopGenerateConfig = z.output<typeof webshopGenerateSchema>;

const { data, shopSeed, humanGoals, splits, searchThreads } = environmentFields;
export const webshopServeSchema = z.strictObject({
  ...{ data, shopSeed, humanGoals, splits, searchThreads },
  ...agentFields,
  ...titlesFields,
  split: z.string().optional().describe('split of goals that is shown first (default: the first that has goals)'),
  trajectories: z.array(z.string()).default([]).describe('files of trajectories to replay'),
  model: z.string().optional().describe('folder of the model that sampled them, for their tokens; only its tokenizer is read'),
  port: z.int().min(0).max(65535).optional().describe('port, 0 for any (default: the first free one from 3000 on)'),
  host: z.string().min(1).default('127.0.0.1').describe('address to listen on; others than the loopback’s let other machines in'),
});
export type WebShopServeConfig = z.output<typeof webshopServeSchema>;

export const envCheckSchema = z.strictObject({
  ...environmentFields,
  goals: count().default(200).describe('goals that the scripted shopper and the random player play, from the start of the split'),
  split: z.string().default('all').describe('split that goals are taken from'),
  bestGoals: count()
    .optional()
    .describe('goals whose best purchase is made, spread over the split (default: all of up to 2,000, else 500)'),
  maxTurns: samplingFields.maxTurns,
  budget: count().default(20_000).describe('characters that an observation may have'),
  json: z.string().optional().describe('write the report to this file'),
  seed: z.int().min(0).default(1).describe('seed of the random player and of the shop'),
});
export type EnvCheckConfig = z.output<typeof envCheckSchema>;

export const envPlaySchema = z.strictObject({
  ...environmentFields,
  style: agentFields.style.describe('how the shop speaks and is spoken to (default: numbered, or plain with --layout or --page-budget)'),
  split: z.string().default('all').describe('split that the goal is taken from'),
  goal: z.string().default('random').describe('random, a place in the split from 0, or the id of a task'),
  audit: z.string().optional().describe('append the game to this file: one line of JSON with all that was seen, said and paid'),
  seed: z.int().min(0).default(1).describe('seed of what searches for random products find'),
});
export type EnvPlayConfig = z.output<typeof envPlaySchema>;

export const modelPullSchema = z.strictObject({
  model: z.string().describe('id on the hub: org/name'),
  ...hubFields,
  cache: z
    .string()
    .optional()
    .describe('folder of the hub’s cache (default: HF_HUB_CACHE, else HF_HOME/hub, else ~/.cache/huggingface/hub)'),
});

export const modelMergeSchema = z.strictObject({
  adapter: z.string().describe('folder of an adapter in PEFT’s format, or its id on the hub'),
  out: z.string().describe('folder for the whole model'),
  base: modelFields.base,
  dtype: deviceFields.dtype.describe('type of the written weights (default: float32)'),
});

export const doctorSchema = z.strictObject({
  json: z.boolean().default(false).describe('print everything that was found as JSON'),
  model: z
    .string()
    .optional()
    .describe('plan the memory of training this model (folder, config.json or id on the hub) instead; nothing of it is loaded'),
  base: modelFields.base,
  ...hubFields,
  device: deviceFields.device,
  dtype: deviceFields.dtype,
  ...loraFields,
  microBatchTokens: trainSchema.shape.microBatchTokens,
  concurrency: samplingFields.concurrency,
  maxContext: count()
    .optional()
    .describe("tokens of one episode to plan for (default: 4096, or the model's positions where those are fewer)"),
});

export const demoSchema = z.strictObject({
  seed: seedField.seed,
  out: z.string().optional().describe('run folder (default: runs/demo-sSEED, then runs/demo-sSEED-2, …)'),
  quick: z.boolean().default(false).describe('a much smaller run that only shows the way; its figures mean nothing'),
  threads: deviceFields.threads,
});

export type TrainConfig = z.output<typeof trainSchema>;
export type VStarConfig = z.output<typeof vstarSchema>;
export type SftConfig = z.output<typeof sftSchema>;
export type EvalConfig = z.output<typeof evalSchema>;
export type ModelInitConfig = z.output<typeof modelInitSchema>;
export type ModelPullConfig = z.output<typeof modelPullSchema>;
export type ModelMergeConfig = z.output<typeof modelMergeSchema>;
export type DoctorConfig = z.output<typeof doctorSchema>;
export type DemoConfig = z.output<typeof demoSchema>;

/**
 * Fills in defaults and checks every value. Throws ASTARPO_UNKNOWN_OPTION, naming the nearest known option, and ASTARPO_OPTION,
 * naming every option that is not allowed; `spell` says how the reader wrote an option (a flag or a key).
 */
export function parseConfig<S extends z.ZodObject>(schema: S, values: unknown, spell: (key: string) => string = (key) => key): z.output<S> {
  const result = schema.safeParse(values);
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
    if (unknown !== undefined) throw unknownOption(unknown, Object.keys(schema.shape), spell);
  }
  const lines = result.error.issues.map((issue) => describeIssue(issue, spell));
  throw new AStarPOError('ASTARPO_OPTION', lines.join('; '), { hint: hintFor(result.error.issues, values) });
}

/** The value that was probably meant, where one of a list was expected and something close to it was given. */
function hintFor(issues: readonly z.core.$ZodIssue[], values: unknown): string {
  for (const issue of issues) {
    if (issue.code !== 'invalid_value') continue;
    const given = issue.path.reduce<unknown>((value, key) => (value as Readonly<Record<PropertyKey, unknown>>)[key], values);
    const nearest = typeof given === 'string' ? nearestName(given, issue.values.map(String)) : undefined;
    if (nearest !== undefined) return `did you mean ${nearest}?`;
  }
  return 'the option --help of the command lists names, values and defaults';
}

/** The error for an option that does not exist, with the one that was probably meant. */
export function unknownOption(name: string, known: readonly string[], spell: (key: string) => string = (key) => key): AStarPOError {
  return new AStarPOError('ASTARPO_UNKNOWN_OPTION', `unknown option ${spell(name)}`, {
    hint: nameHint(spell(name), known.map(spell), 'options'),
  });
}

function describeIssue(issue: z.core.$ZodIssue, spell: (key: string) => string): string {
  const name = issue.path.length === 0 ? 'the config' : spell(String(issue.path[0]));
  if (issue.code === 'invalid_type' && issue.input === undefined && issue.message.includes('received undefined'))
    return `${name} is required`;
  return `${name}: ${issue.message.charAt(0).toLowerCase()}${issue.message.slice(1)}`;
}
