import fc from 'fast-check';
import { beforeAll, describe, expect, it, test } from 'vitest';
import type { Score } from '../../../lib/env/webshop/reward/reward.ts';
import { type ScoreConventionName, scoreConvention } from '../../../lib/env/webshop/scoring/conventions.ts';
import type { ActionFacts, TurnFacts } from '../../../lib/env/webshop/scoring/scoring.ts';
import { scoringLabel } from '../../../lib/env/webshop/scoring/scoring-options.ts';
import { WebShopEnv } from '../../../lib/env/webshop/webshop-env.ts';
import type { WebShopOptions } from '../../../lib/env/webshop/webshop-options.ts';
import { keyOf } from '../../../lib/vstar/stage1.ts';
import { FakeModel } from '../../fixtures/toy.ts';

const small = { synthetic: { categories: 2, productsPerCategory: 10 } };

const scored = (reward: number): Score => ({
  ...{ reward, typeFactor: 1, attributes: 1, options: undefined, price: true },
  ...{ queryMatch: true, categoryMatch: true, titleScore: 1 },
});
const acted = (outcome: ActionFacts['outcome']): ActionFacts => ({
  ...{ action: 'click[search]', outcome },
  ...{ before: { kind: 'search' }, after: { kind: 'search' } },
});
const turn = (changes: Partial<TurnFacts> = {}): TurnFacts => ({
  ...{ formatted: true, actions: [acted('page')], score: undefined, over: false },
  ...changes,
});

describe('conventions', () => {
  // What a purchase of the scores 1, 0.9, 0.5 and 0 pays, and which of them are successes.
  test.each<[ScoreConventionName, readonly number[], readonly boolean[]]>([
    ['webshop', [1, 0.9, 0.5, 0], [true, false, false, false]],
    ['binary', [1, 0, 0, 0], [true, false, false, false]],
    ['paper', [10, 9, 5, 0], [true, false, false, false]],
    ['agentgym', [1, 0.9, 0.5, 0], [true, false, false, false]],
    ['ragen', [1, 0.9, 0.5, 0], [true, false, false, false]],
    ['verl-agent', [10, 0, 0, 0], [true, false, false, false]],
    ['gem', [1, 0.9, 0.5, 0], [true, false, false, false]],
    ['webshop-apo', [1, 0.9, 0.5, 0], [true, true, false, false]],
    ['new-ragen', [1, 0.9, 0.5, 0], [true, true, false, false]],
  ])('%s', (name, rewards, successes) => {
    const convention = scoreConvention(name);
    const scores = [1, 0.9, 0.5, 0].map(scored);
    expect(scores.map((score) => convention.pay(turn({ score, over: true })).reward)).toEqual(rewards);
    expect(scores.map((score) => convention.success(score))).toEqual(successes);
    expect(convention.pay(turn()).reward).toBe(0);
  });

  // Fines for a turn without form, one without an action, one whose second action is impossible, and a flawless one.
  test.each<[ScoreConventionName, object, readonly (number | undefined)[]]>([
    ['webshop', {}, [undefined, undefined, undefined, undefined]],
    ['binary', {}, [undefined, undefined, undefined, undefined]],
    ['paper', {}, [undefined, undefined, undefined, undefined]],
    ['ragen', {}, [-0.1, -0.1, 0, 0]],
    ['verl-agent', {}, [-0.1, -0.1, 0, 0]],
    ['gem', {}, [-0.1, -0.1, -0.1, 0]],
    ['ragen', { penalty: 0.25 }, [-0.25, -0.25, 0, 0]],
    ['ragen', { penalty: 0 }, [undefined, undefined, undefined, undefined]],
    ['gem', { penaltyFor: 'format' }, [-0.1, -0.1, 0, 0]],
    ['webshop', { penalty: 0.5 }, [-0.5, -0.5, -0.5, 0]],
  ])('%s with %j fines', (name, options, fines) => {
    const convention = scoreConvention(name, options);
    const turns = [
      turn({ formatted: false }),
      turn({ actions: [] }),
      turn({ actions: [acted('page'), acted('nothing'), acted('page')] }),
      turn(),
    ];
    const paid = turns.map((facts) => convention.pay(facts));
    expect(paid.map(({ rewards }) => rewards?.penalty)).toEqual(fines);
    expect(paid.map(({ reward }) => reward)).toEqual(fines.map((fine) => fine ?? 0));
    // A fine does not touch what the purchase pays.
    const [bought, fined] = [true, false].map((formatted) => convention.pay(turn({ formatted, score: scored(1), over: true })).reward);
    expect(fined).toBeCloseTo((bought ?? 0) + (fines[0] ?? 0), 12);
  });

  it('take another threshold of success, also for what is paid for one', () => {
    const lenient = scoreConvention('verl-agent', { successAt: 0.5 });
    expect([0.49, 0.5, 1].map((reward) => lenient.pay(turn({ score: scored(reward) })).reward)).toEqual([0, 10, 10]);
    const above = scoreConvention('binary', { successAt: { above: 0.5 } });
    expect([0.5, 0.51].map((reward) => above.success(scored(reward)))).toEqual([false, true]);
  });
});

