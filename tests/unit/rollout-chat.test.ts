import { describe, expect, it } from 'vitest';
import type { Agent } from '../../lib/env/agent.ts';
import type { Environment, Observation } from '../../lib/env/environment.ts';
import { observationText } from '../../lib/env/observation-text.ts';
import { type ChatGenerator, rollout } from '../../lib/rollout/rollout.ts';
import { playAgent } from '../../lib/rollout/scripted.ts';
import { chatTemplate, chatTokenizer, goldenChats, styleFormat } from '../fixtures/chats.ts';
import { Script, Speaker } from '../fixtures/talk.ts';

const tokenizer = chatTokenizer('bytes');

const play = (model: ChatGenerator, env: Environment, options: { system?: string; maxTokens?: number } = {}) => {
  const { maxTokens = 100, ...rest } = options;
  return rollout(model, env, [{ task: { id: 'task' }, sample: 0, seed: 1n }], { sampling: { maxTokens }, retries: 0, ...rest });
};

const call = { id: 'call00001', type: 'function', function: { name: 'search', arguments: { query: 'shoes' } } };
const said = '<tool_call>\n{"name": "search", "arguments": {"query": "shoes"}}\n</tool_call>';

describe('rollouts in a chat template', () => {
  it('grow by messages and tools of the environment, with what was sampled masked', async () => {
    const env = new Script(
      {
        messages: [
          { role: 'system', content: 'Be kind.' },
          { role: 'user', content: 'Find shoes.' },
        ],
        tools: goldenChats.tools,
      },
      {
        messages: [
          { role: 'tool', content: '3 pairs' },
          { role: 'tool', content: '<|im_end|>' },
        ],
      },
      { text: 'And now?' },
    );
    const [result] = await play(new Speaker(styleFormat('qwen2.5-style'), said, ' so ', 'done'), env);
    const context = result?.trajectory?.contexts[0];
    const messages = [
      { role: 'system', content: 'Be kind.' },
      { role: 'user', content: 'Find shoes.' },
      { role: 'assistant', content: said },
      { role: 'tool', content: '3 pairs' },
      { role: 'tool', content: '<|im_end|>' },
      { role: 'assistant', content: ' so ' },
      { role: 'user', content: 'And now?' },
      { role: 'assistant', content: 'done' },
    ];
    const text = chatTemplate('qwen2.5-style').render(messages, { tools: goldenChats.tools });
    // The line feed behind the last turn comes with the next one.
    expect(`${tokenizer.decode(context?.tokens ?? [])}\n`).toBe(text);
    expect(context?.turns.map(({ role, text: words }) => [role, words])).toEqual([
      ['environment', 'Be kind.\nFind shoes.'],
      ['agent', said],
      ['environment', '3 pairs\n<|im_end|>'],
      ['agent', ' so '],
      ['environment', 'And now?'],
      ['agent', 'done'],
    ]);
    const sampled = context?.tokens.filter((_, i) => context.mask[i] === 1) ?? [];
    expect(tokenizer.decode(sampled)).toBe(`${said}<|im_end|> so <|im_end|>done<|im_end|>`);
    expect(env.heard).toEqual([said, ' so ', 'done']);
  });

  it('end a turn that was cut off, unmasked', async () => {
    const [result] = await play(new Speaker(styleFormat('qwen2.5-style'), 'abcdef', 'g'), new Script({ text: 'a' }, { text: 'b' }), {
      maxTokens: 3,
    });
    const context = result?.trajectory?.contexts[0];
    const [, agent, environment] = context?.turns ?? [];
    expect(tokenizer.decode(context?.tokens.slice(agent?.start, environment?.end) ?? [])).toMatch(
      /^abc?<\|im_end\|>\n<\|im_start\|>user\nb/,
    );
    expect(context?.mask[environment?.start ?? 0]).toBe(0);
  });

  it('take calls as the environment understood them', async () => {
    const understood = { role: 'assistant', content: '', tool_calls: [call] };
    const env = new Script(
      { text: 'Find shoes.', tools: goldenChats.tools },
      { messages: [understood, { role: 'tool', tool_call_id: 'call00001', content: '3' }] },
    );
    const [result] = await play(new Speaker(styleFormat('mistral-style'), '[TOOL_CALLS] []', 'done'), env);
    expect(result?.fault).toBeUndefined();
    expect(result?.trajectory?.contexts[0]?.turns[2]?.text).toBe('\n3');
  });

  it('are refused before the model is asked when the template writes earlier turns anew', async () => {
    const model = new Speaker(styleFormat('qwen3-style'), 'a');
    const env = new Script({ text: 'a' }, { text: 'b' });
    await expect(play(model, env)).rejects.toThrow(expect.objectContaining({ code: 'ASTARPO_CHAT_TEMPLATE' }));
    expect(model.calls).toBe(0);
    const [result] = await play(new Speaker(styleFormat('qwen3-style', { earlierTurns: 'keep' }), 'a', 'b'), env);
    expect(result?.trajectory?.agentTurns).toBe(2);
  });

  it('tell an environment that breaks its contract', async () => {
    const text = 'a';
    const user = { role: 'user', content: 'a' };
    const wrong: [readonly Observation[], RegExp][] = [
      [[{ text, messages: [user] } as unknown as Observation], /got both/],
      [[{ messages: [] }], /roles 'system', 'user', 'tool'/],
      [[{ messages: [{ role: 'assistant', content: 'a' }] }], /roles 'system', 'user', 'tool'/],
      [[{ messages: [{ role: 'developer', content: 'a' }] }], /developer/],
      [[{ text }, { messages: [{ role: 'system', content: 'a' }] }], /roles 'user', 'tool'/],
      [[{ text }, { messages: [{ role: 'assistant', content: 'a' }] }], /roles 'user', 'tool'/],
      [[{ text }, { text, tools: goldenChats.tools }], /tools in the first observation only/],
      [[{ text, tools: 'search' } as unknown as Observation], /list of JSON schemas/],
      [[{} as Observation], /with a text or with messages/],
    ];
    for (const [observations, message] of wrong) {
      const [result] = await play(new Speaker(styleFormat('qwen2.5-style'), 'a', 'b'), new Script(...observations));
      expect(result?.fault?.error, JSON.stringify(observations)).toMatchObject({
        code: 'ASTARPO_ENVIRONMENT',
        message: expect.stringMatching(message),
      });
    }
  });

  it('have the tokens of a scripted agent that says the same', async () => {
    const observations: Observation[] = [
      { text: 'a', tools: goldenChats.tools },
      { messages: [{ role: 'tool', content: 'b' }] },
      { text: 'c' },
    ];
    const texts = ['x', 'y', 'z'];
    const [result] = await play(new Speaker(styleFormat('hermes-style'), ...texts), new Script(...observations), { system: 's' });
    let turn = 0;
    const seen: string[] = [];
    const agent: Agent = {
      act: (observation) => {
        seen.push(observationText(observation));
        return texts[turn++] ?? '';
      },
    };
    const played = await playAgent(new Script(...observations), { id: 'task' }, agent, styleFormat('hermes-style'), { system: 's' });
    expect(played.contexts[0]?.tokens).toEqual(result?.trajectory?.contexts[0]?.tokens);
    expect(played.contexts[0]?.mask).toEqual(result?.trajectory?.contexts[0]?.mask);
    expect(seen).toEqual(['a', 'b', 'c']);
  });
});