describe('in an episode', () => {
  const buyTarget = async (options: WebShopOptions) => {
    const env = await WebShopEnv.open({ ...small, ...options });
    const task = env.tasks('train').at(0);
    const episode = env.openNow(task, 0n);
    const { goal } = task;
    const title = env.shop.product(goal.asin)?.title ?? '';
    const values = 'named' in goal.options ? [...goal.options.named.values()] : goal.options.values;
    const actions = [`search[${title}]`, 'click[nowhere]', `click[${goal.asin}]`, ...values.map((value) => `click[${value}]`)];
    return { env, steps: [...actions, 'click[buy now]'].map((action) => episode.step(action)) };
  };

  it('the raw score is told whatever is paid for it', async () => {
    for (const [scoring, reward] of [
      ['webshop', 1],
      ['binary', 1],
      ['paper', 10],
      ['verl-agent', 10],
    ] as const) {
      const { steps } = await buyTarget({ scoring });
      expect(steps.at(-1)).toMatchObject({ reward, done: true, success: true, rewards: { score: 1, r_type: 1, r_att: 1, r_price: 1 } });
      for (const step of steps.slice(0, -1)) expect(step).toMatchObject({ reward: 0, done: false, rewards: { score: 0 } });
    }
  });

  it('score, penalty and shaping are told apart, and the reward is what is paid in all', async () => {
    const { steps } = await buyTarget({ scoring: 'gem', shaping: ['step-cost', { name: 'seed-text', step: 0 }] });
    expect(steps[1]?.reward).toBeCloseTo(-0.1 - 0.1 + 0.2, 12);
    expect(steps[1]?.rewards).toMatchObject({ score: 0, penalty: -0.1, 'shaping/step-cost': -0.1, 'shaping/seed-text': 0.2 });
    expect(steps[1]?.rewards?.shaping).toBeCloseTo(0.1, 12);
    expect(steps.at(-1)?.reward).toBeCloseTo(1 - 0.1 + 0.2, 12);
    for (const { reward, rewards } of steps) {
      expect((rewards?.score ?? 0) + (rewards?.penalty ?? 0) + (rewards?.shaping ?? 0)).toBeCloseTo(reward, 12);
    }
  });

  // What a style calls unformatted is what format penalties fine; a possible action in the right form is fined by nobody.
  it.each([
    ['ragen', '<answer>search[x]</answer>', -0.1],
    ['ragen', '<think>y</think><answer>search[x]</answer>', 0],
    ['ragen', '<think>y</think><answer>click[nowhere]</answer>', 0],
    ['verl-agent', 'search[x]', -0.1],
    ['verl-agent', '<action>search[x]</action>', -0.1],
    ['verl-agent', '<think>y</think><action>search[x]</action>', 0],
    ['verl-agent', '<think>y</think><action>click[nowhere]</action>', 0],
    ['gem', 'search[x]', -0.1],
    ['gem', '\\boxed{search[x]}', 0],
    ['gem', '\\boxed{click[nowhere]}', -0.1],
  ] as const)("%s's style and convention fine %j %d", async (project, said, penalty) => {
    const env = await WebShopEnv.open({ ...small, style: project === 'gem' ? 'boxed' : project, scoring: project });
    const { reward, rewards } = env.openNow(env.tasks('train').at(0), 0n).step(said);
    expect({ reward, penalty: rewards?.penalty }).toEqual({ reward: penalty, penalty });
  });

  it('a convention and a shaping of your own are in the config by name', async () => {
    const env = await WebShopEnv.open({
      ...small,
      scoring: { name: 'half', config: { factor: 0.5 }, pay: ({ score }) => ({ reward: 0.5 * (score?.reward ?? 0) }), success: () => true },
      shaping: { name: 'first-turn', begin: () => ({ pay: (facts) => (facts.actions.length === 1 ? 0.125 : 0) }) },
    });
    expect(env.config).toMatchObject({ scoring: { name: 'half', factor: 0.5 }, shaping: [{ name: 'first-turn' }] });
    expect(env.openNow(env.tasks('train').at(0), 0n).step('search[x]')).toMatchObject({
      reward: 0.125,
      rewards: { shaping: 0.125, score: 0 },
    });
  });

  it('the limit of actions comes from the options, else the style, else the convention', async () => {
    const limit = async (options: WebShopOptions) => (await WebShopEnv.open({ ...small, ...options })).config.maxActions;
    expect(await limit({ scoring: 'paper' })).toBe(100);
    expect(await limit({ scoring: 'paper', maxActions: 7 })).toBe(7);
    expect(await limit({ scoring: 'ragen' })).toBeUndefined();
  });
});

describe('V*', () => {
  it('is measured anew for whatever changes what is paid, and for nothing else', async () => {
    const keys = new Map<string, string>();
    const choices: readonly WebShopOptions[] = [
      ...(['webshop', 'binary', 'paper', 'agentgym', 'ragen', 'verl-agent', 'gem', 'webshop-apo', 'new-ragen'] as const).map((scoring) => ({
        scoring,
      })),
      ...[{ successAt: 0.5 }, { successAt: { above: 0.5 } }, { penalty: 0.1 }, { penalty: 0.1, penaltyFor: 'format' as const }],
      ...(['step-cost', 'seed-text', 'seed-code', 'process', 'partial-credit', 'potential'] as const).map((shaping) => ({ shaping })),
      ...[{ shaping: { name: 'step-cost', cost: 0.2 } as const }, { shaping: ['step-cost', 'process'] as const }],
    ];
    const key = async (options: WebShopOptions) => {
      const env = await WebShopEnv.open({ ...small, ...options });
      return keyOf(env.tasks('train').at(0), env, new FakeModel(), { sampling: { maxTokens: 4 } });
    };
    for (const options of choices) keys.set(await key(options), JSON.stringify(options));
    expect(keys.size).toBe(choices.length);
    expect(keys.get(await key({}))).toBe('{"scoring":"webshop"}');
    expect(await key({ signals: true })).toBe(await key({}));
  });
});

describe('results', () => {
  test.each<[WebShopOptions, string | undefined]>([
    [{}, undefined],
    [{ scoring: 'webshop', successAt: 1, penalty: 0, shaping: [] }, undefined],
    [{ scoring: 'agentgym' }, 'agentgym'],
    [{ scoring: 'ragen' }, 'ragen'],
    [{ scoring: 'ragen', penalty: 0.2, shaping: ['step-cost', 'process'] }, 'ragen (penalty 0.2) + step-cost + process'],
    [{ successAt: { above: 0.5 } }, 'webshop (successAt {"above":0.5})'],
    [{ shaping: 'potential' }, 'webshop + potential'],
  ])('of %j name %s', async (options, label) => {
    const env = await WebShopEnv.open({ ...small, ...options });
    expect(scoringLabel(env.options.scoring)).toBe(label);
    expect(env.scoring).toBe(label);
  });

  it('have the numbers of the convention in the config', async () => {
    expect((await WebShopEnv.open({ ...small, scoring: 'verl-agent' })).config.scoring).toEqual({
      ...{ name: 'verl-agent', pays: 'success', scale: 10, successAt: 1, penalty: 0.1, penaltyFor: 'format' },
    });
    expect((await WebShopEnv.open(small)).config.scoring).toEqual({ name: 'webshop', pays: 'score', scale: 1, successAt: 1 });
  });
});

describe('options', () => {
  test.each<[object, string, string]>([
    [{ scoring: 'ragn' }, 'ASTARPO_OPTION', 'did you mean ragen?'],
    [{ scoring: 'constructor' }, 'ASTARPO_OPTION', 'expected scoring to be one of webshop, binary'],
    [{ scoring: { name: 'mine' } }, 'ASTARPO_OPTION', 'a ScoreConvention'],
    [{ scoring: null }, 'ASTARPO_OPTION', 'a ScoreConvention'],
    [{ shaping: 'step-cots' }, 'ASTARPO_OPTION', 'did you mean step-cost?'],
    [{ shaping: 'toString' }, 'ASTARPO_OPTION', 'expected shaping to be one of'],
    [{ shaping: { begin: () => ({ pay: () => 0 }) } }, 'ASTARPO_OPTION', 'expected shaping to be one of'],
    [{ shaping: [null] }, 'ASTARPO_OPTION', 'expected shaping to be one of'],
    [{ shaping: { name: 'step-cost', costs: 1 } }, 'ASTARPO_UNKNOWN_OPTION', 'did you mean cost?'],
    [{ shaping: { name: 'step-cost', cost: Number.NaN } }, 'ASTARPO_OPTION', 'a finite number, got NaN'],
    [{ shaping: ['process', { name: 'process', weight: 2 }] }, 'ASTARPO_OPTION', 'got process twice'],
    [{ penalty: -0.1 }, 'ASTARPO_OPTION', 'it is subtracted'],
    [{ penalty: Number.POSITIVE_INFINITY }, 'ASTARPO_OPTION', 'expected penalty'],
    [{ penaltyFor: 'format' }, 'ASTARPO_OPTION', 'expected a penalty beside penaltyFor'],
    [{ penalty: 1, penaltyFor: 'formt' }, 'ASTARPO_OPTION', 'did you mean format?'],
    [{ successAt: 0 }, 'ASTARPO_OPTION', 'a score above 0 and up to 1'],
    [{ successAt: 1.5 }, 'ASTARPO_OPTION', 'a score above 0 and up to 1'],
    [{ successAt: { above: 1 } }, 'ASTARPO_OPTION', 'a score above 0 and up to 1'],
    [{ successAt: null }, 'ASTARPO_OPTION', 'a score above 0 and up to 1'],
    [{ signals: 'yes' }, 'ASTARPO_OPTION', 'true or false'],
    [{ signal: true }, 'ASTARPO_UNKNOWN_OPTION', 'did you mean signals?'],
    [
      { scoring: { name: 'mine', pay: () => ({ reward: 0 }), success: () => false }, penalty: 0.1 },
      'ASTARPO_OPTION',
      'expected a named convention beside penalty',
    ],
  ])('%j is refused', async (options, code, message) => {
    const error = await WebShopEnv.open({ ...small, ...options } as WebShopOptions).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
  });
});

describe('potential-based shaping', () => {
  let shaped: WebShopEnv;
  let plain: WebShopEnv;
  const maxActions = 8;
  beforeAll(async () => {
    shaped = await WebShopEnv.open({ ...small, maxActions, shaping: { name: 'potential', search: 0.3, kind: 0.7 } });
    plain = await WebShopEnv.open({ ...small, maxActions });
  });

  it('adds up to nothing over an episode that ends, whatever is done in it', () => {
    let ended = 0;
    fc.assert(
      fc.property(fc.nat(19), fc.array(fc.nat(), { minLength: 1, maxLength: 10 }), (goal, choices) => {
        const task = shaped.tasks('all').at(goal);
        const [one, other] = [shaped.openNow(task, 0n), plain.openNow(task, 0n)];
        let clickable = one.first.validActions ?? [];
        const words = task.instruction.split(' ');
        let [total, unshaped, credit] = [0, 0, 0];
        for (const choice of choices) {
          const search = clickable.length < 2 || choice % 4 === 0;
          const action = search ? `search[${words.slice(choice % 5).join(' ')}]` : (clickable[choice % clickable.length] ?? '');
          const [result, expected] = [one.step(action), other.step(action)];
          total += result.reward;
          unshaped += expected.reward;
          credit += result.rewards?.shaping ?? 0;
          clickable = result.observation?.validActions ?? [];
          if (!result.done) {
            expect(credit).toBeGreaterThan(-1e-12);
            expect(credit).toBeLessThan(1 + 1e-12);
            continue;
          }
          ended++;
          expect(credit).toBeCloseTo(0, 12);
          expect(total).toBeCloseTo(unshaped, 12);
          return;
        }
      }),
      { numRuns: 300 },
    );
    expect(ended).toBeGreaterThan(30);
  });
});
